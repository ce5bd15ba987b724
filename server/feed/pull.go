package feed

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// errRolledBack is found when a cursor of this epoch names what the store does not have.
var errRolledBack = errors.New("cursor names what the store does not have")

// stateFrame is how many uncompressed bytes of states share a frame.
const stateFrame = 128 << 10

// pull is one page in the making.
type pull struct {
	f       *Feed
	replica syncproto.ReplicaID
	viewer  authz.Viewer
	was     *position
	next    position
	epoch   string
	budget  int
	used    int
	page    syncproto.Page
	sent    map[sentState]bool // states on this page
	keys    map[syncproto.KeyID]bool
	states  map[syncproto.Atom]*stateBatch
	schema  *schema.Schema
	// backedUp is what the device may have dropped of its own work.
	backedUp syncproto.Ranges
}

// sentState is a record's state as sent for one atom: a record of two atoms is
// told in both, or the device would not know that it lies in the second.
type sentState struct {
	atom syncproto.Atom
	id   syncproto.RecordID
}

type stateBatch struct {
	raw   []byte
	count int
}

func (p *pull) unchanged() bool {
	g := &p.page
	return len(g.Entries) == 0 && len(g.Keys) == 0 && len(g.Left) == 0 && g.Receipt == nil && g.Standing == nil && len(g.Schema) == 0 &&
		!g.More && len(g.Digests) == 0 && len(p.next.atoms) == len(p.was.atoms)
}

// run fills the page from one snapshot.
func (p *pull) run(r store.Reader) error {
	p.schema = p.f.Schema()
	p.next = position{atoms: map[syncproto.Atom]progress{}}
	fresh := p.was.epoch != p.epoch
	log, err := records.LoadLog(r, p.replica)
	if err != nil {
		return err
	}
	p.next.log, p.backedUp = p.f.fingerprint(&log), log.BackedUp
	scope, err := Scope(r, &p.viewer)
	if err != nil {
		return err
	}
	inScope := map[syncproto.Atom]bool{}
	for _, a := range scope {
		inScope[a] = true
		from := p.was.atoms[a]
		if fresh {
			from = progress{}
		}
		if err := p.atom(r, a, from); err != nil {
			return err
		}
	}
	for a := range p.was.atoms {
		if inScope[a] {
			continue
		}
		p.page.Left = append(p.page.Left, a)
		if a.IsHousehold() {
			if err := p.narrowed(r, a, inScope); err != nil {
				return fmt.Errorf("atom %s: %w", a, err)
			}
		}
	}
	return nil
}

