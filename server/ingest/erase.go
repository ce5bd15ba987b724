package ingest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Erasure is what the law wants gone: what fields of a record said, whoever wrote
// it in whichever change.
type Erasure struct {
	Record syncproto.RecordID   `json:"record"`
	Fields []string             `json:"fields"` // FIELD, with all that its items say, or FIELD.SUB
	Basis  string               `json:"basis"`
	By     syncproto.PersonID   `json:"by"`
	On     string               `json:"on"` // the day of the act, 2026-11-28
	Parts  []syncproto.ChangeID `json:"parts,omitempty"`
}

// Words are what stands in the place of what was erased.
func (e *Erasure) Words() string {
	return fmt.Sprintf("%s（%s，依据：%s）", erasedWords, e.On, e.Basis)
}

// maxBasis bounds the basis of an erasure, in bytes.
const maxBasis = 300

// Check finds out whether it says what an erasure must.
func (e *Erasure) Check() error {
	switch {
	case e.Record.IsZero() || len(e.Fields) == 0 || len(e.Fields) > 64 || slices.Contains(e.Fields, ""):
		return syncproto.Errorf(syncproto.KindBadRequest, "要写明哪条记录、哪些字段")
	case e.Basis == "" || len(e.Basis) > maxBasis:
		return syncproto.Errorf(syncproto.KindBadRequest, "要写明依据，不超过 %d 个字", maxBasis/3)
	}
	if _, err := time.Parse(time.DateOnly, e.On); err != nil {
		return syncproto.Errorf(syncproto.KindBadRequest, "删除的日期写成 2026-11-28")
	}
	return nil
}

var (
	errHeldFirst = syncproto.Errorf(syncproto.KindConflict, "这条记录还有待处理的改动：先处理，再删除")
	errDecides   = syncproto.Errorf(syncproto.KindConflict, "这些字段决定记录归谁看、由谁负责，不能删除")
	errNothing   = syncproto.Errorf(syncproto.KindNotFound, "这条记录的这些字段没有内容")
	errLong      = syncproto.Errorf(syncproto.KindTooLarge, "这条记录改动太多，一次删不完")
	// ErrMovedOn is returned when something was joined to the record meanwhile:
	// erase again.
	ErrMovedOn    = syncproto.Errorf(syncproto.KindConflict, "这条记录刚刚有新的改动，请再试一次")
	errUnreadable = syncproto.Errorf(syncproto.KindConflict, "这条记录有读不出的改动，不能删除其中的内容")
)

// erasing is an erasure worked out: all that it writes.
type erasing struct {
	was     records.Record
	rec     *crdt.Record // what the blanks come to
	changes []syncproto.ChangeID
	blanks  map[records.PartID][]byte
	bundles map[string]written // by key, forks among them
	entries map[string]written
	fed     map[records.Fed]bool // of entries
	anew    []records.HeldPart   // bundles to be forgotten: replica and first number
}

// written is a value that is written anew, and how long it was.
type written struct {
	value []byte
	was   int
}

// Erase destroys what fields of a record said, in its history too, and puts the
// words in its place. It returns the changes that said it. Bundles keep their
// hashes and signatures; readers take the record anew. With preview nothing is
// written. A listed erasure, with Parts, is carried out on those changes alone:
// what was written since stays. Rights are the caller's business.
func (in *Ingest) Erase(ctx context.Context, e Erasure, preview bool) (parts []syncproto.ChangeID, err error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	in.authoring.Lock()
	defer in.authoring.Unlock()
	in.folding.Lock()
	defer in.folding.Unlock()
	var n *erasing
	var b *blanking
	err = in.Store.View(ctx, 0, func(r store.Reader) (err error) {
		n, b, err = newTxn(ctx, in, r).workOut(&e)
		return err
	})
	if err != nil || preview {
		return changesOf(n), err
	}
	done, err := in.rewrite(ctx, e.Record, func(t *txn, w *work) (bool, error) {
		if w.Steps != n.was.Steps || w.Waiting != n.was.Waiting || !bytes.Equal(w.State, n.was.State) {
			return false, nil
		}
		return true, t.erase(w, n, b, &e)
	})
	if err == nil && !done {
		err = ErrMovedOn
	}
	if err != nil {
		return nil, err
	}
	for _, at := range n.anew {
		in.Frames.Forget(at.Replica, at.Seq)
	}
	return n.changes, nil
}

