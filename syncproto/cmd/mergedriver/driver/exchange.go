package driver

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/chuantou/chuantou/syncproto"
)

// The exchange between two devices: the one that asks says what it has, the
// other answers with what is missing there and, when both ways are wanted,
// with what it lacks itself, which is then sent without being waited for. One
// round trip, however much there is. Unsigned, like everything here.

// prefixBytes of a replica id are enough to tell those of two devices apart.
const prefixBytes = 8

// maxSummaryBytes is how long a summary may be before its hash is tried first.
const maxSummaryBytes = 40

// summary says which changes a device has: per replica its id's prefix and the
// borders of the runs, as differences.
func (v *device) summary() []byte {
	ids := v.log.replicas()
	b := binary.AppendUvarint(nil, uint64(len(ids)))
	for _, id := range ids {
		b = append(b, id[:prefixBytes]...)
		b = appendRanges(b, v.log.ranges(id))
	}
	return b
}

func appendRanges(b []byte, rs syncproto.Ranges) []byte {
	b = binary.AppendUvarint(b, uint64(len(rs)))
	last := syncproto.Seq(0)
	for _, r := range rs {
		b = binary.AppendUvarint(b, uint64(r.From-last))
		b = binary.AppendUvarint(b, uint64(r.To-r.From))
		last = r.To
	}
	return b
}

type prefix [prefixBytes]byte

func readSummary(b []byte) (map[prefix]syncproto.Ranges, error) {
	r := &reader{b: b}
	out := map[prefix]syncproto.Ranges{}
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		var p prefix
		copy(p[:], r.take(prefixBytes))
		var rs syncproto.Ranges
		last := syncproto.Seq(0)
		for m := r.uint(); m > 0 && r.err == nil; m-- {
			from := last + syncproto.Seq(r.uint())
			last = from + syncproto.Seq(r.uint())
			rs = append(rs, syncproto.Range{From: from, To: last})
		}
		out[p] = rs
	}
	return out, r.err
}

// missing lists, in the order they came here, the changes that the holder of
// the summary lacks.
func (v *device) missing(summary []byte) ([]*logged, error) {
	has, err := readSummary(summary)
	if err != nil {
		return nil, err
	}
	var out []*logged
	for _, c := range v.log.order {
		if !has[prefix(c.replica[:prefixBytes])].Contains(c.seq) {
			out = append(out, c)
		}
	}
	return out, nil
}

// lacks reports whether the summary names changes that are not here.
func (v *device) lacks(summary []byte) (bool, error) {
	theirs, err := readSummary(summary)
	if err != nil {
		return false, err
	}
	mine, _ := readSummary(v.summary())
	for p, rs := range theirs {
		for _, r := range rs {
			for seq := r.From; seq <= r.To; {
				i := containing(mine[p], seq)
				if i < 0 {
					return true, nil
				}
				seq = mine[p][i].To + 1
			}
		}
	}
	return false, nil
}

func containing(rs syncproto.Ranges, seq syncproto.Seq) int {
	for i, r := range rs {
		if seq >= r.From && seq <= r.To {
			return i
		}
	}
	return -1
}

// meter counts what crosses between two devices.
type meter struct{ bytes, messages, roundTrips int }

func (m *meter) send(p []byte) []byte {
	m.bytes += len(p)
	m.messages++
	return p
}

// exchange brings `to` all that `from` has, and with both the other way too.
func (d *Driver) exchange(from, to string, both bool) (answer, error) {
	a, err := d.device(to)
	if err != nil {
		return nil, err
	}
	b, err := d.device(from)
	if err != nil {
		return nil, err
	}
	m := &meter{}
	if a != b {
		for _, v := range []*device{a, b} {
			if err := v.save(); err != nil {
				return nil, err
			}
		}
		if err := converse(m, a, b, both); err != nil {
			return nil, err
		}
	}
	return answer{{"bytes", m.bytes}, {"messages", m.messages}, {"roundTrips", m.roundTrips}}, nil
}

// converse is the protocol: a asks b.
func converse(m *meter, a, b *device, both bool) error {
	m.roundTrips++
	summary := a.summary()
	if len(summary) > maxSummaryBytes {
		hash := sha256.Sum256(summary)
		m.send(hash[:16])
		if bytes.Equal(summary, b.summary()) {
			m.send([]byte{0})
			return nil
		}
		m.send([]byte{1}) // say it in full
		m.roundTrips++
	}
	m.send(summary)
	changes, err := b.missing(summary)
	if err != nil {
		return err
	}
	var wants []byte
	if both {
		if lacks, err := b.lacks(summary); err != nil {
			return err
		} else if lacks {
			wants = b.summary()
		}
	}
	if err := transfer(m, a, changes, wants); err != nil || wants == nil {
		return err
	}
	if changes, err = a.missing(wants); err != nil {
		return err
	}
	return transfer(m, b, changes, nil)
}

// transfer is one message: changes, then the sender's own summary if it wants
// an answer.
func transfer(m *meter, to *device, changes []*logged, wants []byte) error {
	if len(changes) == 0 && wants == nil {
		m.send([]byte{0})
		return nil
	}
	payload := append(binary.AppendUvarint(nil, uint64(len(wants))), wants...)
	blob := m.send(seal(blobChanges, appendRuns(payload, changes)))
	payload, err := open(blobChanges, blob)
	if err != nil {
		return err
	}
	r := &reader{b: payload}
	r.take(r.uint())
	got, err := readRuns(r, nil)
	if err != nil {
		return err
	}
	return to.receiveAll(got)
}
