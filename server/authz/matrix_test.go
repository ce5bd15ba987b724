package authz_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
)

const (
	columns = "ZF HY SQ CN HD FA GB RZ NT"
	letters = "lmrtwdvx"
)

// everyCell is the matrix of domain.md 5.1 worked out: what each role may do
// to a record of each kind in its territory as it is; when the record names
// him besides; and what a reason opens. 本级 counts as a relation to a meeting,
// 按分工 to what is a household's, and whoever is in a team reads and writes.
var everyCell = []struct {
	role                authz.Role
	place, line         string
	alone, related, tap string
}{
	{authz.RoleCity, "3309", "",
		"lmwx lrx lmwdx lrwx l l lm l lrdx",
		"lmrtwdx lrtwdx lmrtwdx lrtwdx lrtw lrtw lmrtw lrtw lrtwdx",
		"- - - - - - - - -"},
	{authz.RoleCounty, "330903", "",
		"lmwx lrx lmwdx lrwx l l lm l lrdx",
		"lmrtwdx lrtwdx lmrtwdx lrtwdx lrtw lrtw lmrtw lrtw lrtwdx",
		"- - - - - - - - -"},
	{authz.RoleTownship, "330903105", "",
		"lrwx lrtwdx lrwdx lrwx l l lr l lrwdx",
		"lrtwdx lrtwdx lrtwdx lrtwdx lrtwx lrtwd lrtw lrtw lrtwdx",
		"- - - - - - - - -"},
	{authz.RoleTownship, "330903105", "民政/帮扶",
		"lrtwx lrtwdx lrtwdx lrtwx lrtx lrtd lrt lrtw lrtwdx",
		"lrtwdx lrtwdx lrtwdx lrtwdx lrtwx lrtwd lrtw lrtw lrtwdx",
		"- - - - - - - - -"},
	{authz.RoleAide, "330903", "",
		"lm lr lm lr - - lm - lr",
		"lmrtw lrtw lmrtw lrtw lrtw lrtw lmrtw lrtw lrtw",
		"- - - - - - - - -"},
	{authz.RoleField, "330903105", "",
		"lmw lrtwv lmw lrw l l lm l l",
		"lmrtwvx lrtwv lmrtwdv lrtwdv lrtw lrtw lmrtw lrtwvx lrtw",
		"- - - - - - - - -"},
	{authz.RoleOffice, "330903", "",
		"- - - - - - - - l",
		"lrtw lrtw lrtwdx lrtw lrtw lrtw lrtw lrtw lrtw",
		"- - - - - - - - -"},
	{authz.RoleOffice, "330903105", "民政",
		"- - - - lrtwx lrtw lrt lrt l",
		"lrtw lrtw lrtwdx lrtw lrtwx lrtw lrtw lrtw lrtw",
		"- - - - - - - - -"},
	{authz.RoleVillage, "330903105902", "",
		"w w lmw lr lrw l lr - l",
		"lrtwv lrtwv lmrtwv lrtwv lrtw lrtw lrtw lrtw lrtw",
		"- - - - - - - - -"},
	{authz.RoleGrid, "330903105902", "",
		"w w lmw lr lrw l lr - l",
		"lrtwv lrtwv lmrtwv lrtwv lrtw lrtw lrtw lrtw lrtw",
		"- - - - - - - - -"},
	{authz.RoleAdmin, "330903105", "",
		"lrwdvx lrtwdvx lrtwdvx lrtwdvx lrwdvx lrdvx lrwdvx lrvx lrtwdvx",
		"lrtwdvx lrtwdvx lrtwdvx lrtwdvx lrtwdvx lrtwdvx lrtwdvx lrtwvx lrtwdvx",
		"t - - - t t t t -"},
	{authz.RoleInspector, "330903", "",
		"l l lmdx lrx - - l - lrtwdx",
		"lrtw lrtw lmrtwdx lrtwx lrtw lrtw lrtw lrtw lrtwdx",
		"- - - - - - - - -"},
	{authz.RoleAuditor, "3309", "",
		"- - - - - - - - -",
		"lrt lrt lrt lrt lrt lrt lrt lrt lrt",
		"- - - - - - - - -"},
	{authz.RoleMaintainer, "3309", "",
		"- - - - - - - - -",
		"lrt lrt lrt lrt lrt lrt lrt lrt lrt",
		"- - - - - - - - -"},
}

func lettersOf(r authz.Right) (out string) {
	for i := range letters {
		if r>>i&1 == 1 {
			out += letters[i : i+1]
		}
	}
	if out == "" {
		return "-"
	}
	return out
}

