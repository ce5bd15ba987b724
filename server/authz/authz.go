// Package authz decides who may read and write what: a pure function of a
// person's role grants, his relations to a record, and the record's facts. It
// touches no store and no clock; what it knows of a record is in Facts.
//
// This is the plain form of domain.md 5.1: one table row per role, the
// relations that open more (writer, household team, attendee, handler), and
// 回避. A cell that the full matrix leaves to a reason given on tap is closed
// here: nobody sees more by this table than by that one.
package authz

import (
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// Role is a role as it stands in a person's record.
type Role string

// The roles of domain.md 5.1.
const (
	RoleCity       Role = "市级领导"
	RoleCounty     Role = "县（区）领导"
	RoleTownship   Role = "乡镇（街道）领导"
	RoleAide       Role = "联络员"
	RoleField      Role = "外勤干部"
	RoleOffice     Role = "部门经办人"
	RoleVillage    Role = "村（社区）干部"
	RoleGrid       Role = "网格员"
	RoleAdmin      Role = "管理员"
	RoleInspector  Role = "督查员"
	RoleAuditor    Role = "审计员"
	RoleMaintainer Role = "系统运维"
)

// IsRole reports whether there is such a role.
func IsRole(r Role) bool {
	switch r {
	case RoleCity, RoleCounty, RoleTownship, RoleAide, RoleField, RoleOffice, RoleVillage, RoleGrid, RoleAdmin, RoleInspector, RoleAuditor, RoleMaintainer:
		return true
	}
	return false
}

// Grant is one role of a person on the places whose codes begin with Place.
type Grant struct {
	Role  Role
	Place string
	// Line is the line of duty (分工); 民政 and 帮扶 open household teams.
	Line string
	// FromOn and ToOn bound it, as dates; empty is open.
	FromOn, ToOn string
}

// assists reports whether the line of duty puts the holder into the teams of
// the territory's households.
func (g Grant) assists() bool {
	return strings.Contains(g.Line, "民政") || strings.Contains(g.Line, "帮扶")
}

// Viewer is a person as far as rights go. Cares lists the households of which
// he is the responsible cadre now; Named those he is named for in one of
// several open rows: he knows of these rows and does not see the file.
type Viewer struct {
	Person syncproto.PersonID
	Grants []Grant
	Cares  map[syncproto.RecordID]bool
	Named  map[syncproto.RecordID]bool
}

// On returns the viewer with only the grants in force on a date (2006-01-02).
func (v Viewer) On(date string) Viewer {
	v.Grants = slices.DeleteFunc(slices.Clone(v.Grants), func(g Grant) bool {
		return g.FromOn != "" && date < g.FromOn || g.ToOn != "" && date > g.ToOn
	})
	return v
}

// Visibility orders 可见范围 from strict to wide.
type Visibility uint8

// The values of 可见范围.
const (
	VisibleSelf    Visibility = iota // 本人
	VisibleNamed                     // 限定人员
	VisibleLevel                     // 本级
	VisibleUpwards                   // 本级及上级
)

// Facts is what rights depend on in a record.
type Facts struct {
	Kind       string
	Place      string             // the place it lies in; the owner unit's when at sea
	OwnerPlace string             // place scope of the owner unit
	Unit       syncproto.RecordID // owner unit
	Household  syncproto.RecordID
	Visibility Visibility
	Draft      bool // shared but not submitted
	// Villager marks a person record of somebody without a post: read where he
	// lives by those who work there, not by everybody who is enrolled.
	Villager bool
	// Writers read everything; Related are in its team; Excluded see nothing.
	Writers, Related, Excluded []syncproto.PersonID
}

// Reference reports whether a kind is reference data, read by all enrolled.
func Reference(kind string) bool {
	switch kind {
	case "person", "unit", "place", "boat":
		return true
	}
	return false
}

// HouseholdKind reports whether records of the kind belong to a household's own file.
func HouseholdKind(kind string) bool {
	switch kind {
	case "HD", "FA", "GB", "RZ":
		return true
	}
	return false
}

const (
	scopeTeam = syncproto.ForScope | syncproto.ForTeam
)

// Reads says which audience classes of the record the viewer may read;
// ForNobody hides that it exists.
func (v *Viewer) Reads(f *Facts) syncproto.Audience {
	switch {
	case slices.Contains(f.Excluded, v.Person):
		return syncproto.ForNobody
	case slices.Contains(f.Writers, v.Person):
		return syncproto.ForAll
	case f.Villager:
		return v.readsVillager(f)
	case Reference(f.Kind):
		return scopeTeam
	case f.Draft || f.Visibility == VisibleSelf:
		return syncproto.ForNobody
	case slices.Contains(f.Related, v.Person):
		return scopeTeam
	case !f.Household.IsZero() && v.Cares[f.Household]:
		return scopeTeam
	}
	var out syncproto.Audience
	if f.Kind == "GB" && v.Named[f.Household] {
		out = syncproto.ForScope
	}
	for i := range v.Grants {
		out |= v.Grants[i].reads(f)
	}
	return out
}

// readsVillager opens a villager's name to those who work in the place he
// lives in, and to whoever answers for a household there.
func (v *Viewer) readsVillager(f *Facts) syncproto.Audience {
	for _, g := range v.Grants {
		switch g.Role {
		case RoleTownship, RoleField, RoleVillage, RoleGrid, RoleAdmin, RoleOffice:
			if g.Place != "" && strings.HasPrefix(f.Place, g.Place) {
				return scopeTeam
			}
		}
	}
	return syncproto.ForNobody
}

// holds reports whether the grant's territory holds the record and its level
// is one the record is visible to.
func (g Grant) holds(f *Facts) bool {
	if g.Place == "" || !strings.HasPrefix(f.Place, g.Place) {
		return false
	}
	level, owner := placeLevel(g.Place), placeLevel(f.OwnerPlace)
	return f.Visibility == VisibleUpwards || level >= owner || f.Visibility == VisibleNamed
}

// placeLevel is 1 for a province down to 5 for a village, by the code's length.
func placeLevel(code string) int {
	switch {
	case len(code) <= 2:
		return 1
	case len(code) <= 4:
		return 2
	case len(code) <= 6:
		return 3
	case len(code) <= syncproto.TownshipDigits:
		return 4
	}
	return 5
}

func (g Grant) reads(f *Facts) syncproto.Audience {
	if !g.holds(f) {
		return syncproto.ForNobody
	}
	if HouseholdKind(f.Kind) || f.Visibility == VisibleNamed {
		return g.readsHousehold(f)
	}
	local := placeLevel(g.Place) >= placeLevel(f.OwnerPlace) // 本级
	switch g.Role {
	case RoleCity, RoleCounty, RoleAide:
		return syncproto.ForScope
	case RoleTownship:
		if g.assists() || f.Kind == "HY" && local {
			return scopeTeam
		}
		return syncproto.ForScope
	case RoleField:
		if f.Kind == "HY" && local {
			return scopeTeam
		}
		return syncproto.ForScope
	case RoleAdmin:
		if f.Kind == "ZF" || f.Kind == "TY" || f.Kind == "DD" {
			return syncproto.ForScope // the team part only on tap with a reason
		}
		return scopeTeam
	case RoleVillage, RoleGrid, RoleInspector:
		if f.Kind == "SQ" || f.Kind == "CN" {
			return syncproto.ForScope
		}
	}
	return syncproto.ForNobody
}

// readsHousehold covers what is 限定人员 by default: household files and what hangs on them.
func (g Grant) readsHousehold(f *Facts) syncproto.Audience {
	switch g.Role {
	case RoleTownship:
		if g.assists() && len(g.Place) >= syncproto.TownshipDigits {
			return scopeTeam
		}
		if f.Kind == "GB" {
			return syncproto.ForScope
		}
	case RoleOffice:
		if g.assists() && len(g.Place) >= syncproto.TownshipDigits {
			return scopeTeam
		}
	case RoleAdmin:
		return syncproto.ForScope
	case RoleVillage, RoleGrid:
		if f.Kind == "HD" || f.Kind == "GB" {
			return syncproto.ForScope
		}
	}
	return syncproto.ForNobody
}

// Writes reports whether the viewer may write the record: create it there, or
// edit it as it stands. What he may not read he may not write.
func (v *Viewer) Writes(f *Facts) bool {
	if slices.Contains(f.Excluded, v.Person) {
		return false
	}
	if Reference(f.Kind) {
		return v.has(RoleAdmin)
	}
	if slices.Contains(f.Writers, v.Person) || slices.Contains(f.Related, v.Person) {
		return v.writesSomewhere(f)
	}
	if !f.Household.IsZero() && v.Cares[f.Household] {
		return true
	}
	if f.Draft || f.Visibility == VisibleSelf {
		return false
	}
	for _, g := range v.Grants {
		if strings.HasPrefix(f.Place, g.Place) && g.Place != "" && g.writes(f.Kind) {
			return true
		}
	}
	return false
}

// LetsIn reports whether the viewer may say who else writes the record or is in
// its team: who is in it himself, and an administrator of the place. Else
// anybody with a writing role could let himself in.
func (v *Viewer) LetsIn(f *Facts) bool {
	if slices.Contains(f.Writers, v.Person) || slices.Contains(f.Related, v.Person) || !f.Household.IsZero() && v.Cares[f.Household] {
		return true
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.Role == RoleAdmin && g.Place != "" && strings.HasPrefix(f.Place, g.Place)
	})
}

