package simtest

import (
	"fmt"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
)

// Stories of readers who lose something while the server cannot tell from their
// cursor what they hold.

// copied is the device's folder as a second device has it.
func (s *shore) copied(p *seaman) *seaman {
	s.t.Helper()
	store := p.store.Clone()
	return &seaman{s.openOn(store), store, p.name}
}

// edit submits another value of one field.
func (s *shore) edit(by *clientsdk.Client, id syncproto.RecordID, set map[string]any) {
	s.t.Helper()
	d, err := by.Edit(id)
	must(s.t, err)
	d.Fill(set)
	must(s.t, by.Submit(s.t.Context(), d))
}

// A store takes a new id, and before it pulls under that its person is moved:
// what it held by his former place goes all the same.
func TestMovedWhileTakingANewID(t *testing.T) {
	s := newShore(t)
	writer, moved := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township))
	id := s.visit(writer.Client, "of-his-former-place", nil)
	s.sync(writer.Client)
	s.sync(moved.Client)
	second := s.copied(moved)
	s.edit(moved.Client, id, map[string]any{"purpose": "one"})
	s.sync(moved.Client)
	s.edit(second.Client, id, map[string]any{"purpose": "other"})
	s.sync(second.Client)
	if sum, err := second.Summary(); err != nil || !sum.NeedsNewID {
		t.Fatalf("the copy's id is not spent: %+v, %v", sum, err)
	}
	var code struct{ Code string }
	s.operate("/v1/admin/codes", map[string]string{"person": "乙例", "by": "童例宁"}, &code)
	must(t, second.ReEnrol(t.Context(), code.Code))
	s.wants("under its new id", second, "of-his-former-place", true)
	s.now("乙例", cadreOf(otherTown))
	s.sync(second.Client)
	s.wants("moved", second, "of-his-former-place", false)
}

// A household is given to another cadre of the township: the first goes on
// reading its visits, and not what is for those alone who answer for it.
func TestHouseholdIsTakenFromACadre(t *testing.T) {
	s := newShore(t)
	writer, cadre, next := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township)), s.person("丙例", cadreOf(township))
	household := syncproto.NewRecordID(s.clock())
	first := s.assignment(household, "乙例", hereVillage)
	must(t, s.office.Submit(t.Context(), first))
	s.sync(s.office)
	s.visit(writer.Client, "for-the-township", map[string]any{"visit_type": "入户走访", "household_id": household.String(), "household_mask": "仇某某户",
		"situation": "for-who-answers", "situation.personal": true, "scene.personal": false})
	s.visit(writer.Client, "for-few", map[string]any{"visit_type": "入户走访", "household_id": household.String(), "household_mask": "仇某某户",
		"situation": "x", "visibility": "限定人员"})
	s.sync(writer.Client)
	s.sync(cadre.Client)
	s.sync(next.Client)
	s.wants("who answers for it", cadre, "for-few", true)
	s.wants("who answers for it", cadre, "for-who-answers", true)
	s.wants("his colleague", next, "for-who-answers", false)
	admin, _ := s.office.Identity()
	end, err := s.office.Edit(first.Record())
	must(t, err)
	end.Log("ends", map[string]any{"to_on": s.clock().In(timeline.Zone).Format(time.DateOnly), "reason": "轮换", "by": admin.Person.String()})
	must(t, s.office.Submit(t.Context(), end, s.assignment(household, "丙例", hereVillage)))
	s.sync(s.office)
	s.sync(cadre.Client)
	s.sync(next.Client)
	s.wants("replaced", cadre, "for-who-answers", false)
	s.wants("replaced", cadre, "for-the-township", true)
	s.wants("replaced", cadre, "for-few", false)
	s.wants("who answers for it now", next, "for-who-answers", true)
}

// A text is left out of a record for somebody who has written in it, after the
// record was away for a while: what he writes in it then is taken.
func TestTextIsLeftOutForItsAuthor(t *testing.T) {
	s := newShore(t)
	writer, author := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township))
	id := s.visit(writer.Client, "seen", map[string]any{"situation": "begun", "situation.personal": false})
	s.sync(writer.Client)
	s.sync(author.Client)
	s.edit(author.Client, id, map[string]any{"situation": "begun, continued"})
	s.sync(author.Client)
	s.sync(writer.Client)
	s.edit(writer.Client, id, map[string]any{"visibility": "本人"})
	s.sync(writer.Client)
	s.sync(author.Client)
	s.edit(writer.Client, id, map[string]any{"visibility": "本级及上级", "situation.personal": true})
	s.sync(writer.Client)
	s.sync(author.Client)
	if v, err := author.Get(id); err != nil || v.Value("situation") != nil {
		t.Fatalf("the record did not come back without the text: %v", err)
	}
	s.edit(author.Client, id, map[string]any{"situation": "blind"})
	s.sync(author.Client)
	st, err := author.Status(id)
	must(t, err)
	if st.Sync != clientsdk.SyncReceived {
		t.Errorf("what he wrote is %s: %v", st.Sync, st.Reasons)
	}
	s.sync(writer.Client)
	v, err := writer.Get(id)
	must(t, err)
	if got := fmt.Sprint(v.Value("situation")); got != "begun, continuedblind" && got != "blindbegun, continued" {
		t.Errorf("the text reads %q", got)
	}
}

// A pull finds in its second township that an older copy of the store was put
// back: what it had found to send of the first is sent all the same.
func TestPutBackIsFoundWithinAPage(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	first := w.device("Z1", w.person("外镇干部", "外勤干部", otherTown, ""))
	reader := w.device("D1", w.person("方例山", "县（区）领导", "330903", ""))
	a.visit(nil)
	a.sync()
	copyOf := w.snapshot()
	a.visit(nil)
	a.sync()
	reader.pull()
	w.restore(copyOf)
	id := first.visit(map[string]any{"place_code": farVillage, "purpose": "看用水", "situation": "隔天来水。"})
	first.sync()
	reader.pull()
	if rec := reader.base[id]; rec == nil || rec.Text("situation") != nil {
		t.Errorf("the record whose page was begun anew: %v", rec)
	}
}
