package crdt

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// plan is a part checked against a state: everything that can fail has been
// done and nothing has been changed yet. Most parts are small and come in
// numbers, so a plan and the room its texts took are used again.
type plan struct {
	r     *Record
	h     syncproto.Header
	p     *syncproto.Part
	read  bool        // values need no check, see Options
	blind []blindness // per op, nil when the author could read everything
	texts []textStep
	lists []listStep
	keys  map[target]bool // targets of texts, once there are two

	counted bool   // lamport is known
	lamport uint64 // largest count that the next log op knows of
}

// target names one field of the record or of an item.
type target struct {
	field string
	item  syncproto.ElemID
	sub   string
}

// textStep is the decoded edit of one text.
type textStep struct {
	target
	edit text.Edit
}

// listStep collects the new places of one list; fresh are the counters of
// those that are new items, ascending.
type listStep struct {
	field string
	edit  text.Edit
	fresh []uint64
	last  uint64
}

var plans = sync.Pool{New: func() any { return new(plan) }}

// maxKeptTexts bounds what waits to be used again.
const maxKeptTexts = 8

// release gives a plan back, which must not be used any more.
func (pl *plan) release() {
	texts := pl.texts
	if len(texts) > maxKeptTexts {
		texts = nil
	}
	for i := range texts {
		texts[i].target = target{}
		texts[i].edit.Release()
	}
	*pl = plan{texts: texts[:0]}
	plans.Put(pl)
}

// step is the next text's, in room that was used before if there is some.
func (pl *plan) step(t target) *textStep {
	if n := len(pl.texts); n < cap(pl.texts) {
		pl.texts = pl.texts[:n+1]
	} else {
		pl.texts = append(pl.texts, textStep{})
	}
	s := &pl.texts[len(pl.texts)-1]
	s.target = t
	return s
}

func (pl *plan) blindAt(i int) blindness {
	if pl.blind == nil {
		return 0
	}
	return pl.blind[i]
}

func (pl *plan) check(opt Options) error {
	pl.read = opt.Read
	pl.askBlind(opt)
	for i := range pl.p.Ops {
		if err := pl.checkOp(i, &pl.p.Ops[i]); err != nil {
			return fmt.Errorf("op %d (%s): %w", i, pl.p.Ops[i].Kind, err)
		}
	}
	for i := range pl.lists {
		if err := pl.checkPlaces(&pl.lists[i]); err != nil {
			return fmt.Errorf("list %q: %w", pl.lists[i].field, err)
		}
	}
	return nil
}

func (pl *plan) askBlind(opt Options) {
	if opt.Blind == nil {
		return
	}
	pl.blind = make([]blindness, len(pl.p.Ops))
	for i := range pl.p.Ops {
		op := &pl.p.Ops[i]
		if opt.Blind(op.Field, "") {
			pl.blind[i] |= blindField
		}
		if op.Sub != "" && opt.Blind(op.Field, op.Sub) {
			pl.blind[i] |= blindSub
		}
		if op.Kind == syncproto.OpSet && opt.Void != nil && opt.Void(op.Field) && !pl.makes(op.Item) {
			pl.blind[i] |= void
		}
	}
}

// makes reports whether the part itself inserts an item.
func (pl *plan) makes(item syncproto.ElemID) bool {
	return item.Replica == pl.h.Replica && slices.ContainsFunc(pl.p.Ops, func(op syncproto.Op) bool {
		return op.Kind == syncproto.OpItemInsert && op.Counter == item.Counter
	})
}

