package driver

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// What one device had when it made a change is known to the change, whatever
// records it was about; and what leaves a device at once, by take, pull or save,
// is one change. So a run is applied whole, once all that any of it knows is
// applied. (Were it cut otherwise, two could wait for each other.) Between
// devices and server causes are told per record and a part waits alone
// (SPEC.md §1.6).

// runID names a run of changes that were packed together.
type runID struct {
	replica syncproto.ReplicaID
	start   syncproto.Seq
}

// waiter is a run, or what of it is new here, that waits for a cause.
type waiter struct {
	run      runID
	from, to syncproto.Seq
	causes   syncproto.VersionVector // besides the replica's change before from
}

// part makes the own changes that are about to leave for the first time one run.
func (v *device) part() {
	for seq := v.left + 1; seq <= v.seq; seq++ {
		v.log.find(v.id, seq).run = v.left + 1
	}
	v.left = v.seq
}

// arrive applies the changes of a run, or keeps them waiting. They are in the
// log, and follow each other.
func (v *device) arrive(run runID, changes []received) {
	ready := v.applied.Covers(run.replica, changes[0].Seq-1)
	for i := range changes {
		ready = ready && v.knowsCauses(&changes[i])
	}
	if !ready {
		w := &waiter{run: run, from: changes[0].Seq, to: changes[len(changes)-1].Seq}
		for i := range changes {
			w.causes = changes[i].addCauses(w.causes)
		}
		v.pending[run]++
		v.await(w)
		return
	}
	for i := range changes {
		v.apply(&changes[i])
	}
}

func (v *device) knowsCauses(c *received) bool {
	if !c.causes.LessEqual(v.applied) {
		return false
	}
	for i := range c.Parts {
		for _, x := range c.Parts[i].Seen {
			if x.Replica != c.Replica && !v.applied.Covers(x.Replica, x.Seq) {
				return false
			}
		}
	}
	return true
}

// addCauses raises causes to what c knows of other replicas.
func (c *received) addCauses(causes syncproto.VersionVector) syncproto.VersionVector {
	causes = causes.Merge(c.causes)
	for i := range c.Parts {
		causes = causes.Merge(c.Parts[i].Seen)
	}
	causes.Set(c.Replica, 0) // its own come before it in any case
	return causes
}

// await lists w under the first of its causes that is not applied; false if
// there is none.
func (v *device) await(w *waiter) bool {
	cause := syncproto.ChangeID{Replica: w.run.replica, Seq: w.from - 1}
	for rest := w.causes; v.applied.Covers(cause.Replica, cause.Seq); rest = rest[1:] {
		if len(rest) == 0 {
			return false
		}
		cause = rest[0]
	}
	v.waits[cause] = append(v.waits[cause], w)
	return true
}

// apply joins a change whose causes are applied, and calls those that waited
// for it. A part that cannot fit is passed on but not shown.
func (v *device) apply(c *received) {
	for i := range c.Parts {
		p := &c.Parts[i]
		r, known := v.records[p.Record]
		if !known {
			r = crdt.New(p.Record)
		}
		if r.Join(c.Header, p, crdt.Options{Read: true}) == nil && !known {
			v.records[p.Record] = r
		}
	}
	v.heard.Set(c.Replica, c.Seq)
	v.advance(c.Replica, c.Seq)
}

func (v *device) advance(replica syncproto.ReplicaID, seq syncproto.Seq) {
	v.applied.Set(replica, seq)
	if replica == v.id && seq > v.seq {
		// Its own, from before it was stored or set up anew: it goes on after them.
		v.seq, v.left, v.taken = seq, seq, seq
	}
	if len(v.waits) == 0 {
		return
	}
	id := syncproto.ChangeID{Replica: replica, Seq: seq}
	v.called = append(v.called, v.waits[id]...)
	delete(v.waits, id)
}

// release applies what was called and has no cause left to wait for.
func (v *device) release() {
	for len(v.called) > 0 {
		w := v.called[len(v.called)-1]
		v.called = v.called[:len(v.called)-1]
		if v.await(w) {
			continue
		}
		if v.pending[w.run]--; v.pending[w.run] == 0 {
			delete(v.pending, w.run)
		}
		for seq := w.from; seq <= w.to; seq++ {
			v.room.Reset()
			var c received
			if _, err := v.room.ReadChange(wire.NewReader(v.log.find(w.run.replica, seq).bytes), w.run.replica, seq, &c.Change); err != nil {
				panic("driver: a change that was read does not read: " + err.Error())
			}
			v.apply(&c)
		}
	}
}

// causesOf is what a change with these parts is to say that it knows.
func (v *device) causesOf(parts []syncproto.Part) (causes syncproto.VersionVector) {
	for _, x := range v.heard {
		told := false
		for i := range parts {
			told = told || parts[i].Seen.Covers(x.Replica, x.Seq)
		}
		if !told {
			causes = append(causes, x)
		}
	}
	v.heard = v.heard[:0]
	return causes
}
