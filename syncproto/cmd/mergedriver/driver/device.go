package driver

import (
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
	id      syncproto.ReplicaID
	now     int64
	records map[syncproto.RecordID]*crdt.Record
	log     changeLog
	room    *room
	seq     syncproto.Seq // last change saved
	left    syncproto.Seq // last change that others may have, however it went
	taken   syncproto.Seq // last change packed by take

	open  map[syncproto.RecordID]*crdt.Edit
	order []syncproto.RecordID // of open
	bytes int                  // about what open holds
	timed bool                 // it has ops of which claimed time orders concurrent ones

	applied syncproto.VersionVector          // changes of all records, without a gap
	heard   syncproto.VersionVector          // those of others since the last own change
	waits   map[syncproto.ChangeID][]*waiter // by a cause that is not applied
	called  []*waiter                        // whose cause was applied just now
	pending map[runID]int                    // how many waiters each run has

	received int // how often something was
	items    map[listKey]*itemNames
}

func newDevice(name string, room *room) *device {
	return &device{
		id: replicaID(name), now: defaultNow, room: room,
		records: map[syncproto.RecordID]*crdt.Record{}, log: newChangeLog(),
		open:  map[syncproto.RecordID]*crdt.Edit{},
		waits: map[syncproto.ChangeID][]*waiter{}, pending: map[runID]int{}, items: map[listKey]*itemNames{},
	}
}

// author of all that the device writes: a person of the same id.
func (v *device) author() syncproto.PersonID { return syncproto.PersonID(v.id) }

// view is the record as the device shows it now, nil if it knows none.
func (v *device) view(id syncproto.RecordID) *crdt.Record {
	if e := v.open[id]; e != nil {
		return e.Record()
	}
	return v.records[id]
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
		r := v.records[id]
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
	var parts []syncproto.Part
	for _, id := range v.order {
		e := v.open[id]
		p, any := e.Part()
		r, err := e.Commit(h)
		if err != nil {
			return err
		}
		if any {
			parts = append(parts, p)
			raw.Parts = append(raw.Parts, wire.RawPart{Bytes: wire.AppendPart(nil, v.id, &p)})
			v.records[id] = r
		}
	}
	clear(v.open)
	v.order, v.bytes, v.timed = v.order[:0], 0, false
	if len(parts) > 0 {
		v.seq++
		v.log.add(logged{replica: v.id, seq: v.seq, run: v.seq, bytes: wire.AppendRawChange(nil, &raw), causes: v.causesOf(parts)})
		v.advance(v.id, v.seq)
	}
	return nil
}

func clock(_ *Driver, v *device, q *request) (answer, error) {
	n, ok := q.int(keyNow)
	if !ok {
		return nil, badRequest("clock without now")
	}
	now := int64(n)
	// Claimed time tells apart only concurrent values; what else is open may
	// be saved under a later time.
	if now != v.now && v.timed {
		if err := v.save(); err != nil {
			return nil, err
		}
	}
	v.now = now
	return nil, nil
}
