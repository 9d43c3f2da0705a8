package main

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/build/maintner"
)

// dumpCommits dumps all commits, and of each which of the projects know it.
func dumpCommits(corpus *maintner.Corpus, projects []project, l *line) error {
	commits, err := corpusCommits(corpus)
	if err != nil {
		return err
	}
	for _, hash := range slices.Sorted(maps.Keys(commits)) {
		commit := commits[hash]
		l.begin("commit")
		l.hash("hash", hash)
		l.hash("tree", commit.Tree)
		l.key("parents")
		l.list(len(commit.Parents), func(i int) { l.hashValue(commit.Parents[i].Hash) })
		l.person("author", commit.Author)
		l.gitTime("author_time", commit.AuthorTime)
		l.person("committer", commit.Committer)
		l.gitTime("commit_time", commit.CommitTime)
		l.person("reviewer", commit.Reviewer)
		l.text("msg", commit.Msg)
		l.key("files")
		l.list(len(commit.Files), func(i int) {
			file := commit.Files[i]
			l.raw("[")
			l.textValue(file.File)
			l.raw(",")
			l.integerValue(file.Added)
			l.raw(",")
			l.integerValue(file.Deleted)
			l.raw(",")
			l.booleanValue(file.Binary)
			l.raw("]")
		})
		l.key("meta_of")
		if meta := commit.GerritMeta; meta == nil {
			l.raw("null")
		} else {
			l.textValue(fmt.Sprintf("%s/%d", meta.CL.Project.ServerSlashProject(), meta.CL.Number))
		}
		knowing := slices.DeleteFunc(slices.Clone(projects), func(p project) bool { return p.commits[hash] == nil })
		l.key("projects")
		l.list(len(knowing), func(i int) { l.textValue(knowing[i].ServerSlashProject()) })
		l.end()
	}
	return nil
}
