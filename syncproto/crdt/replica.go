package crdt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// ErrFull is returned by Deliver when a part would have to wait and the room
// for waiting parts is used up. The part was not taken: deliver it again once
// others have been released.
var ErrFull = errors.New("too many parts wait for their causes")

// Limits bound what a Replica keeps of parts that wait. Zero members mean the
// defaults, 65,536 parts and 64 MiB.
type Limits struct {
	Parts int
	Bytes int
}

// Replica is a set of records and the parts that wait for their causes.
// Parts may come in any order, any number of times. Not safe for concurrent use.
type Replica struct {
	records map[syncproto.RecordID]*Record
	waiting map[syncproto.RecordID]*queue
	limits  Limits
	parts   int
	bytes   int
}

// PartID names a part: the change, and the record it is about.
type PartID struct {
	Record  syncproto.RecordID
	Replica syncproto.ReplicaID
	Seq     syncproto.Seq
}

// WaitingPart is a part that waits, as it was delivered.
type WaitingPart struct {
	Header  syncproto.Header
	Part    syncproto.Part
	Options Options
}

// Outcome is what one delivery led to.
type Outcome struct {
	// Joined lists the parts joined, in that order: the one delivered, then
	// those that had waited for it. Empty when it was known or waits.
	Joined []PartID
	// Waits says that the part waits now, or waited already.
	Waits bool
	// Refused lists parts that had waited and turned out never to fit.
	Refused []Refusal
}

// Refusal is a part that was dropped, and why.
type Refusal struct {
	PartID
	Err error
}

// NewReplica returns one that holds nothing.
func NewReplica(limits Limits) *Replica {
	if limits.Parts == 0 {
		limits.Parts = 1 << 16
	}
	if limits.Bytes == 0 {
		limits.Bytes = 64 << 20
	}
	return &Replica{records: map[syncproto.RecordID]*Record{}, waiting: map[syncproto.RecordID]*queue{}, limits: limits}
}

// Record returns a record's state, nil when no change of it is joined.
func (s *Replica) Record(id syncproto.RecordID) *Record { return s.records[id] }

// Put stores a record's state in place of the one held: an edit committed, or
// a base that came whole. Parts that waited are tried on it.
func (s *Replica) Put(r *Record) Outcome {
	s.records[r.ID] = r
	var out Outcome
	var raised []syncproto.ReplicaID
	for _, x := range r.Version {
		raised = append(raised, x.Replica)
	}
	s.release(r, &out, raised, true)
	return out
}

// IDs lists the records held, in order.
func (s *Replica) IDs() []syncproto.RecordID {
	out := make([]syncproto.RecordID, 0, len(s.records))
	for id := range s.records {
		out = append(out, id)
	}
	slices.SortFunc(out, syncproto.RecordID.Compare)
	return out
}

// Deliver joins a part, or keeps it until its causes are there. A part already
// joined or waiting changes nothing. An error means that it was not taken.
func (s *Replica) Deliver(h syncproto.Header, p *syncproto.Part, opt Options) (Outcome, error) {
	var out Outcome
	r := s.records[p.Record]
	if r == nil {
		r = New(p.Record)
	}
	switch err := r.Join(h, p, opt); {
	case err == nil:
		s.records[p.Record] = r
		out.Joined = append(out.Joined, PartID{p.Record, h.Replica, h.Seq})
		s.release(r, &out, []syncproto.ReplicaID{h.Replica}, bringsElements(p))
		return out, nil
	case errors.Is(err, ErrKnown):
		return out, nil
	default:
		var missing *MissingError
		if !errors.As(err, &missing) {
			return out, err
		}
		err = s.keep(&waiter{WaitingPart: WaitingPart{h, *p, opt}, size: sizeOf(p)}, missing)
		out.Waits = err == nil
		return out, err
	}
}

// keep lets a part wait. One that waits already stays as it is.
func (s *Replica) keep(w *waiter, missing *MissingError) error {
	q := s.waiting[w.Part.Record]
	if q != nil && q.parts[w.key()] != nil {
		return nil
	}
	if s.parts >= s.limits.Parts || s.bytes+w.size > s.limits.Bytes {
		return fmt.Errorf("%w: %d parts of %d bytes; this one %s", ErrFull, s.parts, s.bytes, missing.Error())
	}
	if q == nil {
		q = newQueue()
		s.waiting[w.Part.Record] = q
	}
	q.parts[w.key()] = w
	s.parts++
	s.bytes += w.size
	q.wait(w, missing)
	return nil
}

// Waiting is how many parts wait.
func (s *Replica) Waiting() int { return s.parts }

// WaitingParts lists them by record, replica and seq.
func (s *Replica) WaitingParts() []WaitingPart {
	out := make([]WaitingPart, 0, s.parts)
	for _, q := range s.waiting {
		for _, w := range q.parts {
			out = append(out, w.WaitingPart)
		}
	}
	slices.SortFunc(out, func(a, b WaitingPart) int {
		if c := a.Part.Record.Compare(b.Part.Record); c != 0 {
			return c
		}
		return syncproto.Dot{Replica: a.Header.Replica, Seq: a.Header.Seq}.Compare(syncproto.Dot{Replica: b.Header.Replica, Seq: b.Header.Seq})
	})
	return out
}
