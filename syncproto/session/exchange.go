package session

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// An exchange is a sync between two holders of changes that stand side by side,
// without a server: two devices, or a device and a courier (SPEC.md §7.1). The
// one that asks says what it has; the other answers with what is missing there
// and, when both ways are wanted, with what it has itself, upon which the first
// sends the rest. One round trip, however much there is.
//
//	x := session.NewExchange(mine, true)
//	for msg, wait := x.Next(); msg != nil; msg, wait = x.Next() {
//		reply := send(msg)    // the other side: session.Answer(theirs, msg)
//		if wait { err := x.Handle(reply) }
//	}
//
// Like everything here it moves bytes: what packed changes look like, and how
// they are verified, is their holder's matter.

// Holdings says which changes of which replicas somebody has, applied or not.
type Holdings map[syncproto.ReplicaID]syncproto.Ranges

// Without is what of h is not in other.
func (h Holdings) Without(other Holdings) Holdings {
	out := Holdings{}
	for id, rs := range h {
		if rest := rs.Without(other[id]); len(rest) > 0 {
			out[id] = rest
		}
	}
	return out
}

// Holder is one side of an exchange. Calls come one at a time.
type Holder interface {
	Holdings() (Holdings, error)
	// Pack puts those changes, or as many as go into one message, into the
	// holder's own form.
	Pack(changes Holdings) ([]byte, error)
	// Unpack takes in what Pack made on the other side, whole or not at all.
	Unpack(packed []byte) error
}

const (
	hashBytes = 16
	// maxBriefBytes is how long holdings may be to be told at once. Longer ones
	// are hashed first: of many who meet, most have nothing new for each other.
	maxBriefBytes = 48
	// Limits of a message.
	maxHoldingsBytes = 1 << 20
	maxReplicas      = 1 << 14
	maxRanges        = 1 << 16
	maxPackedBytes   = math.MaxInt32
)

// Exchange is the side that asks. Not safe for concurrent use.
type Exchange struct {
	holder Holder
	both   bool
	full   bool // tell the holdings, not their hash
	wants  Holdings
	over   bool
	err    error
}

// NewExchange begins an exchange: the holder gets what the other side has, and
// with both the other way too.
func NewExchange(h Holder, both bool) *Exchange { return &Exchange{holder: h, both: both} }

// Next returns the message to send and whether an answer must be waited for;
// nil when the exchange is over. Err then says how it ended.
func (x *Exchange) Next() (msg []byte, wait bool) {
	switch {
	case x.over:
		return nil, false
	case len(x.wants) > 0:
		x.over = true
		packed, err := x.holder.Pack(x.wants)
		if err != nil {
			x.fail(err)
			return nil, false
		}
		return wire.AppendBytes(nil, packed), false
	}
	mine, err := x.holder.Holdings()
	if err != nil {
		x.fail(err)
		return nil, false
	}
	told := appendHoldings(nil, mine)
	if x.full = x.full || len(told) <= maxBriefBytes; !x.full {
		told = wire.AppendBytes(nil, hashOf(told))
	}
	return append(wire.AppendBool(wire.AppendArray(nil, 2), x.both), told...), true
}

// Handle takes in the answer to the message that Next returned last.
func (x *Exchange) Handle(answer []byte) error {
	r := wire.NewReader(answer)
	if r.Nil() { // it has what we have
		x.over = true
		return x.fail(r.Done())
	}
	if !r.IsBytes() {
		if again := r.Bool(); x.full || again {
			r.Failf("an answer out of place")
		}
		x.full = true
		return x.fail(r.Done())
	}
	packed := r.Bytes(maxPackedBytes)
	if r.More() {
		theirs := readHoldings(r)
		mine, err := x.holder.Holdings()
		if err != nil {
			return x.fail(err)
		}
		x.wants = mine.Without(theirs)
	}
	if err := r.Done(); err != nil {
		return x.fail(err)
	}
	x.over = len(x.wants) == 0
	if len(packed) > 0 {
		return x.fail(x.holder.Unpack(packed))
	}
	return nil
}

func (x *Exchange) fail(err error) error {
	if err != nil {
		x.over = true
		x.err = fmt.Errorf("exchange: %w", err)
	}
	return x.err
}

// Err is what ended the exchange before its time, nil if nothing did.
func (x *Exchange) Err() error { return x.err }

