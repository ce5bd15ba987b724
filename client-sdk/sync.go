package clientsdk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// Report says what one sync did.
type Report struct {
	Pushed   int // own changes the server acknowledged
	Refused  int // bundles it would not take at all
	Pulled   int // records given or advanced
	Requests int
	Pages    int
	// Conflicts and Held are what waits for a person afterwards.
	Conflicts int
	Held      int
	// Mismatches counts audience atoms that differed from the server and were
	// asked for again; Unresolved those that still differ. Both should be 0.
	Mismatches, Unresolved int
	BytesUp, BytesDown     int64 // on the socket, headers included
	Millis                 int64
	NeedsNewID             bool // see ReEnrol
	Wiped                  bool // all that was here was destroyed, by order: see ErrWiped
	// Late are the records in which an edit of this device's came after their
	// window, as was learned now: it counts for nothing and stands among the
	// view's Suggestions.
	Late []syncproto.RecordID
	// Push and Pull say why the one or the other did not end well.
	Push, Pull error
}

// Sync pushes what the server lacks, pulls what is new, and says what
// happened. An error means that something is left to do: try again later; the
// report says how far it came. Whatever happens, nothing on the device is lost.
func (c *Client) Sync(ctx context.Context) (Report, error) {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	cfg, link, err := c.prepareSync()
	if err != nil {
		return Report{}, fmt.Errorf("sync: %w", err)
	}
	if r, ok := c.syncMoved(ctx, cfg); ok {
		return r, nil
	}
	return c.syncBy(ctx, cfg, link)
}

// syncMoved syncs at the address that the server's last receipt says it moves
// to; once that ends well it is the device's address. Until then the one it has
// stays: false, and nothing is lost but a try.
func (c *Client) syncMoved(ctx context.Context, cfg session.Config) (Report, bool) {
	c.mu.Lock()
	to := syncproto.Move{}
	if c.receipt != nil && !c.spent {
		to = c.receipt.Move
	}
	here := to.Origin == "" || to.Origin == c.id.Origin && to.Root == c.id.Root
	c.mu.Unlock()
	if here {
		return Report{}, false
	}
	link, err := c.dial(to.Origin, to.Root)
	if err != nil {
		return Report{}, false
	}
	r, err := c.syncBy(ctx, cfg, link)
	if err != nil {
		return Report{}, false
	}
	return r, c.moveAddress(to, link) == nil
}

// moveAddress takes on another address of the same server.
func (c *Client) moveAddress(to syncproto.Move, link syncloop.Transport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	next := *c.id
	next.Origin, next.Root = to.Origin, to.Root
	var b localstore.Batch
	b.Put(keyIdentity, next.append())
	if err := c.store.Apply(&b); err != nil {
		return err
	}
	if t, ok := c.link.(interface{ Close() }); ok {
		t.Close()
	}
	c.id, c.link = &next, link
	return nil
}

// syncBy is one sync over a link.
func (c *Client) syncBy(ctx context.Context, cfg session.Config, link syncloop.Transport) (Report, error) {
	begun := c.now()
	up, down := meter(link)
	state := &syncState{c: c}
	rep := syncloop.Run(ctx, link, session.New(cfg, state), c.opt.Clock)
	if errors.Is(rep.Pull, errSpent) {
		rep.Pull = nil // Report.NeedsNewID says it
	}
	r := Report{Pushed: rep.Pushed, Refused: rep.Refused, Pulled: state.pulled, Requests: rep.Requests, Pages: rep.Pages,
		Mismatches: rep.Mismatches, Unresolved: rep.Unresolved, Millis: c.now().Sub(begun).Milliseconds(), Push: rep.Push, Pull: rep.Pull, Late: state.late}
	up2, down2 := meter(link)
	r.BytesUp, r.BytesDown = up2-up, down2-down
	if err := c.endSync(&rep, &r); err != nil {
		return r, fmt.Errorf("sync: %w", err)
	}
	wiped, err := c.wipeIfDue(ctx, link)
	if r.Wiped = wiped; err == nil && wiped {
		err = ErrWiped
	}
	if err != nil {
		return r, fmt.Errorf("sync: %w", err)
	}
	if err := rep.Err(); err != nil {
		return r, fmt.Errorf("sync: %w", err)
	}
	return r, nil
}

func meter(link syncloop.Transport) (up, down int64) {
	if m, ok := link.(syncloop.Meter); ok {
		return m.Bytes()
	}
	return 0, 0
}

func (c *Client) prepareSync() (cfg session.Config, link syncloop.Transport, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return cfg, nil, ErrClosed
	case c.id == nil:
		return cfg, nil, ErrNotEnrolled
	}
	if link, err = c.transport(); err != nil {
		return cfg, nil, err
	}
	cfg = c.sessionConfig(link)
	return cfg, link, nil
}

