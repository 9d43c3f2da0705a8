// Command client is an original client of a log: golang.org/x/build/maintner, used as a library and as
// it comes.
//
//	client [-rounds N] URL CACHE-DIR
//
// It loads the log at URL into CACHE-DIR, and then waits for news, round after round. After each load it
// prints what the corpus holds, as one line of JSON. It exits with 3 if the history split, and with 1
// at any other error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"forgelog.example/peers/internal/held"
	"golang.org/x/build/maintner"
)

func run(url, dir string, rounds int) error {
	ctx := context.Background()
	corpus := new(maintner.Corpus)
	if err := corpus.Initialize(ctx, maintner.NewNetworkMutationSource(url, dir)); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	out := json.NewEncoder(os.Stdout)
	for round := 0; ; round++ {
		if round > 0 {
			if err := corpus.Update(ctx); err != nil {
				return fmt.Errorf("update, round %d: %w", round, err)
			}
		}
		h, err := held.Count(corpus, round)
		if err != nil {
			return err
		}
		if err := out.Encode(h); err != nil {
			return err
		}
		if round == rounds {
			return nil
		}
	}
}

func main() {
	rounds := flag.Int("rounds", -1, "updates after the first load; -1 never ends")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	err := run(flag.Arg(0), flag.Arg(1), *rounds)
	switch {
	case errors.Is(err, maintner.ErrSplit):
		fmt.Fprintln(os.Stderr, "split:", err)
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
