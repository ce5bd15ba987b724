package authz

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Decides reports whether the viewer may decide on the record: choose one of
// several versions, 采用此版本. A 联络员 never decides, whatever he wrote.
func (v *Viewer) Decides(f *Facts) bool {
	m := v.May(f)
	return m.Has(Decide) && m.Audience() != syncproto.ForNobody
}

// Comments reports whether the viewer may write 阅示 or 批示 on the record: a
// leader whose territory holds it and who may read it (letter 领).
func (v *Viewer) Comments(f *Facts) bool { return v.comments(f, v.May(f)) }

func (v *Viewer) comments(f *Facts, m May) bool {
	if m.Audience() == syncproto.ForNobody || Reference(f.Kind) {
		return false
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool {
		return g.holds(f) && (g.Role == RoleCity || g.Role == RoleCounty || g.Role == RoleTownship)
	})
}

// Voids reports whether the viewer may say of anybody's record that it is void
// or that it is not: an administrator whose territory holds it. Authors void
// their own on their devices.
func (v *Viewer) Voids(f *Facts) bool {
	if v.Reads(f) == syncproto.ForNobody {
		return false
	}
	if Reference(f.Kind) {
		return v.has(RoleAdmin)
	}
	return slices.ContainsFunc(v.Grants, func(g Grant) bool { return g.holds(f) && g.cellOf(f.Kind).always&Void != 0 })
}