func changesOf(n *erasing) []syncproto.ChangeID {
	if n == nil {
		return nil
	}
	return n.changes
}

// workOut finds every place where the words lie.
func (t *txn) workOut(e *Erasure) (*erasing, *blanking, error) {
	c, ok, err := records.LoadRecord(t.r, e.Record)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok || c.Steps == 0:
		return nil, nil, errNoRecord
	case c.Waiting > 0 && len(e.Parts) == 0: // what is held may say it too
		return nil, nil, errHeldFirst
	case c.Steps > maxPutBack:
		return nil, nil, t.tooLong(e, c.Steps)
	}
	n := &erasing{was: c, blanks: map[records.PartID][]byte{}, bundles: map[string]written{}, entries: map[string]written{}, fed: map[records.Fed]bool{}}
	b, err := t.blank(n, e)
	if err != nil {
		return nil, nil, err
	}
	if len(n.blanks) == 0 {
		return nil, nil, errNothing
	}
	if err := t.decidesNothing(n); err != nil {
		return nil, nil, err
	}
	destroyed, err := t.destroy(n)
	if err == nil {
		err = t.destroyForks(n, b, e.Record)
	}
	if err == nil {
		err = n.unfeed(t.r, destroyed)
	}
	return n, b, err
}

// tooLong is the answer about a record with more steps than are joined again: of
// a listed erasure it says whether one of its changes is there whole. (A record
// that was erased may have grown since.)
func (t *txn) tooLong(e *Erasure, steps uint32) error {
	if len(e.Parts) == 0 {
		return errLong
	}
	all, err := records.Steps(t.r, e.Record, 0, int(steps))
	if err != nil {
		return err
	}
	for i := range all {
		s := &all[i]
		if !slices.Contains(e.Parts, s.Change()) {
			continue
		}
		if blank, err := records.LoadBlank(t.r, s.Replica, s.Seq, s.Part); err != nil || blank == nil {
			return cmp.Or(err, error(errLong))
		}
	}
	return errNothing
}

// decidesNothing refuses an erasure that would change who reads the record or
// answers for it: before it is listed, since what is listed is carried out again.
func (t *txn) decidesNothing(n *erasing) error {
	w, err := t.record(n.rec.ID)
	if err != nil {
		return err
	}
	facts, err := t.factsOf(w, n.rec)
	if err == nil && !reflect.DeepEqual(facts, w.facts) {
		err = errDecides
	}
	return err
}

// blank joins the record's history again, each part that said it by its blank.
func (t *txn) blank(n *erasing, e *Erasure) (b *blanking, err error) {
	frames, tables := records.NewFrames(), records.Tables(t.r, e.Record)
	state, err := t.in.Frames.State(t.r, e.Record, &n.was)
	if err != nil {
		return nil, err
	}
	kind, _ := t.schema.Kind(state.Kind)
	b = newBlanking(e.Fields, e.Words(), kind)
	n.rec = crdt.New(e.Record)
	_, err = records.Replay(t.ctx, t.r, e.Record, func(_ int, j *records.Joined, _ *crdt.Record) (bool, error) {
		if j.Part == records.StandInPart {
			return true, frames.JoinStep(t.r, n.rec, &j.Step, tables)
		}
		p := &j.Content
		if len(e.Parts) == 0 || e.names(&j.Header) {
			if blank, any := b.of(j.Replica).Blank(j.Replica, p); any && !j.Blank {
				p = blank
				n.blanks[records.PartID{Replica: j.Replica, Seq: j.Seq, Part: j.Part}] = records.AppendBlank(nil, j.Replica, blank)
				n.changes = append(n.changes, j.Change())
				n.anew = append(n.anew, records.HeldPart{Replica: j.Replica, Seq: j.Bundle})
			}
		}
		_, err := records.JoinTold(n.rec, j.Header, p, j.Options(), tables)
		return true, err
	})
	if err == records.ErrDestroyed {
		err = errUnreadable
	}
	return b, err
}