func TestEveryCell(t *testing.T) {
	kinds := strings.Fields(columns)
	for _, row := range everyCell {
		v := viewer(row.role, row.place, row.line)
		alone, related, tap := strings.Fields(row.alone), strings.Fields(row.related), strings.Fields(row.tap)
		for i, kind := range kinds {
			f := record(kind)
			m := v.May(f)
			if got := lettersOf(m.Now); got != alone[i] {
				t.Errorf("%s at %s (%s) and %s: %s, want %s", row.role, row.place, row.line, kind, got, alone[i])
			}
			if got := lettersOf(m.Tap); got != tap[i] {
				t.Errorf("%s at %s (%s) and %s, with a reason: %s, want %s", row.role, row.place, row.line, kind, got, tap[i])
			}
			f.Related = []syncproto.PersonID{me}
			if got := lettersOf(v.May(f).Now); got != related[i] {
				t.Errorf("%s at %s (%s) and %s that names him: %s, want %s", row.role, row.place, row.line, kind, got, related[i])
			}
			f.Excluded = []syncproto.PersonID{me}
			if m := v.May(f); m != (authz.May{}) {
				t.Errorf("%s and %s that he is to keep away from: %s", row.role, kind, lettersOf(m.Now))
			}
			elsewhere := viewer(row.role, "330922", row.line)
			if m := elsewhere.May(record(kind)); m != (authz.May{}) || elsewhere.Creates(record(kind)) || elsewhere.Writes(record(kind)) {
				t.Errorf("%s of another county and %s: %s", row.role, kind, lettersOf(m.Now))
			}
		}
	}
}

// Visibility narrows every cell: the level of the record's unit, the team, the
// writers.
func TestVisibilityNarrows(t *testing.T) {
	for _, row := range everyCell {
		v := viewer(row.role, row.place, row.line)
		for _, kind := range []string{"ZF", "HY", "SQ", "CN"} {
			f := record(kind)
			wide := v.May(f)
			f.Visibility = authz.VisibleLevel
			if m := v.May(f); len(row.place) >= syncproto.TownshipDigits && m != wide || len(row.place) < syncproto.TownshipDigits && m != (authz.May{}) {
				t.Errorf("%s at %s and %s for 本级: %s", row.role, row.place, kind, lettersOf(m.Now))
			}
			f.Visibility = authz.VisibleNamed
			m, looksAfter := v.May(f), row.role == authz.RoleAdmin || row.role == authz.RoleTownship && row.line != ""
			if m.Audience() != syncproto.ForNobody && !looksAfter {
				t.Errorf("%s at %s and %s for 限定人员: %s", row.role, row.place, kind, lettersOf(m.Now))
			}
			f.Visibility = authz.VisibleSelf
			f.Related = []syncproto.PersonID{me}
			if m := v.May(f); m.Audience() != syncproto.ForNobody || m.Has(authz.List) || m.Tap != 0 {
				t.Errorf("%s at %s and %s for its writers: %s", row.role, row.place, kind, lettersOf(m.Now))
			}
		}
	}
}

// A demand given to a unit is in the hands of the unit's clerks, wherever it lies.
func TestAssignedToTheUnit(t *testing.T) {
	unit := syncproto.RecordID{9}
	clerk := &authz.Viewer{Person: me, Grants: []authz.Grant{{Role: authz.RoleOffice, Place: "330903", Unit: unit}}}
	f := record("SQ")
	if m := clerk.May(f); m.Now != 0 {
		t.Errorf("a demand of nobody's: %s", lettersOf(m.Now))
	}
	f.Assigned = unit
	if got := lettersOf(clerk.May(f).Now); got != "lrtwdx" {
		t.Errorf("given to his unit: %s", got)
	}
	other := &authz.Viewer{Person: me, Grants: []authz.Grant{{Role: authz.RoleOffice, Place: "330903", Unit: syncproto.RecordID{8}}}}
	if m := other.May(f); m.Now != 0 {
		t.Errorf("given to another unit: %s", lettersOf(m.Now))
	}
}

func TestCreatesByRole(t *testing.T) {
	for _, c := range []struct {
		role        authz.Role
		place, line string
		want        string // of a record that names its writer
	}{
		{authz.RoleCity, "3309", "", "ZF HY SQ CN RZ"},
		{authz.RoleTownship, "330903105", "", "ZF HY SQ CN RZ NT"},
		{authz.RoleAide, "330903", "", ""},
		{authz.RoleField, "330903105", "", "ZF HY SQ CN RZ NT"},
		{authz.RoleOffice, "330903", "", "SQ CN NT"},
		{authz.RoleOffice, "330903105", "民政", "SQ CN HD FA NT"},
		{authz.RoleVillage, "330903105902", "", "ZF HY SQ CN HD"},
		{authz.RoleAdmin, "330903105", "", "ZF HY SQ CN HD GB NT"},
		{authz.RoleInspector, "330903", "", "NT"},
		{authz.RoleAuditor, "3309", "", ""},
		{authz.RoleMaintainer, "3309", "", ""},
	} {
		v := viewer(c.role, c.place, c.line)
		var got []string
		for _, kind := range strings.Fields(columns) {
			f := record(kind)
			f.Writers = []syncproto.PersonID{me}
			if v.Creates(f) {
				got = append(got, kind)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s (%s) creates %q, want %q", c.role, c.line, strings.Join(got, " "), c.want)
		}
	}
	aide := viewer(authz.RoleAide, "330903", "")
	f := record("ZF")
	f.Behalf = somebody
	if !aide.Creates(f) {
		t.Error("an aide may not write for anybody")
	}
}

// The column of shared notes is that of visits, but not for who must not have them.
func TestSharedNotes(t *testing.T) {
	f := record("SJ")
	for role, want := range map[authz.Role]string{authz.RoleCounty: "lmx", authz.RoleAide: "-", authz.RoleAdmin: "lrx", authz.RoleField: "lm"} {
		if got := lettersOf(viewer(role, "330903", "").May(f).Now); got != want {
			t.Errorf("%s and a shared note: %s, want %s", role, got, want)
		}
	}
}
