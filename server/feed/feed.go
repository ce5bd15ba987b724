// Package feed answers pulls: what came, in the audience atoms of a reader's
// scope, after his cursor. Stored bundles are passed on as they came where
// every record in them may be read whole by this reader; else he is sent each
// record's state as he may see it (design.md §4).
package feed

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Page sizes in compressed bytes: what a request gets when it does not say,
// and the most it can ask for.
const (
	defaultPage = 256 << 10
	maxPage     = 2 << 20
)

// Receipts gives the signed word about a replica.
type Receipts interface {
	Receipt(ctx context.Context, replica syncproto.ReplicaID) (syncproto.Receipt, error)
}

// Standings gives the word about a device itself.
type Standings interface {
	Standing(ctx context.Context, replica syncproto.ReplicaID) (syncproto.Standing, error)
}

// Config is what a Feed works with; every member is required but Standings and Move.
type Config struct {
	Store     store.Store
	Directory *directory.Directory
	Schema    func() *schema.Schema
	Receipts  Receipts
	Standings Standings
	// Move is what receipts say of another address: told to who has nothing else
	// to hear, too. May be nil.
	Move      func() syncproto.Move
	Frames    *records.Frames // shared with who else reads records; may be nil
	CursorKey [32]byte
	Now       func() time.Time
}

// Feed is safe for concurrent use.
type Feed struct {
	Config
	seal   sealer
	frames frames

	// making bounds how many pages are made at once, and so the memory of a storm.
	making chan struct{}

	mu      sync.Mutex
	cursors map[syncproto.ReplicaID]syncproto.Cursor // the last one given, by which an idle hash is looked up
}

// New returns a Feed.
func New(c Config) (*Feed, error) {
	s, err := newSealer(c.CursorKey)
	if err != nil {
		return nil, fmt.Errorf("cursor key: %w", err)
	}
	return &Feed{Config: c, seal: s, frames: newFrames(), making: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), cursors: map[syncproto.ReplicaID]syncproto.Cursor{}}, nil
}

