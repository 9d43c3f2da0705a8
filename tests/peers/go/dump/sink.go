package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
)

// A sink takes the lines of a dump, whole and in their order.
type sink interface {
	put(kind string, line []byte)
	// close comes after the last line.
	close()
}

// lines prints them.
type lines struct{ out *bufio.Writer }

func (l lines) put(_ string, line []byte) { l.out.Write(line) }
func (l lines) close()                    {}

// digests prints a line a kind instead.
type digests struct {
	out    *bufio.Writer
	kind   string
	number int
	bytes  int
	hash   hash.Hash
}

func (d *digests) put(kind string, line []byte) {
	if kind != d.kind {
		d.close()
		*d = digests{out: d.out, kind: kind, hash: sha256.New()}
	}
	d.number++
	d.bytes += len(line)
	d.hash.Write(line)
}

func (d *digests) close() {
	if d.number == 0 {
		return
	}
	fmt.Fprintf(d.out, `{"kind":"digest","of":"%s","lines":%d,"bytes":%d,"sha256":"%x"}`+"\n",
		d.kind, d.number, d.bytes, d.hash.Sum(nil))
}
