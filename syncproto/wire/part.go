package wire

import (
	"fmt"
	"math"

	"github.com/chuantou/chuantou/syncproto"
)

// Keys of a part's map (SPEC.md §4.2).
const (
	partRecord  = 1
	partKind    = 2
	partPrev    = 3
	partSeen    = 4 // of other replicas
	partOps     = 5
	partOwnSeen = 6
)

// AppendPart appends the canonical encoding of a part of a change by author.
// These are the bytes that are hashed.
func AppendPart(b []byte, author syncproto.ReplicaID, p *syncproto.Part) []byte {
	own := p.Seen.Of(author)
	others := len(p.Seen)
	if own > 0 {
		others--
	}
	n := 2
	for _, present := range []bool{p.Kind != "", p.Prev > 0, others > 0, own > 0} {
		if present {
			n++
		}
	}
	b = AppendBytes(AppendUint(AppendMap(b, n), partRecord), p.Record[:])
	if p.Kind != "" {
		b = AppendText(AppendUint(b, partKind), p.Kind)
	}
	if p.Prev > 0 {
		b = AppendUint(AppendUint(b, partPrev), uint64(p.Prev))
	}
	if others > 0 {
		b = appendSeen(AppendUint(b, partSeen), author, p.Seen, others)
	}
	b = AppendArray(AppendUint(b, partOps), len(p.Ops))
	for i := range p.Ops {
		b = appendOp(b, author, &p.Ops[i])
	}
	if own > 0 {
		b = AppendUint(AppendUint(b, partOwnSeen), uint64(own))
	}
	return b
}

func appendSeen(b []byte, author syncproto.ReplicaID, seen syncproto.VersionVector, n int) []byte {
	b = AppendMap(b, n)
	for _, c := range seen {
		if c.Replica != author {
			b = AppendUint(AppendBytes(b, c.Replica[:]), uint64(c.Seq))
		}
	}
	return b
}

// appendElem writes an id as nil (none), a number (the author's own) or a pair.
func appendElem(b []byte, author syncproto.ReplicaID, e syncproto.ElemID) []byte {
	switch {
	case e.IsNone():
		return AppendNil(b)
	case e.Replica == author:
		return AppendUint(b, e.Counter)
	}
	return AppendUint(AppendBytes(AppendArray(b, 2), e.Replica[:]), e.Counter)
}

func readElem(r *Reader, author syncproto.ReplicaID) (e syncproto.ElemID) {
	if r.Nil() {
		return e
	}
	if r.IsArray() {
		if r.Array(2) != 2 {
			r.Failf("an element id has 2 members")
		}
		r.Fixed(e.Replica[:])
		if e.Replica == author {
			r.Failf("the author's own element id written with its replica")
		}
	} else {
		e.Replica = author
	}
	e.Counter = r.Uint()
	if e.Counter == 0 || e.Counter > math.MaxInt64 {
		r.Failf("element counter out of range")
	}
	return e
}

func appendOp(b []byte, author syncproto.ReplicaID, op *syncproto.Op) []byte {
	target := !op.Item.IsNone() && op.Kind != syncproto.OpItemRemove && op.Kind != syncproto.OpItemMove
	n := opLength(op.Kind)
	if target {
		n += 2
	}
	b = AppendUint(AppendArray(b, n), uint64(op.Kind))
	if op.Kind == syncproto.OpDelete || op.Kind == syncproto.OpRestore {
		return appendValue(b, op.Value)
	}
	b = AppendText(b, op.Field)
	switch op.Kind {
	case syncproto.OpSet, syncproto.OpAdd, syncproto.OpRemove:
		b = appendValue(b, op.Value)
	case syncproto.OpText:
		b = AppendBytes(b, op.Edit)
	case syncproto.OpLog:
		b = AppendUint(appendValue(b, op.Value), op.Lamport)
	case syncproto.OpItemRemove:
		b = appendElem(b, author, op.Item)
	case syncproto.OpItemMove:
		b = appendElem(b, author, op.Item)
		fallthrough
	case syncproto.OpItemInsert:
		b = AppendUint(b, op.Counter)
		b = appendElem(b, author, op.Left)
		b = appendElem(b, author, op.Right)
	}
	if target {
		b = AppendText(appendElem(b, author, op.Item), op.Sub)
	}
	return b
}

func appendValue(b []byte, v syncproto.Value) []byte {
	if len(v) == 0 {
		return AppendNil(b)
	}
	return append(b, v...)
}

