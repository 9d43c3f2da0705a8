// Command load measures how the original loads a log: golang.org/x/build/maintner, as it comes.
//
//	load [-cache DIR] DIR|URL
//
// It loads a folder of the original's disk log (maintner-*.mutlog) or of a copy of its bucket
// (NNNN.SHA224.mutlog), or the log at a URL into the cache. It prints one line of JSON: the seconds that
// it took, the process's peak memory and the live heap in bytes, and what the corpus holds.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"forgelog.example/peers/internal/held"
	"forgelog.example/peers/internal/logs"
)

type measured struct {
	Seconds   float64   `json:"seconds"`
	PeakBytes int64     `json:"peak_bytes"`
	HeapBytes uint64    `json:"heap_bytes"`
	Held      held.Held `json:"held"`
}

func run(from, cache string) error {
	src, err := logs.Open(from, cache)
	if err != nil {
		return err
	}
	start := time.Now()
	corpus, err := logs.Load(src)
	if err != nil {
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
