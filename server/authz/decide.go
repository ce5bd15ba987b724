package authz

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Decides reports whether the viewer may decide on the record (`d` in the
// matrix of domain.md 5.1): choose one of several versions, 采用此版本. It is a
// pure function of his roles; a 联络员 never decides, whatever he wrote.
func (v *Viewer) Decides(f *Facts) bool {
	if v.Reads(f) == syncproto.ForNobody {
		return false
	}
	if Reference(f.Kind) {
		return v.has(RoleAdmin)
	}
	related := v.related(f)
	return slices.ContainsFunc(v.Grants, func(g Grant) bool { return g.decides(f, related) })
}

// related is the matrix's °: took part, wrote, was assigned, promised, answers
// for the household.
func (v *Viewer) related(f *Facts) bool {
	return slices.Contains(f.Writers, v.Person) || slices.Contains(f.Related, v.Person) || !f.Household.IsZero() && v.Cares[f.Household]
}

func (g Grant) decides(f *Facts, related bool) bool {
	if !g.holds(f) {
		return false
	}
	// Two more ways to be related: by line of duty to what concerns a
	// household, and by 本级 to what was said in a meeting.
	related = related || g.assists() && !f.Household.IsZero() || f.Kind == "HY" && placeLevel(g.Place) >= placeLevel(f.OwnerPlace)
	switch g.Role {
	case RoleCity, RoleCounty:
		return demandOrPromise(f.Kind) || related && outing(f.Kind)
	case RoleTownship:
		return demandOrPromise(f.Kind) || related && (outing(f.Kind) || f.Kind == "FA")
	case RoleField:
		return related && demandOrPromise(f.Kind)
	case RoleOffice:
		return related && f.Kind == "SQ"
	case RoleAdmin:
		return f.Kind != "RZ" && f.Kind != "SJ"
	case RoleInspector:
		return f.Kind == "SQ"
	}
	return false
}

func demandOrPromise(kind string) bool { return kind == "SQ" || kind == "CN" }

// outing covers what cadres and leaders go out for: DD and TY are as ZF.
func outing(kind string) bool {
	return kind == "ZF" || kind == "HY" || kind == "DD" || kind == "TY"
}

// Comments reports whether the viewer may write 阅示 or 批示 on the record: a
// leader whose territory holds it and who may read it (letter 领).
func (v *Viewer) Comments(f *Facts) bool {
	if v.Reads(f) == syncproto.ForNobody || Reference(f.Kind) {
		return false
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.holds(f) && (g.Role == RoleCity || g.Role == RoleCounty || g.Role == RoleTownship)
	})
}

// Voids reports whether the viewer may say of a record that it is void or that
// it is not (`v` of the matrix): an administrator whose territory holds it.
// Authors void their own on their devices.
func (v *Viewer) Voids(f *Facts) bool {
	if v.Reads(f) == syncproto.ForNobody {
		return false
	}
	if Reference(f.Kind) {
		return v.has(RoleAdmin)
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool { return g.Role == RoleAdmin && g.holds(f) && f.Kind != "SJ" })
}
