package ingest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// txn is one run of a store update: a view of the store with this update's own
// writes in front. It is thrown away when the update runs again.
type txn struct {
	ctx     context.Context
	in      *Ingest
	r       store.Reader
	pre     *prepared // nil: everything is worked out here
	b       store.Batch
	scratch []byte // values are encoded here before the batch copies them
	now     int64
	date    string
	epoch   string // "" while preparing
	mark    uint32 // of the feed entries of this update
	schema  *schema.Schema

	logs    map[syncproto.ReplicaID]*records.Log
	recs    map[syncproto.RecordID]*work
	order   []syncproto.RecordID // recs in the order they were first touched
	atoms   map[syncproto.Atom]*records.AtomHead
	viewers map[syncproto.PersonID]*authz.Viewer

	bundles   []*stored // stored by this update
	numbers   map[string]uint32
	waiting   map[syncproto.RecordID][]waiter // held by this update
	released  map[records.HeldPart]bool
	forkHolds map[string]bool               // of forks, put by this update
	let       leave                         // an administrator's, for the part that is joined now
	directory []*crdt.Record                // reference records that changed, for the directory
	stays     []*work                       // with a place that is open
	keys      map[syncproto.KeyID]*seal.Key // sealing keys that this update puts into the store
	avoid     map[syncproto.RecordID]directory.Avoidance
	audits    bool // the audit log has an entry of this update
}

// work is a record while this update changes it.
type work struct {
	records.Record
	rec     *crdt.Record
	stored  []byte // the value as it was read, nil for none
	existed bool
	was     records.Head
	facts   authz.Facts
	classes syncproto.Audience // of the ops joined now
	passed  []syncproto.Atom   // where it would have been fed after some of the parts joined now, and is not
	dirty   bool
	touch   bool                                // readers take the state anew: something other than plain joins happened
	quiet   bool                                // nothing is joined: only how the state is held changes
	late    bool                                // a part came that only the unfolded state can take
	refound map[syncproto.ReplicaID]*fold.Table // of folds made again by this update
	lost    bool                                // a part came that waits for a change declared lost
	found   bool                                // a change came that something stands for
	by      syncproto.PersonID                  // who wrote the part joined last
	steps   []records.Step
	blind   []records.BlindField // of the part joined last
	void    []string             // the same: fields that it came too late to set
	verdict *verdict             // on the part joined last, not yet given

	ready bool // prepared: every part of the slice is joined, what follows from them derived
	odd   bool // while preparing: not plain, left to the update
}

func newTxn(ctx context.Context, in *Ingest, r store.Reader) *txn {
	now := in.Now()
	var mark [4]byte
	rand.Read(mark[:]) // never fails, see crypto/rand
	return &txn{ctx: ctx, in: in, r: r, now: now.UnixMilli(), mark: binary.BigEndian.Uint32(mark[:]), date: now.UTC().Add(localOffset).Format("2006-01-02"), schema: in.Schema(),
		logs: map[syncproto.ReplicaID]*records.Log{}, recs: map[syncproto.RecordID]*work{},
		atoms: map[syncproto.Atom]*records.AtomHead{}, viewers: map[syncproto.PersonID]*authz.Viewer{}, numbers: map[string]uint32{},
		waiting: map[syncproto.RecordID][]waiter{}, released: map[records.HeldPart]bool{}, forkHolds: map[string]bool{}}
}

func (t *txn) log(id syncproto.ReplicaID) (*records.Log, error) {
	if l := t.logs[id]; l != nil {
		return l, nil
	}
	l, err := records.LoadLog(t.r, id)
	if err != nil {
		return nil, err
	}
	t.logs[id] = &l
	return &l, nil
}

func (t *txn) atom(a syncproto.Atom) (*records.AtomHead, error) {
	if h := t.atoms[a]; h != nil {
		return h, nil
	}
	h, err := records.LoadAtom(t.r, a)
	if err != nil {
		return nil, err
	}
	t.atoms[a] = &h
	return &h, nil
}

func (t *txn) viewer(p syncproto.PersonID) *authz.Viewer {
	v := t.viewers[p]
	if v == nil {
		on := t.in.Directory.Viewer(p).On(t.date)
		v = &on
		t.viewers[p] = v
	}
	return v
}

// factsOf are the facts of a state that w comes to. Who must not see it is read
// from the store and from the keys of this update: the directory is told after it.
func (t *txn) factsOf(w *work, rec *crdt.Record) (authz.Facts, error) {
	var a directory.Avoidance
	if len(rec.Set(records.ExcludedField)) > 0 {
		var err error
		if a, err = directory.AvoidanceOf(t.r, t.keys, rec); err != nil {
			return authz.Facts{}, err
		}
	}
	facts := t.in.Directory.FactsWith(rec, a)
	if w.facts.Place != "" && directory.PlaceOpen(rec) {
		facts.Place = w.facts.Place // 待裁定: it stays where it was
	}
	return facts, nil
}

