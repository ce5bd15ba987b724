package authz_test

import (
	"testing"

	"github.com/chuantou/chuantou/server/authz"
)

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
