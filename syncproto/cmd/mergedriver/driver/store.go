package driver

import (
	"encoding/base64"
	"encoding/binary"

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
	b := binary.AppendVarint(nil, v.now)
	ids := v.store.IDs()
	var states []byte
	for _, id := range ids {
		state := v.store.Record(id).AppendBinary(nil)
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
	v, err := d.newDevice(q.R)
	if err != nil {
		return err
	}
	blob, err := blobOf(q)
	if err != nil {
		return err
	}
	if err := v.restore(blob); err != nil {
		return refuse("BAD_CHANGE", "%v", err)
	}
	d.devices[q.R] = v
	return nil
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
		v.store.Put(rec)
	}
	changes, err := readRuns(r, nil)
	if err != nil || len(r.b) > 0 {
		return errBlob
	}
	for i := range changes {
		if err := v.remember(&changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// remember takes a stored change into the log, and delivers again those parts
// that the states do not hold: they wait.
func (v *device) remember(c *received) error {
	v.log.add(c.Replica, c.Seq, c.run, c.bytes)
	for i := range c.Parts {
		p := &c.Parts[i]
		if rec := v.store.Record(p.Record); rec != nil && rec.Version.Covers(c.Replica, c.Seq) {
			continue
		}
		if err := v.deliver(c.Header, p, c.run); err != nil {
			return err
		}
	}
	return nil
}
