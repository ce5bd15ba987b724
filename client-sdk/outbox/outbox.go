// Package outbox cuts the changes that the server has not acknowledged into
// bundles. It holds nothing itself: what is in the outbox follows from the
// device's chain and the server's last receipt, so a server that lost its last
// day gets it again without anybody asking.
package outbox

import (
	"crypto/ed25519"
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Chain is a replica's own changes, kept by the device's store.
type Chain interface {
	// Change returns change seq and the chain link before it.
	Change(seq syncproto.Seq) (c wire.RawChange, prev syncproto.Hash, err error)
	// Seed returns the salt seed of a block of changes.
	Seed(block uint64) (syncproto.Seed, error)
}

// Missing lists the numbers from after+1 to head that are not in received:
// what is to be pushed.
func Missing(received syncproto.Ranges, after, head syncproto.Seq) (out syncproto.Ranges) {
	from := after + 1
	for _, r := range received {
		if from > head || r.From > head {
			break
		}
		if r.From > from {
			out = append(out, syncproto.Range{From: from, To: r.From - 1})
		}
		from = max(from, r.To+1)
	}
	if from <= head {
		out = append(out, syncproto.Range{From: from, To: head})
	}
	return out
}

// Count is how many numbers are in the list.
func Count(rs syncproto.Ranges) (n int) {
	for _, r := range rs {
		n += int(r.To-r.From) + 1
	}
	return n
}

// Cutter cuts bundles of up to syncproto.MaxBundleBytes compressed. It learns
// how well the changes compress, so that few attempts are needed. Not safe for
// concurrent use.
type Cutter struct {
	Chain Chain
	Key   ed25519.PrivateKey

	ratio float64 // compressed per raw byte, as last seen
}

// firstRatio is a guess for Chinese text in CBOR.
const firstRatio = 0.38

// maxChanges bounds a bundle of small changes: the server takes a bundle in one
// transaction, and other devices wait for it.
const maxChanges = 512

// Cut packs the changes of missing, in order, into bundles of at most maxBytes
// together, at least one. It returns nothing when missing is empty. A small
// maxBytes, for a thin link, makes small bundles.
func (c *Cutter) Cut(missing syncproto.Ranges, maxBytes int) (out session.Outgoing, err error) {
	most := min(max(maxBytes, syncproto.ThinBundleBytes), syncproto.MaxBundleBytes)
	total := 0
	for _, r := range missing {
		for from := r.From; from <= r.To; {
			if len(out.Bundles) == wire.MaxPushBundles {
				return out, nil
			}
			b, err := c.bundle(from, r.To, most)
			if err != nil {
				return session.Outgoing{}, err
			}
			encoded := wire.AppendBundle(nil, b)
			if len(out.Bundles) > 0 && total+len(encoded) > maxBytes {
				return out, nil
			}
			total += len(encoded)
			out.Bundles = append(out.Bundles, encoded)
			out.Changes += b.Count
			out.Last = b.To()
			from = b.To() + 1
		}
	}
	return out, nil
}

// bundle makes one bundle of at most so many compressed bytes, unless it is one
// change. It begins with from and goes no further than to.
func (c *Cutter) bundle(from, to syncproto.Seq, most int) (*syncproto.Bundle, error) {
	if c.ratio == 0 {
		c.ratio = firstRatio
	}
	var best *syncproto.Bundle
	for limit := to; ; {
		changes, prev, err := c.gather(from, limit, most)
		if err != nil {
			return nil, err
		}
		b, err := c.pack(changes, prev)
		if err != nil {
			return nil, err
		}
		fits := len(b.Frame) <= most || b.Count == 1
		switch {
		case fits && (b.To() == limit || b.Count == maxChanges || len(b.Frame) > wellFilled(most) || best != nil && b.Count <= best.Count):
			return b, nil // nothing more, enough, or as much as there can be
		case fits:
			best = b // the changes compress better than was thought: take more
		case best != nil:
			return best, nil
		default:
			limit = from + syncproto.Seq(max(1, min(b.Count*9/10, b.Count*most/len(b.Frame)))) - 1
		}
	}
}

// wellFilled is a bundle that is not tried again for a few changes more.
func wellFilled(most int) int { return most * 92 / 100 }

// pack makes a bundle of the changes and learns how well they compress.
func (c *Cutter) pack(changes []wire.RawChange, prev syncproto.Hash) (*syncproto.Bundle, error) {
	seeds, err := c.seeds(changes[0].Seq, len(changes))
	if err != nil {
		return nil, err
	}
	b, _ := sign.MakeBundle(c.Key, changes, seeds, prev, wire.EffortThin)
	if b.RawBytes > 4<<10 {
		c.ratio = float64(len(b.Frame)) / float64(b.RawBytes)
	}
	return b, nil
}

// gather reads changes until they are thought to fill a bundle. A change over
// the limit goes alone.
func (c *Cutter) gather(from, to syncproto.Seq, most int) (changes []wire.RawChange, prev syncproto.Hash, err error) {
	raw := 0
	for seq := from; seq <= to && len(changes) < maxChanges; seq++ {
		change, before, err := c.Chain.Change(seq)
		if err != nil {
			return nil, prev, fmt.Errorf("own change %d: %w", seq, err)
		}
		size := rawBytes(&change)
		if len(changes) > 0 && float64(raw+size)*c.ratio > 0.97*float64(most) {
			break
		}
		if len(changes) == 0 {
			prev = before
		}
		changes = append(changes, change)
		raw += size
	}
	return changes, prev, nil
}

func rawBytes(c *wire.RawChange) int {
	n := 1 + len(c.HeaderBytes)
	for _, p := range c.Parts {
		n += len(p.Bytes)
	}
	return n
}

func (c *Cutter) seeds(from syncproto.Seq, count int) ([]syncproto.Seed, error) {
	last := syncproto.BlockOf(from + syncproto.Seq(count) - 1)
	var out []syncproto.Seed
	for block := syncproto.BlockOf(from); block <= last; block++ {
		seed, err := c.Chain.Seed(block)
		if err != nil {
			return nil, fmt.Errorf("salt seed %d: %w", block, err)
		}
		out = append(out, seed)
	}
	return out, nil
}
