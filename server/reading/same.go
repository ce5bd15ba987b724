package reading

import (
	"context"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/view"
)

// maxSame bounds how many records of one day and place are compared.
const maxSame = 50

// same lists the records that may tell of the same meeting or visit as this
// one, as far as the viewer may read them.
func (g *Reading) same(ctx context.Context, l *loaded) (out []web.Ref, err error) {
	if l.now != nil || l.rec.Kind != "HY" && l.rec.Kind != "ZF" {
		return nil, nil
	}
	row, ok := timeline.RowOf(l.rec, &l.head, l.facts)
	if !ok {
		return nil, nil
	}
	day := 24 * time.Hour.Milliseconds()
	page, err := timeline.Read(ctx, g.Store, l.viewer, timeline.Query{Order: timeline.ByOccurrence, Places: []string{row.Place}, Kinds: []string{row.Kind},
		From: row.Occurred - day, To: row.Occurred + day, Limit: maxSame})
	if err != nil {
		return nil, err
	}
	err = g.Store.View(ctx, 0, func(r store.Reader) error {
		out = nil
		for i := range page.Rows {
			if ref, ok, err := g.sameAs(r, l, page.Rows[i].Record); err != nil {
				return err
			} else if ok {
				out = append(out, ref)
			}
		}
		return nil
	})
	return out, err
}

func (g *Reading) sameAs(r store.Reader, l *loaded, id syncproto.RecordID) (web.Ref, bool, error) {
	other, facts, ok, err := g.load(r, id)
	if err != nil || !ok {
		return web.Ref{}, false, err
	}
	words := view.SameEvent(l.rec, other.rec)
	if words == "" || l.viewer.Reads(facts) == syncproto.ForNobody {
		return web.Ref{}, false, nil
	}
	kind := web.Kind{Code: other.rec.Kind, Label: g.kindLabel(other.rec.Kind)}
	other.facts = facts
	return web.Ref{ID: id, Kind: kind, Relation: words, Text: g.title(other)}, true, nil
}
