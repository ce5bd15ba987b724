package reading

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/acting"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Record is web.Source.
func (g *Reading) Record(ctx context.Context, v web.Viewer, id syncproto.RecordID, at web.RecordView) (web.RecordPage, error) {
	l, err := g.open(ctx, v.Person, id, when{asOf: at.AsOf, before: at.Before})
	if err != nil {
		return web.RecordPage{}, webError(err)
	}
	return g.recordPage(ctx, l)
}

// Opened is web.Source.
func (g *Reading) Opened(ctx context.Context, v web.Viewer, id syncproto.RecordID, reason string) (web.RecordPage, error) {
	g, l, err := g.openFor(ctx, v.Person, id, reason)
	if err != nil {
		return web.RecordPage{}, err
	}
	page, err := g.recordPage(ctx, l)
	page.Opens, page.Opened = false, true
	return page, err
}

func (g *Reading) recordPage(ctx context.Context, l *loaded) (web.RecordPage, error) {
	if l.rowOnly() {
		return g.rowPage(l), nil
	}
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	row.Kind, row.Place = l.rec.Kind, l.facts.Place
	out := web.RecordPage{ID: l.rec.ID, Opens: l.opens(), Kind: web.Kind{Code: l.rec.Kind, Label: g.kindLabel(l.rec.Kind)}, Title: g.title(l), Number: g.number(l),
		Unit: g.Directory.Unit(l.facts.Unit).Name, Where: g.where(&row), Status: cmp.Or(l.look.Status(), view.Submitted), Sync: "已收到", Marks: marksOf(&row, time.Time{}), Complete: g.complete()}
	if row.Occurred != 0 {
		out.When = whenOf(&row)
	}
	g.page(l, &out)
	links, err := g.same(ctx, l)
	out.Links = links
	return out, webError(err)
}

func (g *Reading) title(l *loaded) string {
	for _, field := range []string{"title", "name", "summary"} {
		if s := records.Text(l.rec, field); s != "" {
			return s
		}
	}
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	if row.Mask != "" {
		return row.Mask + g.kindLabel(l.rec.Kind)
	}
	return g.kindLabel(l.rec.Kind)
}

// number is the ledger number, else the number the device gave.
func (g *Reading) number(l *loaded) string {
	if l.head.Number == 0 {
		return records.Text(l.rec, "local_no")
	}
	unit := shortPlace(g.Directory.Unit(l.facts.Unit).Name)
	if r := []rune(unit); len(r) > 2 && (r[len(r)-1] == '镇' || r[len(r)-1] == '乡') {
		unit = string(r[:len(r)-1])
	}
	return fmt.Sprintf("%s〔%d〕%s%d号", unit, l.head.Year, g.kindLabel(l.rec.Kind), l.head.Number)
}

func (g *Reading) page(l *loaded, out *web.RecordPage) {
	authors := &authorList{g: g}
	out.Seen = l.latest
	may := acting.May(l.viewer, l.rec, l.facts)
	if l.now != nil {
		may, out.AsOf = acting.Rights{}, g.asOf(l)
	}
	out.May = web.Rights{Comment: may.Comment, Confirm: may.Confirm, Void: may.Void}
	out.Clashes = append(g.undecided(l), g.clashes(l, may.Decide)...)
	g.mark(l, &out.Marks)
	out.Comments = g.comments(l)
	out.Sections = g.sections(l, authors)
	out.Authors = authors.people
	for i := range l.history {
		out.History = append(out.History, g.historyEntry(l, &l.history[i]))
	}
	slices.Reverse(out.History)
	if l.earlier && len(l.history) > 0 {
		out.Earlier = l.history[0].id()
	}
	for i := range l.held {
		out.Held = append(out.Held, g.heldPart(&l.held[i]))
	}
	if l.rec.Deleted() || l.rec.Conflict() != "" {
		out.Void = g.void(l)
	}
	devices := map[syncproto.ReplicaID]bool{}
	for i := range l.history {
		if r := l.history[i].header.Replica; !r.IsPen() {
			devices[r] = true
		}
	}
	out.Devices = fmt.Sprintf("这条记录来自 %d 部设备", len(devices))
	if len(l.held) == 0 {
		out.Devices += "，都已收到。"
	} else {
		out.Devices += fmt.Sprintf("，有 %d 处待处理。", len(l.held))
	}
}

