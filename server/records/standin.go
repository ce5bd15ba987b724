package records

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// StandInPart is the part number of a step that stands for lost changes: what
// it joins is made anew each time, of the StandIn under its key.
const StandInPart = 1 << 14

// AppendStandIn encodes what stands for lost changes; its key says which and where.
func AppendStandIn(b []byte, s *crdt.StandIn) []byte {
	b = wire.AppendText(wire.AppendUint(begin(b, 4), uint64(s.After)), s.Kind)
	b = wire.AppendArray(wire.AppendUint(b, s.Lamport), 6*len(s.Elements))
	for i := range s.Elements {
		e := &s.Elements[i]
		b = wire.AppendBytes(wire.AppendText(b, e.Field), e.Item.Replica[:])
		b = wire.AppendText(wire.AppendUint(b, e.Item.Counter), e.Sub)
		b = wire.AppendUint(wire.AppendBool(b, e.List), e.UpTo)
	}
	return b
}

// DecodeStandIn reads it; Replica and Seq are for the caller to fill in.
func DecodeStandIn(v []byte) (*crdt.StandIn, error) {
	r, err := open(v, 4, "stand-in")
	if err != nil {
		return nil, err
	}
	s := &crdt.StandIn{After: syncproto.Seq(r.Uint()), Kind: r.Text(syncproto.MaxKindBytes), Lamport: r.Uint()}
	n := r.Array(len(v))
	if n%6 != 0 {
		r.Failf("elements of a stand-in: %d members", n)
	}
	for ; n > 0 && r.Err() == nil; n -= 6 {
		e := crdt.StandInElements{Field: r.Text(syncproto.MaxFieldBytes)}
		r.Fixed(e.Item.Replica[:])
		e.Item.Counter, e.Sub = r.Uint(), r.Text(syncproto.MaxFieldBytes)
		e.List, e.UpTo = r.Bool(), r.Uint()
		s.Elements = append(s.Elements, e)
	}
	if err := done(r, "stand-in"); err != nil {
		return nil, err
	}
	return s, nil
}

// StandInFor finds what stands in a record for a change, nil for nothing.
func StandInFor(r store.Reader, id syncproto.RecordID, c syncproto.ChangeID) (s *crdt.StandIn, err error) {
	prefix := StandInKey(id, c.Replica, 0)
	prefix = prefix[:len(prefix)-8]
	err = r.Scan(StandInKey(id, c.Replica, c.Seq), prefixEnd(prefix), false, func(k store.Key, v []byte) (bool, error) {
		if len(k) != len(prefix)+8 {
			return true, nil // a later block of a long one
		}
		whole, err := GetBlocks(r, bytes.Clone(k))
		if err != nil {
			return false, err
		}
		found, err := DecodeStandIn(whole)
		if err != nil {
			return false, err
		}
		if found.After < c.Seq {
			s = found
			s.Replica, s.Seq = c.Replica, syncproto.Seq(binary.BigEndian.Uint64(k[len(prefix):]))
		}
		return false, nil
	})
	return s, err
}

// StandInHeader is the header that a stand-in is joined with.
func StandInHeader(wall int64) syncproto.Header {
	return syncproto.Header{Author: view.System, Wall: wall}
}

func (j *Joined) joinStandIn(r store.Reader, rec *crdt.Record) error {
	s, err := StandInFor(r, rec.ID, j.Change())
	if err == nil && (s == nil || s.Seq != j.Seq) {
		err = fmt.Errorf("what stands for change %s is not in the store", j.Change())
	}
	if err != nil {
		return err
	}
	j.Header = StandInHeader(j.Received)
	p, err := rec.JoinStandIn(j.Header, s)
	if err != nil {
		return err
	}
	j.Header.Replica, j.Header.Seq, j.Content = j.Replica, j.Seq, *p
	return nil
}
