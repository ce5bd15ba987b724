package crdt_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// shapeOf tells a record without what it says: who wrote what where, which values
// compete and which is shown, how long texts are; values as instead has them.
func shapeOf(r *crdt.Record, instead func(syncproto.Value) syncproto.Value) string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	field := func(at, name string, r fieldReader) {
		if e, ok := r.Value(name); ok {
			say("%s.%s shown %x", at, name, instead(e.Value))
		}
		for _, e := range r.Values(name) {
			say("%s.%s value %x %v", at, name, instead(e.Value), e.Stamp)
		}
		for _, m := range r.Set(name) {
			say("%s.%s member %x %v", at, name, instead(m.Value), m.Adds)
		}
		for i, e := range r.Log(name) {
			say("%s.%s log %d %x %v", at, name, i, instead(e.Value), e.Stamp)
		}
		say("%s.%s text of %d", at, name, len([]rune(docOf(r, name))))
	}
	for _, f := range r.Fields() {
		field("", f.Name, r)
		for i, it := range r.Items(f.Name, true) {
			at := fmt.Sprint(f.Name, " ", i, " ", it.ID, it.Removed)
			say("%s", at)
			for _, g := range it.Fields() {
				field(at, g.Name, it)
			}
		}
	}
	slices.Sort(lines) // competing values and members lie in the order of their bytes
	return fmt.Sprintln(r.Version, r.Deleted(), r.Conflict()) + strings.Join(lines, "\n")
}

// TestBlank: a history of which every value and every letter is erased joins part
// by part as it did, and comes to a record of the same shape that says nothing.
func TestBlank(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := story(tb{t, rt}, seed, rapid.IntRange(2, 5).Draw(rt, "sites"), rapid.IntRange(1, 80).Draw(rt, "steps"), func(*world, *site) {})
		instead := func(v syncproto.Value) syncproto.Value {
			if string(v) == "\xf6" {
				return v
			}
			return val(fmt.Sprintf("erased %x", v))
		}
		b := crdt.Blanking{Value: func(op *syncproto.Op) syncproto.Value { return instead(op.Value) }, Text: func(*syncproto.Op) bool { return true }}
		was, now := crdt.New(recordID(1)), crdt.New(recordID(1))
		for i := range w.all {
			x := w.all[i]
			must(tb{t, rt}, was.Join(x.h, &x.p, crdt.Options{}))
			blank, _ := b.Blank(x.h.Replica, &x.p)
			y := w.throughWire(saved{x.h, *blank})
			if err := now.Join(y.h, &y.p, crdt.Options{}); err != nil {
				rt.Fatalf("seed %d: part %d does not join without what it says: %v", seed, i, err)
			}
		}
		if a, b := shapeOf(was, instead), shapeOf(now, func(v syncproto.Value) syncproto.Value { return v }); a != b {
			rt.Fatalf("seed %d: another shape\nwas:\n%s\nnow:\n%s", seed, a, b)
		}
		state := now.AppendBinary(nil)
		for _, letter := range []string{"渔", "港", "𠮷"} {
			if bytes.Contains(state, []byte(letter)) {
				rt.Fatalf("seed %d: %s is still there", seed, letter)
			}
		}
	})
}