// Creates reports whether the viewer may bring a new record into being: by a
// writing role over its place, or as the household's responsible cadre. A
// record whose place is not known yet (joined by code) needs any such role.
func (v *Viewer) Creates(f *Facts) bool {
	if Reference(f.Kind) {
		return v.has(RoleAdmin)
	}
	if !f.Household.IsZero() && v.Cares[f.Household] {
		return true
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.Place != "" && g.writes(f.Kind) && (f.Place == "" || strings.HasPrefix(f.Place, g.Place))
	})
}

func (v *Viewer) has(role Role) bool {
	return slices.ContainsFunc(v.Grants, func(g Grant) bool { return g.Role == role })
}

// writesSomewhere keeps a relation from outliving every role: a person without
// any writing grant over the place writes nothing.
func (v *Viewer) writesSomewhere(f *Facts) bool {
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		if g.Role == RoleAuditor || g.Role == RoleMaintainer {
			return false
		}
		return strings.HasPrefix(f.Place, g.Place) || strings.HasPrefix(g.Place, f.Place)
	})
}

func (g Grant) writes(kind string) bool {
	switch g.Role {
	case RoleAdmin:
		return kind != "SJ"
	case RoleCity, RoleCounty, RoleTownship, RoleField, RoleAide:
		return kind != "HD" && kind != "GB" && kind != "FA"
	case RoleVillage, RoleGrid:
		return kind != "GB" && kind != "FA" && kind != "RZ"
	}
	return false
}

