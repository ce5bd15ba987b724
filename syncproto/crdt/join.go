package crdt

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// Options adjust one join. They must be the same wherever the part is joined:
// the server decides them at ingest and keeps them with the log entry.
type Options struct {
	// Blind reports whether the author could not read the field (sub is ""
	// for a field of the record, and for the list itself). An op on such a
	// field adds, but removes only what its own part added. Asked for no field
	// at all it tells whether deletes and restores of the record count. It is
	// asked before anything of the part is applied.
	Blind func(field, sub string) bool
	// Void reports whether sets of a field count for nothing: they leave no value,
	// but on items that the part itself makes. It goes with Blind, so that such a
	// part replaces nothing either.
	Void func(field string) bool
	// Read says that package wire read the part: its values are canonical and
	// within the limits, and are not read a second time. It changes no outcome.
	Read bool
}

// Join applies one part, all of it or nothing. The part waits (MissingError)
// until its Prev and everything it has Seen is joined; with that, parts of
// which neither has seen the other can be joined in any order with the same
// result. ErrKnown and ErrInvalid are final. Values of p are kept, not copied.
func (r *Record) Join(h syncproto.Header, p *syncproto.Part, opt Options) error {
	all, err := r.admit(&h, p)
	if err != nil {
		return err
	}
	pl := plans.Get().(*plan)
	defer pl.release()
	pl.r, pl.h, pl.p = r, h, p
	if err := pl.check(opt); err != nil {
		return fmt.Errorf("record %s: change %d of replica %s: %w", r.ID, h.Seq, h.Replica, err)
	}
	r.apply(pl, all)
	return nil
}

// admit checks what can be told from headers and versions alone: what does
// not depend on the state first, so that every holder refuses the same parts.
// all reports that the part has seen everything joined.
func (r *Record) admit(h *syncproto.Header, p *syncproto.Part) (all bool, err error) {
	joined := r.Version.Of(h.Replica)
	if h.Seq <= joined && h.Seq > 0 {
		return false, ErrKnown
	}
	if err := wellFormed(h, p); err != nil {
		return false, err
	}
	same, behind := 0, false // how many entries of Seen equal ours; whether one is ahead
	for _, x := range p.Seen {
		switch have := r.Version.Of(x.Replica); {
		case x.Seq > math.MaxInt64 || x.Replica == h.Replica && x.Seq > p.Prev:
			return false, invalid("change %d of replica %s seen by change %d that follows change %d", x.Seq, x.Replica, h.Seq, p.Prev)
		case x.Seq > have:
			behind = true
		case x.Seq == have:
			same++
		}
	}
	switch {
	case p.Record != r.ID:
		return false, invalid("part of record %s joined to record %s", p.Record, r.ID)
	case p.Kind != "" && r.Kind != "" && p.Kind != r.Kind:
		return false, invalid("kind %q of a record of kind %q", p.Kind, r.Kind)
	case p.Prev > joined:
		return false, &MissingError{Replica: h.Replica, Seq: p.Prev}
	case p.Prev < joined:
		return false, invalid("change %d of replica %s follows change %d, but change %d is joined", h.Seq, h.Replica, p.Prev, joined)
	case behind:
		return false, r.missing(p.Seen)
	case p.Kind == "" && r.Kind == "":
		return false, invalid("a first part without the record's kind")
	}
	return same == len(r.Version), nil
}

// missing names the first change, by replica, that seen is ahead of us.
func (r *Record) missing(seen syncproto.VersionVector) error {
	for _, x := range seen {
		if !r.Version.Covers(x.Replica, x.Seq) {
			return &MissingError{Replica: x.Replica, Seq: x.Seq}
		}
	}
	return nil
}

// wellFormed is what a part must satisfy whatever the state, Seen apart.
func wellFormed(h *syncproto.Header, p *syncproto.Part) error {
	switch {
	case h.Replica.IsZero() || h.Seq == 0 || h.Seq > math.MaxInt64:
		return invalid("change %d of replica %s: no such change", h.Seq, h.Replica)
	case p.Prev >= h.Seq:
		return invalid("change %d says it follows change %d", h.Seq, p.Prev)
	case p.Kind == "" && p.Prev == 0 && len(p.Seen) == 0:
		return invalid("a first part without the record's kind")
	case len(p.Kind) > syncproto.MaxKindBytes || !utf8.ValidString(p.Kind):
		return invalid("kind of %d bytes", len(p.Kind))
	case len(p.Ops) > syncproto.MaxOpsPerPart:
		return invalid("%d ops, at most %d are allowed", len(p.Ops), syncproto.MaxOpsPerPart)
	case len(p.Seen) > syncproto.MaxSeenEntries:
		return invalid("%d replicas seen, at most %d are allowed", len(p.Seen), syncproto.MaxSeenEntries)
	}
	return nil
}

// apply carries out a checked plan. Nothing here can fail.
func (r *Record) apply(pl *plan, all bool) {
	h, p := &pl.h, pl.p
	r.changes = append(r.changes, change{replica: h.Replica, seq: h.Seq, author: h.Author, wall: h.Wall})
	c := context{r: r, seen: p.Seen, all: all, own: p.Seen.Of(h.Replica) == p.Prev, replica: h.Replica, ch: uint32(len(r.changes) - 1)}
	edited, lastEdit := p.Kind != "", uint32(0)
	if edited {
		r.Kind = p.Kind
	}
	if len(r.fields) == 0 {
		// The first part makes the record: room for all of it at once.
		r.fields, c.room = make(fieldSet, 0, len(p.Ops)), make([]entry, 0, len(p.Ops))
	}
	pl.integrate()
	for i := range p.Ops {
		c.at(uint32(i), pl.blindAt(i))
		c.apply(&p.Ops[i])
		if p.Ops[i].Kind != syncproto.OpDelete {
			edited, lastEdit = true, uint32(i)+1
		}
	}
	if edited {
		r.noteEdit(h.Replica, h.Seq, lastEdit)
		c.unaware(h.Seq)
	}
	if !c.dotted {
		r.changes = r.changes[:len(r.changes)-1]
	}
	r.Version.Set(h.Replica, h.Seq)
	r.compact()
}
