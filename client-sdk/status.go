package clientsdk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/outbox"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// RecordStatus is the first row of words: what the record is.
type RecordStatus string

// The statuses of a record. 已作废 is told from the record's delete marks.
const (
	StatusDraft     RecordStatus = view.Draft
	StatusSubmitted RecordStatus = view.Submitted
	StatusArchived  RecordStatus = view.Archived
	StatusVoided    RecordStatus = view.Voided
)

// SyncState is the second row of words: where the device's work on it is.
type SyncState string

// The four states and no others.
const (
	SyncDraft    SyncState = "草稿"  // on this device only, not submitted
	SyncPending  SyncState = "待上传" // submitted, the server has not acknowledged it
	SyncReceived SyncState = "已收到" // the server has all of it
	SyncHeld     SyncState = "待处理" // the server has it whole but did not apply it
)

// Status is both rows for one record.
type Status struct {
	Record  RecordStatus
	Sync    SyncState
	Reasons []string // of 待处理, in words for the author
	// Siblings counts the parts of the same saves, of other records, that are
	// 待处理: "诉求 1 条待处理".
	Siblings int
	// Edited says that a draft on this device changes the record further.
	Edited bool
}

// String is "已提交 · 待上传".
func (s Status) String() string {
	if s.Record == "" {
		return string(s.Sync)
	}
	return string(s.Record) + " · " + string(s.Sync)
}

// statusOf is how far a record has come.
func statusOf(rec *crdt.Record) RecordStatus { return RecordStatus(view.Status(rec)) }

func shownStatus(rec *crdt.Record) RecordStatus {
	if rec.Deleted() {
		return StatusVoided
	}
	return statusOf(rec)
}

// Status says where a record stands. A record that only a draft knows is 草稿.
func (c *Client) Status(id syncproto.RecordID) (Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Status{}, ErrClosed
	}
	drafts, err := c.draftsOf(id)
	if err != nil {
		return Status{}, fmt.Errorf("status: %w", err)
	}
	h, err := c.record(id)
	if err != nil {
		return Status{}, fmt.Errorf("status: %w", err)
	}
	if h == nil {
		if drafts == 0 {
			return Status{}, fmt.Errorf("status: %w: %s", ErrNoRecord, id)
		}
		return Status{Record: StatusDraft, Sync: SyncDraft}, nil
	}
	s := c.syncState(id)
	s.Edited = drafts > 0
	if h.shown != nil {
		s.Record = shownStatus(h.shown)
	}
	return s, nil
}

// syncState is told from receipts alone.
func (c *Client) syncState(id syncproto.RecordID) Status {
	s := Status{Sync: SyncReceived}
	waits := false
	for _, p := range c.own.parts[id] {
		if p.replica != c.id.Replica {
			continue // a former id: everything not received was issued anew
		}
		if !c.received(p.seq) {
			s.Sync = SyncPending
			continue
		}
		for _, other := range c.own.records[ownChange{p.replica, p.seq}] {
			h, held := c.heldIn(p.seq, other)
			switch {
			case held && other == id:
				s.Reasons = append(s.Reasons, heldWords(&h))
				waits = waits || h.Reason != syncproto.HoldRejected
			case held && h.Reason != syncproto.HoldRejected:
				s.Siblings++
			}
		}
	}
	if waits && s.Sync != SyncPending {
		s.Sync = SyncHeld
	}
	slices.Sort(s.Reasons)
	s.Reasons = slices.Compact(s.Reasons)
	return s
}

func (c *Client) received(seq syncproto.Seq) bool { return c.acked.Contains(seq) }

// heldIn finds what the receipt says of one own part that was not simply applied.
func (c *Client) heldIn(seq syncproto.Seq, id syncproto.RecordID) (syncproto.Held, bool) {
	if c.receipt != nil {
		for _, h := range c.receipt.Held {
			if h.Seq == seq && h.Record == id {
				return h, true
			}
		}
	}
	return syncproto.Held{}, false
}

func heldWords(h *syncproto.Held) string {
	if h.Note == "" {
		return h.Reason.Words()
	}
	return h.Reason.Words() + "理由：" + h.Note
}

// missing lists own changes that the server has not acknowledged: the outbox.
func (c *Client) missing(after syncproto.Seq) syncproto.Ranges {
	return outbox.Missing(c.has(), after, c.head.Seq)
}

