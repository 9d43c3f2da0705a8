package main

import (
	"cmp"
	"slices"

	"golang.org/x/build/maintner"
)

// project is a Gerrit project with what the dump asks of it more than once.
type project struct {
	*maintner.GerritProject
	commits commits
	// cls are the complete changes by number; open says which of them are.
	cls  []*maintner.GerritCL
	open map[int32]bool
}

// gerritProjects gives the projects by name.
func gerritProjects(gerrit *maintner.Gerrit) ([]project, error) {
	var projects []project
	err := gerrit.ForeachProjectUnsorted(func(of *maintner.GerritProject) error {
		p := project{GerritProject: of, open: map[int32]bool{}}
		var err error
		if p.commits, err = projectCommits(of); err != nil {
			return err
		}
		if p.cls, err = all(of.ForeachCLUnsorted); err != nil {
			return err
		}
		slices.SortFunc(p.cls, func(a, b *maintner.GerritCL) int { return cmp.Compare(a.Number, b.Number) })
		projects = append(projects, p)
		return of.ForeachOpenCL(func(cl *maintner.GerritCL) error {
			p.open[cl.Number] = true
			return nil
		})
	})
	slices.SortFunc(projects, func(a, b project) int {
		return cmp.Compare(a.ServerSlashProject(), b.ServerSlashProject())
	})
	return projects, err
}

func dumpGerrit(projects []project, l *line) error {
	for _, p := range projects {
		l.begin("gerrit_project")
		l.text("project", p.ServerSlashProject())
		l.text("server", p.Server())
		l.text("name", p.Project())
		l.integer("num_label_changes", int64(p.NumLabelChanges()))
		l.integer("cls", int64(len(p.cls)))
		l.integer("open_cls", int64(len(p.open)))
		l.integer("commits", int64(len(p.commits)))
		l.end()
	}
	for _, p := range projects {
		err := p.ForeachNonChangeRef(func(ref string, hash maintner.GitHash) error {
			p.begin(l, "ref")
			l.text("ref", ref)
			l.hash("hash", hash)
			l.end()
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, p := range projects {
		versions, err := patchSets(p.GerritProject)
		if err != nil {
			return err
		}
		for _, cl := range p.cls {
			p.dumpCL(cl, versions[cl.Number], l)
		}
	}
	// A kind at a time, through all changes.
	for _, dump := range []func(project, *maintner.GerritCL, *line){project.dumpMetas, project.dumpMessages} {
		for _, p := range projects {
			for _, cl := range p.cls {
				dump(p, cl, l)
			}
		}
	}
	return nil
}

// begin begins a line of something that a project has.
func (p project) begin(l *line, kind string) {
	l.begin(kind)
	l.text("project", p.ServerSlashProject())
}

// dumpCL dumps a change; versions are the patch sets that there are refs of.
func (p project) dumpCL(cl *maintner.GerritCL, versions []int32, l *line) {
	p.begin(l, "cl")
	l.integer("number", int64(cl.Number))
	l.gitTime("created", cl.Created)
	l.integer("version", int64(cl.Version))
	l.hash("commit", cl.Commit.Hash)
	slices.Sort(versions)
	versions = slices.DeleteFunc(versions, func(version int32) bool { return cl.CommitAtVersion(version) == nil })
	l.key("patch_sets")
	l.list(len(versions), func(i int) {
		l.raw("[")
		l.integerValue(int64(versions[i]))
		l.raw(",")
		l.hashValue(cl.CommitAtVersion(versions[i]).Hash)
		l.raw("]")
	})
	l.text("branch", cl.Branch())
	l.text("status", cl.Status)
	l.boolean("private", cl.Private)
	l.boolean("wip", cl.WorkInProgress())
	l.boolean("open", p.open[cl.Number])
	l.key("owner_id")
	// Without an author of its oldest meta the library panics.
	if cl.Metas[0].Commit.Author == nil {
		l.raw("null")
	} else {
		l.integerValue(int64(cl.OwnerID()))
	}
	l.person("owner", cl.Owner())
	l.text("subject", cl.Subject())
	l.text("change_id", cl.ChangeID())
	l.key("github_refs")
	l.list(len(cl.GitHubIssueRefs), func(i int) { l.textValue(cl.GitHubIssueRefs[i].String()) })
	l.text("hashtags", string(cl.Meta.Hashtags()))
	l.votes(cl.Metas[len(cl.Metas)-1])
	l.hash("meta", cl.Meta.Commit.Hash)
	l.key("metas")
	l.list(len(cl.Metas), func(i int) { l.hashValue(cl.Metas[i].Commit.Hash) })
	l.integer("messages", int64(len(cl.Messages)))
	l.end()
}

func (p project) dumpMetas(cl *maintner.GerritCL, l *line) {
	for i, meta := range cl.Metas {
		added, removed, edited := meta.HashtagEdits()
		p.begin(l, "cl_meta")
		l.integer("cl", int64(cl.Number))
		l.integer("index", int64(i))
		l.hash("hash", meta.Commit.Hash)
		l.text("tag", meta.ActionTag())
		l.text("hashtags", string(meta.Hashtags()))
		l.boolean("hashtag_edit", edited)
		l.text("hashtags_added", string(added))
		l.text("hashtags_removed", string(removed))
		l.votes(meta)
		l.end()
	}
}

func (p project) dumpMessages(cl *maintner.GerritCL, l *line) {
	for i, message := range cl.Messages {
		p.begin(l, "cl_message")
		l.integer("cl", int64(cl.Number))
		l.integer("index", int64(i))
		l.hash("meta", message.Meta.Hash)
		l.integer("version", int64(message.Version))
		l.gitTime("date", message.Date)
		l.person("author", message.Author)
		l.text("message", message.Message)
		l.end()
	}
}
