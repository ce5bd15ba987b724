package reading

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/acting"
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
	if err != nil || !ok {
		return nil, nil, false, err
	}
	rec, err := g.Frames.State(r, id, &c)
	if err != nil || rec == nil {
		return nil, nil, false, err
	}
	facts := g.Directory.Facts(rec)
	return &loaded{head: c.Head, rec: rec}, &facts, true, nil
}

// loaded is a record as one viewer reads it.
type loaded struct {
	head    records.Head
	rec     *crdt.Record
	look    *view.Look
	reads   map[*crdt.Record]syncproto.Audience // of this record and those put into it
	facts   *authz.Facts
	classes syncproto.Audience
	kind    *schema.Kind
	schema  *schema.Schema
	viewer  *authz.Viewer
	history []change
	earlier bool // there are changes before those of history
	origins origins
	// latest is the last change that rec holds. now is set, to the state as it
	// stands, when rec is an earlier one: what is hidden now was never open.
	latest syncproto.ChangeID
	now    *crdt.Record
	since  map[textAt]syncproto.Audience // for whom fields were at any time after rec, where that changed
	held   []heldPart
	linked map[syncproto.RecordID]linkedTo
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
		var words []string
		for _, name := range []string{"category", "title", "summary", "household_no", "text"} {
			if !v.Reads(facts).Has(view.ClassOf(l.schema, to.rec, name, syncproto.ElemID{}, "")) {
				continue
			}
			if t := to.rec.Text(name); t != nil {
				words = append(words, t.String())
			} else {
				words = append(words, records.Text(to.rec, name))
			}
		}
		text := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), "：")
		if text == "" {
			text = g.kindLabel(to.rec.Kind)
		}
		l.linked[id] = linkedTo{to.rec.Kind, text}
	}
	return nil
}

// when is the part of a record's history that is asked for. The zero value is the record as
// it stands with its latest changes.
type when struct {
	asOf   syncproto.ChangeID // the record as it stood after this change
	before syncproto.ChangeID // the changes before this one
}

var (
	errNoRecord = syncproto.Errorf(syncproto.KindNotFound, "没有这条记录，或者不归您看")
	errNoChange = syncproto.Errorf(syncproto.KindNotFound, "这条记录没有这一处改动，或者那时的内容不归您看")
)

