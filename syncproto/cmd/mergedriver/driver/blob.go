package driver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

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

// seal closes a blob over its payload, compressed when that is shorter.
func seal(kind byte, payload []byte) []byte {
	b := append([]byte{kind}, payload...)
	if len(payload) <= wire.MaxRawBytes {
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
	out := make([]syncproto.ReplicaID, n)
	for i := range out {
		copy(out[i][:], r.take(16))
	}
	return out
}

// received is one change of a blob, read whole: its bytes, its parts, and the
// run it belongs to. All point into the blob's payload.
type received struct {
	syncproto.Header
	bytes []byte
	parts []syncproto.Part
	run   syncproto.Seq
}

// readRuns reads what appendRuns wrote, whole: every part is looked at before
// any is applied.
func readRuns(r *reader) ([]received, error) {
	ids := r.ids()
	var out []received
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		i, from, back, count := r.uint(), r.uint(), r.uint(), r.uint()
		frame := r.take(r.uint())
		if r.err != nil || i >= uint64(len(ids)) || back >= from || count > wire.MaxBundleChanges {
			return nil, errBlob
		}
		changes, err := wire.DecodeFrame(frame, ids[i], syncproto.Seq(from), int(count))
		if err != nil {
			return nil, err
		}
		for k := range changes {
			c, rest, err := readChange(&changes[k], frame)
			if err != nil {
				return nil, err
			}
			c.run, frame = syncproto.Seq(from-back), rest
			out = append(out, c)
		}
	}
	return out, r.err
}

// readChange reads the parts of a change that the frame begins with.
func readChange(raw *wire.RawChange, frame []byte) (c received, rest []byte, err error) {
	c = received{Header: raw.Header, parts: make([]syncproto.Part, len(raw.Parts))}
	size := len(wire.AppendArray(nil, 1+len(raw.Parts))) + len(raw.HeaderBytes)
	for i := range raw.Parts {
		if raw.Parts[i].Withheld() {
			return c, nil, errBlob
		}
		if c.parts[i], err = wire.DecodePart(raw.Replica, raw.Parts[i].Bytes); err != nil {
			return c, nil, err
		}
		size += len(raw.Parts[i].Bytes)
	}
	c.bytes = frame[:size:size]
	return c, frame[size:], nil
}

func packChanges(changes []*logged) []byte { return seal(blobChanges, appendRuns(nil, changes)) }

func unpackChanges(blob []byte) ([]received, error) {
	payload, err := open(blobChanges, blob)
	if err != nil {
		return nil, err
	}
	r := &reader{b: payload}
	out, err := readRuns(r)
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
	for _, c := range v.log.by[v.id] {
		if c.seq > v.taken {
			c.run = v.taken + 1
			mine = append(mine, c)
		}
	}
	v.taken = v.seq
	if len(mine) == 0 {
		d.named[q.As] = nil
		return answer{"bytes": 0, "empty": true}, nil
	}
	blob := packChanges(mine)
	d.named[q.As] = blob
	out := answer{"bytes": len(blob), "empty": false}
	if string(q.Blob) == "true" {
		out["blob"] = base64.StdEncoding.EncodeToString(blob)
	}
	return out, nil
}

func give(d *Driver, v *device, q *request) (answer, error) {
	var blobs [][]byte
	for _, name := range q.Changes {
		blob, ok := d.named[name]
		if !ok {
			return nil, badRequest("no change is named %q", name)
		}
		blobs = append(blobs, blob)
	}
	if len(q.Blob) > 0 && string(q.Blob) != "null" {
		blob, err := blobOf(q)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, blob)
	}
	var all []received
	for _, blob := range blobs {
		if blob == nil {
			continue // an empty change
		}
		changes, err := unpackChanges(blob)
		if err != nil {
			return nil, refuse("BAD_CHANGE", "%v", err)
		}
		all = append(all, changes...)
	}
	if err := v.receiveAll(all); err != nil {
		return nil, err
	}
	return answer{"pending": len(v.runs)}, nil
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
		for k := range c.parts {
			if err := v.deliver(c.Header, &c.parts[k], c.run); err != nil {
				return fmt.Errorf("change %d of replica %s: %w", c.Seq, c.Replica, err)
			}
		}
	}
	return nil
}

// blobOf reads the base64 of a request. What is no base64 is no blob of ours.
func blobOf(q *request) ([]byte, error) {
	var s string
	if err := json.Unmarshal(q.Blob, &s); err != nil {
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
