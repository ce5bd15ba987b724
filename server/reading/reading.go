// Package reading answers what leaders read: the timeline, one record with its
// history and conflicts, what is held. It joins store, directory and schema
// into the view models of packages web and httpapi, filtered for one viewer by
// authz; it changes nothing, but that who gives a reason to see more is noted in
// the audit log first.
package reading

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Devices names replicas: whose a device is and what he calls it.
type Devices interface {
	DeviceName(r syncproto.ReplicaID) (owner syncproto.PersonID, device string)
	// Silent counts devices without contact since a time, and since when the
	// longest-silent one is.
	Silent(before time.Time) (n int, since time.Time)
}

// Reading is safe for concurrent use; every exported member is required.
type Reading struct {
	Store     store.Store
	Directory *directory.Directory
	Schema    func() *schema.Schema
	Devices   Devices
	Frames    *records.Frames // shared with who else reads records; may be nil
	Now       func() time.Time
	// Note keeps in the audit log what a person did; what is shown for a reason
	// is shown after it has returned.
	Note func(ctx context.Context, by syncproto.PersonID, what, about string) error

	phones bool       // a reason was given: phones are shown whole
	long   sync.Mutex // one replay of a long record at a time
}

// silentAfter is when a device without contact makes a page say so.
const silentAfter = 24 * time.Hour

func (g *Reading) viewer(person syncproto.PersonID) *authz.Viewer {
	v := g.Directory.Viewer(person).On(g.Now().In(timeline.Zone).Format("2006-01-02"))
	return &v
}

// Timeline is web.Source.
func (g *Reading) Timeline(ctx context.Context, v web.Viewer, q web.TimelineQuery) (web.TimelinePage, error) {
	viewer := g.viewer(v.Person)
	if err := g.checkFilters(viewer, q.Kinds, q.Places, q.Only, q.Person); err != nil {
		return web.TimelinePage{}, webError(err)
	}
	page, err := timeline.Read(ctx, g.Store, viewer, queryOf(&q))
	if err != nil {
		return web.TimelinePage{}, webError(err)
	}
	out := web.TimelinePage{Complete: g.complete(), Filters: g.filters(viewer), Mark: ""}
	if page.More {
		out.Next = page.Token
		if len(page.Rows) < q.Limit {
			out.LookedTo = web.DateOf(time.UnixMilli(page.Looked).In(timeline.Zone))
		}
	}
	seen := seenMark(q.Seen)
	for i := range page.Rows {
		out.Rows = append(out.Rows, g.row(&page.Rows[i], viewer, seen))
	}
	if err := g.news(ctx, viewer, &q, &out); err != nil {
		return web.TimelinePage{}, err
	}
	return out, nil
}

// lookedOver is how many of the latest arrivals a page counts what is new and
// what waits among.
const lookedOver = 200

