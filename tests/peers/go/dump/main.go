// Command dump prints what the original makes of a log: golang.org/x/build/maintner, as it comes.
//
//	dump [-cache DIR] [-digest] [-longhash N] DIR|URL|FILE.mutlog
//
// It loads the log as load does and prints the corpus in the canonical form of the conformance logs: one
// JSON object a line, every key always there and in its order, the lines of each kind sorted, so that two
// implementations are compared byte by byte. With -digest it prints a line a kind instead, with the
// number, the bytes and the SHA-256 of its lines; with -longhash, strings of more than N bytes become
// their length and SHA-256.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"

	"forgelog.example/peers/internal/logs"
	"golang.org/x/build/maintner"
)

// dump writes the corpus's lines.
func dump(corpus *maintner.Corpus, l *line) error {
	corpus.RLock()
	defer corpus.RUnlock()
	if err := dumpGitHub(corpus.GitHub(), l); err != nil {
		return err
	}
	projects, err := gerritProjects(corpus.Gerrit())
	if err != nil {
		return err
	}
	if err := dumpGerrit(projects, l); err != nil {
		return err
	}
	if err := dumpCommits(corpus, projects, l); err != nil {
		return err
	}
	l.begin("check")
	l.boolean("ok", corpus.Check() == nil)
	l.end()
	return nil
}

func run(out io.Writer, from, cache string, longHash int, digest bool) error {
	src, err := logs.Open(from, cache)
	if err != nil {
		return err
	}
	corpus, err := logs.Load(src)
	if err != nil {
		return err
	}
	// What fails to be written stays so until Flush, which tells.
	w := bufio.NewWriterSize(out, 1<<20)
	var to sink = lines{w}
	if digest {
		to = &digests{out: w}
	}
	if err := dump(corpus, &line{to: to, longHash: longHash}); err != nil {
		return err
	}
	to.close()
	return w.Flush()
}

func main() {
	cache := flag.String("cache", "", "where to keep what is read from a URL")
	digest := flag.Bool("digest", false, "print a digest a kind instead of the lines")
	longHash := flag.Int("longhash", -1, "print strings of more than so many bytes as length and SHA-256; -1 is never")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), *cache, *longHash, *digest); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
