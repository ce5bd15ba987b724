package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

const head = `# Kinds of record

Made from the data in ` + "`syncproto/schema/kinds`" + ` by ` + "`go run ./syncproto/schema/cmd/kindsdoc`" + `; a test fails when this page is out of date.
The format of the files, the merge codes and the conditions are explained in the package comment of ` + "`syncproto/schema`" + `.

*Required*: ● always, ◐ under the condition given, ○ never. *Who* writes, in letters: %s.
*Class* is the class of ops in the engine. *Audience*: who reads the field; "→ team" is where it moves while its flag is on.
A long text ` + "`f`" + ` has a companion ` + "`f.personal`" + ` (含个人敏感信息, LW-strict, on wins), which the tables leave out.

`

type page struct {
	bytes.Buffer
	s       *schema.Schema
	purpose string // of the kind being written: fields without their own have it
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.Buffer, format, args...) }

// render writes the page.
func render(s *schema.Schema) []byte {
	p := &page{s: s}
	var letters []string
	for _, w := range s.Writers {
		letters = append(letters, w.Letter+" "+w.En)
	}
	p.printf(head, strings.Join(letters, " · "))
	p.printf("Schema `%s` version %d, hash `%s`.\n", s.ID, s.Version, s.Hash())
	p.printf("\n## Common fields of every record (公共字段)\n\n")
	p.table(s.Common.Fields, nil)
	for _, id := range s.KindIDs() {
		p.kind(s.Kinds[id])
	}
	for _, m := range s.Machines {
		p.machine(m)
	}
	return p.Bytes()
}

func (p *page) kind(k *schema.Kind) {
	p.purpose = k.Purpose
	p.printf("\n## %s %s (%s)\n\n", k.ID, k.Zh, k.En)
	p.printf("%s。", k.Purpose)
	if k.Reference {
		p.printf(" A reference object: without the common fields.")
	} else {
		p.printf(" Visibility by default: %s.", k.Visibility)
	}
	p.printf("\n\n")
	var sections []string
	for _, s := range k.Sections {
		sections = append(sections, s.Zh)
	}
	p.printf("- **Sections**: %s\n", strings.Join(sections, " / "))
	p.keys("Short form", shortKeys(k))
	p.keys("team", ownKeys(k, k.Keys(syncproto.ForTeam)))
	p.keys("author", ownKeys(k, k.Keys(syncproto.ForAuthor)))
	if t := k.Timeline; t != nil {
		p.keys("Timeline row: time", []string{t.Time})
		for _, part := range []struct {
			name string
			keys []string
		}{{"title", t.Title}, {"who", t.Who}, {"where", t.Where}, {"object", t.Object}, {"summary", t.Summary}, {"chips", t.Chips}} {
			p.keys("Timeline row: "+part.name, part.keys)
		}
	}
	if k.Wide != nil {
		p.keys("Wider readers", k.Wide.Fields)
		p.printf("- **Note**: %s\n", k.Wide.Note)
	}
	p.printf("\n")
	p.table(k.Fields, p.commonRows(k))
}

func (p *page) keys(name string, keys []string) {
	if len(keys) > 0 {
		p.printf("- **%s**: `%s`\n", name, strings.Join(keys, "` `"))
	}
}

func shortKeys(k *schema.Kind) []string {
	var out []string
	for _, f := range k.ShortForm() {
		if !f.Companion() {
			out = append(out, f.Key)
		}
	}
	return out
}

// ownKeys leaves out companions.
func ownKeys(k *schema.Kind, keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool { f, _ := k.Field(key); return f.Companion() })
}

// commonRows are the rows that a record kind shares with all others; its own
// table leaves them out.
func (p *page) commonRows(k *schema.Kind) map[string]bool {
	rows := map[string]bool{}
	if k.Reference {
		return rows
	}
	for _, f := range p.s.Common.Fields {
		rows[p.row(f)] = true
	}
	return rows
}

func (p *page) table(fields []*schema.Field, without map[string]bool) {
	p.printf("| key | 中文 | English | type | req | who | merge | class | audience | more |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range fields {
		if row := p.row(f); !f.Companion() && !without[row] {
			p.WriteString(row)
			p.items(f)
		}
	}
}

func (p *page) items(f *schema.Field) {
	for _, s := range f.Items {
		if !s.Companion() {
			p.WriteString(p.row(s))
			p.items(s)
		}
	}
}

