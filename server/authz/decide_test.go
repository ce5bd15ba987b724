package authz_test

import (
	"testing"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
)

// Every role against every kind: who may decide without a relation to the
// record, and who only with one. `d` and `d°` of domain.md 5.1, in its order:
// ZF HY SQ CN HD FA GB RZ.
func TestDecidesByRole(t *testing.T) {
	kinds := []string{"ZF", "HY", "SQ", "CN", "HD", "FA", "GB", "RZ"}
	for _, c := range []struct {
		role           authz.Role
		place, line    string
		alone, related string
	}{
		{authz.RoleCity, "3309", "", "..dd....", "dddd...."},
		{authz.RoleCounty, "330903", "", "..dd....", "dddd...."},
		{authz.RoleTownship, "330903105", "", ".ddd....", "dddd.d.."}, // 本级: a meeting's words
		{authz.RoleTownship, "330903105", "民政/帮扶", ".ddd.d..", "dddd.d.."},
		{authz.RoleAide, "330903105", "", "........", "........"},
		{authz.RoleField, "330903105", "", "........", "..dd...."},
		{authz.RoleOffice, "330903105", "民政", "........", "..d....."},
		{authz.RoleVillage, "330903105902", "", "........", "........"},
		{authz.RoleGrid, "330903105902", "", "........", "........"},
		{authz.RoleAdmin, "330903105", "", "ddddddd.", "ddddddd."},
		{authz.RoleInspector, "330903105", "", "..d.....", "..d....."},
		{authz.RoleAuditor, "3309", "", "........", "........"},
		{authz.RoleMaintainer, "3309", "", "........", "........"},
	} {
		v := viewer(c.role, c.place, c.line)
		elsewhere := viewer(c.role, "330922", c.line)
		for i, kind := range kinds {
			alone, related := record(kind), record(kind)
			related.Related = []syncproto.PersonID{me}
			if got := v.Decides(alone); got != (c.alone[i] == 'd') {
				t.Errorf("%s (%s) decides on %s: %t", c.role, c.line, kind, got)
			}
			if got := v.Decides(related); got != (c.related[i] == 'd') {
				t.Errorf("%s (%s) with a relation decides on %s: %t", c.role, c.line, kind, got)
			}
			if elsewhere.Decides(related) {
				t.Errorf("%s of another county decides on %s", c.role, kind)
			}
			excluded := record(kind)
			excluded.Excluded = []syncproto.PersonID{me}
			if v.Decides(excluded) || v.Comments(excluded) {
				t.Errorf("%s decides on %s although he is named in it", c.role, kind)
			}
		}
	}
}

func TestByLineOfDutyOnAVisitToAHousehold(t *testing.T) {
	f := record("ZF")
	f.Household = household
	if !viewer(authz.RoleTownship, "330903105", "民政/帮扶").Decides(f) || viewer(authz.RoleTownship, "330903105", "渔农").Decides(f) {
		t.Error("the leader by line of duty decides on a visit to a household, another does not")
	}
}

func TestCommentsAreALeaders(t *testing.T) {
	for role, want := range map[authz.Role]bool{authz.RoleCity: true, authz.RoleCounty: true, authz.RoleTownship: true, authz.RoleAide: false,
		authz.RoleField: false, authz.RoleAdmin: false, authz.RoleInspector: false, authz.RoleVillage: false} {
		if got := viewer(role, "330903105", "").Comments(record("ZF")); got != want {
			t.Errorf("%s comments: %t", role, got)
		}
	}
	county := record("ZF")
	county.Visibility = authz.VisibleLevel
	if viewer(authz.RoleCounty, "330903", "").Comments(county) {
		t.Error("a county leader comments on what is for the township alone")
	}
	if viewer(authz.RoleTownship, "330903105", "").Comments(record("RZ")) {
		t.Error("a leader comments on a household's log that he may not read")
	}
}

func TestVoidsByRole(t *testing.T) {
	for _, role := range []authz.Role{authz.RoleCity, authz.RoleTownship, authz.RoleAide, authz.RoleField, authz.RoleVillage, authz.RoleAdmin, authz.RoleInspector} {
		if got := viewer(role, "330903105", "民政/帮扶").Voids(record("RZ")); got != (role == authz.RoleAdmin) {
			t.Errorf("%s voids: %t", role, got)
		}
	}
	if viewer(authz.RoleAdmin, "330922", "").Voids(record("ZF")) {
		t.Error("another county's administrator voids")
	}
}
