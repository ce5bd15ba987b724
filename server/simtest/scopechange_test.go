package simtest

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
)

// Stories of what a person may see that changes, each with whole devices and
// the whole server.

const (
	hereVillage = township + "901"
	otherTown   = "330903102"
	farVillage  = otherTown + "901"
)

// shore is a server, its office, and people whose roles the office changes.
type shore struct {
	*port
	office *clientsdk.Client
	unit   syncproto.RecordID // of the township
	people map[string]syncproto.RecordID
}

func newShore(t testing.TB) *shore {
	p := newPort(t)
	office := p.device("童例宁", "second office")
	unit, err := office.Create("unit")
	must(t, err)
	must(t, office.Submit(t.Context(), unit.Set("name", "东极镇政府").Set("level", "乡镇").Set("place", township)))
	return &shore{p, office, unit.Record(), map[string]syncproto.RecordID{}}
}

// person enters somebody with these roles.
func (s *shore) person(name string, has ...map[string]any) *seaman {
	s.t.Helper()
	p := s.unsynced(name, has...)
	s.sync(p.Client)
	return p
}

// unsynced is person, with a device that has not synced yet.
func (s *shore) unsynced(name string, has ...map[string]any) *seaman {
	s.t.Helper()
	d, err := s.office.Create("person")
	must(s.t, err)
	d.Set("name", name).Set("unit", s.unit.String())
	for _, r := range has {
		d.AddItem("roles", r)
	}
	must(s.t, s.office.Submit(s.t.Context(), d))
	s.people[name] = d.Record()
	s.sync(s.office)
	return s.phone(name)
}

// seaman is a person's device and the store in it.
type seaman struct {
	*clientsdk.Client
	store *localstore.Memory
	name  string
}

func (s *shore) phone(name string) *seaman {
	s.t.Helper()
	var code struct{ Code string }
	s.operate("/v1/admin/codes", map[string]string{"person": name, "by": "童例宁"}, &code)
	c, store := s.openStore()
	must(s.t, c.Enrol(s.t.Context(), s.origin, code.Code, name))
	return &seaman{c, store, name}
}

// now gives somebody other roles: those he has end yesterday.
func (s *shore) now(name string, has ...map[string]any) {
	s.t.Helper()
	v, err := s.office.Get(s.people[name])
	must(s.t, err)
	d, err := s.office.Edit(s.people[name])
	must(s.t, err)
	had, _ := v.Value("roles").([]any)
	for _, item := range had {
		ref, _ := item.(map[string]any)["id"].(string)
		d.SetItem("roles", clientsdk.ItemRef(ref), map[string]any{"to": s.clock().AddDate(0, 0, -2).Format(time.DateOnly)})
	}
	for _, r := range has {
		d.AddItem("roles", r)
	}
	must(s.t, s.office.Submit(s.t.Context(), d))
	s.sync(s.office)
}

// visit submits a visit that says a word, and tells its record.
func (s *shore) visit(by *clientsdk.Client, word string, more map[string]any) syncproto.RecordID {
	s.t.Helper()
	d, err := by.Create("ZF")
	must(s.t, err)
	d.Fill(map[string]any{"visit_type": "船上走访", "visit_mode": "船上", "met": "未遇", "boat_id": syncproto.NewRecordID(s.clock()).String(), "scene": word,
		"notice_given": true, "place_code": hereVillage, "visibility": "本级及上级"})
	d.Fill(more)
	must(s.t, by.Submit(s.t.Context(), d))
	return d.Record()
}

// assignment names somebody as who answers for a household.
func (s *shore) assignment(household syncproto.RecordID, cadre, place string) *clientsdk.Draft {
	s.t.Helper()
	d, err := s.office.Create("GB")
	must(s.t, err)
	return d.Fill(map[string]any{"household_id": household.String(), "cadre_id": s.people[cadre].String(), "unit": "东极镇", "unit_level": "乡镇", "phone": "13900000000",
		"from_on": "2026-01-01", "place_code": place, "cycle": map[string]any{"window": "每季", "required": 1}})
}

