package reading

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// load reads a record and its facts; ok is false when there is none.
func (g *Reading) load(r store.Reader, id syncproto.RecordID) (*loaded, *authz.Facts, bool, error) {
	c, ok, err := records.LoadRecord(r, id)
	if err != nil || !ok || len(c.State) == 0 {
		return nil, nil, false, err
	}
	rec, err := crdt.Decode(slices.Clone(c.State))
	if err != nil {
		return nil, nil, false, fmt.Errorf("record %s: %w", id, err)
	}
	facts := g.Directory.Facts(rec)
	return &loaded{head: c.Head, rec: rec}, &facts, true, nil
}

// loaded is a record as one viewer reads it.
type loaded struct {
	head    records.Head
	rec     *crdt.Record
	facts   *authz.Facts
	classes syncproto.Audience
	kind    *schema.Kind
	schema  *schema.Schema
	history []change
	held    []heldPart
	linked  map[syncproto.RecordID]linkedTo
}

// linkedTo is another record that this one points to, as far as the viewer may read it.
type linkedTo struct{ kind, text string }

// maxLinked bounds how many linked records one page looks up.
const maxLinked = 200

// links looks up the records that a record's references point to.
func (g *Reading) links(r store.Reader, v *authz.Viewer, l *loaded) error {
	l.linked = map[syncproto.RecordID]linkedTo{}
	var ids []syncproto.RecordID
	for _, f := range l.rec.Fields() {
		if def := l.field(f.Name); def == nil || !linked(def) {
			continue
		}
		ids = append(ids, records.Refs(l.rec, f.Name)...)
		if id := records.Ref(l.rec, f.Name); !id.IsZero() {
			ids = append(ids, id)
		}
	}
	for _, id := range ids[:min(len(ids), maxLinked)] {
		to, facts, ok, err := g.load(r, id)
		if err != nil {
			return err
		}
		if !ok || v.Reads(facts) == syncproto.ForNobody {
			continue
		}
		words := []string{records.Text(to.rec, "category"), records.Text(to.rec, "title"), records.Text(to.rec, "summary"), records.Text(to.rec, "household_no")}
		if t := to.rec.Text("text"); t != nil {
			words = append(words, t.String())
		}
		text := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), "：")
		if text == "" {
			text = g.kindLabel(to.rec.Kind)
		}
		l.linked[id] = linkedTo{to.rec.Kind, text}
	}
	return nil
}

// open reads what a record page needs; KindNotFound when the viewer may not see it.
func (g *Reading) open(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID) (*loaded, error) {
	v := g.viewer(person)
	var out *loaded
	err := g.Store.View(ctx, 0, func(r store.Reader) error {
		l, facts, ok, err := g.load(r, id)
		if err != nil {
			return err
		}
		if !ok || v.Reads(facts) == syncproto.ForNobody {
			return syncproto.Errorf(syncproto.KindNotFound, "没有这条记录，或者不归您看")
		}
		l.facts, l.classes, l.schema = facts, v.Reads(facts), g.Schema()
		l.kind, _ = l.schema.Kind(l.rec.Kind)
		if l.history, err = g.changes(r, id); err != nil {
			return err
		}
		if err := g.links(r, v, l); err != nil {
			return err
		}
		l.held, err = g.waiting(r, id)
		out = l
		return err
	})
	return out, err
}

func (g *Reading) waiting(r store.Reader, id syncproto.RecordID) (out []heldPart, err error) {
	parts, err := records.Waiting(r, id, maxHeld)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		v, err := r.Get(records.HoldKey(p.Replica, p.Seq, p.Part))
		if err != nil || v == nil {
			return nil, err
		}
		h, err := records.DecodeHold(v)
		if err != nil {
			return nil, err
		}
		out = append(out, heldPart{p, h, true})
	}
	return out, nil
}

func (l *loaded) class(field string, item syncproto.ElemID, sub string) syncproto.Audience {
	return records.ClassOf(l.schema, l.rec, field, item, sub)
}

