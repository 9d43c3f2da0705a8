// Command load measures how the original loads a log: golang.org/x/build/maintner, as it comes.
//
//	load [-cache DIR] DIR|URL
//
// It loads a folder of the original's disk log (maintner-*.mutlog) or of a copy of its bucket
// (NNNN.SHA224.mutlog), or the log at a URL into the cache. It prints one line of JSON: the seconds that
// it took, the process's peak memory and the live heap in bytes, and what the corpus holds.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"forgelog.example/peers/internal/held"
	"golang.org/x/build/maintner"
	"golang.org/x/build/maintner/maintpb"
	"golang.org/x/build/maintner/reclog"
	"google.golang.org/protobuf/proto"
)

type measured struct {
	Seconds   float64   `json:"seconds"`
	PeakBytes int64     `json:"peak_bytes"`
	HeapBytes uint64    `json:"heap_bytes"`
	Held      held.Held `json:"held"`
}

// bucket is a folder with the objects of an original's bucket. The library itself reads them only over
// HTTP; this is the loop by which it reads its cache.
type bucket []string

func (b bucket) GetMutations(ctx context.Context) <-chan maintner.MutationStreamEvent {
	ch := make(chan maintner.MutationStreamEvent, 50)
	send := func(event maintner.MutationStreamEvent) error {
		select {
		case ch <- event:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		for _, file := range b {
			err := reclog.ForeachFileRecord(file, func(_ int64, _, record []byte) error {
				m := new(maintpb.Mutation)
				if err := proto.Unmarshal(record, m); err != nil {
					return err
				}
				return send(maintner.MutationStreamEvent{Mutation: m})
			})
			if err != nil {
				send(maintner.MutationStreamEvent{Err: fmt.Errorf("%s: %w", file, err)})
				return
			}
		}
		send(maintner.MutationStreamEvent{End: true})
	}()
	return ch
}

func source(from, cache string) (maintner.MutationSource, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		if cache == "" {
			return nil, fmt.Errorf("-cache is needed for a URL")
		}
		return maintner.NewNetworkMutationSource(from, cache), os.MkdirAll(cache, 0o700)
	}
	// Glob sorts; so do the names, up to 9,999 segments.
	objects, err := filepath.Glob(filepath.Join(from, "[0-9][0-9][0-9][0-9].*.mutlog"))
	if err != nil {
		return nil, err
	}
	if len(objects) > 0 {
		return bucket(objects), nil
	}
	files, err := filepath.Glob(filepath.Join(from, "maintner-*.mutlog"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no log", from)
	}
	return maintner.NewDiskMutationLogger(from), nil
}

func run(from, cache string) error {
	src, err := source(from, cache)
	if err != nil {
		return err
	}
	corpus := new(maintner.Corpus)
	start := time.Now()
	if err := corpus.Initialize(context.Background(), src); err != nil {
		return err
	}
	m := measured{Seconds: time.Since(start).Seconds()}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	m.PeakBytes = usage.Maxrss << 10 // Linux counts in KiB
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	m.HeapBytes = memory.HeapAlloc
	if m.Held, err = held.Count(corpus, 0); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func main() {
	cache := flag.String("cache", "", "where to keep what is read from a URL")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *cache); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
