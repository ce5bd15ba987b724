package reading

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
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
	may     authz.May
	classes syncproto.Audience // ForNobody when the viewer sees no more than the row
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
	mask   string // 仇某某户, of a household's own records; set for a row alone
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
	opened bool               // a reason was given for what it opens
}

func (w when) now() bool { return w.asOf.IsZero() && w.before.IsZero() }

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
		if !ok {
			return errNoRecord
		}
		l.facts, l.may, l.schema, l.viewer = facts, v.May(facts), g.Schema(), v
		l.kind, _ = l.schema.Kind(l.rec.Kind)
		if l.classes = l.may.Audience(); at.opened {
			l.classes = l.may.TapAudience()
		}
		switch {
		case l.classes != syncproto.ForNobody:
		case l.may.Has(authz.List) && at.now():
			out = l
			if err := g.belonging(r, v, l); err != nil {
				return err
			}
			return g.masked(r, l)
		case l.may.Has(authz.List):
			return errNoChange
		default:
			return errNoRecord
		}
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
		if at.now() && cannotReplay(err) {
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
	l.may = l.viewer.May(&facts)
	if l.classes &= l.may.Audience(); l.classes == syncproto.ForNobody {
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

func (l *loaded) field(name string) *schema.Field {
	if l.kind == nil {
		return nil
	}
	f, _ := l.kind.Field(name)
	return f
}
