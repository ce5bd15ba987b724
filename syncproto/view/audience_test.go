package view_test

import (
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A switch that was touched narrows its field, and of values in conflict the
// one that is on counts; what the schema does not know is its writers' alone.
func TestClassOf(t *testing.T) {
	s := schema.Builtin()
	for _, id := range s.KindIDs() {
		k, _ := s.Kind(id)
		rec := crdt.New(syncproto.RecordID{1})
		rec.Kind = id
		for _, f := range k.Fields {
			want := k.Audience(f.Key, "", k.FlagFunc(f.Key, func(string) (any, bool) { return nil, false }))
			if got := view.ClassOf(s, rec, f.Key, syncproto.ElemID{}, ""); got != want {
				t.Errorf("%s.%s: %v, want %v", id, f.Key, got, want)
			}
		}
		if got := view.ClassOf(s, rec, "no_such_field", syncproto.ElemID{}, ""); got != syncproto.ForAuthor {
			t.Errorf("%s: an unknown field is for %v", id, got)
		}
		if got := view.ClassOf(s, rec, seal.KeysField, syncproto.ElemID{}, ""); got != syncproto.ForNobody {
			t.Errorf("%s: wrapped keys ask for %v", id, got)
		}
		flags(t, s, k)
	}
}

// flags turns each switch of a kind on by one replica and off by another.
func flags(t *testing.T, s *schema.Schema, k *schema.Kind) {
	for _, f := range k.Fields {
		if f.Flag == "" || f.FlagWhen != nil {
			continue
		}
		rec := crdt.New(syncproto.RecordID{6: 0x70, 8: 0x80, 15: 1})
		for i, on := range []bool{true, false} {
			h := syncproto.Header{Replica: syncproto.ReplicaID{byte(i + 1)}, Seq: 1, Author: syncproto.PersonID{1}}
			p := syncproto.Part{Record: rec.ID, Kind: k.ID, Ops: []syncproto.Op{{Kind: syncproto.OpSet, Field: f.Flag, Value: wire.Must(wire.EncodeValue(on))}}}
			if err := rec.Join(h, &p, crdt.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		want := k.Audience(f.Key, "", func(string) bool { return true })
		if got := view.ClassOf(s, rec, f.Key, syncproto.ElemID{}, ""); got != want {
			t.Errorf("%s.%s with %s on and off: %v, want %v", k.ID, f.Key, f.Flag, got, want)
		}
	}
}

func TestAtoms(t *testing.T) {
	home, one, two := syncproto.RecordID{1}, syncproto.PersonID{2}, syncproto.PersonID{3}
	for _, c := range []struct {
		f    view.Feeding
		want []syncproto.Atom
	}{
		{view.Feeding{Reference: true, Place: "330903105"}, []syncproto.Atom{syncproto.AtomReference}},
		{view.Feeding{Reference: true, Villager: true, Place: "330903105201"}, []syncproto.Atom{syncproto.TownshipAtom("330903105")}},
		{view.Feeding{Place: "330903105201"}, []syncproto.Atom{syncproto.TownshipAtom("330903105")}},
		{view.Feeding{Place: "330903105201", Household: home, Writers: []syncproto.PersonID{one}}, []syncproto.Atom{syncproto.HouseholdAtom(home), syncproto.TownshipAtom("330903105")}},
		{view.Feeding{Private: true, Place: "330903105201", Household: home, Writers: []syncproto.PersonID{two, one, two}}, []syncproto.Atom{syncproto.PersonAtom(one), syncproto.PersonAtom(two)}},
		{view.Feeding{Writers: []syncproto.PersonID{one}}, []syncproto.Atom{syncproto.PersonAtom(one)}},
	} {
		if got := c.f.Atoms(); !slices.Equal(got, c.want) {
			t.Errorf("%+v lies in %v, want %v", c.f, got, c.want)
		}
	}
}