// unknown lists own changes whose numbers the server does not know at all.
func (c *Client) unknown(after syncproto.Seq) syncproto.Ranges {
	has := c.receipt.Received
	for _, r := range c.backups.Dropped {
		has = has.Add(r.From, r.To)
	}
	return outbox.Missing(has, after, c.head.Seq)
}

func (c *Client) putReceipt(b *localstore.Batch, r *syncproto.Receipt) {
	b.Put(keyReceipt, wire.AppendReceipt(nil, r))
	if next := c.backups; next.note(r) {
		b.Put(keyBackups, next.append())
	}
	if !c.spent && c.spends(r) {
		// What was acknowledged before was this store's own.
		b.Put(keyAcked, appendRanges(c.acked))
	}
}

// Receipt is the server's last signed word about this device, as it came, nil
// before the first: what a person can keep, and "chuantou receipt verify" reads.
func (c *Client) Receipt() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receipt == nil {
		return nil
	}
	return wire.AppendReceipt(nil, c.receipt)
}

// takeReceipt puts a stored receipt to use and tells who watches.
func (c *Client) takeReceipt(r *syncproto.Receipt) {
	was, acked := c.receipt, c.acked
	c.receipt = r
	if c.spent = c.spent || c.spends(r); !c.spent {
		c.acked = r.Received
	}
	c.backups.note(r)
	var changed []syncproto.RecordID
	for at, ids := range c.own.records {
		if at.replica != c.id.Replica {
			continue
		}
		if acked.Contains(at.seq) != c.acked.Contains(at.seq) {
			changed = append(changed, ids...)
			c.sealed.stale = true
		}
	}
	for _, h := range r.Held {
		changed = append(changed, h.Record)
	}
	if was != nil {
		for _, h := range was.Held {
			changed = append(changed, h.Record)
		}
	}
	c.notify(changed...)
}

// Summary is what a home screen says beside the sync button.
type Summary struct {
	Pending         int // 待上传: changes
	EarliestPending time.Time
	Drafts          int
	OldDrafts       int // older than 24 hours
	EarliestDraft   time.Time
	Held            int      // 待处理: parts
	HeldReasons     []string // of 待处理 in words, each once, in order
	Conflicts       int      // records with something to choose
	// OwnChanges is how many own changes are on the device: all but those that a
	// verified backup has had for 35 days.
	OwnChanges int
	// NeedsNewID says that this store's number is in use twice, see ReEnrol.
	NeedsNewID bool
	// Locked says that others' records are locked, LockedByHand that Lock did it.
	Locked, LockedByHand bool
	LeaseDays            int // how long they stay open without contact
	// Unknown says that the server did not know this device when it was last
	// spoken to: it was restored from a backup of before. See ReEnrol.
	Unknown bool
	// HandBack says that the device is to be handed back: it is wiped once the
	// server has everything and there are no drafts.
	HandBack bool
	// NewDevices are other devices that were enrolled in this person's name
	// within seven days.
	NewDevices []Device
	// ClockOff is set when the device's clock is more than five minutes off.
	ClockOff bool
}

// oldDraft is how long a draft may lie before it is told apart.
const oldDraft = 24 * time.Hour

// Words is the summary in the app's language: one line for each thing that
// wants to be known, none when there is nothing.
func (s Summary) Words() []string {
	var out []string
	if s.Pending > 0 {
		out = append(out, fmt.Sprintf("待上传 %d 条，最早 %s", s.Pending, monthDay(s.EarliestPending)))
	}
	if s.Drafts > 0 {
		out = append(out, fmt.Sprintf("草稿 %d 份，最早 %s", s.Drafts, monthDay(s.EarliestDraft)))
	}
	if s.Held > 0 {
		out = append(out, fmt.Sprintf("待处理 %d 条：%s", s.Held, strings.Join(s.HeldReasons, " ")))
	}
	if s.Conflicts > 0 {
		out = append(out, fmt.Sprintf("有不同修改 %d 条", s.Conflicts))
	}
	if s.NeedsNewID {
		out = append(out, "设备编号重复：请向管理员要新的注册码，重新注册后继续上传；内容都在手机里")
	}
	if s.Locked {
		why := fmt.Sprintf("超过 %d 天没有联系服务器", s.LeaseDays)
		if s.LockedByHand {
			why = "按您的要求"
		}
		out = append(out, "别人的记录已锁上（"+why+"）：联网同步一次，或者打电话给管理员要解锁码。自己写的、草稿和待上传的都不受影响")
	}
	if s.Unknown {
		out = append(out, "服务器不认识这台设备，多半是从较早的备份恢复过：请向管理员要新的注册码，重新注册；写过的都在设备里，会重新上传")
	}
	if s.HandBack {
		out = append(out, fmt.Sprintf("这台设备要交回：还有草稿 %d 份，待上传 %d 条；提交或删掉草稿再同步，传完就清除本机数据", s.Drafts, s.Pending))
	}
	for _, d := range s.NewDevices {
		out = append(out, fmt.Sprintf("新设备：“%s”%s起也以您的名义登记。不是您本人办的，请马上告诉管理员", d.Name, monthDay(d.Enrolled)))
	}
	if s.ClockOff {
		out = append(out, "设备时间可能不准")
	}
	return out
}

