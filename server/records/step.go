package records

import (
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Step is one part joined to a record: its history, in apply order. Joining
// the parts of all steps anew, each with its Options, gives the record's state.
type Step struct {
	Replica  syncproto.ReplicaID
	Seq      syncproto.Seq
	Part     int
	Bundle   syncproto.Seq
	Received int64
	// Blind lists the fields its author could not read when it was joined; his
	// ops there removed nothing of others. Decided once: rights change later.
	Blind []BlindField
	// Void lists the fields that it came too late to set: see crdt.Options.
	Void []string
}

// BlindField is a field, or a sub-field of a list's items, as package crdt
// asks for it.
type BlindField struct{ Field, Sub string }

// Change is the change that the step is of.
func (s *Step) Change() syncproto.ChangeID { return syncproto.ChangeID{Replica: s.Replica, Seq: s.Seq} }

// Options is what the step's part was joined with.
func (s *Step) Options() crdt.Options {
	if len(s.Blind) == 0 {
		return crdt.Options{}
	}
	opt := crdt.Options{Blind: func(field, sub string) bool { return slices.Contains(s.Blind, BlindField{field, sub}) }}
	if len(s.Void) > 0 {
		opt.Void = func(field string) bool { return slices.Contains(s.Void, field) }
	}
	return opt
}

// Append encodes the step.
func (s *Step) Append(b []byte) []byte {
	members := 6
	if len(s.Void) > 0 {
		members = 7
	}
	b = wire.AppendBytes(begin(b, members), s.Replica[:])
	b = wire.AppendUint(wire.AppendUint(b, uint64(s.Seq)), uint64(s.Part))
	b = wire.AppendInt(wire.AppendUint(b, uint64(s.Bundle)), s.Received)
	b = wire.AppendArray(b, 2*len(s.Blind))
	for _, f := range s.Blind {
		b = wire.AppendText(wire.AppendText(b, f.Field), f.Sub)
	}
	if members == 6 {
		return b
	}
	b = wire.AppendArray(b, len(s.Void))
	for _, f := range s.Void {
		b = wire.AppendText(b, f)
	}
	return b
}

// DecodeStep reads a step.
func DecodeStep(v []byte) (s Step, err error) {
	r, err := openAny(v, "history step")
	if err != nil {
		return s, err
	}
	members := r.Array(7)
	if r.Err() == nil && members < 6 {
		r.Failf("history step of %d members", members)
	}
	r.Fixed(s.Replica[:])
	s.Seq, s.Part = syncproto.Seq(r.Uint()), int(r.UintMax(math.MaxUint16))
	s.Bundle, s.Received = syncproto.Seq(r.Uint()), r.Int()
	for n := r.Array(4 * syncproto.MaxOpsPerPart); n > 1 && r.Err() == nil; n -= 2 {
		s.Blind = append(s.Blind, BlindField{r.Text(syncproto.MaxFieldBytes), r.Text(syncproto.MaxFieldBytes)})
	}
	if members == 7 {
		n := r.Array(syncproto.MaxOpsPerPart)
		if r.Err() == nil && n == 0 {
			r.Failf("an empty list of void fields")
		}
		for ; n > 0 && r.Err() == nil; n-- {
			s.Void = append(s.Void, r.Text(syncproto.MaxFieldBytes))
		}
	}
	return s, done(r, "history step")
}
