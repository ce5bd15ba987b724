package clientsdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// compiler turns one draft into the part of a change: the final values and
// nothing else, sensitive ones sealed.
type compiler struct {
	c       *Client
	d       *Draft
	e       *crdt.Edit
	seq     syncproto.Seq // of the change it will be part of
	replica syncproto.ReplicaID
	items   map[ItemRef]syncproto.ElemID // new items, by field and name
	submits bool                         // this save is the first 提交 of the record
	counts  *counts                      // of local numbers; the save's own
}

// errNothing says that a draft changes nothing.
var errNothing = errors.New("unchanged")

// compile makes the part. status is what the record's status becomes when it
// is not that far yet; "" leaves it alone.
func (c *Client) compile(d *Draft, status RecordStatus, s *save) (syncproto.Part, error) {
	k, err := c.newCompiler(d, s)
	if err != nil {
		return syncproto.Part{}, err
	}
	before := statusOf(k.e.Record())
	k.submits = status == StatusSubmitted && before != StatusSubmitted && before != StatusArchived
	if err := errors.Join(k.apply(), k.defaults(), k.status(status, before), k.registered()); err != nil {
		return syncproto.Part{}, err
	}
	if k.submits && d.origin != draftJoined && !k.e.Record().Partial {
		if err := k.complete(); err != nil {
			return syncproto.Part{}, err
		}
	}
	household := householdOf(k.e.Record())
	part, changed := k.e.Part()
	if !changed {
		return syncproto.Part{}, errNothing
	}
	canonical(part.Ops)
	if part.Prev, err = c.lastOwn(d.record, k.replica); err != nil {
		return syncproto.Part{}, err
	}
	told, err := c.renamedSince(d.under, &part)
	if err != nil {
		return syncproto.Part{}, err
	}
	return *told, k.seal(told, household, &s.seal)
}

func (c *Client) newCompiler(d *Draft, s *save) (*compiler, error) {
	if d.err != nil {
		return nil, d.err
	}
	rec, err := d.scratch()
	if err != nil {
		return nil, err
	}
	h, err := c.record(d.record)
	if err != nil {
		return nil, err
	}
	var latest *crdt.Record
	if h != nil && h.shown != nil && rec.Version.Compare(h.shown.Version) != syncproto.Equal {
		latest = h.shown
	}
	k := &compiler{c: c, d: d, seq: s.header.Seq, counts: &s.counts, replica: s.header.Replica, items: map[ItemRef]syncproto.ElemID{}}
	k.e = rec.Edit(k.replica, latest)
	if err := k.wrote(h); err != nil {
		return nil, err
	}
	if d.origin != draftEdit {
		return k, k.e.Create(d.kindID)
	}
	return k, nil
}

// wrote tells the edit of own parts that the states do not have, or of which they
// may leave out what was written.
func (k *compiler) wrote(h *held) error {
	if h == nil {
		return nil
	}
	parts := h.unjoined
	if h.shown != nil && h.shown.Partial {
		parts = k.c.own.parts[k.d.record]
	}
	for _, p := range parts {
		if p.replica != k.replica {
			continue
		}
		_, part, err := k.c.readPart(p)
		if err != nil {
			return err
		}
		k.e.Wrote(part)
	}
	return nil
}

func (k *compiler) fail(field string, err error) error {
	if err == nil {
		return nil
	}
	f := &FieldError{Kind: k.d.kindID, Field: field, Err: err}
	if k.d.kind != nil {
		if s, ok := k.d.kind.Field(field); ok {
			f.Label = s.Zh
		}
	}
	return f
}

func itemName(field string, ref ItemRef) ItemRef { return ItemRef(field) + "/" + ref }

// apply carries out the draft's edits: first what is written, then the log
// entries, some of which say what the rest looks like (see entry).
func (k *compiler) apply() error {
	for _, logs := range []bool{false, true} {
		for i := range k.d.edits {
			if e := &k.d.edits[i]; (e.Kind == editLog) == logs {
				if err := k.edit(e); err != nil {
					return k.fail(e.Field, err)
				}
			}
		}
	}
	if err := k.fixes(); err != nil {
		return err
	}
	return k.groups()
}

// fixes writes, beside a state that fixes a text, the words that its author has
// before him: 已签发 of the minutes.
func (k *compiler) fixes() error {
	if k.d.kind == nil {
		return nil
	}
	for _, f := range k.d.kind.Fields {
		log := view.FixedOf(f.Key)
		if _, ok := k.d.kind.Field(log); !ok || f.Merge.Code != schema.TXFX || k.logs(log, nil) || !k.logs(f.Key+".state", "已"+f.Merge.Arg) {
			continue
		}
		doc := k.e.Record().Text(f.Key)
		if doc == nil {
			return k.fail(f.Key, errNothingToFix)
		}
		v, err := wire.EncodeValue(map[string]any{"event": f.Merge.Arg, view.FixedSub: doc.String(), "by": k.d.person.String(),
			"at": k.c.now().In(localZone).Format(time.RFC3339)})
		if err == nil {
			err = k.e.Log(log, v)
		}
		if err != nil {
			return k.fail(log, err)
		}
	}
	return nil
}