// Answer is the other side: it keeps nothing between one message and the next.
// The answer is nil when none is due.
func Answer(h Holder, msg []byte) ([]byte, error) {
	r := wire.NewReader(msg)
	if r.IsBytes() {
		packed := r.Bytes(maxPackedBytes)
		err := r.Done()
		if err == nil {
			err = h.Unpack(packed)
		}
		return nil, refuseMessage(err)
	}
	if r.Array(2) != 2 {
		r.Failf("a question has 2 members")
	}
	both := r.Bool()
	mine, err := h.Holdings()
	if err != nil {
		return nil, refuseMessage(err)
	}
	if r.IsBytes() {
		var hash [hashBytes]byte
		r.Fixed(hash[:])
		if err := r.Done(); err != nil {
			return nil, refuseMessage(err)
		}
		if hash == [hashBytes]byte(hashOf(appendHoldings(nil, mine))) {
			return wire.AppendNil(nil), nil
		}
		return wire.AppendBool(nil, false), nil
	}
	theirs := readHoldings(r)
	if err := r.Done(); err != nil {
		return nil, refuseMessage(err)
	}
	return answer(h, mine, theirs, both)
}

func refuseMessage(err error) error {
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}

func answer(h Holder, mine, theirs Holdings, both bool) (out []byte, err error) {
	missing := mine.Without(theirs)
	lacks := both && len(theirs.Without(mine)) > 0
	if len(missing) == 0 && !lacks {
		return wire.AppendNil(nil), nil
	}
	var packed []byte
	if len(missing) > 0 {
		if packed, err = h.Pack(missing); err != nil {
			return nil, refuseMessage(err)
		}
	}
	out = wire.AppendBytes(nil, packed)
	if lacks {
		out = appendHoldings(out, mine)
	}
	return out, nil
}

func hashOf(told []byte) []byte {
	sum := sha256.Sum256(told)
	return sum[:hashBytes]
}

// appendHoldings writes a map of replica ids, whole: whoever could choose an id
// with another's prefix would hide that one's changes. Its values are the last
// change if all from the first on are there, else an array of how far each run
// begins after the one before and how long it is, less 1 both.
func appendHoldings(b []byte, h Holdings) []byte {
	ids := make([]syncproto.ReplicaID, 0, len(h))
	for id, rs := range h {
		if len(rs) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, syncproto.ReplicaID.Compare)
	b = wire.AppendMap(b, len(ids))
	for _, id := range ids {
		b = wire.AppendBytes(b, id[:])
		rs := h[id]
		if len(rs) == 1 && rs[0].From == 1 {
			b = wire.AppendUint(b, uint64(rs[0].To))
			continue
		}
		b = wire.AppendArray(b, 2*len(rs))
		last := syncproto.Seq(0)
		for _, r := range rs {
			b = wire.AppendUint(b, uint64(r.From-last-1))
			b = wire.AppendUint(b, uint64(r.To-r.From))
			last = r.To
		}
	}
	return b
}

func readHoldings(r *wire.Reader) Holdings {
	start := r.Offset()
	n := r.Map(maxReplicas)
	out := make(Holdings, min(n, 64))
	var prev syncproto.ReplicaID
	for i := 0; i < n && r.Err() == nil; i++ {
		var id syncproto.ReplicaID
		r.Fixed(id[:])
		if id.IsZero() || i > 0 && id.Compare(prev) <= 0 {
			r.Failf("replicas out of order, repeated or zero")
		}
		out[id], prev = readRanges(r), id
	}
	if r.Offset()-start > maxHoldingsBytes {
		r.Failf("holdings over %d bytes", maxHoldingsBytes)
	}
	return out
}

func readRanges(r *wire.Reader) (out syncproto.Ranges) {
	if !r.IsArray() {
		last := r.UintMax(math.MaxInt64)
		if last == 0 {
			r.Failf("no changes")
		}
		return syncproto.Ranges{{From: 1, To: syncproto.Seq(last)}}
	}
	n := r.Array(2 * maxRanges)
	if n == 0 || n%2 != 0 {
		r.Failf("%d members of an array of runs", n)
	}
	last := uint64(0)
	for i := 0; i < n && r.Err() == nil; i += 2 {
		gap, more := r.UintMax(math.MaxInt64), r.UintMax(math.MaxInt64)
		from := last + gap + 1
		if from > math.MaxInt64 || more > math.MaxInt64-from || i > 0 && gap == 0 || n == 2 && gap == 0 {
			r.Failf("a run that touches another, or is told by its last change, or ends beyond 63 bits")
			return nil
		}
		last = from + more
		out = append(out, syncproto.Range{From: syncproto.Seq(from), To: syncproto.Seq(last)})
	}
	return out
}
