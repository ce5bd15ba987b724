package view_test

import (
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// A correction is read by who reads the field it corrects, as its switch stands.
func TestCorrectionsHaveTheClassOfTheirField(t *testing.T) {
	p := newPhones(t, "ZF")
	p.set(1, map[string]any{"situation.personal": false})
	class := func(field string) syncproto.Audience {
		return view.ClassOf(schema.Builtin(), p.phone(1), view.CorrectionsOf(field), syncproto.ElemID{}, "")
	}
	for field, want := range map[string]syncproto.Audience{"met": syncproto.ForScope, "situation": syncproto.ForScope, "relief_money": syncproto.ForTeam,
		"interviewees": syncproto.ForTeam, "impression": syncproto.ForAuthor, "no_such_field": syncproto.ForAuthor} {
		if got := class(field); got != want {
			t.Errorf("corrections of %s are for %v, want %v", field, got, want)
		}
	}
	p.set(1, map[string]any{"situation.personal": true})
	if got := class("situation"); got != syncproto.ForTeam {
		t.Errorf("corrections of a flagged text are for %v", got)
	}
	h, _ := schema.Builtin().Kind("HY")
	rec := crdt.New(id(9))
	rec.Kind = h.ID
	if got := view.ClassOf(schema.Builtin(), rec, view.CorrectionsOf("statements"), syncproto.ElemID{}, ""); got != syncproto.ForAuthor {
		t.Errorf("corrections of statements, of which some are flagged, are for %v", got)
	}
}

// The corrections of all fields are one log, in the order they were written,
// and nobody is believed to be the server.
func TestCorrectionsOfAllFields(t *testing.T) {
	p := newPhones(t, "ZF")
	p.set(1, map[string]any{"met": "见到本人"})
	for _, field := range []string{"purpose", "met", "purpose"} {
		p.write(1, func(e *crdt.Edit) {
			p.must(e.Log(view.CorrectionsOf(field), value(map[string]any{"field": field, "kind": view.Suggests, "new": "未遇", "change": syncproto.ChangeID{Replica: syncproto.ReplicaID(id(2)), Seq: 1}.String()})))
		})
	}
	l := view.Of(schema.Builtin(), p.phone(1), "")
	var order []string
	for _, c := range l.Corrections("") {
		order = append(order, c.Field)
		if !c.Judged.IsZero() {
			t.Error("an entry of a device's is taken for the server's verdict")
		}
	}
	if !slices.Equal(order, []string{"purpose", "met", "purpose"}) {
		t.Errorf("the corrections are of %v", order)
	}
	for _, f := range l.Fields() {
		if _, ok := view.CorrectedField(f.Name); ok {
			t.Errorf("%s is shown as a field of its own", f.Name)
		}
	}
	l.Reads = func(_ *crdt.Record, log string) bool { return log == view.CorrectionsOf("met") }
	if n := len(l.Corrections("")); n != 1 {
		t.Errorf("who may not read a field reads %d corrections", n)
	}
}

func TestSettledFields(t *testing.T) {
	s := schema.Builtin()
	for path, want := range map[string]bool{"ZF.met": true, "ZF.situation": true, "ZF.policy_explained": true, "ZF.occurred_at": true, "HY.statements": true,
		"SQ.content": true, "CN.promised_to": true, // what happened
		"ZF.situation.personal": false, "ZF.visibility": false, "ZF.place_code": false, "ZF.tags": false, "ZF.next_visit_on": false, // kept up, or of privacy
		"TY.return_at": false, "DD.plan": false, "HD.members": false, "SQ.category": false, "SQ.events": false, "ZF.comments": false, "ZF.status": false} {
		k, _ := s.Kind(path[:2])
		f, ok := k.Field(path[3:])
		if !ok || f.Settles() != want {
			t.Errorf("%s settles: %v, want %v", path, !want, want)
		}
	}
}
