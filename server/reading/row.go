package reading

import (
	"cmp"
	"strings"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// The page of a record of which the viewer sees the row alone (l in the role
// matrix): what it is called, when and where it was, who wrote it, and the
// fields that its kind gives to wider readers. It is made by the server and
// reaches no device.

// rowOnly reports whether the viewer sees no more than the row.
func (l *loaded) rowOnly() bool { return l.classes == syncproto.ForNobody }

func (g *Reading) rowPage(l *loaded) web.RecordPage {
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	row.Kind, row.Place = l.rec.Kind, l.facts.Place
	out := web.RecordPage{ID: l.rec.ID, RowOnly: true, Kind: web.Kind{Code: l.rec.Kind, Label: g.kindLabel(l.rec.Kind)}, Title: g.rowTitle(l, &row),
		Unit: g.Directory.Unit(l.facts.Unit).Name, Where: g.where(&row), Status: cmp.Or(l.look.Status(), view.Submitted), Sync: "已收到",
		Complete: g.complete(), Opens: l.opens()}
	if row.Occurred != 0 {
		out.When = whenOf(&row)
	}
	var section web.Section
	for _, f := range l.wide() {
		section.Fields = append(section.Fields, web.Field{Key: f.key, Label: f.label, Text: g.words(f.def, f.value)})
	}
	if len(section.Fields) > 0 {
		out.Sections = []web.Section{section}
	}
	return out
}

// rowRecord is rowPage for the API.
func (g *Reading) rowRecord(l *loaded) httpapi.Record {
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	out := httpapi.Record{ID: l.rec.ID, RowOnly: true, Kind: l.rec.Kind, Label: g.kindLabel(l.rec.Kind), Title: g.rowTitle(l, &row), Place: l.facts.Place,
		Status: cmp.Or(l.look.Status(), view.Submitted), Deleted: l.rec.Deleted(), Fields: []httpapi.Field{}, Opens: l.opens()}
	for _, f := range l.wide() {
		out.Fields = append(out.Fields, httpapi.Field{Key: f.key, Label: f.label, Value: asJSON(f.value)})
	}
	return out
}

// rowTitle is what the row is called. It names a household by its mask alone.
func (g *Reading) rowTitle(l *loaded, row *timeline.Row) string {
	kind := g.kindLabel(l.rec.Kind)
	switch {
	case row.Title != "":
		return row.Title
	case row.Mask != "":
		return row.Mask + kind
	case l.mask != "":
		return l.mask + strings.TrimPrefix(kind, "户") // 仇某某户档
	case row.Type != "":
		return row.Type
	}
	return kind
}

// masked finds the masked name of the household that a record of its own file
// belongs to: its head's surname and 某某户.
func (g *Reading) masked(r store.Reader, l *loaded) error {
	if !authz.HouseholdKind(l.rec.Kind) || l.facts.Household.IsZero() {
		return nil
	}
	household := l.rec
	if l.rec.Kind != "HD" {
		of, _, ok, err := g.load(r, l.facts.Household)
		if err != nil || !ok {
			return err
		}
		household = of.rec
	}
	if name := g.Directory.Person(records.Ref(household, "head_person_id")).Name; name != "" {
		l.mask = view.MaskedHousehold(name)
	}
	return nil
}

// wideField is a field that a kind gives to wider readers, with its value.
type wideField struct {
	key, label string
	def        *schema.Field
	value      any
}

func (l *loaded) wide() (out []wideField) {
	if l.kind == nil || l.kind.Wide == nil {
		return nil
	}
	for _, key := range l.kind.Wide.Fields {
		f, ok := l.kind.Field(key)
		if !ok || linked(f) {
			continue // another record's name is not for who may not read it
		}
		var v any
		if f.MergeClass() == schema.ClassNone {
			v = l.look.Computed(f)
		} else if shown := l.look.Field(key); len(shown.All) > 0 {
			v = shown.Value
		}
		if v != nil && sealedWords(v) == "" {
			out = append(out, wideField{key, f.Zh, f, v})
		}
	}
	return out
}