// holds reports whether a word lies anywhere in the device's store.
func (p *seaman) holds(t testing.TB, word string) (found bool) {
	t.Helper()
	must(t, p.store.Scan(nil, nil, func(k, v []byte) error {
		found = found || bytes.Contains(v, []byte(word)) || bytes.Contains(k, []byte(word))
		return nil
	}))
	return found
}

func (s *shore) wants(what string, p *seaman, word string, want bool) {
	s.t.Helper()
	if got := p.holds(s.t, word); got != want {
		s.t.Errorf("%s: %s's device holds %q: %t", what, p.name, word, got)
	}
}

func cadreOf(place string) map[string]any {
	return map[string]any{"role": "外勤干部", "place": place}
}

// Whoever gets a village sees all of it at his next sync, however old; whoever
// loses it hands in what he wrote there and gives up what others wrote.
func TestOneEntersAndAnotherLeaves(t *testing.T) {
	for name, later := range map[string]time.Duration{"the next day": 24 * time.Hour, "after 180 days": 180 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newShore(t)
			stays, leaves, enters := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township)), s.person("丙例", cadreOf(otherTown))
			s.visit(stays.Client, "all-of-the-village", nil)
			s.sync(stays.Client)
			s.sync(leaves.Client)
			s.sync(enters.Client)
			s.wants("before", leaves, "all-of-the-village", true)
			s.wants("before", enters, "all-of-the-village", false)
			atSea := s.visit(leaves.Client, "written-at-sea", nil)
			s.ahead += later
			s.now("乙例", cadreOf(otherTown))
			s.now("丙例", cadreOf(township))
			s.sync(enters.Client)
			s.wants("entered", enters, "all-of-the-village", true)
			s.sync(leaves.Client)
			s.wants("left", leaves, "all-of-the-village", false)
			s.wants("left, his own", leaves, "written-at-sea", true)
			st, err := leaves.Status(atSea)
			must(t, err)
			if st.Sync != clientsdk.SyncHeld || !slices.ContainsFunc(st.Reasons, func(r string) bool { return strings.Contains(r, "不在您的范围内") }) {
				t.Errorf("what he wrote at sea is %s: %v", st.Sync, st.Reasons)
			}
			s.sync(stays.Client)
			s.wants("held", stays, "written-at-sea", false)
		})
	}
}

// A record that moves to another township is gone from the devices of the one
// and on those of the other.
func TestARecordMovesToAnotherTownship(t *testing.T) {
	s := newShore(t)
	here, there := s.person("甲例", cadreOf(township)), s.person("丙例", cadreOf(otherTown))
	id := s.visit(here.Client, "what-moves", nil)
	s.sync(here.Client)
	s.sync(s.office)
	bystander := s.person("丁例", cadreOf(township))
	s.wants("before", bystander, "what-moves", true)
	d, err := s.office.Edit(id)
	must(t, err)
	must(t, s.office.Submit(t.Context(), d.Set("place_code", farVillage)))
	s.sync(s.office)
	s.sync(bystander.Client)
	s.sync(there.Client)
	s.wants("after", bystander, "what-moves", false)
	s.wants("after", there, "what-moves", true)
	s.sync(here.Client)
	s.wants("its writer, after", here, "what-moves", true)
}

// Visibility narrowed takes a record from those beyond, widened gives it back.
func TestVisibilityNarrowedAndWidened(t *testing.T) {
	s := newShore(t)
	writer, other := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township))
	id := s.visit(writer.Client, "seen-or-not", nil)
	s.sync(writer.Client)
	s.sync(other.Client)
	s.wants("wide", other, "seen-or-not", true)
	for _, step := range []struct {
		visibility string
		sees       bool
	}{{"限定人员", false}, {"本级", true}, {"本人", false}, {"本级及上级", true}} {
		d, err := writer.Edit(id)
		must(t, err)
		must(t, writer.Submit(t.Context(), d.Set("visibility", step.visibility)))
		s.sync(writer.Client)
		s.sync(other.Client)
		s.wants(step.visibility, other, "seen-or-not", step.sees)
		s.wants(step.visibility, writer, "seen-or-not", true)
	}
}

