package records

import (
	"math"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ForkedPart is set in the part number of a held part of a fork: the number
// itself may be held or joined too.
const ForkedPart = 1 << 15

// Hold is a held part.
type Hold struct {
	Record   syncproto.RecordID
	Kind     string
	Author   syncproto.PersonID
	Reason   syncproto.HoldReason
	Detail   string // what was waited for or wrong, never a field's value; what the author of a rejected part is told
	Bundle   syncproto.Seq
	Fork     syncproto.Hash // set when the bundle lies under a ForkKey
	Wall     int64
	Received int64
}

// Append encodes the hold.
func (h *Hold) Append(b []byte) []byte {
	b = wire.AppendBytes(begin(b, 9), h.Record[:])
	b = wire.AppendText(b, h.Kind)
	b = wire.AppendBytes(b, h.Author[:])
	b = wire.AppendUint(b, uint64(h.Reason))
	b = wire.AppendText(b, h.Detail)
	b = wire.AppendUint(b, uint64(h.Bundle))
	b = wire.AppendBytes(b, h.Fork[:])
	return wire.AppendInt(wire.AppendInt(b, h.Wall), h.Received)
}

// DecodeHold reads a hold.
func DecodeHold(v []byte) (h Hold, err error) {
	r, err := open(v, 9, "held part")
	if err != nil {
		return h, err
	}
	r.Fixed(h.Record[:])
	h.Kind = r.Text(syncproto.MaxKindBytes)
	r.Fixed(h.Author[:])
	h.Reason = syncproto.HoldReason(r.UintMax(math.MaxUint8))
	h.Detail = r.Text(4096)
	h.Bundle = syncproto.Seq(r.Uint())
	r.Fixed(h.Fork[:])
	h.Wall, h.Received = r.Int(), r.Int()
	return h, done(r, "held part")
}

// AppendReissued encodes by what a change is issued anew.
func AppendReissued(b []byte, a *syncproto.Reissued) []byte {
	b = wire.AppendBytes(begin(b, 3), a.As.Replica[:])
	return wire.AppendIndexes(wire.AppendUint(b, uint64(a.As.Seq)), a.Parts)
}

// DecodeReissued reads it.
func DecodeReissued(v []byte) (a syncproto.Reissued, err error) {
	r, err := open(v, 3, "change issued anew")
	if err != nil {
		return a, err
	}
	r.Fixed(a.As.Replica[:])
	a.As.Seq = syncproto.Seq(r.Uint())
	a.Parts = wire.ReadIndexes(r)
	return a, done(r, "change issued anew")
}
