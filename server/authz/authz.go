// Package authz decides who may read and write what: a pure function of a
// person's role grants, his relations to a record, and the record's facts. It
// touches no store and no clock; what it knows of a record is in Facts.
//
// The table is the matrix of domain.md 5.1 as it stands there (matrix.go). What
// is not in it: whoever is in a record's team reads the team part whatever his
// role says, its writers all of it, and who is named in 回避 nothing. Rights of
// a villager's own person record and of reference data are rules of their own.
//
// May is the whole answer; the other questions are parts of it.
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
	Unit  syncproto.RecordID
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
	// Behalf lists the delegations that were given to him.
	Behalf []Delegation
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
	Assigned   syncproto.RecordID // the unit that a demand was given to last
	Behalf     syncproto.PersonID // the leader it was written for
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
	case "person", "unit", "place", "boat", "WT":
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
	reads     = List | Scope | Team
)

// May is what a viewer may do to one record. The zero value hides that it exists.
type May struct {
	Now    Right // as he is
	Tap    Right // what a reason given on tap opens besides, for that one look
	Author bool  // he is a writer of it and reads the author part
}

// Has reports whether he may do all of r as he is.
func (m May) Has(r Right) bool { return m.Now&r == r }

// Audience is the classes he may read as he is, ForNobody when not more than a row.
func (m May) Audience() syncproto.Audience {
	if m.Author {
		return syncproto.ForAll
	}
	return m.Now.audience()
}

func (r Right) audience() (a syncproto.Audience) {
	if r&Team != 0 {
		return scopeTeam
	}
	if r&(Scope|Masked) != 0 {
		return syncproto.ForScope
	}
	return syncproto.ForNobody
}

// TapAudience is the classes he may read once he has given a reason.
func (m May) TapAudience() syncproto.Audience { return m.Audience() | (m.Now | m.Tap).audience() }

// May judges by the grants that the viewer has: see Viewer.On for their dates.
func (v *Viewer) May(f *Facts) (m May) {
	if slices.Contains(f.Excluded, v.Person) {
		return m
	}
	m.Author = slices.Contains(f.Writers, v.Person)
	if m.Author {
		m.Now = reads
	}
	switch {
	case f.Villager:
		if m.Author || v.worksAround(f.Place) {
			m.Now |= reads
		}
		if v.has(RoleAdmin) {
			m.Now |= Write | Decide | Void
		}
		return m
	case Reference(f.Kind):
		m.Now |= reads
		if v.has(RoleAdmin) {
			m.Now |= Write | Decide | Void
		}
		if m.Author && f.Kind == "WT" {
			m.Now |= Write
		}
		return m
	}
	near := m.Author || v.inTeam(f)
	if near && v.writesSomewhere(f) || v.Cares[f.Household] && !f.Household.IsZero() {
		m.Now |= Write
	}
	if f.Draft || f.Visibility == VisibleSelf {
		if !m.Author {
			return May{Now: m.Now & Write}
		}
		return m
	}
	if near {
		m.Now |= reads
	} else if f.Kind == "GB" && v.Named[f.Household] {
		m.Now |= List | Scope
	}
	for i := range v.Grants {
		now, tap := v.Grants[i].may(f, near)
		m.Now, m.Tap = m.Now|now, m.Tap|tap
	}
	m.Tap &^= m.Now
	return m
}

// inTeam reports whether the record itself puts the viewer into its team, its
// household does, or the unit that it was given to.
func (v *Viewer) inTeam(f *Facts) bool {
	return slices.Contains(f.Related, v.Person) || !f.Household.IsZero() && v.Cares[f.Household] ||
		!f.Assigned.IsZero() && slices.ContainsFunc(v.Grants, func(g Grant) bool { return g.Role == RoleOffice && g.Unit == f.Assigned })
}

// may is what one grant gives for a record; near says that the viewer has a
// relation to it.
func (g Grant) may(f *Facts, near bool) (now, tap Right) {
	if !g.holds(f) {
		return 0, 0
	}
	c := g.cellOf(f.Kind)
	now = c.always
	if near || g.byLine(f) || g.byLevel(f) {
		now |= c.related
	}
	if g.inTeam(f) {
		now |= reads
	}
	return now, c.tap
}