// localZone is Asia/Shanghai: no daylight saving, so a fixed offset.
var localZone = time.FixedZone("+08:00", 8*3600)

func monthDay(t time.Time) string {
	t = t.In(localZone)
	return fmt.Sprintf("%d月%d日", t.Month(), t.Day())
}

// Summary counts what is on its way and what waits for a person.
func (c *Client) Summary() (Summary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Summary{}, ErrClosed
	}
	missing := c.missing(0)
	s := Summary{Pending: outbox.Count(missing), NeedsNewID: c.spent, ClockOff: c.place.Offset > 300_000 || c.place.Offset < -300_000}
	s.OwnChanges = len(c.own.records)
	s.Locked = c.locks()
	s.LockedByHand, s.LeaseDays = c.lease.Locked, int(c.standing.Lease/(24*time.Hour))
	s.Unknown = c.stranger
	s.HandBack = c.receipt != nil && c.receipt.Order == syncproto.OrderRetire
	s.NewDevices = slices.DeleteFunc(c.devices(), func(d Device) bool { return !d.New })
	if c.receipt != nil {
		for i := range c.receipt.Held {
			if c.receipt.Held[i].Reason != syncproto.HoldRejected {
				s.Held++
				s.HeldReasons = append(s.HeldReasons, heldWords(&c.receipt.Held[i]))
			}
		}
	}
	slices.Sort(s.HeldReasons)
	s.HeldReasons = slices.Compact(s.HeldReasons)
	if len(missing) > 0 {
		change, _, err := ownChain{c, c.id.Replica}.Change(missing[0].From)
		if err != nil {
			return Summary{}, fmt.Errorf("summary: %w", err)
		}
		s.EarliestPending = time.UnixMilli(change.Wall)
	}
	err := c.eachDraft(func(d *Draft) {
		s.Drafts++
		opened := time.UnixMilli(d.opened)
		if s.EarliestDraft.IsZero() || opened.Before(s.EarliestDraft) {
			s.EarliestDraft = opened
		}
		if c.now().Sub(opened) > oldDraft {
			s.OldDrafts++
		}
	})
	if err == nil {
		err = localstore.ScanPrefix(c.store, prefixRow, func(_, v []byte) error {
			if conflictOf(v) {
				s.Conflicts++
			}
			return nil
		})
	}
	if err != nil {
		return Summary{}, fmt.Errorf("summary: %w", err)
	}
	return s, nil
}

// spends reports whether a receipt shows that this replica id is spent: the
// server found two changes under one number, or has changes of this replica
// that the store does not know (an older copy of it was put back), or its chain
// there is another than the store's.
func (c *Client) spends(r *syncproto.Receipt) bool {
	if r.Forked || len(r.Received) == 0 {
		return r.Forked
	}
	last := r.Received[len(r.Received)-1].To
	if last > c.head.Seq {
		return true
	}
	link, known := c.linkAt(last)
	return known && r.Link != (syncproto.Hash{}) && r.Link != link
}

// linkAt is the chain's link after an own change, if it can be told: it stands
// before the next one.
func (c *Client) linkAt(seq syncproto.Seq) (link syncproto.Hash, known bool) {
	if seq == c.head.Seq {
		return c.head.Link, true
	}
	v, err := c.store.Get(changeKey(c.id.Replica, seq+1))
	return link, err == nil && copy(link[:], v) == len(link)
}

// loadAcked tells what the server has of this store's own changes: what its
// last receipt says, or, once the id is spent, the last one before.
func (c *Client) loadAcked() error {
	c.acked, c.spent = nil, false
	if c.receipt == nil {
		return nil
	}
	if c.spent = c.spends(c.receipt); !c.spent {
		c.acked = c.receipt.Received
	}
	return c.get(keyAcked, func(v []byte) (err error) { c.acked, err = decodeRanges(v); c.spent = true; return err })
}
