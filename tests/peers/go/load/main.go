// Command load measures how the original loads a log and answers: golang.org/x/build/maintner, as it
// comes.
//
//	load [-cache DIR] [-label NAME] [-owner ID] [-year YEAR] [-chain N] DIR|URL|FILE.mutlog
//
// It loads a folder of the original's disk log (maintner-*.mutlog) or of a copy of its bucket
// (NNNN.SHA224.mutlog), a file of records, or the log at a URL into the cache. It prints one line of
// JSON: what the load took, the live heap in bytes, what the corpus holds, and the answers to some
// questions, each with the median of its seconds: the open issues with a label, the changes of an owner
// in a year, and, with -chain, whether the newest of N chained commits descends from the oldest.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"

	"forgelog.example/peers/internal/cost"
	"forgelog.example/peers/internal/held"
	"forgelog.example/peers/internal/logs"
	"golang.org/x/build/maintner"
)

// questions is what to ask of the corpus.
type questions struct {
	label       string
	owner, year int
	chain       int
}

type answers struct {
	OpenIssues openIssues `json:"open_issues"`
	Changes    changes    `json:"changes"`
	Ancestors  *ancestors `json:"ancestors"`
}

type measured struct {
	cost.Cost
	HeapBytes uint64    `json:"heap_bytes"`
	Held      held.Held `json:"held"`
	Answers   answers   `json:"answers"`
}

func (q questions) ask(corpus *maintner.Corpus) (a answers, err error) {
	if a.OpenIssues, err = askOpenIssues(corpus, q.label); err != nil {
		return a, err
	}
	if a.Changes, err = askChanges(corpus, q.owner, q.year); err != nil {
		return a, err
	}
	if q.chain > 0 {
		asked, err := askAncestors(q.chain)
		if err != nil {
			return a, err
		}
		a.Ancestors = &asked
	}
	return a, nil
}

func run(from, cache string, q questions) error {
	src, err := logs.Open(from, cache)
	if err != nil {
		return err
	}
	var m measured
	var corpus *maintner.Corpus
	m.Cost, err = cost.Of(func() (err error) {
		corpus, err = logs.Load(src)
		return err
	})
	if err != nil {
		return err
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	m.HeapBytes = memory.HeapAlloc
	if m.Held, err = held.Count(corpus, 0); err != nil {
		return err
	}
	if m.Answers, err = q.ask(corpus); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func main() {
	var q questions
	cache := flag.String("cache", "", "where to keep what is read from a URL")
	flag.StringVar(&q.label, "label", "", "the label that is asked for; the most frequent without")
	flag.IntVar(&q.owner, "owner", -1, "the ID of the owner that is asked for; -1 is the most frequent")
	flag.IntVar(&q.year, "year", -1, "the year that is asked for; -1 is the owner's most frequent")
	flag.IntVar(&q.chain, "chain", 0, "how many chained commits to ask about; 0 is not to ask")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *cache, q); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
