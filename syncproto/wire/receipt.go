package wire

import (
	"fmt"
	"math"

	"github.com/chuantou/chuantou/syncproto"
)

// Limits of a receipt.
const (
	maxRanges     = 1 << 16
	maxHeldListed = 1 << 14
	maxEpochBytes = 64

	maxOriginBytes = 1 << 10
)

// AppendReceiptBody appends what a receipt's signature covers.
func AppendReceiptBody(b []byte, c *syncproto.Receipt) []byte {
	members := 10
	switch {
	case c.Move != syncproto.Move{}:
		members = 14
	case c.Link != syncproto.Hash{}:
		members = 13
	case c.Order != syncproto.OrderNone:
		members = 12
	case len(c.BackedUp) > 0:
		members = 11
	}
	b = AppendUint(AppendArray(b, members), uint64(c.Suite))
	b = AppendBytes(b, c.Server[:])
	b = AppendText(b, c.Epoch)
	b = AppendBytes(b, c.Replica[:])
	b = appendRanges(b, c.Received)
	b = AppendArray(b, len(c.Held))
	for _, h := range c.Held {
		members := 3
		if h.Note != "" {
			members = 4
		}
		b = AppendUint(AppendArray(b, members), uint64(h.Seq))
		b = AppendUint(AppendBytes(b, h.Record[:]), uint64(h.Reason))
		if h.Note != "" {
			b = AppendText(b, h.Note)
		}
	}
	b = AppendUint(b, uint64(c.Level))
	b = AppendInt(b, c.Wall)
	b = AppendBool(b, c.Forked)
	b = AppendBytes(b, c.Audit[:])
	if members > 10 {
		b = appendRanges(b, c.BackedUp)
	}
	if members > 11 {
		b = AppendUint(b, uint64(c.Order))
	}
	if members > 12 {
		b = AppendBytes(b, c.Link[:])
	}
	if members > 13 {
		b = AppendBytes(AppendText(AppendArray(b, 2), c.Move.Origin), c.Move.Root[:])
	}
	return b
}

// appendRanges writes runs as gaps and lengths: small numbers.
func appendRanges(b []byte, rs syncproto.Ranges) []byte {
	b = AppendArray(b, 2*len(rs))
	var last syncproto.Seq
	for _, r := range rs {
		b = AppendUint(AppendUint(b, uint64(r.From-last)), uint64(r.To-r.From))
		last = r.To
	}
	return b
}

// AppendReceipt appends a signed receipt.
func AppendReceipt(b []byte, c *syncproto.Receipt) []byte {
	b = AppendReceiptBody(AppendArray(b, 2), c)
	return AppendBytes(b, c.Sig[:])
}

// ReadReceipt reads a signed receipt; verifying it is package sign's work.
func ReadReceipt(r *Reader) (c syncproto.Receipt, err error) {
	if n := r.Array(2); r.err == nil && n != 2 {
		r.Failf("a receipt has 2 members")
	}
	members := r.Array(14)
	if r.err == nil && members < 10 {
		r.Failf("a receipt's body has 10 to 14 members")
	}
	c.Suite = syncproto.Suite(r.UintMax(math.MaxUint8))
	if r.err == nil && c.Suite != syncproto.Suite1 {
		return syncproto.Receipt{}, fmt.Errorf("receipt suite %d: %w", c.Suite, syncproto.ErrUnknownSuite)
	}
	r.Fixed(c.Server[:])
	c.Epoch = r.Text(maxEpochBytes)
	r.Fixed(c.Replica[:])
	c.Received = readRanges(r)
	n := r.Array(maxHeldListed)
	for i := 0; i < n && r.err == nil; i++ {
		var h syncproto.Held
		members := r.Array(4)
		if members < 3 {
			r.Failf("a held entry has 3 members, or 4 with a note")
		}
		h.Seq = readSeq(r)
		r.Fixed(h.Record[:])
		h.Reason = syncproto.HoldReason(r.UintMax(math.MaxUint8))
		if members == 4 {
			if h.Note = r.Text(syncproto.MaxNoteBytes); h.Note == "" {
				r.Failf("an empty note is left out")
			}
		}
		c.Held = append(c.Held, h)
	}
	c.Level = syncproto.Level(r.UintMax(math.MaxUint8))
	c.Wall = r.Int()
	c.Forked = r.Bool()
	r.Fixed(c.Audit[:])
	if members > 10 {
		if c.BackedUp = readRanges(r); r.err == nil && len(c.BackedUp) == 0 && members == 11 {
			r.Failf("an empty list of what is backed up is left out")
		}
	}
	if members > 11 {
		if c.Order = syncproto.Order(r.UintMax(math.MaxUint8)); r.err == nil && c.Order == syncproto.OrderNone && members == 12 {
			r.Failf("no order is left out")
		}
	}
	if members > 12 {
		if r.Fixed(c.Link[:]); r.err == nil && c.Link == (syncproto.Hash{}) && members == 13 {
			r.Failf("an unknown link is left out")
		}
	}
	if members > 13 {
		if n := r.Array(2); r.err == nil && n != 2 {
			r.Failf("another address has 2 members")
		}
		c.Move.Origin = r.Text(maxOriginBytes)
		if r.Fixed(c.Move.Root[:]); r.err == nil && c.Move.Origin == "" {
			r.Failf("no address is left out")
		}
	}
	r.Fixed(c.Sig[:])
	if r.err != nil {
		return syncproto.Receipt{}, r.err
	}
	return c, nil
}

// DecodeReceipt reads exactly one receipt.
func DecodeReceipt(b []byte) (syncproto.Receipt, error) {
	r := NewReader(b)
	c, err := ReadReceipt(r)
	if err == nil {
		err = r.Done()
	}
	if err != nil {
		return syncproto.Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return c, nil
}

// readRanges reads runs written as gaps and lengths.
func readRanges(r *Reader) (rs syncproto.Ranges) {
	n := r.Array(2 * maxRanges)
	if n%2 != 0 {
		r.Failf("odd number of range ends")
	}
	var last uint64
	for i := 0; i < n/2 && r.err == nil; i++ {
		gap, length := r.UintMax(math.MaxInt32), r.UintMax(math.MaxInt32)
		if gap == 0 || i > 0 && gap == 1 {
			r.Failf("ranges touch or overlap")
		}
		from := last + gap
		last = from + length
		rs = append(rs, syncproto.Range{From: syncproto.Seq(from), To: syncproto.Seq(last)})
	}
	return rs
}
