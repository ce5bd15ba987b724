package driver

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
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
	start   syncproto.Seq // first change of the run that the sender got them in
	changes []*logged
}

// appendRuns groups the changes into runs and writes them: replica ids once,
// then per run its replica, first number, count with whether causes are told,
// frame, and per change its causes.
func appendRuns(b []byte, changes []*logged) []byte {
	runs, ids := groupRuns(changes)
	b = binary.AppendUvarint(b, uint64(len(ids)))
	index := make(map[syncproto.ReplicaID]uint64, len(ids))
	for i, id := range ids {
		b = append(b, id[:]...)
		index[id] = uint64(i)
	}
	b = binary.AppendUvarint(b, uint64(len(runs)))
	for _, r := range runs {
		told, size := uint64(0), 0
		for _, c := range r.changes {
			size += len(c.bytes)
			if len(c.causes) > 0 {
				told = 1
			}
		}
		b = binary.AppendUvarint(b, index[r.replica])
		b = binary.AppendUvarint(b, uint64(r.from))
		b = binary.AppendUvarint(b, uint64(r.from-r.start))
		b = binary.AppendUvarint(b, uint64(len(r.changes))<<1|told)
		b = binary.AppendUvarint(b, uint64(size))
		for _, c := range r.changes {
			b = append(b, c.bytes...)
		}
		for i := 0; i < len(r.changes)*int(told); i++ {
			b = binary.AppendUvarint(b, uint64(len(r.changes[i].causes)))
			for _, x := range r.changes[i].causes {
				b = binary.AppendUvarint(b, index[x.Replica])
				b = binary.AppendUvarint(b, uint64(x.Seq))
			}
		}
	}
	return b
}

// groupRuns also lists the replicas that runs and causes name.
func groupRuns(changes []*logged) (runs []run, ids []syncproto.ReplicaID) {
	named := map[syncproto.ReplicaID]bool{}
	name := func(id syncproto.ReplicaID) {
		if !named[id] {
			named[id], ids = true, append(ids, id)
		}
	}
	for _, c := range changes {
		n := len(runs) - 1
		if n < 0 || runs[n].replica != c.replica || runs[n].from+syncproto.Seq(len(runs[n].changes)) != c.seq ||
			runs[n].start != c.run || len(runs[n].changes) == wire.MaxBundleChanges {
			runs = append(runs, run{replica: c.replica, from: c.seq, start: c.run})
			n++
			name(c.replica)
		}
		runs[n].changes = append(runs[n].changes, c)
		for _, x := range c.causes {
			name(x.Replica)
		}
	}
	return runs, ids
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

// received is one change of a blob, read: its bytes, which lie in the blob's
// payload, and what else it knows.
type received struct {
	syncproto.Change
	bytes  []byte
	causes syncproto.VersionVector
}

// room is what reading changes needs only once: what was read is good until
// more is read.
type room struct {
	wire.PartRoom
	changes []received
}

// maxRoom is how many changes' room is kept.
const maxRoom = 1 << 10

// readRuns reads what appendRuns wrote and hands on each run once it is read.
func (m *room) readRuns(r *reader, each func(run runID, changes []received)) error {
	ids := r.ids()
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		i, from, back, count := r.uint(), r.uint(), r.uint(), r.uint()
		frame := wire.NewReader(r.take(r.uint()))
		if r.err != nil || i >= uint64(len(ids)) || back >= from || from > math.MaxInt64-wire.MaxBundleChanges || count>>1 > wire.MaxBundleChanges || count>>1 == 0 {
			return errBlob
		}
		if cap(m.changes) > maxRoom {
			m.changes = nil
		}
		changes := m.changes[:0]
		m.Reset()
		for k := range syncproto.Seq(count >> 1) {
			changes = append(changes, received{})
			c := &changes[len(changes)-1]
			var err error
			if c.bytes, err = m.ReadChange(frame, ids[i], syncproto.Seq(from)+k, &c.Change); err != nil {
				return err
			}
		}
		if err := frame.Done(); err != nil {
			return err
		}
		m.changes = changes
		for k := 0; k < len(changes)*int(count&1); k++ {
			changes[k].causes = r.causes(ids)
		}
		if r.err == nil {
			each(runID{ids[i], syncproto.Seq(from - back)}, changes)
		}
	}
	return r.err
}