// open reads what a record page needs; KindNotFound when the viewer may not see
// it, or could not have seen it as of the change he asks for.
func (g *Reading) open(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, at when) (*loaded, error) {
	v := g.viewer(person)
	var out *loaded
	err := g.Store.View(ctx, 0, func(r store.Reader) error {
		l, facts, ok, err := g.load(r, id)
		if err != nil {
			return err
		}
		if !ok || v.Reads(facts) == syncproto.ForNobody {
			return errNoRecord
		}
		l.facts, l.classes, l.schema, l.viewer = facts, v.Reads(facts), g.Schema(), v
		l.kind, _ = l.schema.Kind(l.rec.Kind)
		if err := g.past(ctx, r, l, at); err != nil {
			return err
		}
		if err := g.belonging(r, v, l); err != nil {
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

// past reads the history that is asked for, and takes the record back to the
// change that is asked for.
func (g *Reading) past(ctx context.Context, r store.Reader, l *loaded, at when) error {
	to := int(l.head.Steps)
	var err error
	switch {
	case !at.asOf.IsZero():
		to, err = stepsUntil(r, l.rec.ID, at.asOf)
	case !at.before.IsZero():
		to, err = stepsUntil(r, l.rec.ID, at.before)
		to--
	}
	if err != nil {
		return err
	}
	if last, err := records.Steps(r, l.rec.ID, l.head.Steps-1, 1); err != nil {
		return err
	} else if len(last) == 1 {
		l.latest = last[0].Change()
	}
	if to == 0 {
		return nil
	}
	then, err := g.replayed(ctx, r, l.viewer, l, to)
	if err != nil {
		if at == (when{}) && cannotReplay(err) {
			return nil
		}
		return err
	}
	if at.asOf.IsZero() {
		if l.rec.Folded() {
			l.rec = then // it reads the same, and its texts have the ids that origins know
		}
		return nil
	}
	facts := g.Directory.Facts(then)
	l.rec, l.now, l.facts, l.latest = then, l.rec, &facts, at.asOf
	if l.classes &= l.viewer.Reads(&facts); l.classes == syncproto.ForNobody {
		return errNoChange
	}
	return nil
}

// belonging looks at the record with what belongs to it: the records put into
// it, as far as the viewer may read them, and the others of its household.
func (g *Reading) belonging(r store.Reader, v *authz.Viewer, l *loaded) error {
	l.reads = map[*crdt.Record]syncproto.Audience{l.rec: l.classes}
	l.look = view.Of(l.schema, l.rec, g.Now().In(view.Zone).Format(time.DateOnly))
	l.look.Reads = func(rec *crdt.Record, log string) bool {
		return l.closed(rec, log, syncproto.ElemID{}, "") == syncproto.ForNobody
	}
	if l.now != nil {
		return nil // an earlier state stands alone: what the others were then is not known
	}
	for _, id := range g.Directory.MergedInto(l.rec.ID) {
		m, facts, ok, err := g.load(r, id)
		if err != nil {
			return err
		}
		if classes := v.Reads(facts); ok && !m.rec.Deleted() && classes != syncproto.ForNobody {
			rec := records.Project(l.schema, m.rec, classes)
			l.look.Merged, l.reads[rec] = append(l.look.Merged, rec), classes
		}
	}
	for _, id := range g.Directory.Siblings(l.rec) {
		m, _, ok, err := g.load(r, id)
		if err != nil {
			return err
		}
		if ok {
			l.look.Siblings = append(l.look.Siblings, m.rec)
		}
	}
	return nil
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
		out = append(out, heldPart{HeldPart: p, hold: h, kind: h.Kind, readable: true})
	}
	return out, nil
}

// class is who a field is for. Of an earlier state a reader needs the class it
// had then and the one it has now.
func (l *loaded) class(field string, item syncproto.ElemID, sub string) syncproto.Audience {
	class := view.ClassOf(l.schema, l.rec, field, item, sub)
	if l.now != nil {
		class |= view.ClassOf(l.schema, l.now, field, item, sub) | l.since[textAt{field, item, sub}]
		if of, ok := view.CorrectedField(field); ok {
			class |= l.since[textAt{field: of}]
		}
	}
	return class
}

// closedField is the class that keeps the viewer from a field; ForNobody when
// nothing does. Corrections are shown as far as any of them may be read.
func (l *loaded) closedField(field string) syncproto.Audience {
	class := l.class(field, syncproto.ElemID{}, "")
	if l.classes.Has(class) || field == view.CorrectionsField && len(l.look.Log(field)) > 0 {
		return syncproto.ForNobody
	}
	return class
}

// closed is the class that keeps the viewer from a sub-field of an item, of
// this record or one put into it; ForNobody when nothing does.
func (l *loaded) closed(rec *crdt.Record, field string, item syncproto.ElemID, sub string) syncproto.Audience {
	class := view.ClassOf(l.schema, rec, field, item, sub)
	if rec == l.rec {
		class = l.class(field, item, sub)
	}
	if l.reads[rec].Has(class) {
		return syncproto.ForNobody
	}
	return class
}

// Record is web.Source.
func (g *Reading) Record(ctx context.Context, v web.Viewer, id syncproto.RecordID, at web.RecordView) (web.RecordPage, error) {
	l, err := g.open(ctx, v.Person, id, when{at.AsOf, at.Before})
	if err != nil {
		return web.RecordPage{}, webError(err)
	}
	row, _ := timeline.RowOf(l.rec, &l.head, l.facts)
	row.Kind, row.Place = l.rec.Kind, l.facts.Place
	out := web.RecordPage{ID: id, Kind: web.Kind{Code: l.rec.Kind, Label: g.kindLabel(l.rec.Kind)}, Title: g.title(l), Number: g.number(l),
		Unit: g.Directory.Unit(l.facts.Unit).Name, Where: g.where(&row), Status: cmp.Or(l.look.Status(), view.Submitted), Sync: "已收到", Marks: marksOf(&row, time.Time{}), Complete: g.complete()}
	if row.Occurred != 0 {
		out.When = whenOf(&row)
	}
	g.page(l, &out)
	out.Links, err = g.same(ctx, l)
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

// undecided is the block of a record that waits with others of its household
// for an administrator: what each of them says, who wrote it and when. The
// household's file is not opened by it.
func (g *Reading) undecided(l *loaded) []web.Clash {
	if !l.look.Undecided() {
		return nil
	}
	out := web.Clash{Field: "household_id", Label: g.kindLabel(l.rec.Kind), Kind: web.ToDecide}
	field := "cadre_id"
	if l.rec.Kind == "FA" {
		field, out.Note = "year", "这一户这一年有几份方案，都等审核；由管理员选一份，或者并成一份。"
	} else if duty := l.look.Duty(); duty.Holder != nil {
		out.Note = "定下来以前，仍由" + g.person(duty.Holder.Cadre).Name + "负责，要求和期限不变；新写的几个人还看不到这户的档案。"
	} else {
		out.Note = "定下来以前，谁也不算责任人，也看不到这户的档案。"
	}
	for _, rec := range append([]*crdt.Record{l.rec}, l.look.Siblings...) {
		other := view.Of(l.schema, rec, l.look.Today)
		other.Siblings = append(slices.Clone(l.look.Siblings), l.rec)
		other.Siblings = slices.DeleteFunc(other.Siblings, func(o *crdt.Record) bool { return o == rec })
		if shown := other.Field(field); other.Undecided() && len(shown.All) > 0 {
			out.Values = append(out.Values, g.version(l, l.field(field), shown.All[0]))
		}
	}
	return []web.Clash{out}
}

// readable lists the clashes that the viewer may read.
func (g *Reading) readable(l *loaded) []view.Clash {
	return slices.DeleteFunc(l.look.Clashes(), func(c view.Clash) bool {
		return !l.classes.Has(l.class(c.Field, c.Item, c.Sub))
	})
}

// clashes lists the fields with several values that the viewer may read, with
// what he needs to choose one where he may.
func (g *Reading) clashes(l *loaded, decides bool) (out []web.Clash) {
	for _, c := range g.readable(l) {
		out = append(out, g.clash(l, &c, decides))
	}
	return out
}

func (g *Reading) clash(l *loaded, c *view.Clash, decides bool) web.Clash {
	out := web.Clash{Field: c.Field, Item: c.Item, Sub: c.Sub, Label: c.Field, Kind: clashKind(c.Chip), Choose: decides}
	if f := l.field(c.Field); f != nil {
		out.Label = f.Zh
	}
	if !c.Item.IsNone() && c.Def != nil {
		out.Label += "·" + c.Def.Zh
	}
	for _, v := range c.All {
		w := g.version(l, c.Def, v)
		out.Values = append(out.Values, w)
		// What is not shown here, or stands in another record, cannot be chosen here.
		out.Choose = out.Choose && w.Masked == "" && v.Raw != nil && v.Record == l.rec.ID
	}
	if !out.Choose && l.now == nil {
		out.Who = whoChooses(decides)
	}
	return out
}

// whoChooses says how a clash is settled that the viewer cannot settle here.
func whoChooses(decides bool) string {
	if decides {
		return "网页上不显示的内容，请在手机上定。"
	}
	return "要定下来，请写的人在手机上选，或者请分管领导、管理员在网页上选。"
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
	out := web.Version{By: g.person(v.Author), Device: device, Written: time.UnixMilli(v.Wall).In(timeline.Zone), Shown: v.Shown, Dot: v.Dot}
	if masked := sealedWords(v.Value); masked != "" {
		out.Masked = masked
	} else {
		out.Value = g.words(f, v.Value)
	}
	for i := range l.history {
		if l.history[i].id() == v.Dot.Change() {
			out.Received = time.UnixMilli(l.history[i].received).In(timeline.Zone)
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