var errNothingToFix = errors.New("is empty: write it before it is signed off")

// logs reports whether the draft appends an entry to a log: this one, or any
// for nil.
func (k *compiler) logs(field string, entry any) bool {
	return slices.ContainsFunc(k.d.edits, func(e edit) bool {
		return e.Kind == editLog && e.Field == field && e.Item == "" && (entry == nil || view.Plain(e.Value) == entry)
	})
}

// canonical puts ops into the order of their fields' names: the same form
// filled in any order gives the same bytes, which compresses better, and a
// state takes them without moving what it has. Ops of different fields do not
// know of each other, and within a field the order stays. A delete or restore
// knows of all before it: then nothing is moved.
func canonical(ops []syncproto.Op) {
	for i := range ops {
		if ops[i].Field == "" {
			return
		}
	}
	var counts []uint64 // of the log entries, rising as they are written
	for _, op := range ops {
		if op.Kind == syncproto.OpLog {
			counts = append(counts, op.Lamport)
		}
	}
	slices.SortStableFunc(ops, func(a, b syncproto.Op) int { return strings.Compare(a.Field, b.Field) })
	for i := range ops {
		if ops[i].Kind == syncproto.OpLog {
			ops[i].Lamport, counts = counts[0], counts[1:]
		}
	}
}

func (k *compiler) edit(e *edit) error {
	switch e.Kind {
	case editNewItem:
		id, err := k.e.InsertItem(e.Field, len(k.e.Record().List(e.Field)))
		k.items[itemName(e.Field, e.Item)] = id
		return err
	case editDelItem:
		if e.Item.isNew() {
			return nil
		}
		id, err := e.Item.elem()
		if err != nil {
			return err
		}
		return k.e.RemoveItem(e.Field, id)
	case editOldItem:
		id, err := e.Item.elem()
		if err != nil {
			return err
		}
		return k.e.RestoreItem(e.Field, id)
	case editDelete:
		return k.e.Delete(e.Value)
	case editRestore:
		return k.e.Restore()
	}
	if e.Item == "" {
		return k.write(e, k.e, k.e.Record(), syncproto.ElemID{}, e.Field)
	}
	id, err := k.elem(e.Field, e.Item)
	if err != nil {
		return err
	}
	item := k.e.Record().Item(e.Field, id)
	if item == nil {
		return fmt.Errorf("no item %s", e.Item)
	}
	return k.write(e, k.e.Item(e.Field, id), item, id, e.Sub)
}

func (k *compiler) elem(field string, ref ItemRef) (syncproto.ElemID, error) {
	if !ref.isNew() {
		return ref.elem()
	}
	id, ok := k.items[itemName(field, ref)]
	if !ok {
		return id, fmt.Errorf("no item %s", ref)
	}
	return id, nil
}

// writer is what crdt.Edit and crdt.ItemEdit have in common.
type writer interface {
	Set(name string, v syncproto.Value) error
	Add(name string, v syncproto.Value) error
	Remove(name string, v syncproto.Value) error
	Log(name string, v syncproto.Value) error
	SetText(name, final string) error
}

// write makes one field read what the edit says, if it does not already.
func (k *compiler) write(e *edit, w writer, now fieldSet, item syncproto.ElemID, name string) error {
	at := func(dot syncproto.Dot) seal.Place {
		p := placeOf(e.Field, item, e.Sub, dot)
		p.Record = k.d.record
		return p
	}
	switch e.Kind {
	case editSet:
		if k.unchanged(now.Values(name), e.Value, at) {
			return nil
		}
		if err := k.fixed(e, now, name); err != nil {
			return err
		}
		return w.Set(name, e.Value)
	case editText:
		return w.SetText(name, e.Text)
	case editAdd:
		for _, m := range now.Set(name) {
			if k.reads(m.Value, at(m.Adds[0].Dot), e.Value) {
				return nil
			}
		}
		return w.Add(name, e.Value)
	case editRemove:
		for _, m := range now.Set(name) {
			if k.reads(m.Value, at(m.Adds[0].Dot), e.Value) {
				if err := w.Remove(name, m.Value); err != nil {
					return err
				}
			}
		}
		return nil
	case editLog:
		v, err := k.entry(e)
		if err != nil {
			return err
		}
		return w.Log(name, v)
	}
	return fmt.Errorf("unknown edit %d", e.Kind)
}

