package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/build/maintner"
)

// line builds the lines, one after the other, in one buffer: begin, the members in their order, end.
// A method with a name adds a member; one without adds a value, after key or within list.
type line struct {
	to sink
	// longHash is the most bytes of a string that is printed whole; negative is any number.
	longHash int

	kind string
	buf  []byte
}

func (l *line) begin(kind string) {
	l.kind = kind
	l.buf = append(l.buf[:0], `{"kind":"`...)
	l.buf = append(l.buf, kind...)
	l.buf = append(l.buf, '"')
}

func (l *line) end() {
	l.buf = append(l.buf, "}\n"...)
	l.to.put(l.kind, l.buf)
}

func (l *line) key(name string) {
	l.buf = append(l.buf, `,"`...)
	l.buf = append(l.buf, name...)
	l.buf = append(l.buf, `":`...)
}

func (l *line) raw(json string) { l.buf = append(l.buf, json...) }

// list adds an array of n values, each of which item adds.
func (l *line) list(n int, item func(i int)) {
	l.raw("[")
	for i := range n {
		if i > 0 {
			l.raw(",")
		}
		item(i)
	}
	l.raw("]")
}

func (l *line) integer(name string, n int64) {
	l.key(name)
	l.integerValue(n)
}

func (l *line) integerValue(n int64) { l.buf = strconv.AppendInt(l.buf, n, 10) }

func (l *line) boolean(name string, b bool) {
	l.key(name)
	l.booleanValue(b)
}

func (l *line) booleanValue(b bool) { l.buf = strconv.AppendBool(l.buf, b) }

func (l *line) text(name, s string) {
	l.key(name)
	l.textValue(s)
}

func (l *line) textValue(s string) {
	switch {
	case l.longHash >= 0 && len(s) > l.longHash:
		l.buf = fmt.Appendf(l.buf, `{"len":%d,"sha256":"%x"}`, len(s), sha256.Sum256([]byte(s)))
	case !utf8.ValidString(s):
		l.raw(`{"b64":"`)
		l.buf = base64.StdEncoding.AppendEncode(l.buf, []byte(s))
		l.raw(`"}`)
	default:
		l.buf = appendQuoted(l.buf, s)
	}
}

// appendQuoted escapes what JSON wants escaped, and nothing else; encoding/json escapes more.
func appendQuoted(buf []byte, s string) []byte {
	buf = append(buf, '"')
	plain := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		buf = append(buf, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			buf = append(buf, '\\', c)
		case '\n':
			buf = append(buf, `\n`...)
		case '\r':
			buf = append(buf, `\r`...)
		case '\t':
			buf = append(buf, `\t`...)
		default:
			buf = fmt.Appendf(buf, `\u%04x`, c)
		}
	}
	buf = append(buf, s[plain:]...)
	return append(buf, '"')
}

func (l *line) hash(name string, h maintner.GitHash) {
	l.key(name)
	l.hashValue(h)
}

func (l *line) hashValue(h maintner.GitHash) {
	l.raw(`"`)
	l.buf = hex.AppendEncode(l.buf, []byte(h))
	l.raw(`"`)
}

// moment adds a time of GitHub's, whose zone says nothing.
func (l *line) moment(name string, t time.Time) {
	l.key(name)
	utc := t.UTC()
	switch {
	case t.IsZero():
		l.raw("null")
	case utc.Year() < 0 || utc.Year() > 9999:
		l.buf = fmt.Appendf(l.buf, `"unix:%d.%09d"`, t.Unix(), t.Nanosecond())
	default:
		l.raw(`"`)
		l.buf = utc.AppendFormat(l.buf, time.RFC3339Nano)
		l.raw(`"`)
	}
}

// gitTime adds a time of git's, which knows its zone.
func (l *line) gitTime(name string, t time.Time) {
	l.key(name)
	if t.IsZero() {
		l.raw("null")
		return
	}
	zone, offset := t.Zone()
	l.raw("[")
	l.integerValue(t.Unix())
	l.raw(",")
	l.textValue(zone)
	l.raw(",")
	l.integerValue(int64(offset))
	l.raw("]")
}

func (l *line) person(name string, p *maintner.GitPerson) {
	l.key(name)
	if p == nil {
		l.raw("null")
		return
	}
	l.textValue(p.Str)
}
