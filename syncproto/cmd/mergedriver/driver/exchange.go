package driver

import (
	"cmp"
	"slices"

	"github.com/chuantou/chuantou/syncproto/session"
)

// Holdings lists the changes that the device can pass on, waiting ones too.
func (v *device) Holdings() (session.Holdings, error) {
	out := make(session.Holdings, len(v.log.by))
	for id := range v.log.by {
		out[id] = v.log.ranges(id)
	}
	return out, nil
}

// Pack packs changes as take does: in the order they came here, unsigned.
// Between real devices what is packed are signed bundles.
func (v *device) Pack(changes session.Holdings) ([]byte, error) {
	var out []*logged
	for id, rs := range changes {
		for _, r := range rs {
			for seq := r.From; seq <= r.To; seq++ {
				out = append(out, v.log.find(id, seq))
			}
		}
	}
	slices.SortFunc(out, func(a, b *logged) int { return cmp.Compare(a.at, b.at) })
	return packChanges(out), nil
}

// Unpack takes in what Pack made on another device.
func (v *device) Unpack(packed []byte) error {
	payload, err := open(blobChanges, packed)
	if err == nil {
		err = v.room.readChanges(payload, func(runID, []received) {})
	}
	if err != nil {
		return err
	}
	return v.receive(payload)
}

// exchange brings `to` all that `from` has, and with both the other way too,
// by the exchange that devices sync with side by side.
func (d *Driver) exchange(q *request, from, to key, both bool) (answer, error) {
	a, err := d.device(q, to)
	if err != nil {
		return nil, err
	}
	b, err := d.device(q, from)
	if err != nil {
		return nil, err
	}
	var bytes, messages, waits int
	if a != b {
		for _, v := range []*device{a, b} {
			if err := v.save(); err != nil {
				return nil, err
			}
		}
		if b.part(); both {
			a.part()
		}
		x := session.NewExchange(a, both)
		for msg, wait := x.Next(); msg != nil; msg, wait = x.Next() {
			reply, err := session.Answer(b, msg)
			if err != nil {
				return nil, err
			}
			bytes, messages = bytes+len(msg)+len(reply), messages+1
			if wait {
				messages, waits = messages+1, waits+1
				if err := x.Handle(reply); err != nil {
					return nil, err
				}
			}
		}
		if err := x.Err(); err != nil {
			return nil, err
		}
	}
	return answer{{"bytes", bytes}, {"messages", messages}, {"roundTrips", waits}}, nil
}