// sessionConfig is what a session under the present id needs.
func (c *Client) sessionConfig(link syncloop.Transport) session.Config {
	speed := 0
	if m, ok := link.(syncloop.Meter); ok {
		speed = m.Speed()
	}
	key := c.id.Key
	var holds []syncproto.Atom
	for a, s := range c.sums {
		if s.Records > 0 {
			holds = append(holds, a)
		}
	}
	slices.Sort(holds)
	return session.Config{
		Holds:   holds,
		Replica: c.id.Replica, ServerKey: c.id.ServerKey, Random: c.opt.Random,
		Sign:  func(q *sign.SessionRequest) syncproto.Signature { return sign.SignSession(key, q) },
		Token: c.token, Offset: c.place.Offset,
		PushBytes: syncloop.PushBytes(speed), PageBytes: syncloop.PageBytes(speed),
		Told: c.tell,
	}
}

// endSync keeps the token and the clock's offset, and counts what waits.
func (c *Client) endSync(rep *session.Report, r *Report) error {
	summary, err := c.Summary()
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.place
	next.Offset = rep.Offset
	if (next.Offset != c.place.Offset || rep.Token != c.token) && err == nil {
		var b localstore.Batch
		b.Put(keyPlace, next.append())
		b.Put(keyToken, appendToken(rep.Token))
		if err = c.store.Apply(&b); err == nil {
			c.place, c.token = next, rep.Token
		}
	}
	if !c.closed {
		c.keepSealed(0)
		switch {
		case err != nil:
		case rep.Pull == nil:
			err = errors.Join(c.contact(), c.wasTold(), c.noteKnown(true))
		case syncproto.KindOf(rep.Pull) == syncproto.KindUnauthorized:
			err = c.noteKnown(false)
		}
		if rep.Err() == nil && err == nil { // the server's clock was just heard
			err = c.drop()
		}
	}
	r.Conflicts, r.Held, r.NeedsNewID = summary.Conflicts, summary.Held, summary.NeedsNewID
	return err
}

// syncState is the store as package session sees it. It takes the client's
// lock for each call, never over the network.
type syncState struct {
	c      *Client
	pulled int
	late   []syncproto.RecordID
	spent  bool // the push of a spent id, see pushSpent
	whole  wholeAtoms
	wrong  map[syncproto.Atom]bool // atoms with parts that could not be joined
}

// Outbox cuts the next bundles to push.
func (s *syncState) Outbox(after syncproto.Seq, maxBytes int) (session.Outgoing, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.closed {
		return session.Outgoing{}, ErrClosed
	}
	switch {
	case s.spent && s.c.receipt != nil:
		return s.c.cutter.Cut(s.c.unknown(after), maxBytes)
	case s.c.spent:
		return session.Outgoing{}, nil
	}
	return s.c.cutter.Cut(s.c.missing(after), maxBytes)
}

// Receipt stores what the server has.
func (s *syncState) Receipt(r *syncproto.Receipt) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.closed {
		return ErrClosed
	}
	var b localstore.Batch
	s.c.putReceipt(&b, r)
	if err := s.c.store.Apply(&b); err != nil {
		return err
	}
	s.c.takeReceipt(r)
	return nil
}

// Cursor is the stored one.
func (s *syncState) Cursor() (syncproto.Cursor, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.closed {
		return nil, ErrClosed
	}
	return s.c.place.Cursor, nil
}

// Apply applies a page.
func (s *syncState) Apply(p *syncproto.Page, again []syncproto.Atom) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.closed {
		return ErrClosed
	}
	if len(again) > 0 && s.whole == nil {
		s.whole = wholeAtoms{}
		for _, a := range again {
			s.whole[a] = map[syncproto.RecordID]*crdt.Record{}
		}
	}
	if s.c.spent || p.Receipt != nil && s.c.spends(p.Receipt) {
		return s.c.takeSpent(p.Receipt)
	}
	done, err := s.c.applyPage(p, s.whole)
	if err != nil {
		return err
	}
	s.pulled += done.pulled
	for _, id := range done.late {
		if !slices.Contains(s.late, id) {
			s.late = append(s.late, id)
		}
	}
	if s.wrong == nil {
		s.wrong = map[syncproto.Atom]bool{}
	}
	for a := range done.wrong {
		s.wrong[a] = true
	}
	if !p.More {
		s.whole = nil
	}
	return nil
}

// Mismatched compares digests; atoms in which something could not be joined
// differ whatever their digest.
func (s *syncState) Mismatched(digests []syncproto.AtomDigest) ([]syncproto.Atom, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.closed {
		return nil, ErrClosed
	}
	out, err := s.c.mismatched(digests)
	for a := range s.wrong {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	s.wrong = nil
	slices.Sort(out)
	return out, err
}

// errSpent ends a sync of a store that exists twice. The server has changes of
// the other one under this one's numbers: whatever was pulled could not be told
// apart from its own, so nothing is until it has a new id.
var errSpent = errors.New("the replica id is spent")

// takeSpent keeps the receipt that shows it, if it came with the page.
func (c *Client) takeSpent(r *syncproto.Receipt) error {
	if r != nil {
		var b localstore.Batch
		c.putReceipt(&b, r)
		if err := c.store.Apply(&b); err != nil {
			return err
		}
		c.takeReceipt(r)
	}
	return errSpent
}

// errAnswer is wrapped when an answer of the server makes no sense.
var errAnswer = errors.New("the server's answer cannot be understood")
