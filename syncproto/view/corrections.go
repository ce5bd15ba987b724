package view

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// CorrectionsField is what the log of all corrections is shown as. It is kept in
// one log per field corrected, so that each entry is read by those who read the
// field, whatever becomes of the field's audience later.
const CorrectionsField = "corrections"

// CorrectionsOf names the log of the corrections of one field.
func CorrectionsOf(field string) string { return CorrectionsField + "." + field }

// CorrectedField is the field whose corrections a log holds; false for a field
// that is no such log.
func CorrectedField(log string) (field string, ok bool) {
	return strings.CutPrefix(log, CorrectionsField+".")
}

// Log lists the entries of a log of a record; of CorrectionsField those of every
// field, in the order of logs.
func Log(rec *crdt.Record, name string) []crdt.LogEntry { return (&Look{}).log(rec, name) }

func (l *Look) log(rec *crdt.Record, name string) (out []crdt.LogEntry) {
	if name != CorrectionsField {
		return rec.Log(name)
	}
	for _, f := range rec.Fields() {
		if _, ok := CorrectedField(f.Name); (ok || f.Name == name) && (l.Reads == nil || l.Reads(rec, f.Name)) {
			out = append(out, rec.Log(f.Name)...)
		}
	}
	slices.SortFunc(out, func(a, b crdt.LogEntry) int {
		return cmp.Or(cmp.Compare(a.Lamport, b.Lamport), a.Dot.Compare(b.Dot))
	})
	return out
}

// Correction is an entry of the record's corrections: a 更正, which is shown in
// place of the field, or a 更正建议, which a writer accepts or declines.
type Correction struct {
	crdt.Stamp
	Field    string
	Kind     string
	Old, New any
	Reason   string
	// Judged is the edit that came too late to count, where the server wrote the
	// entry, zero otherwise; Who made it and When, Unix milliseconds.
	Judged syncproto.ChangeID
	Who    syncproto.PersonID
	When   int64
}

// The kinds of corrections.
const (
	Corrects = "更正"
	Suggests = "更正建议"
	Declines = "不采纳"
)

// Corrections lists the entries about a field in their order, about all fields
// for "".
func (l *Look) Corrections(field string) []Correction {
	var out []Correction
	for _, e := range InForce(l.Record, l.Log("corrections")) {
		m, ok := Plain(e.Value).(map[string]any)
		if !ok || field != "" && m["field"] != field {
			continue
		}
		c := Correction{Stamp: e.Stamp, Old: m["old"], New: m["new"]}
		c.Field, _ = m["field"].(string)
		c.Kind, _ = m["kind"].(string)
		c.Reason, _ = m["reason"].(string)
		c.judged(m)
		out = append(out, c)
	}
	return out
}

// judged reads what a verdict says of the edit it judges. Anybody could write
// that; only System is believed.
func (c *Correction) judged(m map[string]any) {
	s, _ := m["change"].(string)
	id, err := syncproto.ParseChangeID(s)
	if err != nil || c.Author != System || !c.Dot.Replica.IsPen() {
		return
	}
	c.Judged, c.Who = id, AsRef(m["who"])
	when, _ := m["when"].(string)
	if t, err := time.Parse(time.RFC3339, when); err == nil {
		c.When = t.UnixMilli()
	}
}

func (l *Look) corrected(field string) *Correction {
	all := l.Corrections(field)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == Corrects {
			return &all[i]
		}
	}
	return nil
}

// Suggestion is a 更正建议 that nobody has answered: an edit that is joined but
// 未生效, because it came too late or did not know that the text was fixed.
type Suggestion struct {
	Field string
	New   any
	// By are the replicas whose words it adds; empty when it only leaves words
	// out. Author and Wall are known where an entry says it.
	By     []syncproto.ReplicaID
	Author syncproto.PersonID
	Wall   int64
	Reason string
}

// Suggestions lists what waits for a writer to accept (更正) or decline.
func (l *Look) Suggestions() []Suggestion {
	var out []Suggestion
	all := l.Corrections("")
	for i, c := range all {
		if c.Kind == Suggests && !answered(all[i:], c.Field, c.New) {
			s := Suggestion{Field: c.Field, New: c.New, By: []syncproto.ReplicaID{c.Dot.Replica}, Author: c.Author, Wall: c.Wall, Reason: c.Reason}
			if !c.Judged.IsZero() {
				s.By, s.Author, s.Wall = []syncproto.ReplicaID{c.Judged.Replica}, c.Who, c.When
			}
			out = append(out, s)
		}
	}
	if l.Kind == nil {
		return out
	}
	for _, f := range l.Kind.Fields {
		fixed, ok := l.fixed(f.Key)
		doc := l.Record.Text(f.Key)
		if !ok || doc == nil {
			continue
		}
		if now := doc.String(); now != fixed && !answered(all, f.Key, now) {
			out = append(out, Suggestion{Field: f.Key, New: now, By: adders(fixed, doc), Reason: "写的时候还不知道已经" + f.Merge.Arg + "，或者" + f.Merge.Arg + "以后才写"})
		}
	}
	return out
}

// answered reports whether an entry accepts or declines exactly these words.
func answered(entries []Correction, field string, words any) bool {
	for _, c := range entries {
		if c.Field == field && (c.Kind == Corrects || c.Kind == Declines) && sameWords(c.New, words) {
			return true
		}
	}
	return false
}

func sameWords(a, b any) bool {
	x, errX := wire.EncodeValue(a)
	y, errY := wire.EncodeValue(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// adders are the replicas of the words between what the two texts have in
// common at both ends.
func adders(fixed string, doc *text.Doc) []syncproto.ReplicaID {
	now := doc.String()
	from := 0
	for from < len(fixed) && from < len(now) && fixed[from] == now[from] {
		from++
	}
	to, end := len(now), len(fixed)
	for to > from && end > from && fixed[end-1] == now[to-1] {
		to, end = to-1, end-1
	}
	for from > 0 && from < len(now) && !utf8.RuneStart(now[from]) {
		from--
	}
	for to < len(now) && !utf8.RuneStart(now[to]) {
		to++
	}
	var out []syncproto.ReplicaID
	at := 0
	for _, p := range doc.Passages() {
		begin := at
		if at += len(p.Text); begin < to && at > from {
			out = appendNew(out, p.Replica)
		}
	}
	return out
}

func appendNew(list []syncproto.ReplicaID, r syncproto.ReplicaID) []syncproto.ReplicaID {
	for _, x := range list {
		if x == r {
			return list
		}
	}
	return append(list, r)
}