// void says who voided the record and why; of several who did, the reasons of all.
func (g *Reading) void(l *loaded) *web.Void {
	out := &web.Void{}
	var reasons []string
	for i, m := range l.rec.DeleteMarks() {
		if i == 0 {
			out.By, out.At = g.person(m.Author), time.UnixMilli(m.Wall).In(timeline.Zone)
		}
		if s, ok := view.Plain(m.Reason).(string); ok && s != "" && !slices.Contains(reasons, s) {
			reasons = append(reasons, s)
		}
	}
	out.Reason = strings.Join(reasons, "；")
	if l.rec.Conflict() != "" {
		out.Disputed = "有人不知道作废，又改过。"
	}
	return out
}

// asOf says which change an earlier state ends with, and its neighbours.
func (g *Reading) asOf(l *loaded) *web.AsOf {
	last := len(l.history) - 1
	out := &web.AsOf{Entry: g.historyEntry(l, &l.history[last])}
	if last > 0 && !l.history[last-1].hidden {
		out.Before = l.history[last-1].id()
	}
	return out
}

// comments are the record's 阅示, the oldest first.
func (g *Reading) comments(l *loaded) (out []web.Comment) {
	if !l.classes.Has(l.class("comments", syncproto.ElemID{}, "")) {
		return nil
	}
	for _, e := range l.rec.Log("comments") {
		c := web.Comment{By: g.person(e.Author), At: time.UnixMilli(e.Wall).In(timeline.Zone)}
		if m, ok := view.Plain(e.Value).(map[string]any); ok {
			c.Text, _ = m["text"].(string)
			if id := view.AsRef(m["leader"]); !id.IsZero() {
				c.By = g.person(id)
			}
		}
		if e.Dot.Replica.IsPen() {
			_, c.Via = g.Devices.DeviceName(e.Dot.Replica)
		}
		out = append(out, c)
	}
	return out
}

// mark adds to a record's marks what only the whole record tells.
func (g *Reading) mark(l *loaded, m *web.Marks) {
	m.ToComplete = len(l.look.Missing()) > 0
	m.Suggestions = len(l.look.Suggestions())
	added, changed := l.look.AfterSigning()
	m.SignedAdded, m.SignedEdited = added, changed > 0
	m.Conflicts, m.Unsettled = 0, nil
	for _, c := range l.look.Clashes() {
		switch {
		case c.Chip == view.ChipDiffers:
			m.Conflicts++
		case c.Def != nil:
			m.Unsettled = append(m.Unsettled, c.Def.Zh+c.Chip)
		default:
			m.Unsettled = append(m.Unsettled, c.Chip)
		}
	}
	if l.look.Undecided() {
		m.Unsettled = append(m.Unsettled, g.kindLabel(l.rec.Kind)+view.ChipDecide)
	}
	if p, ok := l.look.Progress(); ok && p.State != "" {
		m.Extra = append(m.Extra, web.Chip{Text: p.State})
		if p.Mark != "" {
			m.Extra = append(m.Extra, web.Chip{Text: p.Mark})
		}
	}
	if !view.MergedInto(l.rec).IsZero() {
		m.SameAs = "已并入另一份"
	}
}

// authorList numbers the authors of passages in order of first words.
type authorList struct {
	g      *Reading
	people []web.Person
	index  map[syncproto.PersonID]int
}

func (a *authorList) number(p syncproto.PersonID) int {
	if n, ok := a.index[p]; ok {
		return n
	}
	if a.index == nil {
		a.index = map[syncproto.PersonID]int{}
	}
	a.people = append(a.people, a.g.person(p))
	a.index[p] = len(a.people)
	return len(a.people)
}