// destroy takes the parts out of the bundles they came with.
func (t *txn) destroy(n *erasing) (map[records.PartID]syncproto.Hash, error) {
	destroyed := map[records.PartID]syncproto.Hash{}
	for _, at := range n.anew {
		k := records.BundleKey(at.Replica, at.Seq)
		if _, done := n.bundles[string(k)]; done {
			continue
		}
		u, err := records.LoadBundle(t.r, at.Replica, at.Seq)
		if err != nil {
			return nil, err
		}
		was := len(u.Append(nil))
		out, err := u.Destroy(at.Replica, at.Seq, func(id records.PartID, _ []byte) bool { return n.blanks[id] != nil })
		if err != nil {
			return nil, err
		}
		for id, digest := range out {
			destroyed[id] = digest
		}
		n.bundles[string(k)] = written{u.Append(nil), was}
	}
	if len(destroyed) != len(n.blanks) {
		return nil, fmt.Errorf("%d of %d parts to be erased are in their bundles", len(destroyed), len(n.blanks))
	}
	return destroyed, nil
}

// destroyForks takes what says it out of the bundles that contradict the chains
// of those who wrote the record: a copied device has the same words.
func (t *txn) destroyForks(n *erasing, b *blanking, id syncproto.RecordID) error {
	seen := map[syncproto.ReplicaID]bool{}
	for _, s := range n.rec.Version {
		if seen[s.Replica] {
			continue
		}
		seen[s.Replica] = true
		err := records.EachFork(t.r, s.Replica, func(k store.Key, from syncproto.Seq, u *records.Bundle) error {
			was := len(u.Append(nil))
			out, err := u.Destroy(s.Replica, from, func(_ records.PartID, raw []byte) bool {
				p, err := wire.DecodePart(s.Replica, raw)
				if err != nil || p.Record != id {
					return false
				}
				_, any := b.of(s.Replica).Blank(s.Replica, &p)
				return any
			})
			if err == nil && len(out) > 0 {
				n.bundles[string(k)] = written{u.Append(nil), was}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unfeed takes the parts out of the feeds' entries, and has each entry of theirs
// looked at record by record.
func (n *erasing) unfeed(r store.Reader, destroyed map[records.PartID]syncproto.Hash) error {
	return records.EachEntry(r, func(a syncproto.Atom, at uint64, e *records.Entry) error {
		holds := false
		for id := range destroyed {
			holds = holds || e.Holds(id)
		}
		if !holds {
			return nil
		}
		was := len(e.Append(nil))
		if err := e.Destroy(destroyed); err != nil {
			return err
		}
		e.Needs |= records.NeedsLook
		n.entries[string(records.FeedKey(a, at))] = written{e.Append(nil), was}
		n.fed[records.Fed{Atom: a, N: at}] = true
		return nil
	})
}

// erase writes what was worked out, and the words where a text was.
func (t *txn) erase(w *work, n *erasing, b *blanking, e *Erasure) error {
	w.rec = n.rec.Clone()
	for id, blank := range n.blanks {
		if err := records.PutBlocks(&t.b, records.BlankKey(id.Replica, id.Seq, id.Part), blank, 0); err != nil {
			return err
		}
	}
	for _, values := range []map[string]written{n.bundles, n.entries} {
		for k, v := range values {
			if err := records.PutBlocks(&t.b, store.Key(k), v.value, v.was); err != nil {
				return err
			}
		}
	}
	if err := t.unpass(slices.DeleteFunc(slices.Clone(w.Fed), func(f records.Fed) bool { return n.fed[f] })); err != nil {
		return err
	}
	w.Fed = nil
	if w.Unfolded != 0 {
		if err := records.DeleteBlocks(t.r, &t.b, records.UnfoldedKey(w.rec.ID, w.Unfolded)); err != nil {
			return err
		}
		w.Unfolded, w.Weighed = 0, 0
	}
	w.State = nil
	pen := t.in.pen(t.epoch, w.facts.Place)
	edit, err := inWords(w.rec.Clone().Edit(pen, nil), b)
	if err != nil {
		return err
	}
	return t.write1(pen, e.By, edit)
}

// inWords puts the words where an erased text shows bars.
func inWords(e *crdt.Edit, b *blanking) (*crdt.Edit, error) {
	rec := e.Record()
	for _, f := range rec.Fields() {
		if doc := rec.Text(f.Name); doc != nil && doc.Len() > 0 && b.takes(f.Name, "") {
			if err := e.SetText(f.Name, b.words); err != nil {
				return nil, err
			}
		}
		for _, it := range rec.List(f.Name) {
			for _, g := range it.Fields() {
				if doc := it.Text(g.Name); doc != nil && doc.Len() > 0 && b.takes(f.Name, g.Name) {
					if err := e.Item(f.Name, it.ID).SetText(g.Name, b.words); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return e, nil
}
