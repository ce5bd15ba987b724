package driver

import (
	"errors"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// defaultNow is the clock before the first clock command: 2026-01-01.
const defaultNow = 1767225600000

// A change is saved before it grows over these, well within syncproto's limits.
const (
	maxOpenOps     = 2000
	maxOpenRecords = 200
	maxOpenBytes   = 1 << 20
	maxInsertRunes = 128 << 10
)

// maxTextRunes bounds a text, well within what the engine holds with all that
// was ever deleted from it.
const maxTextRunes = 8 << 20

// device is one replica: its records, the changes it can pass on, and the
// change being made, which is saved whenever something is received, taken or
// stored. Typing in between adds to it, as a form does until it is saved.
type device struct {
	id    syncproto.ReplicaID
	now   int64
	store *crdt.Replica
	log   changeLog
	seq   syncproto.Seq // last change saved
	taken syncproto.Seq // last change packed by take

	open  map[syncproto.RecordID]*crdt.Edit
	order []syncproto.RecordID // of open
	bytes int                  // about what open holds
	timed bool                 // it has ops of which claimed time orders concurrent ones

	waits map[crdt.PartID]runID // parts that wait, by the run they came in
	runs  map[runID]int         // how many parts of a run wait

	received int // how often something was
	items    map[listKey]*itemNames
}

// runID names a run of changes that were delivered together.
type runID struct {
	replica syncproto.ReplicaID
	from    syncproto.Seq
}

func newDevice(name string) *device {
	// A test may leave any number of changes waiting; memory is the judge's.
	limits := crdt.Limits{Parts: 1 << 22, Bytes: 2 << 30}
	return &device{
		id: replicaID(name), now: defaultNow,
		store: crdt.NewReplica(limits), log: newChangeLog(),
		open:  map[syncproto.RecordID]*crdt.Edit{},
		waits: map[crdt.PartID]runID{}, runs: map[runID]int{}, items: map[listKey]*itemNames{},
	}
}

// author of all that the device writes: a person of the same id.
func (v *device) author() syncproto.PersonID { return syncproto.PersonID(v.id) }

// view is the record as the device shows it now, nil if it knows none.
func (v *device) view(id syncproto.RecordID) *crdt.Record {
	if e := v.open[id]; e != nil {
		return e.Record()
	}
	return v.store.Record(id)
}

// edit is the open edit of the record.
func (v *device) edit(id syncproto.RecordID) (*crdt.Edit, error) {
	e := v.open[id]
	if e != nil && (e.Ops() >= maxOpenOps || v.bytes >= maxOpenBytes) || e == nil && len(v.open) >= maxOpenRecords {
		if err := v.save(); err != nil {
			return nil, err
		}
		e = nil
	}
	if e == nil {
		r := v.store.Record(id)
		if r == nil {
			r = crdt.New(id)
		}
		e = r.Edit(v.id, nil)
		v.open[id] = e
		v.order = append(v.order, id)
	}
	return e, nil
}

// save makes the open edits one change.
func (v *device) save() error {
	if len(v.open) == 0 {
		return nil
	}
	h := syncproto.Header{Replica: v.id, Seq: v.seq + 1, Author: v.author(), Wall: v.now}
	raw := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h)}
	for _, id := range v.order {
		e := v.open[id]
		p, any := e.Part()
		r, err := e.Commit(h)
		if err != nil {
			return err
		}
		if any {
			raw.Parts = append(raw.Parts, wire.RawPart{Bytes: wire.AppendPart(nil, v.id, &p)})
			v.settle(v.store.Put(r))
		}
	}
	clear(v.open)
	v.order, v.bytes, v.timed = v.order[:0], 0, false
	if len(raw.Parts) > 0 {
		v.seq++
		v.log.add(h.Replica, h.Seq, h.Seq, wire.AppendRawChange(nil, &raw))
	}
	return nil
}

func (v *device) deliver(h syncproto.Header, p *syncproto.Part, run syncproto.Seq) error {
	out, err := v.store.Deliver(h, p, crdt.Options{})
	if err != nil && !errors.Is(err, crdt.ErrInvalid) {
		return err // a part that cannot fit is passed on but not shown
	}
	if out.Waits {
		id, from := crdt.PartID{Record: p.Record, Replica: h.Replica, Seq: h.Seq}, runID{h.Replica, run}
		if _, known := v.waits[id]; !known {
			v.waits[id] = from
			v.runs[from]++
		}
	}
	v.settle(out)
	return nil
}

// settle strikes parts that no longer wait off the list.
func (v *device) settle(out crdt.Outcome) {
	for _, id := range out.Joined {
		v.forget(id)
	}
	for _, x := range out.Refused {
		v.forget(x.PartID)
	}
}

func (v *device) forget(id crdt.PartID) {
	run, ok := v.waits[id]
	if !ok {
		return
	}
	delete(v.waits, id)
	if v.runs[run]--; v.runs[run] == 0 {
		delete(v.runs, run)
	}
}

func clock(_ *Driver, v *device, q *request) (answer, error) {
	if q.Now == nil {
		return nil, badRequest("clock without now")
	}
	// Claimed time tells apart only concurrent values; what else is open may
	// be saved under a later time.
	if *q.Now != v.now && v.timed {
		if err := v.save(); err != nil {
			return nil, err
		}
	}
	v.now = *q.Now
	return nil, nil
}