func (pl *plan) checkOp(i int, op *syncproto.Op) error {
	switch op.Kind {
	case syncproto.OpDelete, syncproto.OpRestore:
		if op.Field != "" || !op.Item.IsNone() {
			return invalid("names a field")
		}
		return pl.checkValue(op.Value)
	case syncproto.OpItemInsert, syncproto.OpItemRemove, syncproto.OpItemMove:
		return pl.checkItemOp(op)
	case syncproto.OpSet, syncproto.OpAdd, syncproto.OpRemove, syncproto.OpLog, syncproto.OpText:
	default:
		return invalid("unknown op")
	}
	if err := pl.checkTarget(op); err != nil {
		return err
	}
	switch op.Kind {
	case syncproto.OpText:
		return pl.checkText(i, op)
	case syncproto.OpLog:
		if err := pl.checkLamport(op); err != nil {
			return err
		}
	}
	return pl.checkValue(op.Value)
}

func checkName(name string) error {
	if name == "" || len(name) > syncproto.MaxFieldBytes || !utf8.ValidString(name) {
		return invalid("field name of %d bytes", len(name))
	}
	return nil
}

func (pl *plan) checkValue(v syncproto.Value) error {
	if pl.read {
		return nil
	}
	return checkValue(v)
}

func checkValue(v syncproto.Value) error {
	if len(v) == 0 {
		return nil
	}
	if err := wire.CheckValue(v); err != nil {
		return fmt.Errorf("%w: value: %w", ErrInvalid, err)
	}
	return nil
}

// checkTarget checks the names, and that an item named is there.
func (pl *plan) checkTarget(op *syncproto.Op) error {
	if err := checkName(op.Field); err != nil {
		return err
	}
	if op.Item.IsNone() {
		if op.Sub != "" {
			return invalid("an item's field without the item")
		}
		return nil
	}
	if err := checkName(op.Sub); err != nil {
		return err
	}
	return pl.checkItem(op.Field, op.Item)
}

func (pl *plan) checkItem(name string, id syncproto.ElemID) error {
	if id.Replica == pl.h.Replica {
		for i := range pl.lists {
			if pl.lists[i].field == name && pl.lists[i].inserts(id.Counter) {
				return nil
			}
		}
	}
	if f := pl.r.fields.find(name, ClassList); f != nil && f.list.find(id) != nil {
		return nil
	}
	return &MissingError{Replica: id.Replica, Err: fmt.Errorf("item %s of list %q", id, name)}
}

func (pl *plan) checkItemOp(op *syncproto.Op) error {
	if err := checkName(op.Field); err != nil {
		return err
	}
	if op.Sub != "" {
		return invalid("names a field of the item")
	}
	if op.Kind != syncproto.OpItemInsert {
		if err := pl.checkItem(op.Field, op.Item); err != nil {
			return err
		}
	}
	if op.Kind != syncproto.OpItemRemove {
		return pl.list(op.Field).add(op)
	}
	return nil
}

// list returns the step of the list, new if need be. A part touches few lists.
func (pl *plan) list(name string) *listStep {
	for i := range pl.lists {
		if pl.lists[i].field == name {
			return &pl.lists[i]
		}
	}
	pl.lists = append(pl.lists, listStep{field: name})
	return &pl.lists[len(pl.lists)-1]
}

func (pl *plan) checkPlaces(s *listStep) error {
	f := pl.r.fields.find(s.field, ClassList)
	if f == nil {
		return checkEdit(pl.r.docFor(pl.h.Replica, s.edit), pl.h.Replica, s.edit)
	}
	doc, err := f.list.places.open()
	if err != nil {
		return err
	}
	return checkEdit(doc, pl.h.Replica, s.edit)
}

// checkText decodes the edit, drops what a blind author cannot delete, and
// checks that it fits the text as it stands.
func (pl *plan) checkText(i int, op *syncproto.Op) error {
	t := target{op.Field, op.Item, op.Sub}
	if pl.twice(t) {
		return invalid("a second edit of the text %q in one part", op.Field)
	}
	step := pl.step(t)
	if err := step.edit.Decode(pl.h.Replica, op.Edit); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if pl.blindAt(i) != 0 {
		step.edit.KeepOwn(pl.h.Replica)
	}
	var doc *text.Doc
	var err error
	if f := pl.r.at(t, ClassText); f == nil {
		doc = pl.r.docFor(pl.h.Replica, step.edit)
	} else if doc, err = f.text.open(); err != nil {
		return err
	}
	if err := checkEdit(doc, pl.h.Replica, step.edit); err != nil {
		return fmt.Errorf("text %q: %w", op.Field, err)
	}
	return nil
}

