package reading

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Held is web.Source: what waits in the viewer's territory. Only an
// administrator gets works to settle.
func (g *Reading) Held(ctx context.Context, v web.Viewer) (web.HeldPage, error) {
	out := web.HeldPage{Complete: g.complete()}
	parts, more, err := g.held(ctx, g.viewer(v.Person), maxHeld)
	if err != nil {
		return out, err
	}
	out.More, out.Complete.Held = more, len(parts)+more
	if v.Admin {
		out.Places = g.placesOf(g.viewer(v.Person))
	}
	rows := map[web.HeldWork]int{}
	for _, p := range parts {
		work := web.HeldWork{Replica: p.Replica, Record: p.hold.Record}
		if i, ok := rows[work]; ok && p.Part&records.ForkedPart == 0 {
			out.Rows[i].Parts++
			out.Rows[i].Advice = cmp.Or(advice(&p), out.Rows[i].Advice)
			if v.Admin && p.settles {
				out.Rows[i].Work = settleable(&p, out.Rows[i].Work)
				out.Rows[i].Waits = waiting(&p, out.Rows[i].Waits)
			}
			continue
		}
		row := web.HeldRow{HeldPart: g.heldPart(&p), Kind: web.Kind{Code: p.kind, Label: g.kindLabel(p.kind)}}
		row.Title = cmp.Or(row.Where, g.kindLabel(p.kind))
		row.What = "" // the kind leads the title
		row.Parts = 1
		row.Advice = advice(&p)
		if v.Admin && p.settles && p.Part&records.ForkedPart == 0 && !p.hold.Record.IsZero() {
			row.Work, row.Waits, row.Whole = settleable(&p, web.HeldWork{}), waiting(&p, web.HeldWork{}), !p.there
		}
		if p.Part&records.ForkedPart == 0 && !p.hold.Record.IsZero() {
			rows[work] = len(out.Rows)
		}
		if p.readable {
			row.Record = p.hold.Record
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// waitsForPeople reports whether a part waits for an administrator: what waits
// for something that is not here is joined by itself when that comes.
func waitsForPeople(p *heldPart) bool {
	switch p.hold.Reason {
	case syncproto.HoldScope, syncproto.HoldRevoked, syncproto.HoldDelegation:
		return true
	}
	return false
}

// settleable names the work of a part that an administrator can settle.
func settleable(p *heldPart, otherwise web.HeldWork) web.HeldWork {
	if waitsForPeople(p) {
		return web.HeldWork{Replica: p.Replica, Record: p.hold.Record}
	}
	return otherwise
}

// waiting names the work of a part that waits for what never came.
func waiting(p *heldPart, otherwise web.HeldWork) web.HeldWork {
	if p.hold.Reason == syncproto.HoldMissing {
		return web.HeldWork{Replica: p.Replica, Record: p.hold.Record}
	}
	return otherwise
}

// maxPlaces bounds what places a page gives to choose from.
const maxPlaces = 500

// placesOf are the places that an administrator may put a record in, villages
// and smaller ones.
func (g *Reading) placesOf(v *authz.Viewer) (out []web.HeldPlace) {
	for _, grant := range v.Grants {
		if grant.Role != authz.RoleAdmin {
			continue
		}
		for _, code := range g.Directory.Places(grant.Place) {
			place := web.HeldPlace{Code: code, Name: g.placeName(code)}
			if len(code) >= syncproto.TownshipDigits && len(out) < maxPlaces && !slices.Contains(out, place) {
				out = append(out, place)
			}
		}
	}
	return out
}

// Kinds are those that people write.
func (g *Reading) Kinds() (out []web.Kind) {
	for _, k := range g.Schema().Kinds {
		if !authz.Reference(k.Code) {
			out = append(out, web.Kind{Code: k.Code, Label: g.kindLabel(k.Code)})
		}
	}
	return out
}

// advice says who settles a part; the words of the other reasons say it.
func advice(p *heldPart) string {
	if waitsForPeople(p) {
		return "由管理员处理：核对后放行，或者写明理由退回。"
	}
	return ""
}

// heldPart is a held part as one viewer is told of it: never what it says.
type heldPart struct {
	records.HeldPart
	hold     records.Hold
	kind     string // of its record
	place    string // where its record lies or would, "" if that is not known
	there    bool   // some of its record is joined
	readable bool   // the record itself may be opened by the viewer
	settles  bool   // and he answers for it, if he is an administrator
}

// What one list of held parts holds, and what the head of a timeline looks at.
const (
	maxHeld  = 500
	headHeld = 100
)

// held lists the held parts that concern the viewer, at most so many: of records
// that he reads, or would if they were joined, and of authors whose roles are
// his to give. more counts those that were left out.
func (g *Reading) held(ctx context.Context, v *authz.Viewer, most int) (out []heldPart, more int, err error) {
	err = g.Store.View(ctx, 0, func(r store.Reader) error {
		out, more = nil, 0
		would := map[syncproto.RecordID]*authz.Facts{}
		return records.EveryHold(r, func(p records.HeldPart, h records.Hold) (bool, error) {
			if h.Reason == syncproto.HoldRejected {
				return true, nil
			}
			part := heldPart{HeldPart: p, hold: h, kind: h.Kind}
			mine, err := g.concerns(r, v, &part, would)
			switch {
			case err != nil:
				return false, err
			case mine && len(out) == most:
				more++
			case mine:
				out = append(out, part)
			}
			return true, nil
		})
	})
	slices.SortFunc(out, func(a, b heldPart) int { // newest arrival first, then newest change
		return cmp.Or(cmp.Compare(b.hold.Received, a.hold.Received), cmp.Compare(b.hold.Wall, a.hold.Wall), cmp.Compare(b.Seq, a.Seq))
	})
	return out, more, err
}

// concerns judges whether the viewer is told of a held part, and fills in what
// he is told. would remembers what records would be that are held whole.
func (g *Reading) concerns(r store.Reader, v *authz.Viewer, p *heldPart, would map[syncproto.RecordID]*authz.Facts) (bool, error) {
	_, facts, known, err := g.load(r, p.hold.Record)
	if err != nil {
		return false, err
	}
	if !known {
		facts = would[p.hold.Record]
		if facts == nil {
			if facts, err = g.wouldBe(r, p); err != nil {
				return false, err
			}
			would[p.hold.Record] = facts
		}
	}
	reads := v.Reads(facts) != syncproto.ForNobody
	p.there = known
	p.readable, p.place, p.kind = known && reads, facts.Place, cmp.Or(p.kind, facts.Kind)
	p.settles = p.readable || g.grants(v, p.hold.Author)
	return reads || p.settles, nil
}

// wouldBe are the facts of a record that is held whole, as the part that makes
// it says; of one that makes none, those of a record that nobody reads.
func (g *Reading) wouldBe(r store.Reader, p *heldPart) (*authz.Facts, error) {
	rec := crdt.New(p.hold.Record)
	header, part, err := records.LoadHeld(r, p.HeldPart, &p.hold)
	if err != nil {
		return nil, err
	}
	if part != nil && part.Kind != "" && rec.Join(header, part, crdt.Options{}) == nil {
		facts := g.Directory.Facts(rec)
		return &facts, nil
	}
	return &authz.Facts{Visibility: authz.VisibleSelf}, nil
}

// grants reports whether the author's roles are the viewer's to give.
func (g *Reading) grants(v *authz.Viewer, author syncproto.PersonID) bool {
	return slices.ContainsFunc(g.Directory.Person(author).Grants, func(x authz.Grant) bool { return v.MayGrant(x.Place) })
}

// answersFor reports whether a held part is an administrator's to settle: the
// record lies before him, or its author's roles are his to give.
func (g *Reading) answersFor(r store.Reader, v *authz.Viewer, h *records.Hold) (bool, error) {
	_, facts, ok, err := g.load(r, h.Record)
	if err != nil {
		return false, err
	}
	return ok && v.Reads(facts) != syncproto.ForNobody || g.grants(v, h.Author), nil
}

// AnswersFor reports whether an administrator answers for what a replica has
// held in a record: by the same rule as Held lists it.
func (g *Reading) AnswersFor(ctx context.Context, admin syncproto.PersonID, replica syncproto.ReplicaID, record syncproto.RecordID) (mine bool, err error) {
	v := g.viewer(admin)
	if !slices.ContainsFunc(v.Grants, func(x authz.Grant) bool { return x.Role == authz.RoleAdmin }) {
		return false, nil
	}
	err = g.Store.View(ctx, 0, func(r store.Reader) error {
		mine = false
		return records.EachHold(r, replica, func(_ syncproto.Seq, _ int, h records.Hold) (bool, error) {
			if h.Record != record {
				return true, nil
			}
			mine, err = g.answersFor(r, v, &h)
			return false, err
		})
	})
	return mine, err
}

func (g *Reading) heldPart(p *heldPart) web.HeldPart {
	_, device := g.Devices.DeviceName(p.Replica)
	return web.HeldPart{By: g.person(p.hold.Author), Device: device, Written: time.UnixMilli(p.hold.Wall).In(timeline.Zone),
		Received: time.UnixMilli(p.hold.Received).In(timeline.Zone), What: g.kindLabel(p.kind), Where: g.placeName(p.place), Reason: web.HoldWords(p.hold.Reason)}
}

// placeName is a place in words, "" for none.
func (g *Reading) placeName(code string) string {
	if code == "" {
		return ""
	}
	return shortPlace(g.Directory.PlaceName(code))
}

// heldLead tells at the head of a timeline what is held of the viewer's
// territory: a page must not look complete while it is not.
func (g *Reading) heldLead(ctx context.Context, v *authz.Viewer) (lead web.Lead, n int, err error) {
	parts, more, err := g.held(ctx, v, headHeld)
	if err != nil || len(parts) == 0 {
		return lead, 0, err
	}
	first := g.heldPart(&parts[len(parts)-1])
	lead = web.Lead{Tone: web.Waits, Icon: "hold", Title: fmt.Sprintf("待处理 %d 处改动", len(parts)+more), Link: "去看", Path: "/held",
		Detail: "已经完整存下，还没并进记录。最早的一处：" + first.Where + first.What + "，" + first.By.Words() + "，" + first.Received.Format("1月2日15:04") + " 收到。" + first.Reason}
	return lead, len(parts) + more, nil
}
