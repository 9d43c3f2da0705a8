package main

import (
	"fmt"
	"reflect"
	"unsafe"

	"golang.org/x/build/maintner"
)

// What the library keeps to itself, and a dump needs: all commits, which of them a project knows, and
// which patch sets of a change there are.

// hiddenField gives a field of what owner points to; it fails if the library has changed.
func hiddenField(owner any, name string) (reflect.Value, error) {
	field := reflect.ValueOf(owner).Elem().FieldByName(name)
	if !field.IsValid() {
		return field, fmt.Errorf("%T has no %s", owner, name)
	}
	// The same place, but as a value that may be read.
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem(), nil
}

type commits = map[maintner.GitHash]*maintner.GitCommit

func hiddenCommits(owner any, name string) (commits, error) {
	field, err := hiddenField(owner, name)
	if err != nil {
		return nil, err
	}
	all, ok := field.Interface().(commits)
	if !ok {
		return nil, fmt.Errorf("%T has %s as %s", owner, name, field.Type())
	}
	return all, nil
}

// corpusCommits gives every commit, placeholders among them.
func corpusCommits(corpus *maintner.Corpus) (commits, error) {
	return hiddenCommits(corpus, "gitCommit")
}

// projectCommits gives the commits of a project's own mutations.
func projectCommits(project *maintner.GerritProject) (commits, error) {
	return hiddenCommits(project, "commit")
}

// patchSets gives the numbers of the changes' patch sets, unsorted. CommitAtVersion is no way to find
// them: nothing bounds the version up to which one would ask.
func patchSets(project *maintner.GerritProject) (map[int32][]int32, error) {
	remote, err := hiddenField(project, "remote")
	if err != nil {
		return nil, err
	}
	versions := map[int32][]int32{}
	key := remote.Type().Key()
	if _, ok := key.FieldByName("CLNumber"); !ok {
		return nil, fmt.Errorf("a change's ref is %s", key)
	}
	for refs := remote.MapRange(); refs.Next(); {
		number, version := refs.Key().FieldByName("CLNumber"), refs.Key().FieldByName("Version")
		// Version 0 is the meta ref.
		if version.Int() > 0 {
			cl := int32(number.Int())
			versions[cl] = append(versions[cl], int32(version.Int()))
		}
	}
	return versions, nil
}
