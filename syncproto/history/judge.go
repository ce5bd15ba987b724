package history

import (
	"fmt"
	"slices"
	"strings"
)

// Judge compares what a reader is shown of a record with what was done to it
// and returns what is wrong, nil when nothing is. A nil view is a record that
// he is not shown at all.
func (l *Log) Judge(record string, r Reader, v *View) (wrong []string) {
	if v == nil {
		v = &View{}
	}
	j := judgement{r: r, v: v, parts: l.parts[record]}
	j.lost = slices.ContainsFunc(j.parts, func(p *Part) bool { return p.Fate == Lost || p.Demoted })
	j.run()
	l.agree(record, &j)
	for i := range j.wrong {
		j.wrong[i] = fmt.Sprintf("record %s as %s reads it: %s", record, r.Name, j.wrong[i])
	}
	return j.wrong
}

type judgement struct {
	r     Reader
	v     *View
	parts []*Part
	// lost is set when part of the record went down with a device and the
	// server's copy, or is held by a server that had applied it before: who had it keeps what he had, whoever may read it now.
	lost  bool
	wrong []string
}

func (j *judgement) fail(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// counts is how far a part counts. What was held because it builds on what was
// lost stays with those who had it.
func (j *judgement) counts(p *Part) sure {
	if j.lost && p.Fate == Held {
		return perhaps
	}
	return j.r.counts(p)
}

// run collects the acts by field, then judges each field.
func (j *judgement) run() {
	fields := map[string]*field{}
	at := func(name string) *field {
		if fields[name] == nil {
			fields[name] = &field{name: name, makers: map[string]made{}, ends: map[string]sure{}}
		}
		return fields[name]
	}
	for _, p := range j.parts {
		s := j.counts(p)
		ends := s
		if p.Blind || j.mayBeBlind(p) {
			ends = min(ends, perhaps)
		}
		for i := range p.Acts {
			if a := &p.Acts[i]; a.Kind != Void {
				at(a.Field).take(a, p, s, ends)
			}
		}
	}
	for _, name := range sorted(fields) {
		j.field(fields[name])
	}
	j.strangers(fields)
	j.voided()
}

// mayBeBlind reports whether the record may have been closed to p's author by
// somebody, unknown to him, before his save arrived.
func (j *judgement) mayBeBlind(p *Part) bool {
	return slices.ContainsFunc(j.parts, func(q *Part) bool {
		return q.Narrows && q.By != p.By && (p.Known == 0 || q.Saved <= p.Known) && (q.Known == 0 || q.Known > p.Synced)
	})
}

// field is one field with all that was done to it, for one reader.
type field struct {
	name   string
	kind   Kind            // Set, Text, Add, Append or Insert
	makers map[string]made // by value, of a text by code point
	ends   map[string]sure // what took it away, as sure as the surest
	runs   []run           // of a text: what one save inserted, in order
}

type made struct {
	by   *Part
	sure sure
}

type run struct {
	by    *Part
	runes []rune
	sure  sure
}

// take takes in an act of p. s is how sure it counts, ends how sure it is that
// it took away what it names.
func (f *field) take(a *Act, p *Part, s, ends sure) {
	end := func(what string) { f.ends[what] = max(f.ends[what], ends) }
	switch a.Kind {
	case Remove:
		f.kind = Add
		end(a.Value)
		return
	case Strike:
		f.kind = Insert
		end(a.Value)
		return
	case Text:
		f.kind = Text
		f.text(a, p, s, ends)
		return
	case Set:
		for _, old := range a.Saw {
			end(old)
		}
	}
	f.kind = a.Kind
	f.makers[a.Value] = made{p, s}
}

func (f *field) text(a *Act, p *Part, s, ends sure) {
	before, after := map[rune]bool{}, map[rune]bool{}
	for _, c := range a.Before {
		before[c] = true
	}
	r := run{by: p, sure: s}
	for _, c := range a.After {
		after[c] = true
		if !before[c] {
			f.makers[string(c)] = made{p, s}
			r.runes = append(r.runes, c)
		}
	}
	f.runs = append(f.runs, r)
	for _, c := range a.Before {
		if !after[c] {
			f.ends[string(c)] = max(f.ends[string(c)], ends)
		}
	}
}

func (j *judgement) field(f *field) {
	if !j.r.May(f.name) {
		return // what he is shown of it is judged by strangers
	}
	switch f.kind {
	case Set:
		j.live(f, j.v.Values[f.name])
	case Add:
		j.live(f, j.v.Sets[f.name])
	case Append:
		j.live(f, j.v.Logs[f.name])
	case Text:
		var shown []string
		for _, c := range j.v.Texts[f.name] {
			shown = append(shown, string(c))
		}
		j.live(f, shown)
		j.order(f)
	case Insert:
		j.items(f)
	}
}

// live judges that what was made and not ended is shown exactly once.
func (j *judgement) live(f *field, shown []string) {
	count := map[string]int{}
	for _, s := range shown {
		count[s]++
	}
	for _, what := range sorted(f.makers) {
		m, end, n := f.makers[what], f.ends[what], count[what]
		switch {
		case n > 1:
			j.fail("%s: %q of save %d is there %d times", f.name, what, m.by.Save, n)
		case n == 1 && m.sure == no && m.by.inserted(f.name):
			// It went with its item, which stands struck out.
		case n == 1 && m.sure == no:
			j.fail("%s: %q of save %d is shown, which was not applied (%s)", f.name, what, m.by.Save, m.by.Reason)
		case n == 1 && end == yes:
			j.fail("%s: %q of save %d is shown, though a later save took it away knowingly", f.name, what, m.by.Save)
		case n == 0 && m.sure == yes && end == no:
			j.fail("%s: %q of save %d by %s is lost: acknowledged, and nobody took it away", f.name, what, m.by.Save, m.by.By)
		}
	}
}

// inserted reports whether an undone part made the item that a field is of.
func (p *Part) inserted(field string) bool {
	return p.Fate == Undone && slices.ContainsFunc(p.Acts, func(a Act) bool {
		return a.Kind == Insert && strings.HasPrefix(field, a.Field+"["+a.Value+"]")
	})
}

// order judges that what one save inserted stands in its order.
func (j *judgement) order(f *field) {
	at := map[rune]int{}
	for i, c := range []rune(j.v.Texts[f.name]) {
		at[c] = i
	}
	for _, r := range f.runs {
		last := -1
		for _, c := range r.runes {
			if i, ok := at[c]; ok {
				if i < last {
					j.fail("%s: what save %d wrote stands in another order", f.name, r.by.Save)
					break
				}
				last = i
			}
		}
	}
}

// items judges that each item is there exactly once, struck out only if
// somebody struck it out, and then unless somebody else worked on it.
func (j *judgement) items(f *field) {
	count, struck := map[string]int{}, map[string]bool{}
	for _, it := range j.v.Items[f.name] {
		count[it.Name]++
		struck[it.Name] = it.Struck
	}
	for _, name := range sorted(f.makers) {
		m, n := f.makers[name], count[name]
		switch {
		case n > 1:
			j.fail("%s: the item %q of save %d is there %d times", f.name, name, m.by.Save, n)
		case n == 1 && m.sure == no && !(m.by.Fate == Undone && struck[name]):
			j.fail("%s: the item %q of save %d is shown, which was not applied", f.name, name, m.by.Save)
		case n == 0 && m.sure == yes:
			j.fail("%s: the item %q of save %d by %s is lost", f.name, name, m.by.Save, m.by.By)
		case n == 1 && m.sure == no: // undone
		case n == 1 && struck[name] && f.ends[name] == no:
			j.fail("%s: the item %q of save %d is struck out, and nobody did that", f.name, name, m.by.Save)
		case n == 1 && !struck[name] && f.ends[name] == yes && !j.worked(f.name, name):
			j.fail("%s: the item %q of save %d is not struck out, though somebody did that", f.name, name, m.by.Save)
		}
	}
}

// worked reports whether somebody changed a field of the item: by rule that
// may bring it back.
func (j *judgement) worked(list, item string) bool {
	prefix := list + "[" + item + "]"
	return slices.ContainsFunc(j.parts, func(p *Part) bool {
		return slices.ContainsFunc(p.Acts, func(a Act) bool { return strings.HasPrefix(a.Field, prefix) })
	})
}

// voided judges the delete marks.
func (j *judgement) voided() {
	var void *Part
	var sureness sure
	for _, p := range j.parts {
		if slices.ContainsFunc(p.Acts, func(a Act) bool { return a.Kind == Void }) {
			if s := j.counts(p); s >= sureness {
				void, sureness = p, s
			}
		}
	}
	switch {
	case (j.v.Voided || j.v.Contested) && sureness == no:
		j.fail("it is voided, and nobody did that")
	case sureness == yes && !j.v.Voided && !j.v.Contested && j.shown() && j.reads():
		j.fail("it is not voided, though save %d did that", void.Save)
	case j.v.Voided && sureness == yes:
		// Whoever learned his fate after the last form to void it was opened had
		// not been seen by any of them.
		for _, p := range j.parts {
			if j.counts(p) == yes && p.By != "" && j.unseen(p) {
				j.fail("it is voided, though save %d changed it unknown to who voided it", p.Save)
			}
		}
	}
}

// unseen reports whether no form that voided the record can have shown p.
func (j *judgement) unseen(p *Part) bool {
	for _, q := range j.parts {
		for _, a := range q.Acts {
			if a.Kind == Void && j.counts(q) != no && (q == p || q.By == p.By || q.Opened >= p.Saved) {
				return false
			}
		}
	}
	return true
}

// reads reports whether the reader may read anything of the record. Who may
// not is shown his own work at most, and is not told what became of it.
func (j *judgement) reads() bool {
	return slices.ContainsFunc(j.parts, func(p *Part) bool {
		return slices.ContainsFunc(p.Acts, func(a Act) bool { return a.Field != "" && j.r.May(a.Field) })
	})
}

// shown reports whether the reader is shown anything of the record.
func (j *judgement) shown() bool {
	return len(j.v.Values)+len(j.v.Texts)+len(j.v.Sets)+len(j.v.Logs)+len(j.v.Items) > 0
}

// strangers judges that nothing is shown that nobody wrote, and nothing of a
// field that is not the reader's, unless he wrote it himself.
func (j *judgement) strangers(fields map[string]*field) {
	check := func(name string, shown []string) {
		f := fields[name]
		if f == nil {
			return // a field that the log does not follow
		}
		for _, s := range shown {
			m, known := f.makers[s]
			switch {
			case !known:
				j.fail("%s: %q is shown, and nobody wrote it", name, s)
			case !j.r.May(name) && !j.lost && (j.r.Device == "" || m.by.By != j.r.Device):
				j.fail("%s: %q of save %d is shown to one who may not read it", name, s, m.by.Save)
			}
		}
	}
	for name, s := range j.v.Values {
		check(name, s)
	}
	for name, s := range j.v.Sets {
		check(name, s)
	}
	for name, s := range j.v.Logs {
		check(name, s)
	}
	for name, s := range j.v.Texts {
		var all []string
		for _, c := range s {
			all = append(all, string(c))
		}
		check(name, all)
	}
	for name, items := range j.v.Items {
		var all []string
		for _, it := range items {
			all = append(all, it.Name)
		}
		check(name, all)
	}
}

// agree judges that all who may read a field read the same of it. Who has work
// of his own on the record that is not applied reads something else by right.
func (l *Log) agree(record string, j *judgement) {
	for _, p := range j.parts {
		if j.lost || p.By == j.r.Device && p.Fate != Acked && p.Fate != Undone {
			return
		}
	}
	names := map[string]bool{}
	for _, p := range j.parts {
		for _, a := range p.Acts {
			names[a.Field] = true
		}
	}
	for _, name := range sorted(names) {
		if !j.r.May(name) {
			continue
		}
		values, members, items := slices.Sorted(slices.Values(j.v.Values[name])), slices.Sorted(slices.Values(j.v.Sets[name])), j.v.Items[name]
		now := fmt.Sprint(values, j.v.Texts[name], members, j.v.Logs[name], items)
		at := place{record, name}
		first, ok := l.readings[at]
		if !ok {
			l.readings[at] = reading{j.r.Name, now}
		} else if first.what != now {
			j.fail("%s reads otherwise than with %s: %.200q and %.200q", name, first.by, now, first.what)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
