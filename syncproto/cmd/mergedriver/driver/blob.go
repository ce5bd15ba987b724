package driver

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Kinds of blob: the first byte, with packed set when what follows is a zstd
// frame behind its length. The last four bytes are a CRC-32C of all before:
// transport damage is found by them, forgery is not this tool's matter
// (bundles are signed where it counts).
const (
	blobChanges  byte = 0xc1
	blobState    byte = 0xc2
	packed       byte = 0x10
	checksumSize      = 4
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errBlob    = errors.New("damaged, cut short or not ours")
)

// leastPacked is how long a payload must be for compression to be tried: most
// of a single small change are ids, which do not get shorter.
const leastPacked = 256

// seal closes a blob over its payload, compressed when that is shorter.
func seal(kind byte, payload []byte) []byte {
	b := append(append(make([]byte, 0, 1+len(payload)+checksumSize), kind), payload...)
	if len(payload) >= leastPacked && len(payload) <= wire.MaxRawBytes {
		frame := wire.Compress(payload, wire.EffortThin)
		p := append(binary.AppendUvarint([]byte{kind | packed}, uint64(len(payload))), frame...)
		if len(p) < len(b) {
			b = p
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// open returns a blob's payload.
func open(kind byte, blob []byte) ([]byte, error) {
	n := len(blob) - checksumSize
	if n < 1 || crc32.Checksum(blob[:n], castagnoli) != binary.BigEndian.Uint32(blob[n:]) {
		return nil, errBlob
	}
	switch blob[0] {
	case kind:
		return blob[1:n], nil
	case kind | packed:
		size, k := binary.Uvarint(blob[1:n])
		if k <= 0 || size > wire.MaxRawBytes {
			return nil, errBlob
		}
		return wire.Decompress(blob[1+k:n], int(size))
	}
	return nil, errBlob
}

// run is a run of one replica's changes as it travels.
type run struct {
	replica syncproto.ReplicaID
	from    syncproto.Seq
	count   int
	start   syncproto.Seq // first change of the run that the sender got them in
	frame   []byte
}

// appendRuns groups the changes into runs and writes them: replica ids once,
// then per run its replica, first number, count and frame.
func appendRuns(b []byte, changes []*logged) []byte {
	var runs []run
	index := map[syncproto.ReplicaID]uint64{}
	var ids []byte
	for _, c := range changes {
		if n := len(runs) - 1; n >= 0 && runs[n].replica == c.replica && runs[n].from+syncproto.Seq(runs[n].count) == c.seq &&
			runs[n].start == c.run && runs[n].count < wire.MaxBundleChanges {
			runs[n].count++
			runs[n].frame = append(runs[n].frame, c.bytes...)
			continue
		}
		runs = append(runs, run{c.replica, c.seq, 1, c.run, append([]byte(nil), c.bytes...)})
		if _, ok := index[c.replica]; !ok {
			index[c.replica] = uint64(len(index))
			ids = append(ids, c.replica[:]...)
		}
	}
	b = append(binary.AppendUvarint(b, uint64(len(index))), ids...)
	b = binary.AppendUvarint(b, uint64(len(runs)))
	for _, r := range runs {
		b = binary.AppendUvarint(b, index[r.replica])
		b = binary.AppendUvarint(b, uint64(r.from))
		b = binary.AppendUvarint(b, uint64(r.from-r.start))
		b = binary.AppendUvarint(b, uint64(r.count))
		b = binary.AppendUvarint(b, uint64(len(r.frame)))
		b = append(b, r.frame...)
	}
	return b
}

// reader reads varints and byte runs; the first refusal sticks.
type reader struct {
	b   []byte
	err error
	few [4]syncproto.ReplicaID
}

func (r *reader) uint() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || r.err != nil {
		r.err = errBlob
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errBlob
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) ids() []syncproto.ReplicaID {
	n := r.uint()
	if n > uint64(len(r.b))/16 {
		r.err = errBlob
		return nil
	}
	out := r.few[:0]
	for range n {
		out = append(out, syncproto.ReplicaID(r.take(16)))
	}
	return out
}

// received is one change of a blob, read whole: its bytes, which lie in the
// blob's payload, and the run it belongs to.
type received struct {
	syncproto.Change
	bytes []byte
	run   syncproto.Seq
}

// readRuns adds what appendRuns wrote to out, whole: every part is looked at
// before any is applied.
func readRuns(r *reader, out []received) ([]received, error) {
	ids := r.ids()
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		i, from, back, count := r.uint(), r.uint(), r.uint(), r.uint()
		frame := wire.NewReader(r.take(r.uint()))
		if r.err != nil || i >= uint64(len(ids)) || back >= from || from > math.MaxInt64 || count > wire.MaxBundleChanges {
			return out, errBlob
		}
		for k := range syncproto.Seq(count) {
			c, raw, err := wire.ReadChange(frame, ids[i], syncproto.Seq(from)+k)
			if err != nil {
				return out, err
			}
			out = append(out, received{c, raw, syncproto.Seq(from - back)})
		}
		if err := frame.Done(); err != nil {
			return out, err
		}
	}
	return out, r.err
}

func packChanges(changes []*logged) []byte { return seal(blobChanges, appendRuns(nil, changes)) }

// unpackChanges adds the changes of a blob to those read before.
func unpackChanges(out []received, blob []byte) ([]received, error) {
	payload, err := open(blobChanges, blob)
	if err != nil {
		return nil, err
	}
	r := &reader{b: payload}
	out, err = readRuns(r, out)
	if err == nil && len(r.b) > 0 {
		err = errBlob
	}
	return out, err
}

func take(d *Driver, v *device, q *request) (answer, error) {
	if err := v.save(); err != nil {
		return nil, err
	}
	if q.As == "" {
		return nil, badRequest("take without as")
	}
	var mine []*logged
	for seq := v.taken + 1; seq <= v.seq; seq++ {
		c := v.log.find(v.id, seq)
		c.run = v.taken + 1
		mine = append(mine, c)
	}
	v.taken = v.seq
	if len(mine) == 0 {
		d.named[q.As] = nil
		return answer{{"bytes", 0}, {"empty", true}}, nil
	}
	blob := packChanges(mine)
	d.named[q.As] = blob
	out := answer{{"bytes", len(blob)}, {"empty", false}}
	if string(q.Blob) == "true" {
		out = append(out, member{"blob", base64Text(base64.StdEncoding.EncodeToString(blob))})
	}
	return out, nil
}

func give(d *Driver, v *device, q *request) (answer, error) {
	all := d.batch[:0]
	defer func() { d.batch = emptied(all) }()
	add := func(blob []byte) (err error) {
		if all, err = unpackChanges(all, blob); err != nil {
			return refuse("BAD_CHANGE", "%v", err)
		}
		return nil
	}
	for _, name := range q.Changes {
		blob, ok := d.named[name]
		if !ok {
			return nil, badRequest("no change is named %q", name)
		}
		if len(blob) == 0 {
			continue // an empty change
		}
		if err := add(blob); err != nil {
			return nil, err
		}
	}
	if len(q.Blob) > 0 && string(q.Blob) != "null" {
		blob, err := blobOf(q)
		if err != nil {
			return nil, err
		}
		if err := add(blob); err != nil {
			return nil, err
		}
	}
	if err := v.receiveAll(all); err != nil {
		return nil, err
	}
	return answer{{"pending", len(v.runs)}}, nil
}

// emptied is a batch to be used again, unless it is large.
func emptied(all []received) []received {
	if cap(all) > 1<<10 {
		return nil
	}
	clear(all)
	return all[:0]
}

func (v *device) receiveAll(changes []received) error {
	if err := v.save(); err != nil {
		return err
	}
	v.received++
	for i := range changes {
		c := &changes[i]
		if !v.log.add(c.Replica, c.Seq, c.run, c.bytes) {
			continue // known already
		}
		for k := range c.Parts {
			if err := v.deliver(c.Header, &c.Parts[k], c.run); err != nil {
				return fmt.Errorf("change %d of replica %s: %w", c.Seq, c.Replica, err)
			}
		}
	}
	return nil
}

// blobOf reads the base64 of a request. What is no base64 is no blob of ours.
func blobOf(q *request) ([]byte, error) {
	s, err := textOfJSON(q.Blob)
	if err != nil {
		return nil, badRequest("blob: %v", err)
	}
	blob, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, refuse("BAD_CHANGE", "blob: %v", err)
	}
	if blob == nil {
		blob = []byte{}
	}
	return blob, nil
}