// record loads a record for changing; a record not in the store starts empty.
func (t *txn) record(id syncproto.RecordID) (*work, error) {
	if w := t.recs[id]; w != nil {
		return w, nil
	}
	stored, err := records.GetBlocks(t.r, records.RecordKey(id))
	if err != nil {
		return nil, err
	}
	w := t.pre.take(t, id, stored)
	if w == nil {
		if w, err = t.load(id, stored); err != nil {
			return nil, fmt.Errorf("record %s: %w", id, err)
		}
	}
	t.recs[id] = w
	t.order = append(t.order, id)
	return w, nil
}

// stored is a bundle stored by this update.
type stored struct {
	records.Bundle
	replica syncproto.ReplicaID
	from    syncproto.Seq
	changes []sign.SealedChange
	whole   bool         // stored exactly as it came
	parts   int          // parts it has
	joined  []joinedPart // parts of it that were joined
	keys    []syncproto.KeyID
}

// joinedPart names a joined part by its place in the bundle.
type joinedPart struct {
	change, part int
	record       syncproto.RecordID
}

// errUnforeseen ends a run that took over prepared records: something of the
// slice is known already or contradicts the chain, so it is not what was
// prepared for.
var errUnforeseen = errors.New("not all of the slice is new")

// bundle takes one verified bundle: what is known is recognised, what
// contradicts the chain is kept as a fork, the rest is stored and its parts
// joined or held.
func (t *txn) bundle(u *opened) error {
	log, err := t.log(u.bundle.Replica)
	if err != nil {
		return err
	}
	fresh, fits, err := t.sort(u, log)
	if err != nil {
		return err
	}
	if t.pre != nil && len(fresh) < len(u.changes) {
		return errUnforeseen
	}
	if fits < len(u.changes) {
		if err := t.fork(u, log, fits); err != nil {
			return err
		}
	}
	for len(fresh) > 0 {
		n := 1
		for n < len(fresh) && fresh[n].Seq == fresh[n-1].Seq+1 {
			n++
		}
		if err := t.run(u, log, fresh[:n]); err != nil {
			return err
		}
		fresh = fresh[n:]
	}
	return nil
}

// sort tells the changes not yet received, and up to which one the bundle
// agrees with what is. The rest contradicts it: another change under a known
// number, or one that was issued anew under another id. What stands before that
// is the same store's as ever, though it was copied later. A chain link that
// does not meet its neighbour's speaks against all of the bundle.
func (t *txn) sort(u *opened, log *records.Log) (fresh []sign.SealedChange, fits int, err error) {
	for fits < len(u.changes) {
		c := &u.changes[fits]
		agrees := true
		if log.Received.Contains(c.Seq) {
			agrees, err = t.sameAsStored(c)
		} else if log.Forked {
			var anew syncproto.Reissued
			anew, err = t.reissued(c.Replica, c.Seq, c.Hash)
			agrees = anew.As.IsZero()
		}
		if err != nil {
			return nil, 0, err
		}
		if !agrees {
			break
		}
		if !log.Received.Contains(c.Seq) {
			fresh = append(fresh, *c)
		}
		fits++
	}
	if len(fresh) == 0 {
		return nil, fits, nil
	}
	meets, err := t.meetsNeighbours(u, fits, log)
	if err != nil || !meets {
		return nil, 0, err
	}
	return fresh, fits, nil
}

func (t *txn) sameAsStored(c *sign.SealedChange) (bool, error) {
	u, from, ok, err := t.find(c.Replica, c.Seq)
	if err != nil || !ok {
		return false, err
	}
	return u.Hashes[c.Seq-from] == c.Hash, nil
}

// meetsNeighbours checks the links at both ends of the bundle's first n changes
// against stored bundles.
func (t *txn) meetsNeighbours(u *opened, n int, log *records.Log) (bool, error) {
	first := u.bundle.From
	last := first + syncproto.Seq(n) - 1
	if first == 1 {
		if u.bundle.PrevLink != sign.ChainStart(u.bundle.Replica) {
			return false, nil
		}
	} else if log.Received.Contains(first - 1) {
		link, err := t.linkAt(u.bundle.Replica, first-1, log)
		if err != nil || link != u.bundle.PrevLink {
			return false, err
		}
	}
	if log.Received.Contains(last + 1) {
		next, from, ok, err := t.find(u.bundle.Replica, last+1)
		if err != nil || !ok {
			return false, err
		}
		return from != last+1 || next.PrevLink == u.changes[n-1].Link, nil
	}
	return true, nil
}

func (t *txn) linkAt(id syncproto.ReplicaID, seq syncproto.Seq, log *records.Log) (syncproto.Hash, error) {
	if seq == log.Head {
		return log.Link, nil
	}
	u, from, ok, err := t.find(id, seq)
	if err != nil || !ok {
		return syncproto.Hash{}, errors.Join(err, fmt.Errorf("no stored bundle holds change %d of replica %s", seq, id))
	}
	link := u.PrevLink
	for i := range int(seq-from) + 1 {
		link = sign.NextLink(link, u.Hashes[i])
	}
	return link, nil
}