// inTeam reports whether the grant puts its holder into the record's team:
// into every household's of his township by line of duty, and the administrator
// into a promise's. A leader reads by that line of duty what his township's
// visits, demands and promises tell, of whichever household.
func (g Grant) inTeam(f *Facts) bool {
	switch g.Role {
	case RoleTownship:
		return g.assists() && placeLevel(g.Place) >= levelTownship
	case RoleOffice:
		return g.byLine(f) && placeLevel(g.Place) >= levelTownship
	case RoleAdmin:
		return f.Kind == "CN"
	}
	return false
}

// byLine is the relation 按分工: to what concerns a household.
func (g Grant) byLine(f *Facts) bool { return g.assists() && !f.Household.IsZero() }

// byLevel is the relation 本级 to what was said in a meeting.
func (g Grant) byLevel(f *Facts) bool {
	if f.Kind != "HY" || placeLevel(g.Place) < placeLevel(f.OwnerPlace) {
		return false
	}
	switch g.Role {
	case RoleVillage, RoleGrid, RoleOffice:
		return false // downwards only what they took part in
	}
	return true
}

// holds reports whether the grant's territory holds the record, and whether it
// is visible there: 限定人员 is what the matrix says of a household's own
// records, and of any other it leaves those who look after households, and the
// administrator.
func (g Grant) holds(f *Facts) bool {
	if g.Place == "" || !strings.HasPrefix(f.Place, g.Place) {
		return false
	}
	switch f.Visibility {
	case VisibleUpwards:
		return true
	case VisibleNamed:
		return HouseholdKind(f.Kind) || g.Role == RoleAdmin || (g.Role == RoleTownship || g.Role == RoleOffice) && g.assists()
	}
	return placeLevel(g.Place) >= placeLevel(f.OwnerPlace)
}

const levelTownship = 4

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
		return levelTownship
	}
	return 5
}

// worksAround opens a villager's name to those who work in the place he lives in.
func (v *Viewer) worksAround(place string) bool {
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		switch g.Role {
		case RoleTownship, RoleField, RoleVillage, RoleGrid, RoleAdmin, RoleOffice:
			return g.Place != "" && strings.HasPrefix(place, g.Place)
		}
		return false
	})
}

// Reads says which audience classes of the record the viewer may read as he
// is; ForNobody when none, though lists may show him its row (List).
func (v *Viewer) Reads(f *Facts) syncproto.Audience { return v.May(f).Audience() }

// Writes reports whether the viewer may write to the record as it stands. It
// is the gate of the whole record: it lets in who may write, decide or comment
// anything there. Which field is whose is for the rules of the kind.
func (v *Viewer) Writes(f *Facts) bool {
	m := v.May(f)
	return m.Now&(Write|Decide) != 0 || v.comments(f, m)
}

// LetsIn reports whether the viewer may say who else writes the record or is in
// its team: who is in it himself, and an administrator of the place. Else
// anybody with a writing role could let himself in.
func (v *Viewer) LetsIn(f *Facts) bool {
	if slices.Contains(f.Writers, v.Person) || v.inTeam(f) {
		return true
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.Role == RoleAdmin && g.Place != "" && strings.HasPrefix(f.Place, g.Place)
	})
}

// Creates reports whether the viewer may bring a new record into being: by a
// writing role over its place, or as the household's responsible cadre. A
// record whose place is not known yet (joined by code) needs any such role.
//
// Where the matrix says w°, it is enough that the record names him: who else
// would. Not so for a household's file, plan and assignment, which name nobody
// by being written, nor for an aide, who writes for a leader alone.
func (v *Viewer) Creates(f *Facts) bool {
	if Reference(f.Kind) {
		return v.has(RoleAdmin) || f.Kind == "WT" && slices.Contains(f.Writers, v.Person) && v.Leads()
	}
	if !f.Household.IsZero() && v.Cares[f.Household] {
		return true
	}
	named := slices.Contains(f.Writers, v.Person) || slices.Contains(f.Related, v.Person)
	if f.Kind == "HD" || f.Kind == "FA" || f.Kind == "GB" {
		named = false
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		if g.Place == "" || f.Place != "" && !strings.HasPrefix(f.Place, g.Place) {
			return false
		}
		c := g.cellOf(f.Kind)
		related := named || g.byLine(f)
		if g.Role == RoleAide {
			related = !f.Behalf.IsZero()
		}
		return c.always&Write != 0 || c.related&Write != 0 && related
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
