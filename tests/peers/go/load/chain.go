package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"forgelog.example/peers/internal/logs"
	"golang.org/x/build/maintner/maintpb"
	"golang.org/x/build/maintner/reclog"
	"google.golang.org/protobuf/proto"
)

// ancestors is whether the newest commit of a chain descends from its oldest.
type ancestors struct {
	Commits  int     `json:"commits"`
	Newest   string  `json:"newest"`
	Oldest   string  `json:"oldest"`
	Descends bool    `json:"descends"`
	Seconds  float64 `json:"seconds"`
}

// chained gives the commit after parent, or the first if there is none. It is as git would make it.
func chained(number int, parent string) *maintpb.GitCommit {
	raw := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
	if parent != "" {
		raw += "parent " + parent + "\n"
	}
	person := fmt.Sprintf("Ann <ann@example.org> %d +0000\n", 1_500_000_000+number)
	raw += "author " + person + "committer " + person + fmt.Sprintf("\nlink %d of the chain\n", number)
	return &maintpb.GitCommit{
		Sha1: fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(raw), raw))),
		Raw:  []byte(raw),
	}
}

// writeChain writes a log of so many commits, each the parent of the next.
func writeChain(path string, commits int) (oldest, newest string, err error) {
	file, err := os.Create(path)
	if err != nil {
		return "", "", err
	}
	out := bufio.NewWriter(file)
	var frame bytes.Buffer
	offset := int64(0)
	for number := range commits {
		commit := chained(number, newest)
		newest = commit.Sha1
		if number == 0 {
			oldest = newest
		}
		data, err := proto.Marshal(&maintpb.Mutation{Git: &maintpb.GitMutation{
			Repo:   &maintpb.GitRepo{GoRepo: "chain"},
			Commit: commit,
		}})
		if err != nil {
			return "", "", errors.Join(err, file.Close())
		}
		frame.Reset()
		if err := reclog.WriteRecord(&frame, offset, data); err != nil {
			return "", "", errors.Join(err, file.Close())
		}
		offset += int64(frame.Len())
		// What fails to be written stays so until Flush, which tells.
		out.Write(frame.Bytes())
	}
	return oldest, newest, errors.Join(out.Flush(), file.Close())
}

// askAncestors asks it of a chain of its own, in a corpus of its own. The library recurses as deep as
// the chain is long; where its stack ends, so does the process.
func askAncestors(commits int) (asked ancestors, err error) {
	dir, err := os.MkdirTemp("", "chain")
	if err != nil {
		return asked, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "chain.mutlog")
	asked.Commits = commits
	if asked.Oldest, asked.Newest, err = writeChain(path, commits); err != nil {
		return asked, err
	}
	src, err := logs.Open(path, "")
	if err != nil {
		return asked, err
	}
	corpus, err := logs.Load(src)
	if err != nil {
		return asked, err
	}
	newest, oldest := corpus.GitCommit(asked.Newest), corpus.GitCommit(asked.Oldest)
	if newest == nil || oldest == nil {
		return asked, errors.New("the chain's ends are not in the corpus")
	}
	asked.Descends, asked.Seconds, err = median(func() (bool, error) { return newest.HasAncestor(oldest), nil })
	return asked, err
}