func (r *reader) causes(ids []syncproto.ReplicaID) (out syncproto.VersionVector) {
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		i, seq := r.uint(), r.uint()
		if i >= uint64(len(ids)) || seq > math.MaxInt64 {
			r.err = errBlob
			return nil
		}
		out.Set(ids[i], syncproto.Seq(seq))
	}
	return out
}

func packChanges(changes []*logged) []byte { return seal(blobChanges, appendRuns(nil, changes)) }

// readChanges reads the payload of a blob of changes.
func (m *room) readChanges(payload []byte, each func(run runID, changes []received)) error {
	r := &reader{b: payload}
	if err := m.readRuns(r, each); err != nil {
		return err
	}
	if len(r.b) > 0 {
		return errBlob
	}
	return nil
}

func take(d *Driver, v *device, q *request) (answer, error) {
	as, _ := q.text(keyAs)
	if as == "" {
		return nil, badRequest("take without as")
	}
	if err := v.save(); err != nil {
		return nil, err
	}
	v.part()
	var mine []*logged
	for seq := v.taken + 1; seq <= v.seq; seq++ {
		mine = append(mine, v.log.find(v.id, seq))
	}
	v.taken = v.seq
	if len(mine) == 0 {
		d.named[as] = nil
		return answer{{"bytes", 0}, {"empty", true}}, nil
	}
	payload := appendRuns(nil, mine)
	blob := seal(blobChanges, payload)
	d.named[as] = bytes.Clone(payload)
	out := answer{{"bytes", len(blob)}, {"empty", false}}
	if string(q.members[keyBlob]) == "true" {
		out = append(out, member{"blob", base64Text(base64.StdEncoding.EncodeToString(blob))})
	}
	return out, nil
}

func give(d *Driver, v *device, q *request) (answer, error) {
	payloads := d.payloads[:0]
	var err error
	ok := q.changes(func(name []byte) {
		payload, known := d.named[string(name)]
		if !known && err == nil {
			err = badRequest("no change is named %q", name)
		}
		if len(payload) > 0 { // else an empty change
			payloads = append(payloads, payload)
		}
	})
	d.payloads = payloads
	defer clear(payloads)
	switch {
	case !ok:
		return nil, badRequest("changes is no array of names")
	case err != nil:
		return nil, err
	}
	if q.has(keyBlob) {
		payload, err := d.payloadOf(q)
		if err != nil {
			return nil, err
		}
		payloads = append(payloads, payload)
	}
	if err := v.receive(payloads...); err != nil {
		return nil, err
	}
	return answer{{"pending", len(v.pending)}}, nil
}

// payloadOf opens a blob from outside and reads it to its end before anything
// of it is applied; what take named was packed here.
func (d *Driver) payloadOf(q *request) ([]byte, error) {
	blob, err := blobOf(q)
	if err != nil {
		return nil, err
	}
	payload, err := open(blobChanges, blob)
	if err == nil {
		err = d.room.readChanges(payload, func(runID, []received) {})
	}
	if err != nil {
		return nil, refuse("BAD_CHANGE", "%v", err)
	}
	return payload, nil
}

// receive takes in changes that can be read.
func (v *device) receive(payloads ...[]byte) error {
	if err := v.save(); err != nil {
		return err
	}
	v.received++
	for _, p := range payloads {
		if err := v.room.readChanges(p, v.learn); err != nil {
			return err
		}
	}
	return nil
}

// learn takes the new changes of a run into the log and lets them arrive, and
// then what waited for them.
func (v *device) learn(run runID, changes []received) {
	for len(changes) > 0 {
		n := 0
		for n < len(changes) && v.log.add(logged{replica: run.replica, seq: changes[n].Seq, run: run.start, bytes: changes[n].bytes, causes: changes[n].causes}) {
			n++
		}
		if n > 0 {
			v.arrive(run, changes[:n])
		}
		changes = changes[min(n+1, len(changes)):]
	}
	v.release()
}

// blobOf reads the base64 of a request. What is no base64 is no blob of ours.
func blobOf(q *request) ([]byte, error) {
	s, ok := q.text(keyBlob)
	if !ok {
		return nil, badRequest("blob is no string")
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