// opLength is the number of members of an op of this kind without a target.
func opLength(k syncproto.OpKind) int {
	switch k {
	case syncproto.OpDelete, syncproto.OpRestore:
		return 2
	case syncproto.OpLog:
		return 4
	case syncproto.OpItemInsert:
		return 5
	case syncproto.OpItemMove:
		return 6
	}
	return 3
}

// PartRoom is what reading many parts one after another needs only once. A part
// read with it is good until the next one is read with it, a change until
// Reset; values and names stay. Not safe for concurrent use.
type PartRoom struct {
	names map[string]string // of fields: few, and they come again in every part
	ops   []syncproto.Op
	seen  []syncproto.ChangeID
	parts []syncproto.Part
}

// Reset takes back what was read.
func (m *PartRoom) Reset() { m.ops, m.seen, m.parts = m.ops[:0], m.seen[:0], m.parts[:0] }

// ReadChange is the function ReadChange, in this room.
func (m *PartRoom) ReadChange(r *Reader, replica syncproto.ReplicaID, seq syncproto.Seq, c *syncproto.Change) (raw []byte, err error) {
	r.room = m
	return ReadChange(r, replica, seq, c)
}

// leastRoom is how much is made at a time of what fills up in small pieces.
const leastRoom = 64

// grab gives an empty slice with room for n, out of a stock.
func grab[T any](stock *[]T, n int) []T {
	if cap(*stock)-len(*stock) < n {
		*stock = make([]T, 0, max(n, leastRoom))
	}
	from := len(*stock)
	*stock = (*stock)[:from+n]
	return (*stock)[from : from : from+n]
}

func (r *Reader) grabOps(n int) []syncproto.Op {
	if r.room == nil {
		return make([]syncproto.Op, 0, n)
	}
	return grab(&r.room.ops, n)
}

func (r *Reader) grabSeen(n int) syncproto.VersionVector {
	if r.room == nil {
		return make(syncproto.VersionVector, 0, n)
	}
	return grab(&r.room.seen, n)
}

func (r *Reader) grabParts(n int) []syncproto.Part {
	if r.room == nil {
		return make([]syncproto.Part, 0, n)
	}
	return grab(&r.room.parts, n)
}

// maxRoomNames bounds the names kept, against hostile parts.
const maxRoomNames = 1 << 10

func (m *PartRoom) name(b []byte) string {
	s, ok := m.names[string(b)]
	if !ok {
		s = string(b)
		if m.names == nil || len(m.names) >= maxRoomNames {
			m.names = map[string]string{}
		}
		m.names[s] = s
	}
	return s
}

// DecodePart is the function DecodePart, in this room.
func (m *PartRoom) DecodePart(author syncproto.ReplicaID, b []byte) (syncproto.Part, error) {
	return decodePart(m, author, b)
}

// DecodePart reads one part of a change by author. Unknown map keys are
// skipped: the caller keeps the bytes, so they are not lost. For an op kind
// this build does not know it returns an error wrapping ErrUnknownOp together
// with the part's record, prev and seen.
func DecodePart(author syncproto.ReplicaID, b []byte) (syncproto.Part, error) {
	return decodePart(nil, author, b)
}

func decodePart(m *PartRoom, author syncproto.ReplicaID, b []byte) (syncproto.Part, error) {
	if len(b) > syncproto.MaxChangeBytes {
		return syncproto.Part{}, fmt.Errorf("%w: part of %d bytes over the limit %d", ErrEncoding, len(b), syncproto.MaxChangeBytes)
	}
	r := NewReader(b)
	if r.room = m; m != nil {
		m.Reset()
	}
	p, unknown := readPart(r, author)
	if err := r.Done(); err != nil {
		return syncproto.Part{}, err
	}
	if unknown {
		p.Ops = nil
		return p, unknownOp(&p)
	}
	return p, nil
}

func unknownOp(p *syncproto.Part) error {
	return fmt.Errorf("part of record %s: %w", p.Record, syncproto.ErrUnknownOp)
}

func readPart(r *Reader, author syncproto.ReplicaID) (p syncproto.Part, unknown bool) {
	n := r.Map(64)
	var last uint64
	for i := 0; i < n && r.err == nil; i++ {
		key := r.Uint()
		if i > 0 && key <= last {
			r.Failf("part keys out of order or repeated")
		}
		last = key
		switch key {
		case partRecord:
			r.Fixed(p.Record[:])
		case partKind:
			if p.Kind = r.Text(syncproto.MaxKindBytes); p.Kind == "" {
				r.Failf("empty kind")
			}
		case partPrev:
			p.Prev = readSeq(r)
		case partSeen:
			p.Seen = readSeen(r, author)
		case partOps:
			p.Ops, unknown = readOps(r, author)
		case partOwnSeen:
			if p.Seen == nil {
				p.Seen = r.grabSeen(1)
			}
			p.Seen.Set(author, readSeq(r))
		default:
			r.Raw(len(r.b))
		}
	}
	if r.err == nil && (p.Record.IsZero() || p.Ops == nil) {
		r.Failf("part without record or ops")
	}
	return p, unknown
}

