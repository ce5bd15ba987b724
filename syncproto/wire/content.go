package wire

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
)

// What the frames of a page hold: states, or slices of changes.

// AppendStates appends the states of one EntryStates frame, before compression.
func AppendStates(b []byte, states []syncproto.State) []byte {
	for _, s := range states {
		b = AppendBytes(AppendBytes(AppendArray(b, 2), s.Record[:]), s.Bytes)
	}
	return b
}

// DecodeStates reads the count states of an uncompressed frame; bytes alias the input.
func DecodeStates(raw []byte, count int) ([]syncproto.State, error) {
	if count < 0 || count > maxStatesInFrame {
		return nil, fmt.Errorf("%w: %d states, at most %d are allowed", ErrEncoding, count, maxStatesInFrame)
	}
	r := NewReader(raw)
	out := make([]syncproto.State, 0, min(count, len(raw)))
	for i := 0; i < count && r.err == nil; i++ {
		var s syncproto.State
		if r.Array(2) != 2 {
			r.Failf("a state has 2 members")
		}
		r.Fixed(s.Record[:])
		s.Bytes = r.Bytes(MaxRawBytes)
		out = append(out, s)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("states: %w", err)
	}
	return out, nil
}

// ReadSlice hands the parts of an EntryChanges to fn one after another, those
// that are withheld left out: for who applies them at once and checks no
// hashes. An unknown op is ErrUnknownOp. fn's error ends it.
func (m *PartRoom) ReadSlice(e *syncproto.Entry, fn func(h syncproto.Header, p *syncproto.Part) error) error {
	raw, err := Decompress(e.Frame, e.RawBytes)
	if err != nil {
		return fmt.Errorf("slice of replica %s: %w", e.Replica, err)
	}
	r := NewReader(raw)
	r.room = m
	for i := range e.Count {
		h := syncproto.Header{Replica: e.Replica, Seq: e.From + syncproto.Seq(i)}
		if len(e.Offsets) > 0 {
			h.Seq = e.From + syncproto.Seq(e.Offsets[i])
		}
		if err := readEachPart(r, h, fn); err != nil {
			return fmt.Errorf("change %d of replica %s: %w", h.Seq, e.Replica, err)
		}
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("slice of replica %s: %w", e.Replica, err)
	}
	return nil
}

func readEachPart(r *Reader, h syncproto.Header, fn func(h syncproto.Header, p *syncproto.Part) error) error {
	n, _ := readChangeHead(r, &h)
	for i := 0; i < n && r.err == nil; i++ {
		if r.IsBytes() {
			var withheld syncproto.Hash
			r.Fixed(withheld[:])
			continue
		}
		if r.room != nil {
			r.room.Reset()
		}
		p, err := readWholePart(r, h.Replica)
		if err != nil {
			return err
		}
		if err := fn(h, &p); err != nil {
			return err
		}
	}
	return r.err
}
