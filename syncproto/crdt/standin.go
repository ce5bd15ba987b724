package crdt

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// StandIn stands in a record's history for changes of one replica that were
// declared lost: those after After, up to Seq (SPEC.md §1.10). It says nothing
// and removes nothing; it has what parts that knew those changes refer to.
// Package ingest decides when there is one.
type StandIn struct {
	Replica    syncproto.ReplicaID
	After, Seq syncproto.Seq
	Kind       string // of the record, which the lost changes may have named
	// Lamport is the count up to which the lost changes had entered something in
	// logs; 0 when nobody depends on it.
	Lamport  uint64
	Elements []StandInElements // ascending
}

// StandInElements are elements of one text, or items of one list, that the
// replica had made: up to a counter.
type StandInElements struct {
	Field string
	Item  syncproto.ElemID
	Sub   string
	List  bool
	UpTo  uint64
}

// LostField is the log in which lost changes are named: by a stand-in where
// others count on entries that it has not, and by the server for people to read.
const LostField = "lost"

// WaitingPart is a part that may not be joinable yet.
type WaitingPart struct {
	Header syncproto.Header
	Part   *syncproto.Part
}

// maxStandIn bounds how many elements one stand-in makes: twice as many as the
// longest minutes have.
const maxStandIn = 1 << 18

// StandIn works out what is to stand for the changes of a replica after the last
// that is joined, up to seq, of which the waiting parts know.
func (r *Record) StandIn(replica syncproto.ReplicaID, seq syncproto.Seq, kind string, waiting []WaitingPart) *StandIn {
	s := &StandIn{Replica: replica, After: r.Version.Of(replica), Seq: seq, Kind: cmp.Or(r.Kind, kind)}
	n := needs{of: replica, made: map[anewField]uint64{}, named: map[anewField]uint64{}}
	least, lacks := uint64(0), false
	for i := range waiting {
		w := &waiting[i]
		n.part(w.Header.Replica, w.Part)
		base, logs := firstCount(w.Part)
		if !logs || !w.Part.Seen.Covers(replica, seq) {
			continue
		}
		if lacks = lacks || r.lamportOf(w.Part.Seen) < base; least == 0 || base < least {
			least = base
		}
	}
	if lacks {
		s.Lamport = least
	}
	s.Elements = n.elements()
	return s
}

// Before is the part of a stand-in that stays when a change between was found:
// w, of which what was lost before it is still lost.
func (s *StandIn) Before(r *Record, w WaitingPart) *StandIn {
	out := r.StandIn(s.Replica, w.Part.Prev, s.Kind, []WaitingPart{w})
	if _, logs := firstCount(w.Part); !logs {
		out.Lamport = s.Lamport
	}
	for _, e := range s.Elements {
		if !slices.ContainsFunc(out.Elements, func(o StandInElements) bool { return o.compareField(&e) == 0 }) {
			out.Elements = append(out.Elements, e)
		}
	}
	slices.SortFunc(out.Elements, func(a, b StandInElements) int { return a.compareField(&b) })
	return out
}

func (e *StandInElements) compareField(o *StandInElements) int {
	list := func(l bool) int {
		if l {
			return 0 // items before texts of theirs
		}
		return 1
	}
	return cmp.Or(cmp.Compare(list(e.List), list(o.List)), cmp.Compare(e.Field, o.Field), bytes.Compare(e.Item.Replica[:], o.Item.Replica[:]),
		cmp.Compare(e.Item.Counter, o.Item.Counter), cmp.Compare(e.Sub, o.Sub))
}

// firstCount is the Lamport count on which the first log op of a part rests.
func firstCount(p *syncproto.Part) (base uint64, logs bool) {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == syncproto.OpLog && op.Lamport > 0 {
			return op.Lamport - 1, true
		}
	}
	return 0, false
}

// needs collects which elements of one replica parts refer to.
type needs struct {
	of    syncproto.ReplicaID
	made  map[anewField]uint64 // the first that a waiting part of its own makes: all before are of others
	named map[anewField]uint64 // the last that a part names
}

func (n *needs) part(author syncproto.ReplicaID, p *syncproto.Part) {
	for i := range p.Ops {
		op := &p.Ops[i]
		places := anewField{target{field: op.Field}, true}
		n.name(places, op.Item, 1)
		switch op.Kind {
		case syncproto.OpText:
			n.text(anewField{target{op.Field, op.Item, op.Sub}, false}, author, op.Edit)
		case syncproto.OpItemInsert, syncproto.OpItemMove:
			n.make(places, author, op.Counter)
			n.name(places, op.Left, 1)
			n.name(places, op.Right, 1)
		}
	}
}