func readSeq(r *Reader) syncproto.Seq {
	n := r.Uint()
	if n == 0 || n > math.MaxInt64 {
		r.Failf("sequence number out of range")
	}
	return syncproto.Seq(n)
}

func readSeen(r *Reader, author syncproto.ReplicaID) syncproto.VersionVector {
	n := r.Map(syncproto.MaxSeenEntries)
	if n == 0 {
		r.Failf("empty seen")
		return nil
	}
	v := r.grabSeen(min(n, 256) + 1) // the author's own may follow
	for i := 0; i < n && r.err == nil; i++ {
		var c syncproto.ChangeID
		r.Fixed(c.Replica[:])
		if i > 0 && c.Replica.Compare(v[i-1].Replica) <= 0 || c.Replica == author {
			r.Failf("seen out of order, repeated or naming the author")
		}
		c.Seq = readSeq(r)
		v = append(v, c)
	}
	return v
}

func readOps(r *Reader, author syncproto.ReplicaID) (ops []syncproto.Op, unknown bool) {
	n := r.Array(syncproto.MaxOpsPerPart)
	ops = r.grabOps(min(n, 64))
	for i := 0; i < n && r.err == nil; i++ {
		ops = append(ops, syncproto.Op{})
		if !readOp(r, author, &ops[len(ops)-1]) {
			unknown = true
			ops = ops[:len(ops)-1]
		}
	}
	return ops, unknown
}

// readOp reads an op into an empty one; false if its kind is not known.
func readOp(r *Reader, author syncproto.ReplicaID, op *syncproto.Op) (known bool) {
	start := r.off
	n := r.Array(16)
	kind := r.Uint()
	if kind == 0 || kind > uint64(syncproto.OpRestore) {
		r.off = start
		r.Raw(len(r.b))
		return false
	}
	op.Kind = syncproto.OpKind(kind)
	base := opLength(op.Kind)
	if op.Kind == syncproto.OpDelete || op.Kind == syncproto.OpRestore {
		op.Value = readValue(r)
	} else {
		if op.Field = r.name(syncproto.MaxFieldBytes); op.Field == "" {
			r.Failf("empty field name")
		}
		readOpBody(r, author, op)
	}
	if n == base+2 && base == opLength(op.Kind) && allowsTarget(op.Kind) {
		if op.Item = readElem(r, author); op.Item.IsNone() {
			r.Failf("target item is none")
		}
		if op.Sub = r.name(syncproto.MaxFieldBytes); op.Sub == "" {
			r.Failf("empty item field name")
		}
	} else if n != base {
		r.Failf("%s op with %d members", op.Kind, n)
	}
	return true
}

func allowsTarget(k syncproto.OpKind) bool {
	switch k {
	case syncproto.OpSet, syncproto.OpText, syncproto.OpAdd, syncproto.OpRemove, syncproto.OpLog:
		return true
	}
	return false
}

func readOpBody(r *Reader, author syncproto.ReplicaID, op *syncproto.Op) {
	switch op.Kind {
	case syncproto.OpSet, syncproto.OpAdd, syncproto.OpRemove:
		op.Value = readValue(r)
	case syncproto.OpText:
		op.Edit = r.Bytes(syncproto.MaxChangeBytes)
	case syncproto.OpLog:
		op.Value = readValue(r)
		op.Lamport = r.UintMax(math.MaxInt64)
	case syncproto.OpItemRemove:
		op.Item = readItem(r, author)
	case syncproto.OpItemMove:
		op.Item = readItem(r, author)
		readPlace(r, author, op)
	case syncproto.OpItemInsert:
		readPlace(r, author, op)
	}
}

func readItem(r *Reader, author syncproto.ReplicaID) syncproto.ElemID {
	e := readElem(r, author)
	if e.IsNone() {
		r.Failf("item is none")
	}
	return e
}

func readPlace(r *Reader, author syncproto.ReplicaID, op *syncproto.Op) {
	if op.Counter = r.UintMax(math.MaxInt64); op.Counter == 0 {
		r.Failf("place counter 0")
	}
	op.Left = readElem(r, author)
	op.Right = readElem(r, author)
}

func readValue(r *Reader) syncproto.Value { return r.Raw(syncproto.MaxValueBytes) }