// narrowed sends the records of a household that the reader answers for no more
// and that he reads on by another right: he reads less of them. Of other atoms
// none opens more of a record than those it lies in besides.
func (p *pull) narrowed(r store.Reader, left syncproto.Atom, inScope map[syncproto.Atom]bool) error {
	head, err := records.LoadAtom(r, left)
	if err != nil {
		return err
	}
	p.states = map[syncproto.Atom]*stateBatch{}
	for n := uint64(1); n <= head.N; n++ {
		e, _, err := records.LoadEntry(r, left, n) // without records when it is no more
		if err != nil {
			return err
		}
		for _, id := range e.Records {
			if err := p.elsewhere(r, id, inScope); err != nil {
				return err
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(p.states)) {
		p.flush(a)
	}
	return nil
}

// elsewhere sends a record's state for the atoms of the reader's that it lies in,
// or takes it out of them.
func (p *pull) elsewhere(r store.Reader, id syncproto.RecordID, inScope map[syncproto.Atom]bool) error {
	c, ok, err := records.LoadRecord(r, id)
	if err != nil || !ok {
		return err
	}
	for _, a := range c.Atoms {
		if !inScope[a] || p.sent[sentState{a, id}] {
			continue
		}
		p.sent[sentState{a, id}] = true
		visible, err := p.state(r, a, id)
		if err != nil {
			return err
		}
		if !visible {
			p.add(syncproto.Entry{Kind: syncproto.EntryLeave, Atom: a, Records: []syncproto.RecordID{id}}, 16)
		}
	}
	return nil
}

// atom adds what came in one atom after number from, as far as the page goes.
func (p *pull) atom(r store.Reader, a syncproto.Atom, was progress) error {
	head, err := records.LoadAtom(r, a)
	if err != nil {
		return err
	}
	known, err := knows(r, a, &head, was)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("atom %s: %w", a, errRolledBack)
	}
	from := was.n
	p.next.atoms[a] = was
	p.page.Total += int(head.N - from)
	if from == head.N {
		return nil
	}
	p.states = map[syncproto.Atom]*stateBatch{}
	n, mark := from, was.mark
	for n < head.N && (p.used < p.budget || p.used == 0) {
		n++
		e, ok, err := records.LoadEntry(r, a, n)
		if err != nil {
			return fmt.Errorf("atom %s entry %d: %w", a, n, err)
		}
		if ok {
			mark = e.Mark
			if err := p.entry(r, a, &e); err != nil {
				return fmt.Errorf("atom %s entry %d: %w", a, n, err)
			}
		}
		p.page.Done++
	}
	p.flush(a)
	p.next.atoms[a] = progress{n, mark}
	if n < head.N {
		p.page.More = true
		return nil
	}
	if c := p.viewer.Clearance(a); c != syncproto.ForNobody && head.Excluding == 0 {
		d := syncproto.AtomDigest{Atom: a, Classes: c, Records: head.Records, Sum: head.Sums[0]}
		if c == syncproto.ForAll {
			d.Sum = head.Sums[1]
		}
		p.page.Digests = append(p.page.Digests, d)
	}
	return nil
}

// knows reports whether the store has the very entry that the device got last.
func knows(r store.Reader, a syncproto.Atom, head *records.AtomHead, was progress) (bool, error) {
	switch {
	case was.n == 0:
		return true, nil
	case was.n >= head.N:
		return was == progress{head.N, head.Mark}, nil
	}
	e, ok, err := records.LoadEntry(r, a, was.n)
	return ok && e.Mark == was.mark, err
}

// runOf is the run of changes that an entry is made of.
func runOf(e *records.Entry) syncproto.Ranges {
	last := e.From + syncproto.Seq(e.Count) - 1
	if e.Offsets != nil {
		last = e.From + syncproto.Seq(e.Offsets[len(e.Offsets)-1])
	}
	return syncproto.Ranges{{From: e.From, To: last}}
}

// entry adds one entry of a feed. A device's own work is only named, it has it;
// unless it is in a verified backup, when the device may have dropped it.
func (p *pull) entry(r store.Reader, a syncproto.Atom, e *records.Entry) error {
	switch {
	case e.Kind == records.FeedLeave:
		for _, id := range e.Records {
			delete(p.sent, sentState{a, id}) // should it have come back later on this page
		}
		p.add(syncproto.Entry{Kind: syncproto.EntryLeave, Atom: a, Records: e.Records}, 16*len(e.Records))
		return nil
	case e.Kind == records.FeedTouch:
		return p.look(r, a, e)
	case e.Replica == p.replica && !p.backedUp.Covers(runOf(e)):
		p.own(a, e)
		return nil
	}
	clearance := p.viewer.Clearance(a)
	if e.Needs&records.NeedsLook != 0 || clearance == syncproto.ForNobody || !clearance.Has(e.Needs.Classes()) {
		return p.look(r, a, e)
	}
	return p.pass(r, a, e)
}

// own tells the device which of its own changes are in, those alone: it cannot
// always tell by itself in which atom the server has a record.
func (p *pull) own(a syncproto.Atom, e *records.Entry) {
	if e.Offsets == nil {
		p.add(syncproto.Entry{Kind: syncproto.EntryOwn, Atom: a, From: e.From, To: e.From + syncproto.Seq(e.Count) - 1}, 8)
		return
	}
	for i := 0; i < len(e.Offsets); {
		from := i
		for i++; i < len(e.Offsets) && e.Offsets[i] == e.Offsets[i-1]+1; i++ {
		}
		p.add(syncproto.Entry{Kind: syncproto.EntryOwn, Atom: a, From: e.From + syncproto.Seq(e.Offsets[from]), To: e.From + syncproto.Seq(e.Offsets[i-1])}, 8)
	}
}

// pass hands a stored bundle or slice on as it lies.
func (p *pull) pass(r store.Reader, a syncproto.Atom, e *records.Entry) error {
	out := syncproto.Entry{Kind: syncproto.EntryChanges, Atom: a, Replica: e.Replica, From: e.From, Count: e.Count,
		Offsets: e.Offsets, RawBytes: e.RawBytes, Frame: e.Frame}
	if e.Kind == records.FeedBundle {
		u, err := p.f.frames.load(r, e.Replica, e.From)
		if err != nil {
			return err
		}
		out.RawBytes, out.Frame = u.rawBytes, u.bytes
	}
	p.add(out, len(out.Frame)+48)
	for _, id := range e.Keys {
		if err := p.key(r, id); err != nil {
			return err
		}
	}
	return nil
}

func (p *pull) add(e syncproto.Entry, size int) {
	p.flush(e.Atom) // entries stay in the feed's order: changes after a state build on it
	p.page.Entries = append(p.page.Entries, e)
	p.used += size
}

// key adds a sealing key once a page; what may be handed out was decided when
// the entry was written or the record looked at.
func (p *pull) key(r store.Reader, id syncproto.KeyID) error {
	if p.keys[id] {
		return nil
	}
	k, ok, err := records.LoadKey(r, id)
	if err != nil || !ok {
		return err
	}
	p.keys[id] = true
	p.page.Keys = append(p.page.Keys, syncproto.HeldKey{Holder: k.Holder, Key: k.ID, Secret: k.Secret})
	p.used += 64
	return nil
}

// look sends each record of an entry as this reader may see it now.
func (p *pull) look(r store.Reader, a syncproto.Atom, e *records.Entry) error {
	var gone []syncproto.RecordID
	for _, id := range e.Records {
		if p.sent[sentState{a, id}] {
			continue
		}
		visible, err := p.state(r, a, id)
		if err != nil {
			return err
		}
		// One that he may not see is passed over by its other entries: the entry
		// that says it was narrowed, perhaps later on this page, takes it away.
		p.sent[sentState{a, id}] = visible || e.Kind == records.FeedTouch
		if !visible && e.Kind == records.FeedTouch {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		p.add(syncproto.Entry{Kind: syncproto.EntryLeave, Atom: a, Records: gone}, 16*len(gone))
	}
	return nil
}

// state adds one record's projected state to the page's batch.
func (p *pull) state(r store.Reader, a syncproto.Atom, id syncproto.RecordID) (visible bool, err error) {
	c, ok, err := records.LoadRecord(r, id)
	if err != nil || !ok {
		return false, err
	}
	rec, err := p.f.Frames.State(r, id, &c)
	if err != nil || rec == nil {
		return false, err
	}
	facts := p.f.Directory.Facts(rec)
	classes := p.viewer.Reads(&facts)
	if classes == syncproto.ForNobody {
		return false, nil
	}
	bytes := c.State
	shown := rec
	if classes != syncproto.ForAll {
		shown, bytes = records.Project(p.schema, rec, classes), nil
	}
	if len(bytes) == 0 {
		bytes = shown.AppendBinary(nil)
	}
	if classes.Has(syncproto.ForTeam) {
		for _, key := range records.SealedUnder(shown) {
			if err := p.holderKey(r, key, &facts); err != nil {
				return false, err
			}
		}
	}
	b := p.states[a]
	if b == nil {
		b = &stateBatch{}
		p.states[a] = b
	}
	b.raw = wire.AppendStates(b.raw, []syncproto.State{{Record: id, Bytes: bytes}})
	b.count++
	p.used += len(bytes) / 2
	if len(b.raw) >= stateFrame {
		p.flush(a)
	}
	return true, nil
}

// holderKey hands out a key found in a record only when the key belongs to
// the record's household or to the person who sealed with it: naming another
// household's key in a value opens nothing.
func (p *pull) holderKey(r store.Reader, u records.SealUse, f *authz.Facts) error {
	k, ok, err := records.LoadKey(r, u.Key)
	if err != nil || !ok || k.Holder != f.Household && k.Holder != u.Author {
		return err
	}
	return p.key(r, u.Key)
}

func (p *pull) flush(a syncproto.Atom) {
	b := p.states[a]
	if b == nil || b.count == 0 {
		return
	}
	frame := wire.Compress(b.raw, wire.EffortFast)
	p.page.Entries = append(p.page.Entries, syncproto.Entry{Kind: syncproto.EntryStates, Atom: a, Count: b.count, RawBytes: len(b.raw), Frame: frame})
	delete(p.states, a)
}
