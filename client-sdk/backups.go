package clientsdk

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// keepBackedUp is how long own acknowledged work stays on the device after the
// device learned that a verified backup has it: a server restored from an older
// one gets back what it lost.
const keepBackedUp = 35 * 24 * time.Hour

// droppedAtOnce bounds the work of one sync.
const droppedAtOnce = 1000

// backups is what decides which own changes the device may let go of.
type backups struct {
	// Epoch is the history that Verified tells of: another one begins anew.
	Epoch string
	// Verified are, oldest first, what the server said was backed up, and when
	// by its clock.
	Verified []backedUp
	// Dropped are own changes of the present id that are not here any more.
	Dropped syncproto.Ranges
}

type backedUp struct {
	Wall   int64
	Ranges syncproto.Ranges
}

// note takes in what a receipt says.
func (k *backups) note(r *syncproto.Receipt) (changed bool) {
	if k.Epoch != r.Epoch {
		k.Epoch, k.Verified, changed = r.Epoch, nil, true
	}
	n := len(k.Verified)
	if len(r.BackedUp) == 0 || n > 0 && k.Verified[n-1].Ranges.Covers(r.BackedUp) {
		return changed
	}
	if n > 1 && r.Wall < k.Verified[n-2].Wall+(24*time.Hour).Milliseconds() {
		n-- // at most two a day: what the last one told of waits some hours more
	}
	k.Verified = append(k.Verified[:n:n], backedUp{r.Wall, r.BackedUp})
	return true
}

// due is what was backed up long enough ago at a time of the server's clock.
// It forgets what came before that.
func (k *backups) due(wall int64) syncproto.Ranges {
	var due syncproto.Ranges
	for len(k.Verified) > 0 && k.Verified[0].Wall+keepBackedUp.Milliseconds() <= wall {
		due = k.Verified[0].Ranges
		if len(k.Verified) == 1 || k.Verified[1].Wall+keepBackedUp.Milliseconds() > wall {
			break
		}
		k.Verified = k.Verified[1:]
	}
	return due
}

func (k *backups) append() []byte {
	b := wire.AppendText(beginStored(3), k.Epoch)
	b = wire.AppendArray(b, 2*len(k.Verified))
	for _, u := range k.Verified {
		b = wire.AppendBytes(wire.AppendInt(b, u.Wall), appendRanges(u.Ranges))
	}
	return wire.AppendBytes(b, appendRanges(k.Dropped))
}

func decodeBackups(v []byte) (k backups, err error) {
	r, err := openStored(v, 3)
	if err != nil {
		return k, fmt.Errorf("backups: %w", err)
	}
	k.Epoch = r.Text(1 << 10)
	for n := readPairs(r, 1<<10); n > 0 && r.Err() == nil && err == nil; n-- {
		u := backedUp{Wall: r.Int()}
		u.Ranges, err = decodeRanges(r.Bytes(math.MaxInt32))
		k.Verified = append(k.Verified, u)
	}
	if err == nil && r.Err() == nil {
		k.Dropped, err = decodeRanges(r.Bytes(math.MaxInt32))
	}
	if err != nil && r.Err() == nil {
		return backups{}, fmt.Errorf("backups: %w", err)
	}
	if err := closeStored(r, "backups"); err != nil {
		return backups{}, err
	}
	if !bytes.Equal(k.append(), v) {
		return backups{}, fmt.Errorf("%w: backups", errStored)
	}
	return k, nil
}

// has is what the server acknowledged or the device let go of after it was
// backed up: nothing of it is to be pushed.
func (c *Client) has() syncproto.Ranges {
	out := c.acked
	for _, r := range c.backups.Dropped {
		out = out.Add(r.From, r.To)
	}
	return out
}

// drop lets go of own changes that have been in a verified backup for long
// enough, that the server received and applied, and that the bases of all their
// records cover: nothing that is shown changes. A feed that is read from its
// beginning brings them back, since the server echoes what it has backed up.
func (c *Client) drop() error {
	if c.id == nil || c.receipt == nil || c.spent {
		return nil
	}
	var b localstore.Batch
	var gone []syncproto.Seq
	for _, run := range c.backups.due(c.wall()) {
		for seq := run.From; seq <= min(run.To, c.head.Seq) && len(gone) < droppedAtOnce; seq++ {
			if c.backups.Dropped.Contains(seq) {
				continue
			}
			may, err := c.mayDrop(seq)
			if err != nil {
				return err
			}
			if may {
				gone = append(gone, seq)
				b.Delete(changeKey(c.id.Replica, seq))
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	next := c.backups
	for _, seq := range gone {
		next.Dropped = next.Dropped.Add(seq, seq)
	}
	c.dropSeeds(&b, gone, next.Dropped)
	b.Put(keyBackups, next.append())
	if err := c.store.Apply(&b); err != nil {
		return fmt.Errorf("let go of what is backed up: %w", err)
	}
	c.backups = next
	for _, seq := range gone {
		c.own.remove(ownChange{c.id.Replica, seq})
	}
	return nil
}

func (c *Client) mayDrop(seq syncproto.Seq) (bool, error) {
	if !c.received(seq) {
		return false, nil
	}
	for _, id := range c.own.records[ownChange{c.id.Replica, seq}] {
		if _, held := c.heldIn(seq, id); held {
			return false, nil
		}
		h, err := c.record(id)
		if err != nil {
			return false, err
		}
		if h == nil || h.base == nil || !h.base.Version.Covers(c.id.Replica, seq) {
			return false, nil
		}
	}
	return true, nil
}

// dropSeeds removes the salt seeds of blocks of which nothing is left.
func (c *Client) dropSeeds(b *localstore.Batch, gone []syncproto.Seq, dropped syncproto.Ranges) {
	done := map[uint64]bool{}
	for _, seq := range gone {
		block := syncproto.BlockOf(seq)
		from := syncproto.Seq(block*syncproto.SeedBlock) + 1
		whole := syncproto.Ranges{{From: from, To: from + syncproto.SeedBlock - 1}}
		if !done[block] && dropped.Covers(whole) {
			b.Delete(seedKey(c.id.Replica, block))
		}
		done[block] = true
	}
}