// fork keeps a bundle that contradicts the chain from its n-th change on,
// whole, and holds the parts of these. The device learns it from the receipt and
// takes a new replica id; what it has issued anew by then needs no listing. Of
// several stores' changes under one number the first is listed, all are kept.
func (t *txn) fork(u *opened, log *records.Log, n int) error {
	log.Forked = true
	head := u.changes[len(u.changes)-1]
	s := t.keep(u.changes, u.bundle.PrevLink, u.bundle.Sig, u.bundle.RawBytes, u.bundle.Frame)
	at := records.ForkKey(u.bundle.Replica, u.bundle.From, head.Link)
	if known, err := t.r.Get(at); err != nil || known != nil {
		return err
	}
	if err := t.put(at, s.Bundle.Append(t.scratch[:0]), 0); err != nil {
		return err
	}
	for i := n; i < len(s.changes); i++ {
		if anew, err := t.saidAnew(&s.changes[i]); err != nil {
			return err
		} else if anew {
			continue
		}
		for p := range s.changes[i].Parts {
			if s.changes[i].Parts[p].Withheld() {
				continue
			}
			listed, err := t.listed(records.HoldKey(u.bundle.Replica, s.changes[i].Seq, p|records.ForkedPart))
			if err != nil {
				return err
			}
			if listed {
				continue
			}
			part := &u.parts[i][p].Part // its record may be unknown: the bytes are kept under the fork's key
			h := t.holdOf(&s.changes[i], part, syncproto.HoldFork, "a different change is known under this number")
			h.Bundle, h.Fork = u.bundle.From, head.Link
			t.b.Put(records.HoldKey(u.bundle.Replica, s.changes[i].Seq, p|records.ForkedPart), h.Append(nil))
			log.Held++
		}
	}
	return nil
}

// listed reports whether a hold is in the store or put by this update, and
// takes it for put from here on.
func (t *txn) listed(hold store.Key) (bool, error) {
	if t.forkHolds[string(hold)] {
		return true, nil
	}
	t.forkHolds[string(hold)] = true
	v, err := t.r.Get(hold)
	return v != nil, err
}

// find is records.FindBundle that also sees what this update stored.
func (t *txn) find(id syncproto.ReplicaID, seq syncproto.Seq) (records.Bundle, syncproto.Seq, bool, error) {
	for _, s := range t.bundles {
		if s.replica == id && seq >= s.from && seq < s.from+syncproto.Seq(s.Count) {
			return s.Bundle, s.from, true, nil
		}
	}
	return records.FindBundle(t.r, id, seq)
}

// keep makes the stored form of consecutive changes.
func (t *txn) keep(changes []sign.SealedChange, prev syncproto.Hash, sig syncproto.Signature, rawBytes int, frame []byte) *stored {
	s := &stored{replica: changes[0].Replica, from: changes[0].Seq, changes: changes}
	s.Bundle = records.Bundle{Count: len(changes), Received: t.now, PrevLink: prev, Sig: sig, RawBytes: rawBytes, Frame: frame}
	for i := range changes {
		s.Hashes = append(s.Hashes, changes[i].Hash)
		s.Salts = append(s.Salts, changes[i].Salts...)
		s.parts += len(changes[i].Parts)
	}
	return s
}

// run stores consecutive new changes and joins or holds their parts.
func (t *txn) run(u *opened, log *records.Log, changes []sign.SealedChange) error {
	var s *stored
	if len(changes) == len(u.changes) {
		s = t.keep(changes, u.bundle.PrevLink, u.bundle.Sig, u.bundle.RawBytes, slices.Clone(u.bundle.Frame))
		s.whole = true
	} else {
		// Part of the bundle was known: the rest is framed anew. The head's
		// signature stays with it when it covers the last change.
		var raw []byte
		for i := range changes {
			raw = wire.AppendRawChange(raw, &changes[i].RawChange)
		}
		prev := u.bundle.PrevLink
		if i := int(changes[0].Seq - u.bundle.From); i > 0 {
			prev = u.changes[i-1].Link
		}
		var sig syncproto.Signature
		if changes[len(changes)-1].Seq == u.bundle.To() {
			sig = u.bundle.Sig
		}
		s = t.keep(changes, prev, sig, len(raw), wire.Compress(raw, wire.EffortFast))
	}
	if err := t.put(records.BundleKey(s.replica, s.from), s.Bundle.Append(t.scratch[:0]), 0); err != nil {
		return err
	}
	last := &changes[len(changes)-1]
	if s.from > 1 && !log.Received.Contains(s.from-1) {
		log.Gaps++
	}
	log.Received = log.Received.Add(s.from, last.Seq)
	if last.Seq > log.Head {
		log.Head, log.Link = last.Seq, last.Link
	}
	t.bundles = append(t.bundles, s)
	for i := range changes {
		if err := t.replaces(u.device, &changes[i]); err != nil {
			return err
		}
		for p := range changes[i].Parts {
			read := &u.parts[changes[i].Seq-u.bundle.From][p]
			if err := t.part(u.device, s, log, i, p, read); err != nil {
				return err
			}
		}
	}
	return nil
}