// Record is web.Source.
func (g *Reading) Record(ctx context.Context, v web.Viewer, id syncproto.RecordID) (web.RecordPage, error) {
	l, err := g.open(ctx, v.Person, id)
	if err != nil {
		return web.RecordPage{}, webError(err)
	}
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	row.Kind, row.Place = l.rec.Kind, l.facts.Place
	out := web.RecordPage{ID: id, Kind: web.Kind{Code: l.rec.Kind, Label: g.kindLabel(l.rec.Kind)}, Title: g.title(l), Number: g.number(l),
		Unit: g.Directory.Unit(l.facts.Unit).Name, Where: g.where(&row), Status: "已提交", Sync: "已收到", Marks: marksOf(&row, time.Time{}), Complete: g.complete()}
	if row.Occurred != 0 {
		out.When = whenOf(&row)
	}
	g.page(l, &out)
	return out, nil
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
	out.Clashes = g.clashes(l)
	out.Sections = g.sections(l, authors)
	out.Authors = authors.people
	for i := range l.history {
		out.History = append(out.History, g.historyEntry(l, &l.history[i]))
	}
	slices.Reverse(out.History)
	for i := range l.held {
		out.Held = append(out.Held, g.heldPart(&l.held[i]))
	}
	if l.rec.Deleted() || l.rec.Conflict() != "" {
		out.Void = &web.Void{Reason: "已作废"}
		if l.rec.Conflict() != "" {
			out.Void.Disputed = "有人在不知情时又改过，等管理员裁定"
		} else {
			out.Status = "已作废"
		}
	}
	devices := map[syncproto.ReplicaID]bool{}
	for i := range l.history {
		devices[l.history[i].Replica] = true
	}
	out.Devices = fmt.Sprintf("这条记录来自 %d 部设备", len(devices))
	if len(l.held) == 0 {
		out.Devices += "，都已收到。"
	} else {
		out.Devices += fmt.Sprintf("，有 %d 处待处理。", len(l.held))
	}
}

// clashes lists the fields with several values that the viewer may read.
func (g *Reading) clashes(l *loaded) []web.Clash {
	var out []web.Clash
	for _, c := range l.rec.Conflicts() {
		if !l.classes.Has(l.class(c.Field, c.Item, c.Sub)) {
			continue
		}
		f := l.field(c.Field)
		var at view.Values = l.rec
		name, label := c.Field, c.Field
		if f != nil {
			label = f.Zh
		}
		if !c.Item.IsNone() {
			at, name = l.rec.Item(c.Field, c.Item), c.Sub
			if f != nil {
				if f, _ = f.Item(c.Sub); f != nil {
					label += "·" + f.Zh
				}
			}
		}
		shown := view.Field(at, name, f)
		clash := web.Clash{Field: c.Field, Label: label, Kind: clashKind(shown.Chip)}
		for _, v := range shown.All {
			clash.Values = append(clash.Values, g.version(l, f, v))
		}
		out = append(out, clash)
	}
	return out
}

func clashKind(chip string) web.ClashKind {
	switch chip {
	case view.ChipVerify:
		return web.ToVerify
	case view.ChipDecide:
		return web.ToDecide
	}
	return web.Differs
}

func (l *loaded) field(name string) *schema.Field {
	if l.kind == nil {
		return nil
	}
	f, _ := l.kind.Field(name)
	return f
}

func (g *Reading) version(l *loaded, f *schema.Field, v view.Version) web.Version {
	_, device := g.Devices.DeviceName(v.Dot.Replica)
	out := web.Version{By: g.person(v.Author), Device: device, Written: time.UnixMilli(v.Wall).In(timeline.Zone), Shown: v.Shown}
	if masked := sealedWords(v.Value); masked != "" {
		out.Masked = masked
	} else {
		out.Value = g.words(f, v.Value)
	}
	for i := range l.history {
		if l.history[i].Replica == v.Dot.Replica && l.history[i].Seq == v.Dot.Seq {
			out.Received = time.UnixMilli(l.history[i].step.Received).In(timeline.Zone)
		}
	}
	return out
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
