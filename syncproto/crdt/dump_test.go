package crdt_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// The two dumps write everything a reader can see, in the same words: that of
// a Record through its API, that of a model from the definitions.

func stampOf(s crdt.Stamp) string { return fmt.Sprintf("%s@%d", s.Dot, s.Wall) }

func dumpRecord(r *crdt.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s deleted %v conflict %v\n", r.Kind, r.Deleted(), r.Conflict() != "")
	for id, seq := range r.Version.All() {
		fmt.Fprintf(&b, "version %s %d\n", id, seq)
	}
	for _, m := range r.DeleteMarks() {
		fmt.Fprintf(&b, "mark %s\n", stampOf(m.Stamp))
	}
	for _, f := range r.Fields() {
		dumpFields(&b, "", f.Name, r)
		for _, it := range r.Items(f.Name, true) {
			fmt.Fprintf(&b, "%s item %s removed %v\n", f.Name, it.ID, it.Removed)
			for _, s := range it.Life() {
				fmt.Fprintf(&b, "  life %s\n", stampOf(s))
			}
			for _, g := range it.Fields() {
				dumpFields(&b, "  ", g.Name, it)
			}
		}
	}
	return b.String()
}

// fieldReader is what a Record and an Item have in common.
type fieldReader interface {
	Value(string) (crdt.Entry, bool)
	Values(string) []crdt.Entry
	Set(string) []crdt.Member
	Log(string) []crdt.LogEntry
}

func dumpFields(b *strings.Builder, indent, name string, r fieldReader) {
	if e, ok := r.Value(name); ok {
		fmt.Fprintf(b, "%s%s shown %x by %s\n", indent, name, e.Value, stampOf(e.Stamp))
		for _, e := range r.Values(name) {
			fmt.Fprintf(b, "%s%s value %x by %s\n", indent, name, e.Value, stampOf(e.Stamp))
		}
	}
	if doc := docOf(r, name); doc != "" {
		fmt.Fprintf(b, "%s%s text %q\n", indent, name, doc)
	}
	for _, m := range r.Set(name) {
		for _, a := range m.Adds {
			fmt.Fprintf(b, "%s%s member %x by %s\n", indent, name, m.Value, stampOf(a))
		}
	}
	for _, e := range r.Log(name) {
		fmt.Fprintf(b, "%s%s log %d %x by %s\n", indent, name, e.Lamport, e.Value, stampOf(e.Stamp))
	}
}

func docOf(r fieldReader, name string) string {
	switch r := r.(type) {
	case *crdt.Record:
		if doc := r.Text(name); doc != nil {
			return doc.String()
		}
	case *crdt.Item:
		if doc := r.Text(name); doc != nil {
			return doc.String()
		}
	}
	return ""
}

func dumpModel(m *model) string {
	var b strings.Builder
	kind := ""
	var version syncproto.VersionVector
	fields := map[string]bool{}
	for _, s := range m.parts {
		kind += s.p.Kind
		if s.p.Kind != "" {
			kind = s.p.Kind
		}
		version.Set(s.h.Replica, max(version.Of(s.h.Replica), s.h.Seq))
		for i := range s.p.Ops {
			if s.p.Ops[i].Field != "" {
				fields[s.p.Ops[i].Field] = true
			}
		}
	}
	deleted, conflict := m.deleted()
	fmt.Fprintf(&b, "kind %s deleted %v conflict %v\n", kind, deleted, conflict)
	for id, seq := range version.All() {
		fmt.Fprintf(&b, "version %s %d\n", id, seq)
	}
	for _, o := range m.disputed() {
		fmt.Fprintf(&b, "mark %s\n", o.stamp())
	}
	for _, name := range sorted(fields) {
		m.dumpField(&b, "", name, where{field: name})
		for _, id := range m.items(name) {
			life := m.life(name, id)
			fmt.Fprintf(&b, "%s item %s removed %v\n", name, id, len(life) == 0)
			for _, o := range life {
				fmt.Fprintf(&b, "  life %s\n", o.stamp())
			}
			subs := map[string]bool{}
			for _, o := range m.about(name, id) {
				if o.op().Sub != "" {
					subs[o.op().Sub] = true
				}
			}
			for _, sub := range sorted(subs) {
				m.dumpField(&b, "  ", sub, where{name, id, sub})
			}
		}
	}
	return b.String()
}

func (m *model) dumpField(b *strings.Builder, indent, name string, w where) {
	if all := m.values(w); len(all) > 0 {
		first := shown(m.unstruck(w, all))
		fmt.Fprintf(b, "%s%s shown %x by %s\n", indent, name, first.op().Value, first.stamp())
		slices.SortStableFunc(all, func(a, b opRef) int { return slices.Compare(a.op().Value, b.op().Value) })
		for _, o := range all {
			fmt.Fprintf(b, "%s%s value %x by %s\n", indent, name, o.op().Value, o.stamp())
		}
	}
	if s, _ := m.text(w); s != "" {
		fmt.Fprintf(b, "%s%s text %q\n", indent, name, s)
	}
	for _, o := range m.members(w) {
		fmt.Fprintf(b, "%s%s member %x by %s\n", indent, name, o.op().Value, o.stamp())
	}
	for _, o := range m.log(w) {
		fmt.Fprintf(b, "%s%s log %d %x by %s\n", indent, name, o.op().Lamport, o.op().Value, o.stamp())
	}
}

// unstruck are the values that no remove of their item knows, all if there is
// no other.
func (m *model) unstruck(w where, all []opRef) []opRef {
	removes := m.ops(func(op *syncproto.Op) bool {
		return op.Kind == syncproto.OpItemRemove && op.Field == w.field && op.Item == w.item
	})
	if left := live(all, removes); len(left) > 0 && !w.item.IsNone() {
		return left
	}
	return all
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
