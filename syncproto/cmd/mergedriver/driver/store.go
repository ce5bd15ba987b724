package driver

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// statesShare says how much smaller than the log states must be to be stored.
const statesShare = 4

// save gives the device's whole stored state: clock, records, and the log of
// changes, those that wait among them. The log alone says everything; states
// spare the loader joining it again, and stand in the blob when they add
// little: after long typing in few changes they would repeat all of it.
func save(_ *Driver, v *device, _ *request) (answer, error) {
	if err := v.save(); err != nil {
		return nil, err
	}
	v.part()
	b := binary.AppendVarint(nil, v.now)
	ids := slices.SortedFunc(maps.Keys(v.records), syncproto.RecordID.Compare)
	var states []byte
	for _, id := range ids {
		state := v.records[id].AppendBinary(nil)
		states = append(binary.AppendUvarint(states, uint64(len(state))), state...)
	}
	log := appendRuns(nil, v.log.order)
	if len(states) > len(log)/statesShare {
		ids, states = nil, nil
	}
	b = append(binary.AppendUvarint(b, uint64(len(ids))), states...)
	blob := seal(blobState, append(b, log...))
	return answer{{"blob", base64Text(base64.StdEncoding.EncodeToString(blob))}, {"bytes", len(blob)}}, nil
}

// load makes a new device of a stored state. Its later edits are its own.
func (d *Driver) load(q *request) error {
	v, err := d.newDevice(q)
	if err != nil {
		return err
	}
	blob, err := blobOf(q)
	if err == nil {
		if err = v.restore(blob); err != nil {
			err = refuse("BAD_CHANGE", "%v", err)
		}
	}
	if err != nil {
		name, _ := q.text(keyR)
		delete(d.devices, name)
	}
	return err
}

func (v *device) restore(blob []byte) error {
	payload, err := open(blobState, blob)
	if err != nil {
		return err
	}
	now, k := binary.Varint(payload)
	if k <= 0 {
		return errBlob
	}
	v.now = now
	r := &reader{b: payload[k:]}
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		rec, err := crdt.Decode(r.take(r.uint()))
		if err != nil {
			return err
		}
		if err := rec.Verify(); err != nil {
			return err
		}
		v.records[rec.ID] = rec
	}
	// What the states hold is known to them already; the rest waits, as it did.
	if err := v.room.readRuns(r, v.learn); err != nil || len(r.b) > 0 {
		return errBlob
	}
	return nil
}