// news counts what arrived since the viewer last looked, everything when he
// never did, and says what of it waits for a person.
func (g *Reading) news(ctx context.Context, viewer *authz.Viewer, q *web.TimelineQuery, out *web.TimelinePage) error {
	page, err := timeline.Read(ctx, g.Store, viewer, timeline.Query{Order: timeline.ByArrival, Limit: lookedOver})
	if err != nil {
		return err
	}
	var open, unproven, confirm int
	for i := range page.Rows {
		w := &page.Rows[i]
		if i == 0 {
			out.Mark = fmt.Sprint(w.Received)
		}
		open, unproven, confirm = open+one(w.Clashes > 0), unproven+one(w.Unproven > 0), confirm+one(w.Behalf)
		if w.Received <= seenMark(q.Seen).UnixMilli() {
			continue
		}
		out.NewCount++
		if when := whenOf(w); out.EarliestNew.IsZero() || when.Day.Compare(out.EarliestNew.Day) < 0 {
			out.EarliestNew = when
		}
	}
	out.Leads = leads(open, unproven, confirm, page.More)
	lead, n, err := g.heldLead(ctx, viewer)
	if out.Complete.Held = n; n > 0 {
		out.Leads = append([]web.Lead{lead}, out.Leads...)
	}
	return err
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// leads are what waits for a person among the latest arrivals.
func leads(open, unproven, confirm int, more bool) (out []web.Lead) {
	among := ""
	if more {
		among = fmt.Sprintf("最近到的 %d 条里。", lookedOver)
	}
	if open > 0 {
		l := web.Lead{Tone: web.Waits, Icon: "diff", Title: fmt.Sprintf("有不同修改 %d 条", open), Detail: among + "两人改了同一处，都留着。", Link: "只看这些", Only: "conflict"}
		if unproven > 0 {
			l.Tone, l.Icon = web.Needs, "hold"
			l.Detail += fmt.Sprintf("其中 %d 条定下来以前不算数。", unproven)
		}
		out = append(out, l)
	}
	if confirm > 0 {
		out = append(out, web.Lead{Tone: web.Waits, Icon: "sign", Title: fmt.Sprintf("待本人确认 %d 条", confirm), Detail: among + "代领导写的，本人看过以后确认或退回。",
			Link: "只看这些", Only: "confirm"})
	}
	return out
}

// seenMark is the newest arrival that the viewer has marked as seen.
func seenMark(s web.Seen) time.Time {
	ms, err := strconv.ParseInt(s.Mark, 10, 64)
	if err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func queryOf(q *web.TimelineQuery) timeline.Query {
	out := timeline.Query{Order: timeline.ByOccurrence, Kinds: q.Kinds, Person: q.Person, Token: q.Continue, Limit: q.Limit, Places: q.Places}
	if q.Order == web.ByArrival {
		out.Order = timeline.ByArrival
	}
	if !q.Since.IsZero() {
		out.From = startOf(q.Since).UnixMilli()
	}
	if !q.Until.IsZero() {
		out.To = startOf(q.Until).AddDate(0, 0, 1).UnixMilli()
	}
	out.Clashes = slices.Contains(q.Only, "conflict")
	out.Demands = slices.Contains(q.Only, "demand")
	out.ToConfirm = slices.Contains(q.Only, "confirm")
	return out
}

func startOf(d web.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, timeline.Zone)
}

func webError(err error) error {
	switch syncproto.KindOf(err) {
	case syncproto.KindBadRequest:
		return &web.QueryError{Words: err.Error()}
	case syncproto.KindNotFound, syncproto.KindForbidden:
		return web.ErrNotFound
	}
	return err
}

func (g *Reading) complete() web.Completeness {
	now := g.Now()
	n, since := g.Devices.Silent(now.Add(-silentAfter))
	return web.Completeness{AsOf: now, Silent: n, SilentSince: since}
}

func (g *Reading) filters(v *authz.Viewer) web.Filters {
	var f web.Filters
	for _, place := range v.Territory() {
		for _, code := range g.Directory.Places(place) {
			if len(code) > syncproto.TownshipDigits || len(place) < syncproto.TownshipDigits && len(code) == syncproto.TownshipDigits {
				f.Places = append(f.Places, web.Choice{Value: code, Label: g.Directory.PlaceName(code), Count: -1})
			}
		}
	}
	slices.SortFunc(f.Places, func(a, b web.Choice) int { return strings.Compare(a.Value, b.Value) })
	f.Places = slices.CompactFunc(f.Places, func(a, b web.Choice) bool { return a.Value == b.Value })
	for _, kind := range []string{"ZF", "HY", "RZ", "TY", "SJ"} {
		f.Kinds = append(f.Kinds, web.Choice{Value: kind, Label: g.kindLabel(kind), Count: -1})
	}
	for _, p := range g.Directory.People() {
		if len(p.Grants) > 0 && slices.ContainsFunc(v.Territory(), func(t string) bool { return overlaps(t, p.Grants) }) {
			f.Persons = append(f.Persons, web.Choice{Value: p.ID.String(), Label: p.Name, Count: -1})
		}
	}
	f.Only = []web.Choice{{Value: "demand", Label: "有诉求", Count: -1}, {Value: "conflict", Label: "有不同修改", Count: -1}, {Value: "confirm", Label: "待本人确认", Count: -1}}
	return f
}

func overlaps(territory string, grants []authz.Grant) bool {
	return slices.ContainsFunc(grants, func(g authz.Grant) bool {
		return strings.HasPrefix(g.Place, territory) || strings.HasPrefix(territory, g.Place)
	})
}

// kindLabels are the short words of a timeline; the schema's longer ones stand on forms.
var kindLabels = map[string]string{"ZF": "走访", "HY": "会议", "RZ": "帮扶", "TY": "体验", "SJ": "手记", "SQ": "诉求", "CN": "承诺", "DD": "蹲点"}

func (g *Reading) kindLabel(kind string) string {
	if s := kindLabels[kind]; s != "" {
		return s
	}
	if k, ok := g.Schema().Kind(kind); ok {
		return k.Zh
	}
	return kind
}

func whenOf(w *timeline.Row) web.When {
	at := time.UnixMilli(w.Occurred).In(timeline.Zone)
	if w.DateOnly {
		return web.OnDay(web.DateOf(at))
	}
	return web.At(at)
}

// lateAfter is how much later than it happened a record must arrive for the
// row to say how it came.
const lateAfter = 12 * time.Hour

func (g *Reading) row(w *timeline.Row, v *authz.Viewer, seen time.Time) web.TimelineRow {
	row := web.TimelineRow{ID: w.Record, Kind: web.Kind{Code: w.Kind, Label: g.kindLabel(w.Kind)}, When: whenOf(w), Title: w.Title,
		Where: g.where(w), Summary: w.Summary, Status: "已提交", Sync: "已收到", Received: time.UnixMilli(w.Received).In(timeline.Zone)}
	if w.Kind == "HY" && w.Type != "" || w.Kind == "TY" && w.Type != "" {
		row.Kind.Label = w.Type
	}
	if row.Title == "" {
		row.Title = w.Mask
	}
	if row.Title == "" {
		row.Title = w.Type
	}
	if !w.Host.IsZero() {
		p := g.person(w.Host)
		p.Role = "主持"
		row.Who = append(row.Who, p)
	} else {
		for _, id := range w.People {
			row.Who = append(row.Who, g.person(id))
		}
	}
	if w.Met != "" {
		row.Facts = append(row.Facts, w.Met)
	}
	if w.Count > 0 {
		row.Facts = append(row.Facts, fmt.Sprintf("群众 %d 人", w.Count))
	}
	if w.Said > 0 {
		row.Facts = append(row.Facts, fmt.Sprintf("发言 %d 条", w.Said))
	}
	if w.Void {
		row.Status, row.Void = "已作废", "已作废"
	}
	row.Marks = marksOf(w, seen)
	if arrivedLate(w) {
		row.Origin = web.Provenance{Recorded: g.recorded(w), Received: []time.Time{row.Received}, How: how(w)}
	}
	return row
}

// arrivedLate counts from the time that is told; of a day alone from its end, so
// that rows of one day which came together are told alike.
func arrivedLate(w *timeline.Row) bool {
	told := time.UnixMilli(w.Occurred)
	if w.DateOnly {
		told = told.AddDate(0, 0, 1)
	}
	return time.UnixMilli(w.Received).Sub(told) > lateAfter
}

func how(w *timeline.Row) string {
	if w.Late {
		return "补录"
	}
	return "回港补传"
}

func (g *Reading) recorded(w *timeline.Row) string {
	switch {
	case w.AtSea:
		return "海上记录"
	case w.Hamlet != "":
		return w.Hamlet + "现场记录"
	}
	return shortPlace(g.Directory.PlaceName(w.Place)) + "现场记录"
}

// shortPlace leaves out a remark such as （示例）.
func shortPlace(name string) string {
	short, _, _ := strings.Cut(name, "（")
	return short
}

func (g *Reading) where(w *timeline.Row) web.Where {
	return web.Where{Village: shortPlace(g.Directory.PlaceName(w.Place)), Hamlet: w.Hamlet, Island: w.Island, Boat: g.Directory.BoatName(w.Boat)}
}

func (g *Reading) person(id syncproto.PersonID) web.Person {
	p := g.Directory.Person(id)
	if id == view.System {
		return web.Person{Name: view.SystemName}
	}
	if p.Name == "" {
		return web.Person{Name: "（未知人员）"}
	}
	return web.Person{Name: p.Name, Post: p.Post}
}

func marksOf(w *timeline.Row, seen time.Time) web.Marks {
	m := web.Marks{New: !seen.IsZero() && w.Received > seen.UnixMilli(), Changed: !seen.IsZero() && w.Changed > seen.UnixMilli(),
		VoidDisputed: w.VoidOpen, Held: w.Waiting, Conflicts: w.Clashes - w.Unproven, ToConfirm: w.Behalf,
		Demands: w.Demands, Promises: w.Promises, Attachments: w.Files, Signed: w.Signed, Late: w.Late}
	if w.Unproven > 0 {
		m.Unsettled = append(m.Unsettled, "待核")
	}
	return m
}
