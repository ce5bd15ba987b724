package view_test

import (
	"slices"
	"testing"
	"time"

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
			if f.MergeClass() == schema.ClassList {
				want = f.Audience // its items are narrowed one by one
			}
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
		if f.Flag == "" || f.FlagWhen != nil || f.MergeClass() == schema.ClassList {
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

// A switch of a list's item narrows that item, and no other.
func TestAFlaggedItem(t *testing.T) {
	s := schema.Builtin()
	rec := crdt.New(syncproto.RecordID{6: 0x70, 8: 0x80, 15: 1})
	replica := syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}
	e := rec.Edit(replica, nil)
	if err := e.Create("HY"); err != nil {
		t.Fatal(err)
	}
	var ids []syncproto.ElemID
	for _, on := range []bool{true, false} {
		id, err := e.InsertItem("statements", 0)
		if err == nil {
			err = e.Item("statements", id).Set("contains_personal", wire.Must(wire.EncodeValue(on)))
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	part, _ := e.Part()
	rec = crdt.New(rec.ID)
	if err := rec.Join(syncproto.Header{Replica: replica, Seq: 1, Author: syncproto.PersonID{1}}, &part, crdt.Options{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []syncproto.Audience{syncproto.ForAuthor, syncproto.ForTeam} {
		if got := view.ClassOf(s, rec, "statements", ids[i], "text"); got != want {
			t.Errorf("statement %d: %v, want %v", i, got, want)
		}
	}
}

// A child's whole item is for the team; who is old enough is judged by the day
// the record began, less what its maker's clock may have been ahead.
func TestChildrenAreForTheTeam(t *testing.T) {
	s := schema.Builtin()
	made := time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)
	rec := crdt.New(syncproto.NewRecordID(made))
	rec.Kind = "HD"
	replica := syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}
	want := map[syncproto.ElemID]syncproto.Audience{}
	e := rec.Clone().Edit(replica, nil)
	if err := e.Create("HD"); err != nil {
		t.Fatal(err)
	}
	for born, class := range map[string]syncproto.Audience{"1953": syncproto.ForScope, "2007-05-17": syncproto.ForScope, "2007-05-19": syncproto.ForTeam,
		"2019": syncproto.ForTeam, "": syncproto.ForTeam} {
		id, err := e.InsertItem("members", 0)
		if err != nil {
			t.Fatal(err)
		}
		want[id] = class
		if err := e.Item("members", id).Set("name", wire.Must(wire.EncodeValue("某"))); err != nil {
			t.Fatal(err)
		}
		if born == "" {
			continue
		}
		if err := e.Item("members", id).Set("birth", wire.Must(wire.EncodeValue(map[string]any{"on": born, "calendar": "公历"}))); err != nil {
			t.Fatal(err)
		}
	}
	part, _ := e.Part()
	if err := rec.Join(syncproto.Header{Replica: replica, Seq: 1, Author: syncproto.PersonID{1}}, &part, crdt.Options{}); err != nil {
		t.Fatal(err)
	}
	for id, class := range want {
		if got := view.ClassOf(s, rec, "members", id, "name"); got != class {
			t.Errorf("the name of %v: %v, want %v", rec.Item("members", id).Values("birth"), got, class)
		}
		if got := view.ClassOf(s, rec, "members", id, "health"); got != syncproto.ForTeam {
			t.Errorf("the health of anybody: %v", got)
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