func (pl *plan) twice(t target) bool {
	if len(pl.texts) == 0 {
		return false
	}
	if pl.keys == nil {
		pl.keys = map[target]bool{pl.texts[0].target: true}
	}
	seen := pl.keys[t]
	pl.keys[t] = true
	return seen
}

func checkEdit(doc *text.Doc, author syncproto.ReplicaID, e text.Edit) error {
	err := doc.Check(author, e)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, text.ErrMissing):
		return &MissingError{Err: err, Late: doc.Folded() || fold.Named(&e)}
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// checkLamport holds an entry to exactly one more than the largest count its
// author knew of: what Seen covers and what the part logged before. Every
// entry stays in the state, so each holder computes the same number whatever
// else it has joined; an honest author, whose form showed exactly Seen, cannot
// differ, and no one can run the count up to its end. A partial state has not
// all entries but knows the largest count, which then bounds the claim.
func (pl *plan) checkLamport(op *syncproto.Op) error {
	if !pl.counted {
		pl.counted, pl.lamport = true, pl.r.lamportOf(pl.p.Seen)
	}
	least, most := pl.lamport+1, pl.lamport+1
	if pl.r.Partial {
		most = max(most, pl.r.Lamport+uint64(len(pl.p.Ops)))
	}
	if op.Lamport < least || op.Lamport > most {
		return invalid("Lamport count %d, where its author knew of %d", op.Lamport, pl.lamport)
	}
	pl.lamport = op.Lamport
	return nil
}

// lamportOf is the largest count of a log entry that seen covers.
func (r *Record) lamportOf(seen syncproto.VersionVector) uint64 {
	var out uint64
	r.fields.lamportOf(r, seen, &out)
	return out
}

func (s fieldSet) lamportOf(r *Record, seen syncproto.VersionVector, out *uint64) {
	for i := range s {
		f := &s[i]
		switch f.class {
		case ClassLog:
			for j := len(f.entries) - 1; j >= 0 && f.entries[j].lamport > *out; j-- {
				d := &r.changes[f.entries[j].ch]
				if seen.Covers(d.replica, d.seq) {
					*out = f.entries[j].lamport
				}
			}
		case ClassList:
			for _, it := range f.list.items {
				it.fields.lamportOf(r, seen, out)
			}
		}
	}
}

// at finds a field of the record or of an item, nil if it is not there.
func (r *Record) at(t target, class Class) *field {
	if t.item.IsNone() {
		return r.fields.find(t.field, class)
	}
	if f := r.fields.find(t.field, ClassList); f != nil {
		if it := f.list.find(t.item); it != nil {
			return it.fields.find(t.sub, class)
		}
	}
	return nil
}

// integrate makes the lists, items' places and texts that the plan adds to.
// Text edits and places do not depend on the order of ops within a part.
func (pl *plan) integrate() {
	for i := range pl.lists {
		s := &pl.lists[i]
		f := pl.r.fields.make(s.field, ClassList)
		if f.list == nil {
			f.list = &list{places: textField{doc: pl.r.docFor(pl.h.Replica, s.edit)}}
		}
		f.list.integrate(pl.h.Replica, s)
	}
	for i := range pl.texts {
		s := &pl.texts[i]
		set, name := &pl.r.fields, s.field
		if !s.item.IsNone() {
			set, name = &pl.r.fields.find(s.field, ClassList).list.find(s.item).fields, s.sub
		}
		f := set.make(name, ClassText)
		if f.text == nil {
			f.text = &textField{doc: pl.r.docFor(pl.h.Replica, s.edit)}
		}
		f.text.apply(pl.h.Replica, s.edit)
	}
}