// Pull returns the next page for a replica of a person, nil when nothing is
// new and the device's cursor stands. An unknown cursor hash is an error of
// kind cursor.
func (f *Feed) Pull(ctx context.Context, replica syncproto.ReplicaID, person syncproto.PersonID, q syncproto.PullRequest) (*syncproto.Page, error) {
	pos, err := f.position(replica, &q)
	if err != nil {
		return nil, err
	}
	select {
	case f.making <- struct{}{}:
		defer func() { <-f.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	epoch, err := f.Store.Epoch(ctx)
	if err != nil {
		return nil, err
	}
	date := f.Now().UTC().Add(8 * time.Hour).Format("2006-01-02")
	begin := func() *pull {
		return &pull{f: f, replica: replica, viewer: f.Directory.Viewer(person).On(date), was: pos, epoch: epoch,
			budget: pageBudget(q.MaxBytes), sent: map[sentState]bool{}, keys: map[syncproto.KeyID]bool{}}
	}
	p := begin()
	err = f.Store.View(ctx, 0, p.run)
	if errors.Is(err, errRolledBack) {
		// The device has seen numbers that this store does not have: an older
		// copy was put back. The epoch is raised so that everybody looks again.
		if epoch, err = f.Store.RaiseEpoch(ctx); err != nil {
			return nil, err
		}
		p = begin() // nothing of the page so far goes out
		err = f.Store.View(ctx, 0, p.run)
	}
	if err != nil {
		return nil, err
	}
	return f.finish(ctx, p)
}

func pageBudget(asked int) int {
	if asked <= 0 {
		return defaultPage
	}
	return min(asked, maxPage)
}

func (f *Feed) position(replica syncproto.ReplicaID, q *syncproto.PullRequest) (*position, error) {
	cursor := q.Cursor
	if len(cursor) == 0 && q.Hash != (syncproto.CursorHash{}) {
		f.mu.Lock()
		cursor = f.cursors[replica]
		f.mu.Unlock()
		if cursor == nil || HashOf(cursor) != q.Hash {
			return nil, syncproto.Errorf(syncproto.KindCursor, "send the whole cursor")
		}
	}
	pos := &position{atoms: map[syncproto.Atom]progress{}}
	if len(cursor) > 0 {
		// A cursor that cannot be read is no reason to refuse: the device starts
		// over and joins what it has already.
		if p, err := f.seal.open(replica, cursor); err == nil {
			pos = p
		}
	}
	for _, a := range q.Again {
		pos.atoms[a] = progress{} // from its beginning, or left
	}
	return pos, nil
}

// finish seals the new cursor and adds what is sent only when it changed.
func (f *Feed) finish(ctx context.Context, p *pull) (*syncproto.Page, error) {
	s := f.Schema()
	hash := s.Hash()
	next := p.next
	copy(next.schema[:], hash[:])
	next.epoch = p.epoch
	if next.schema != p.was.schema {
		p.page.Schema = s.Marshal()
	}
	if next.log != p.was.log || next.epoch != p.was.epoch {
		c, err := f.Receipts.Receipt(ctx, p.replica)
		if err != nil {
			return nil, err
		}
		p.page.Receipt = &c
	}
	if err := f.standing(ctx, p, &next); err != nil {
		return nil, err
	}
	if p.unchanged() {
		return nil, nil
	}
	p.page.Epoch, p.page.Wall = p.epoch, f.Now().UnixMilli()
	p.page.Cursor = f.give(p.replica, &next)
	return &p.page, nil
}

// give seals a position and remembers it as the last one given.
func (f *Feed) give(replica syncproto.ReplicaID, p *position) syncproto.Cursor {
	c := f.seal.seal(replica, p)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursors[replica] = c
	return c
}

// standing adds the word about the device when it is not the one given last.
func (f *Feed) standing(ctx context.Context, p *pull, next *position) error {
	if f.Standings == nil {
		return nil
	}
	s, err := f.Standings.Standing(ctx, p.replica)
	if err != nil {
		return fmt.Errorf("standing: %w", err)
	}
	sum := sha256.Sum256(wire.AppendStanding(nil, &s))
	copy(next.self[:], sum[:])
	if next.self != p.was.self {
		p.page.Standing = &s
	}
	return nil
}

// Goodbye is the page of a device that is to hold nothing any more: it leaves
// every atom it was in, and its receipt tells it what to do with itself.
func (f *Feed) Goodbye(ctx context.Context, replica syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error) {
	was, err := f.position(replica, &q)
	if err != nil {
		return nil, err
	}
	receipt, err := f.Receipts.Receipt(ctx, replica)
	if err != nil {
		return nil, err
	}
	page := &syncproto.Page{Epoch: receipt.Epoch, Wall: receipt.Wall, Receipt: &receipt}
	for a := range was.atoms {
		page.Left = append(page.Left, a)
	}
	slices.Sort(page.Left)
	page.Cursor = f.give(replica, &position{epoch: receipt.Epoch, atoms: map[syncproto.Atom]progress{}})
	return page, nil
}

// Scope lists the atoms a viewer is fed from, in order. Which records of them
// he sees is decided per record unless he is cleared for the whole atom.
func Scope(r store.Reader, v *authz.Viewer) ([]syncproto.Atom, error) {
	out := []syncproto.Atom{syncproto.AtomReference, syncproto.PersonAtom(v.Person)}
	for h := range v.Cares {
		out = append(out, syncproto.HouseholdAtom(h))
	}
	for _, place := range v.Territory() {
		if len(place) >= syncproto.TownshipDigits {
			out = append(out, syncproto.TownshipAtom(place))
			continue
		}
		err := records.EachAtom(r, syncproto.Atom("t:"+place), func(a syncproto.Atom) (bool, error) {
			out = append(out, a)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// fingerprint is short proof that what a receipt would say has not changed.
func (f *Feed) fingerprint(l *records.Log) (out [8]byte) {
	said := []any{l.Received, l.Held, l.Rejected, l.Forked, l.BackedUp}
	if f.Move != nil {
		if m := f.Move(); m != (syncproto.Move{}) {
			said = append(said, m.Origin, m.Root)
		}
	}
	b, _ := json.Marshal(said) // plain numbers and texts always marshal
	sum := sha256.Sum256(b)
	copy(out[:], sum[:])
	return out
}
