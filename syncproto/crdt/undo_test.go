package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// contentOf is what a reader finds in a record, without who wrote it: distinct
// values but null, texts, members, visible items. order says whether the order
// of items counts.
func contentOf(r *crdt.Record, order bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "deleted %v\n", r.Deleted())
	if r.Deleted() {
		return b.String()
	}
	for _, f := range r.Fields() {
		contentOfField(&b, f.Name, r)
		var items []string
		for _, it := range r.List(f.Name) {
			var one strings.Builder
			fmt.Fprintf(&one, "%s item %s\n", f.Name, it.ID)
			for _, g := range it.Fields() {
				contentOfField(&one, "  "+g.Name, it)
			}
			items = append(items, one.String())
		}
		if !order {
			slices.Sort(items)
		}
		b.WriteString(strings.Join(items, ""))
	}
	return b.String()
}

func contentOfField(b *strings.Builder, name string, r fieldReader) {
	key := strings.TrimSpace(name)
	distinct := map[string]bool{}
	for _, e := range r.Values(key) {
		if v := fmt.Sprintf("%s value %x\n", name, e.Value); string(e.Value) != "\xf6" {
			distinct[v] = true
		}
	}
	for _, v := range sorted(distinct) {
		b.WriteString(v)
	}
	if doc := docOf(r, key); doc != "" {
		fmt.Fprintf(b, "%s text %q\n", name, doc)
	}
	for _, m := range r.Set(key) {
		fmt.Fprintf(b, "%s member %x\n", name, m.Value)
	}
}

// twice reports whether one replica has two live values of a field, as two
// windows of it leave them: an undone value then takes the other one along.
func twice(r *crdt.Record) bool {
	two := func(entries []crdt.Entry) bool {
		seen := map[syncproto.ReplicaID]bool{}
		for _, e := range entries {
			if seen[e.Dot.Replica] {
				return true
			}
			seen[e.Dot.Replica] = true
		}
		return false
	}
	for _, f := range r.Fields() {
		if two(r.Values(f.Name)) {
			return true
		}
		for _, it := range r.Items(f.Name, true) {
			for _, g := range it.Fields() {
				if two(it.Values(g.Name)) {
					return true
				}
			}
		}
	}
	return false
}

// A rejected part leaves no trace in what is read, whatever it did and
// whatever others wrote meanwhile; what follows it can be joined.
func TestUndoneIsNotRead(t *testing.T) {
	undone := 0
	for seed := range uint64(600) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, 77)), 3)
		for range 14 {
			s := w.sites[w.rng.IntN(3)]
			if w.rng.IntN(2) == 0 {
				w.exchange(s)
			} else {
				w.edit(s)
			}
		}
		author := w.sites[0]
		author.old = nil
		n := len(w.all)
		w.edit(author)
		w.edit(author)
		if len(w.all) != n+2 {
			continue
		}
		held, next := w.all[n], w.all[n+1]
		server := &site{id: replicaID(9), rec: crdt.New(recordID(1))}
		w.all = w.all[:n]
		for range n {
			w.exchange(server)
		}
		if !held.p.Seen.LessEqual(server.rec.Version) || twice(server.rec) || server.rec.Deleted() || len(server.rec.Version) == 0 {
			continue
		}
		before := server.rec.Clone()
		everything := crdt.Options{Blind: func(string, string) bool { return true }}
		must(t, server.rec.Join(held.h, &held.p, everything))
		e, logged, err := server.rec.Clone().Undo(server.id, &held.h, &held.p, before)
		must(t, err)
		moved := false
		for _, op := range held.p.Ops {
			moved = moved || op.Kind == syncproto.OpItemMove
			logged = logged && op.Kind != syncproto.OpLog
		}
		if logged {
			t.Fatalf("seed %d: an entry is said to stay, but there is none", seed)
		}
		part, any := e.Part()
		if any {
			undone++
			x := w.throughWire(saved{syncproto.Header{Replica: server.id, Seq: 1, Wall: 5000}, part})
			must(t, server.rec.Join(x.h, &x.p, crdt.Options{}))
		}
		if got, want := contentOf(server.rec, !moved), contentOf(before, !moved); got != want {
			t.Fatalf("seed %d: after the undoing\n%s\nbefore\n%s\npart %+v", seed, got, want, held.p)
		}
		if err := server.rec.Join(next.h, &next.p, crdt.Options{}); err != nil {
			t.Fatalf("seed %d: the author's next part: %v", seed, err)
		}
	}
	if undone < 200 {
		t.Fatalf("only %d parts were undone: the stories are too tame", undone)
	}
}
