package main

import (
	"maps"
	"slices"

	"golang.org/x/build/maintner"
)

// votes adds the votes as of a meta.
func (l *line) votes(meta *maintner.GerritMeta) {
	l.key("votes")
	labels, panicked, err := labelVotes(meta)
	switch {
	case panicked:
		l.raw(`{"panic":true}`)
	case err != nil:
		l.raw(`{"error":true}`)
	default:
		names := slices.Sorted(maps.Keys(labels))
		l.list(len(names), func(i int) { l.votesOf(names[i], labels[names[i]]) })
	}
}

// votesOf adds the votes of one label, of which there may be none any more.
func (l *line) votesOf(label string, votes map[string]int8) {
	l.raw("[")
	l.textValue(label)
	for _, email := range slices.Sorted(maps.Keys(votes)) {
		l.raw(",[")
		l.textValue(email)
		l.raw(",")
		l.integerValue(int64(votes[email]))
		l.raw("]")
	}
	l.raw("]")
}

// labelVotes asks the library, and says so if it panics: it does at a meta without an author.
func labelVotes(meta *maintner.GerritMeta) (votes map[string]map[string]int8, panicked bool, err error) {
	defer func() {
		if recover() != nil {
			panicked = true
		}
	}()
	votes, err = meta.LabelVotes()
	return votes, false, err
}
