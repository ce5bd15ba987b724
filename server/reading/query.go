package reading

import (
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
)

// onlyFilters are what a timeline can be narrowed to beside place, kind, person
// and time.
var onlyFilters = []string{"conflict", "confirm", "demand"}

// checkFilters refuses a query that names what is not there: an empty answer
// would look as if nothing had been written.
func (g *Reading) checkFilters(v *authz.Viewer, kinds, places, only []string, person syncproto.PersonID) error {
	known := g.timelineKinds()
	for _, k := range kinds {
		if !slices.Contains(known, k) {
			return unknown("kind", k, "没有这个类别，有的是 "+strings.Join(known, " "))
		}
	}
	for _, p := range places {
		if !slices.ContainsFunc(v.Territory(), func(t string) bool { return strings.HasPrefix(p, t) || strings.HasPrefix(t, p) }) {
			return unknown("place", p, "不在您看得到的地方，看得到的是 "+strings.Join(v.Territory(), " "))
		}
		if !g.knowsPlace(p) {
			return unknown("place", p, "没有这个地方，可以用上一级的编码："+p[:min(len(p), syncproto.TownshipDigits)])
		}
	}
	for _, o := range only {
		if !slices.Contains(onlyFilters, o) {
			return unknown("only", o, "只能是 "+strings.Join(onlyFilters, " "))
		}
	}
	if !person.IsZero() && g.Directory.Person(person).Name == "" {
		return unknown("person", person.String(), "没有这个人，编号见 /v1/me 或记录里的 author")
	}
	return nil
}

func unknown(name, value, words string) error {
	return syncproto.Errorf(syncproto.KindBadRequest, "query: %q %s：%s", name, value, words)
}

// timelineKinds are the kinds whose records have rows.
func (g *Reading) timelineKinds() (out []string) {
	s := g.Schema()
	for _, id := range s.KindIDs() {
		if k, ok := s.Kind(id); ok && !k.Reference {
			out = append(out, id)
		}
	}
	return out
}

// knowsPlace reports whether a code may be one: the villages of a township are
// known once any of them was entered.
func (g *Reading) knowsPlace(code string) bool {
	if len(code) <= syncproto.TownshipDigits {
		return true
	}
	villages := slices.DeleteFunc(g.Directory.Places(code[:syncproto.TownshipDigits]), func(c string) bool { return len(c) <= syncproto.TownshipDigits })
	return len(villages) == 0 || slices.ContainsFunc(villages, func(c string) bool { return strings.HasPrefix(c, code) || strings.HasPrefix(code, c) })
}
