package authz_test

import (
	"testing"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
)

const (
	none  = syncproto.ForNobody
	scope = syncproto.ForScope
	team  = syncproto.ForScope | syncproto.ForTeam
	all   = syncproto.ForAll
)

var (
	me        = syncproto.RecordID{1}
	somebody  = syncproto.RecordID{2}
	household = syncproto.RecordID{3}
)

func viewer(role authz.Role, place, line string) *authz.Viewer {
	return &authz.Viewer{Person: me, Grants: []authz.Grant{{Role: role, Place: place, Line: line}}}
}

func record(kind string) *authz.Facts {
	f := &authz.Facts{Kind: kind, Place: "330903105902", OwnerPlace: "330903105", Visibility: authz.VisibleUpwards, Writers: []syncproto.PersonID{somebody}}
	if authz.HouseholdKind(kind) {
		f.Visibility, f.Household = authz.VisibleNamed, household
	}
	return f
}

func TestRelations(t *testing.T) {
	stranger := &authz.Viewer{Person: me}
	cares := &authz.Viewer{Person: me, Cares: map[syncproto.RecordID]bool{household: true}}
	field := viewer(authz.RoleField, "330903105", "")
	f := record("ZF")
	f.Household = household
	with := func(change func(*authz.Facts)) *authz.Facts { x := *f; change(&x); return &x }
	for name, c := range map[string]struct {
		v    *authz.Viewer
		f    *authz.Facts
		want syncproto.Audience
	}{
		"nobody's business":             {stranger, f, none},
		"the writer":                    {stranger, with(func(x *authz.Facts) { x.Writers = []syncproto.PersonID{me} }), all},
		"a visitor":                     {field, with(func(x *authz.Facts) { x.Related = []syncproto.PersonID{me} }), team},
		"the responsible cadre":         {cares, f, team},
		"his household's file":          {cares, record("HD"), team},
		"回避 beats even the writer":      {stranger, with(func(x *authz.Facts) { x.Writers, x.Excluded = []syncproto.PersonID{me}, []syncproto.PersonID{me} }), none},
		"a shared draft":                {field, with(func(x *authz.Facts) { x.Draft = true }), none},
		"a private note":                {field, with(func(x *authz.Facts) { x.Visibility = authz.VisibleSelf }), none},
		"本级 hides from above":           {viewer(authz.RoleCounty, "330903", ""), with(func(x *authz.Facts) { x.Visibility = authz.VisibleLevel }), none},
		"a villager's name, where from": {field, &authz.Facts{Kind: "person", Villager: true, Place: "330903105902"}, team},
		"a villager's name, a leader":   {viewer(authz.RoleCity, "3309", ""), &authz.Facts{Kind: "person", Villager: true, Place: "330903105902"}, none},
		"a cadre's name, anybody":       {stranger, &authz.Facts{Kind: "person"}, team},
	} {
		if got := c.v.Reads(c.f); got != c.want {
			t.Errorf("%s: reads %03b, want %03b", name, got, c.want)
		}
	}
}

// Clearance must never promise more than Reads gives record by record.
func TestClearanceIsNeverWiderThanReads(t *testing.T) {
	for _, role := range []authz.Role{authz.RoleCity, authz.RoleCounty, authz.RoleTownship, authz.RoleAide, authz.RoleField, authz.RoleOffice,
		authz.RoleVillage, authz.RoleGrid, authz.RoleAdmin, authz.RoleInspector, authz.RoleAuditor, authz.RoleMaintainer} {
		for _, line := range []string{"", "民政/帮扶"} {
			for _, place := range []string{"3309", "330903", "330903105", "330903105902"} {
				v := viewer(role, place, line)
				for _, kind := range []string{"ZF", "HY", "SQ", "CN", "HD", "FA", "GB", "RZ", "TY", "SJ", "DD"} {
					f := record(kind)
					if c := v.Clearance(syncproto.TownshipAtom(f.Place)); !v.Reads(f).Has(c) {
						t.Errorf("%s at %s (%s): cleared for %03b, reads %03b of %s", role, place, line, c, v.Reads(f), kind)
					}
				}
			}
		}
	}
}

func TestGrantsEndWithTheirDates(t *testing.T) {
	v := authz.Viewer{Person: me, Grants: []authz.Grant{{Role: authz.RoleField, Place: "330903105", FromOn: "2026-05-18", ToOn: "2026-05-24"}}}
	for date, want := range map[string]bool{"2026-05-17": false, "2026-05-18": true, "2026-05-24": true, "2026-05-25": false} {
		on := v.On(date)
		if got := on.Creates(record("ZF")); got != want {
			t.Errorf("on %s he may write: %v", date, got)
		}
	}
}

func TestNobodyGrantsBeyondHisTerritory(t *testing.T) {
	admin := viewer(authz.RoleAdmin, "330903105", "")
	for place, want := range map[string]bool{"330903105": true, "330903105902": true, "330903": false, "330903104": false, "": false} {
		if got := admin.MayGrant(place); got != want {
			t.Errorf("may grant on %q: %v", place, got)
		}
	}
	if viewer(authz.RoleCity, "3309", "").MayGrant("330903105") {
		t.Error("a leader hands out roles")
	}
}

func BenchmarkReads(b *testing.B) {
	v, f := viewer(authz.RoleTownship, "330903105", "民政/帮扶"), record("RZ")
	b.ReportAllocs()
	for b.Loop() {
		v.Reads(f)
	}
}