// A household's cadre reads the visit that names it, wherever that was.
func TestAVisitNamesAHouseholdOfElsewhere(t *testing.T) {
	s := newShore(t)
	writer, cadre, neighbour := s.person("甲例", cadreOf(township)), s.person("丙例", cadreOf(farVillage)), s.person("丁例", cadreOf(farVillage))
	household := syncproto.NewRecordID(s.clock())
	must(t, s.office.Submit(t.Context(), s.assignment(household, "丙例", farVillage)))
	s.sync(s.office)
	s.visit(writer.Client, "named-from-afar", map[string]any{"visit_type": "入户走访", "household_id": household.String(), "household_mask": "仇某某户", "situation": "for-the-team"})
	s.sync(writer.Client)
	s.sync(cadre.Client)
	s.sync(neighbour.Client)
	s.wants("its cadre", cadre, "named-from-afar", true)
	s.wants("its cadre", cadre, "for-the-team", true)
	s.wants("his neighbour", neighbour, "named-from-afar", false)
}

// A village is merged into another. What was written in it keeps its code and
// is read by those who now answer for it.
func TestAVillageIsMergedIntoAnother(t *testing.T) {
	s := newShore(t)
	writer := s.person("甲例", cadreOf(township))
	successor := s.person("丙例", cadreOf(farVillage))
	s.visit(writer.Client, "of-the-old-village", nil)
	s.sync(writer.Client)
	s.sync(successor.Client)
	s.wants("before", successor, "of-the-old-village", false)
	places := map[string]*clientsdk.Draft{}
	for code, name := range map[string]string{hereVillage: "前岙村", farVillage: "大村"} {
		d, err := s.office.Create("place")
		must(t, err)
		must(t, s.office.Submit(t.Context(), d.Set("code", code).Set("name", name)))
		places[code] = d
	}
	s.sync(s.office)
	d, err := s.office.Edit(places[hereVillage].Record())
	must(t, err)
	must(t, s.office.Submit(t.Context(), d.Set("valid_to", s.clock().Format(time.DateOnly)).Set("successor", farVillage)))
	s.sync(s.office)
	s.sync(successor.Client)
	s.wants("after", successor, "of-the-old-village", true)
	page := s.browser("丙例")
	if status, body := page.get("/"); status != http.StatusOK || !strings.Contains(body, "船上走访") {
		t.Errorf("the timeline of the successor: %d", status)
	}
	s.restart()
	s.sync(successor.Client)
	s.wants("after a restart", successor, "of-the-old-village", true)
}

// Two administrators name another cadre for a household while both cadres are
// at sea: both rows stay, none counts, and both go on writing.
func TestResponsibleCadreReplacedAtSea(t *testing.T) {
	s := newShore(t)
	first, second := s.person("甲例", cadreOf(township)), s.person("乙例", cadreOf(township))
	household := syncproto.NewRecordID(s.clock())
	must(t, s.office.Submit(t.Context(), s.assignment(household, "甲例", hereVillage)))
	s.sync(s.office)
	s.sync(first.Client)
	log := func(by *seaman, word string) syncproto.RecordID {
		d, err := by.Create("RZ")
		must(t, err)
		d.Fill(map[string]any{"household_id": household.String(), "household_mask": "仇某某户", "cadre_id": s.people[by.name].String(), "on": "2026-05-20", "mode": "走访",
			"what": word, "place_code": hereVillage})
		must(t, by.Submit(t.Context(), d))
		return d.Record()
	}
	before := log(first, "written-before-he-knew")
	must(t, s.office.Submit(t.Context(), s.assignment(household, "乙例", hereVillage)))
	s.sync(s.office)
	s.sync(first.Client)
	s.sync(second.Client)
	st, err := first.Status(before)
	must(t, err)
	if st.Sync != clientsdk.SyncReceived {
		t.Errorf("what the first wrote at sea is %s: %v", st.Sync, st.Reasons)
	}
	s.wants("the second, while it is open", second, "written-before-he-knew", false)
	rows, err := second.Query(clientsdk.Filter{Kinds: []string{"GB"}})
	must(t, err)
	if len(rows) != 2 {
		t.Errorf("the second knows of %d assignments", len(rows))
	}
}