func (n *needs) text(f anewField, author syncproto.ReplicaID, encoded []byte) {
	e, err := edit.Decode(author, encoded)
	if err != nil {
		return // for Join to refuse
	}
	for i := range e.Inserts {
		n.make(f, author, e.Inserts[i].Counter)
		n.name(f, e.Inserts[i].Left, 1)
		n.name(f, e.Inserts[i].Right, 1)
	}
	for _, d := range e.Deletes {
		n.name(f, d.First, uint64(d.N))
	}
}

func (n *needs) make(f anewField, author syncproto.ReplicaID, counter uint64) {
	if first, ok := n.made[f]; author == n.of && (!ok || counter < first) {
		n.made[f] = counter
	}
}

// name notes k elements from id on.
func (n *needs) name(f anewField, id syncproto.ElemID, k uint64) {
	if !id.IsNone() && id.Replica == n.of {
		n.named[f] = max(n.named[f], id.Counter+k-1)
	}
}

func (n *needs) elements() (out []StandInElements) {
	all := maps.Clone(n.named)
	for f, first := range n.made {
		all[f] = first - 1 // counters leave no gap
	}
	for f, upTo := range all {
		if upTo > 0 {
			out = append(out, StandInElements{f.field, f.item, f.sub, f.places, upTo})
		}
	}
	slices.SortFunc(out, func(a, b StandInElements) int { return a.compareField(&b) })
	return out
}

// JoinStandIn joins what stands in, as a change of the replica's under the
// number s.Seq, and returns the part that it came to. Where some of the lost changes
// are joined by now it makes only what is still lacking. ErrKnown when they all
// are. r must not be folded: a stand-in is told to readers by the state alone.
func (r *Record) JoinStandIn(h syncproto.Header, s *StandIn) (*syncproto.Part, error) {
	h.Replica, h.Seq = s.Replica, s.Seq
	if r.Version.Of(s.Replica) >= s.Seq {
		return nil, ErrKnown
	}
	p, err := r.standInPart(s)
	if err != nil {
		return nil, fmt.Errorf("record %s: stand-in for change %d of replica %s: %w", r.ID, s.Seq, s.Replica, err)
	}
	return p, r.Join(h, p, Options{})
}

func (r *Record) standInPart(s *StandIn) (*syncproto.Part, error) {
	e := r.Clone().Edit(s.Replica, nil)
	e.part.Seen = syncproto.VectorOf(syncproto.ChangeID{Replica: s.Replica, Seq: e.part.Prev})
	e.c.seen, e.c.all = e.part.Seen, false
	e.lamport = e.r.lamportOf(e.part.Seen)
	if e.part.Prev == 0 {
		if err := e.Create(s.Kind); err != nil {
			return nil, err
		}
	}
	room := uint64(maxStandIn)
	var items []StandInElements // each with one item, by its counter
	for i := range s.Elements {
		made, err := e.standInElements(&s.Elements[i], &room)
		if err != nil {
			return nil, err
		}
		items = append(items, made...)
	}
	for _, it := range items {
		if err := e.RemoveItem(it.Field, it.Item); err != nil {
			return nil, err
		}
	}
	for e.lamport < s.Lamport {
		if err := e.Log(LostField, nil); err != nil {
			return nil, err
		}
	}
	p, _ := e.Part()
	return &p, nil
}

// standInElements makes what a field lacks, at its end: text that is deleted at
// once, items that are still to be struck out.
func (e *Edit) standInElements(s *StandInElements, room *uint64) (items []StandInElements, err error) {
	t := target{s.Field, s.Item, s.Sub}
	var have uint64
	if doc, err := e.standInDoc(t, s.List); err != nil {
		return nil, err
	} else if doc != nil {
		have = doc.Highest(e.c.replica)
	}
	if s.UpTo <= have {
		return nil, nil
	}
	n := s.UpTo - have
	if n > *room {
		return nil, invalid("%d elements and more that nobody has, at most %d are stood in for", n, maxStandIn)
	}
	*room -= n
	if !s.List {
		doc, err := e.doc(t, nil)
		if err != nil {
			return nil, err
		}
		at := doc.Len()
		if err := e.replace(t, at, 0, strings.Repeat(" ", int(n))); err != nil {
			return nil, err
		}
		return nil, e.replace(t, at, int(n), "")
	}
	for range n {
		id, err := e.InsertItem(s.Field, e.r.Count(s.Field))
		if err != nil {
			return nil, err
		}
		items = append(items, StandInElements{Field: s.Field, Item: id})
	}
	return items, nil
}

// standInDoc is the text as it stands, or the places of the list; nil for none.
func (e *Edit) standInDoc(t target, list bool) (*text.Doc, error) {
	if list {
		if f := e.r.fields.find(t.field, ClassList); f != nil {
			return f.list.places.open()
		}
		return nil, nil
	}
	if f := e.r.at(t, ClassText); f != nil {
		return f.text.open()
	}
	return nil, nil
}