// Leads reports whether the viewer is a leader of some place.
func (v *Viewer) Leads() bool {
	return v.has(RoleCity) || v.has(RoleCounty) || v.has(RoleTownship)
}

// MayGrant reports whether the viewer may hand out a role on a place: only an
// administrator, only inside his own territory.
func (v *Viewer) MayGrant(place string) bool {
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.Role == RoleAdmin && g.Place != "" && strings.HasPrefix(place, g.Place)
	})
}

// Territory lists the place prefixes of the viewer's reading grants.
func (v *Viewer) Territory() []string {
	var out []string
	for _, g := range v.Grants {
		if g.Role != RoleAuditor && g.Role != RoleMaintainer && g.Place != "" && !slices.Contains(out, g.Place) {
			out = append(out, g.Place)
		}
	}
	return out
}

// Clearance says which classes the viewer may read of every record of an
// atom without looking at each, and ForNobody when each must be looked at.
// It is what lets a page pass on stored bytes.
func (v *Viewer) Clearance(atom syncproto.Atom) syncproto.Audience {
	switch {
	case atom == syncproto.AtomReference:
		return scopeTeam
	case atom == syncproto.PersonAtom(v.Person):
		return syncproto.ForAll
	case strings.HasPrefix(string(atom), "h:"):
		if id, err := syncproto.ParseRecordID(string(atom[2:])); err == nil && v.Cares[id] {
			return scopeTeam
		}
	case strings.HasPrefix(string(atom), "t:"):
		township := string(atom[2:])
		for _, g := range v.Grants {
			if g.Role == RoleTownship && g.assists() && g.Place == township {
				return scopeTeam
			}
		}
	}
	return syncproto.ForNobody
}
