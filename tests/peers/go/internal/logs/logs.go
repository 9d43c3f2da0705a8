// Package logs opens logs for the original's library, golang.org/x/build/maintner, and loads them.
package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/build/maintner"
	"golang.org/x/build/maintner/maintpb"
	"golang.org/x/build/maintner/reclog"
	"google.golang.org/protobuf/proto"
)

// files is a log in files. The library itself reads a bucket's objects only over HTTP, and files of its
// own only as a folder; this is the loop by which it reads both.
type files []string

func (f files) GetMutations(ctx context.Context) <-chan maintner.MutationStreamEvent {
	// As many as the library lets wait.
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
		for _, file := range f {
			err := reclog.ForeachFileRecord(file, func(_ int64, _, record []byte) error {
				m := new(maintpb.Mutation)
				if err := proto.Unmarshal(record, m); err != nil {
					return err
				}
				return send(maintner.MutationStreamEvent{Mutation: m})
			})
			if err != nil {
				send(maintner.MutationStreamEvent{Err: err})
				return
			}
		}
		send(maintner.MutationStreamEvent{End: true})
	}()
	return ch
}

// Open gives the log at from: a URL, which is copied to the cache; a file of records; a folder of the
// original's disk log (maintner-*.mutlog); or one of a copy of its bucket (NNNN.SHA224.mutlog).
func Open(from, cache string) (maintner.MutationSource, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		if cache == "" {
			return nil, fmt.Errorf("-cache is needed for a URL")
		}
		return maintner.NewNetworkMutationSource(from, cache), os.MkdirAll(cache, 0o700)
	}
	if strings.HasSuffix(from, ".mutlog") {
		return files{from}, nil
	}
	// Glob sorts; so do the names, up to 9,999 segments.
	objects, err := filepath.Glob(filepath.Join(from, "[0-9][0-9][0-9][0-9].*.mutlog"))
	if err != nil {
		return nil, err
	}
	if len(objects) > 0 {
		return files(objects), nil
	}
	days, err := filepath.Glob(filepath.Join(from, "maintner-*.mutlog"))
	if err != nil {
		return nil, err
	}
	if len(days) == 0 {
		return nil, fmt.Errorf("%s holds no log", from)
	}
	return maintner.NewDiskMutationLogger(from), nil
}

// Load gives the corpus of a log.
func Load(src maintner.MutationSource) (*maintner.Corpus, error) {
	corpus := new(maintner.Corpus)
	if err := corpus.Initialize(context.Background(), src); err != nil {
		return nil, err
	}
	return corpus, nil
}