func (p *page) row(f *schema.Field) string {
	var who strings.Builder
	for _, id := range f.Who {
		i := slices.IndexFunc(p.s.Writers, func(w schema.Writer) bool { return w.ID == id })
		who.WriteString(p.s.Writers[i].Letter)
	}
	merge, class := f.Merge.String(), f.MergeClass().String()
	if f.Merge.Code == "" {
		merge, class = "–", "–"
	}
	cells := []string{"`" + f.Path() + "`", f.Zh, f.En, typeCell(f), requiredCell(f), who.String(), merge, class, audienceCell(f), p.more(f)}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func typeCell(f *schema.Field) string {
	s := string(f.Type)
	if len(f.Targets) > 0 {
		s += " → " + strings.Join(f.Targets, ", ")
	}
	if f.OrText {
		s += " or name"
	}
	var values []string
	for _, v := range f.Values {
		label := v.V
		if v.Zh != v.V {
			label += " (" + v.Zh + ")"
		}
		values = append(values, label)
	}
	if len(values) > 0 {
		s += ": " + strings.Join(values, " / ")
	}
	if f.Open {
		s += " / …"
	}
	if len(f.Precision) > 0 {
		s += " (" + strings.Join(f.Precision, ", ") + ")"
	}
	if f.Unit != "" {
		s += ", " + f.Unit
	}
	if f.Max > 0 {
		s += fmt.Sprintf(" ≤ %d", f.Max)
	}
	if f.MaxItems > 0 {
		s += fmt.Sprintf(", at most %d", f.MaxItems)
	}
	return s
}

func requiredCell(f *schema.Field) string {
	s := "○"
	switch f.Required {
	case schema.Always:
		s = "●"
	case schema.When:
		s = "◐ " + f.RequiredWhen.String()
	}
	for _, sub := range slices.Sorted(maps.Keys(f.Needs)) {
		s += " (with " + strings.Join(f.Needs[sub], ", ") + ")"
	}
	return s
}

var audienceNames = map[syncproto.Audience]string{syncproto.ForScope: "scope", syncproto.ForTeam: "team", syncproto.ForAuthor: "author"}

func audienceCell(f *schema.Field) string {
	if f.AudienceOfField {
		return "of the field named"
	}
	s := audienceNames[f.Audience]
	if f.Flag != "" && f.Flagged != f.Audience {
		s += " → " + audienceNames[f.Flagged]
	}
	if f.Opens != nil {
		s += ", " + audienceNames[f.Opens.To] + " once " + strings.Join(f.Opens.Values, ", ")
	}
	return s
}

func (p *page) more(f *schema.Field) string {
	var out []string
	add := func(yes bool, what string) {
		if yes {
			out = append(out, what)
		}
	}
	add(f.Sensitive, "**sensitive**")
	add(f.Off, "off by default")
	add(f.Meta, "carried by the change")
	add(f.From != "" && f.From != f.Key, "from `"+f.From+"`")
	add(f.Flag != "" && f.FlagWhen != nil, "narrowed: "+f.FlagWhen.String())
	add(f.Flag != "" && f.FlagDefault, "flag on by default")
	add(f.NoNames, "no private names")
	add(f.Short, "short")
	add(f.AnyTime, "any time")
	if len(f.Defaults) > 0 {
		out = append(out, "prefilled: "+defaults(f.Defaults))
	}
	add(f.Purpose != "" && f.Purpose != p.purpose, "用途："+f.Purpose)
	add(f.Note != "", f.Note)
	return strings.Join(out, "; ")
}

func defaults(list []schema.Default) string {
	var out []string
	for _, d := range list {
		s := strings.TrimPrefix(d.From, "@")
		switch {
		case d.Field != "":
			s = "`" + d.Field + "`"
		case d.From == "":
			b, err := json.Marshal(d.Value)
			if err != nil {
				panic(err) // a literal that was JSON a moment ago
			}
			s = strings.Trim(string(b), `"`)
		}
		if d.When != nil {
			s += " if " + d.When.String()
		}
		out = append(out, s)
	}
	return strings.Join(out, ", else ")
}

func (p *page) machine(m *schema.Machine) {
	k := p.s.Kinds[m.Kind]
	p.printf("\n## States of %s %s\n\n| from | event | when | to | who | needs | offline | note |\n|---|---|---|---|---|---|---|---|\n", m.Kind, k.Zh)
	for _, t := range m.Transitions {
		var who []string
		for _, id := range t.Who {
			i := slices.IndexFunc(p.s.Writers, func(w schema.Writer) bool { return w.ID == id })
			who = append(who, p.s.Writers[i].Letter)
		}
		from, to, offline := strings.Join(t.From, ", "), t.To, ""
		if from == "" {
			from = "–"
		}
		if to == "" {
			to = "unchanged"
		}
		if t.Mark != "" {
			to += " (mark " + t.Mark + ")"
		}
		if t.Offline {
			offline = "yes"
		}
		p.printf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", from, t.Event, t.When, to, strings.Join(who, ""),
			strings.Join(append(slices.Clone(t.RecordNeeds), t.Needs...), ", "), offline, t.Note)
	}
	if len(m.Rules) == 0 {
		return
	}
	p.printf("\nThe state is the first of:\n\n")
	for _, r := range m.Rules {
		p.printf("1. %s: %s\n", r.State, cmp.Or(r.When.String(), "otherwise"))
	}
}