// entry completes a log entry with what its author has before him: a signature
// with what it covers, an event that fixes a text with its words.
func (k *compiler) entry(e *edit) (syncproto.Value, error) {
	entry, ok := view.Plain(e.Value).(map[string]any)
	if !ok || k.d.kind == nil || e.Item != "" {
		return e.Value, nil
	}
	add := func(sub string, v any) (syncproto.Value, error) {
		if _, said := entry[sub]; said {
			return e.Value, nil
		}
		entry[sub] = v
		return wire.EncodeValue(entry)
	}
	if f, ok := k.d.kind.Field(e.Field); ok && f.Merge.Code == schema.SG {
		var salt [16]byte
		if _, err := io.ReadFull(k.c.opt.Random, salt[:]); err != nil {
			return nil, fmt.Errorf("salt: %w", err)
		}
		if covers := view.Covers(k.d.kind, k.e.Record(), e.Field, salt); covers != nil {
			return add(view.CoversSub, covers)
		}
		return e.Value, nil
	}
	m, ok := k.c.schema.Machine(k.d.kindID)
	if !ok || m.Events != e.Field {
		return e.Value, nil
	}
	for _, f := range k.d.kind.Fields {
		if doc := k.e.Record().Text(f.Key); f.Merge.Code == schema.TXFX && f.Merge.Arg == entry["event"] && doc != nil {
			return add(view.FixedSub, doc.String())
		}
	}
	return e.Value, nil
}

// reads reports whether a stored value reads as want.
func (k *compiler) reads(v syncproto.Value, at seal.Place, want syncproto.Value) bool {
	opened, err := k.c.open(v, at)
	return err == nil && bytes.Equal(opened, want)
}

// unchanged reports whether the field reads want and nothing else already. A
// value in conflict is written even so: that is how a person settles it.
func (k *compiler) unchanged(values []crdt.Entry, want syncproto.Value, at func(syncproto.Dot) seal.Place) bool {
	if len(values) == 0 {
		return bytes.Equal(want, valueNil)
	}
	for i := range values {
		if !k.reads(values[i].Value, at(values[i].Dot), want) {
			return false
		}
	}
	return true
}

var valueNil = wire.Must(wire.EncodeValue(nil))

var errFixed = errors.New("is fixed since the record was submitted: write a correction (更正) instead")

// fixed refuses to change a field that is fixed at the first 提交.
func (k *compiler) fixed(e *edit, now fieldSet, name string) error {
	if k.d.kind == nil || k.d.origin != draftEdit || k.d.corrects == e.Field {
		return nil
	}
	f, ok := k.d.kind.Field(e.Field)
	if ok && e.Sub != "" {
		f, ok = f.Item(e.Sub)
	}
	if !ok || f.Merge.Code != schema.FX || len(now.Values(name)) != 1 {
		return nil // several values: one is being chosen
	}
	if s := statusOf(k.e.Record()); s == StatusSubmitted || s == StatusArchived {
		return errFixed
	}
	return nil
}

// groups writes the other keys of a group of which one was set: the keys are
// one value, taken together from one writer.
func (k *compiler) groups() error {
	if k.d.kind == nil {
		return nil
	}
	set := map[string]bool{}
	for _, e := range k.d.edits {
		if e.Kind == editSet && e.Item == "" {
			set[e.Field] = true
		}
	}
	for _, name := range sortedKeys(set) {
		f, ok := k.d.kind.Field(name)
		if !ok {
			continue
		}
		for _, other := range f.Group() {
			if set[other] {
				continue
			}
			set[other] = true
			if err := k.repeat(other); err != nil {
				return k.fail(other, err)
			}
		}
	}
	return nil
}

// repeat writes the shown value of a field once more.
func (k *compiler) repeat(name string) error {
	e, ok := k.e.Record().Value(name)
	if !ok {
		return nil
	}
	at := placeOf(name, syncproto.ElemID{}, "", e.Dot)
	at.Record = k.d.record
	v, err := k.c.open(e.Value, at)
	if err != nil {
		return err
	}
	return k.e.Set(name, v)
}

// status takes the record to a status it has not reached.
func (k *compiler) status(to, before RecordStatus) error {
	if to == "" || k.d.kind == nil || before == StatusSubmitted || before == StatusArchived || before == to {
		return nil
	}
	f, ok := k.d.kind.Field("status")
	if !ok {
		return nil
	}
	v, err := wire.EncodeValue(string(to))
	if err != nil {
		return err
	}
	if f.MergeClass() == schema.ClassLog {
		return k.e.Log("status", v)
	}
	return k.e.Set("status", v)
}

// complete reports an IncompleteError when required fields are not filled.
func (k *compiler) complete() error {
	if k.d.kind == nil {
		return nil
	}
	missing := k.d.kind.Missing(k.getter())
	missing = slices.DeleteFunc(missing, func(f *schema.Field) bool { return f.MergeClass() == schema.ClassNone })
	if len(missing) == 0 {
		return nil
	}
	out := &IncompleteError{Kind: k.d.kindID, Record: k.d.record}
	for _, f := range missing {
		out.Fields = append(out.Fields, MissingField{f.Path(), f.Zh})
	}
	return out
}
