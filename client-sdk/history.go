package clientsdk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Contribution is one save that left its mark on a record.
type Contribution struct {
	Author  syncproto.PersonID  `json:"author"`
	When    time.Time           `json:"when"` // claimed
	Replica syncproto.ReplicaID `json:"replica"`
	Seq     syncproto.Seq       `json:"seq"`
	Own     bool                `json:"own"`
	Sync    SyncState           `json:"sync"`
	Reason  string              `json:"reason,omitempty"`
	// Replaces is the change under a former id of the device that this one
	// issues anew, zero for most.
	Replaces syncproto.ChangeID `json:"replaces,omitzero"`
	// Fields are those whose present content comes from it.
	Fields []string `json:"fields"`
	// Texts stands for all saves of another device that left their mark in long
	// texts: a text tells its writers, not their saves. Seq and When are zero.
	Texts bool `json:"texts,omitempty"`
}

// History lists the saves that a record is made of, the oldest first, as far
// as this device knows: its own, and those whose values stand. What was
// replaced since is with the server.
func (c *Client) History(id syncproto.RecordID) ([]Contribution, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	h, err := c.visible(id)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	own := c.replicas()
	saves := map[ownChange]*Contribution{}
	note := func(s crdt.Stamp, field string) {
		at := ownChange{s.Dot.Replica, s.Dot.Seq}
		if saves[at] == nil {
			saves[at] = &Contribution{Author: s.Author, When: time.UnixMilli(s.Wall), Replica: at.replica, Seq: at.seq, Sync: SyncReceived,
				Own: slices.Contains(own, at.replica)}
		}
		if field != "" && !slices.Contains(saves[at].Fields, field) {
			saves[at].Fields = append(saves[at].Fields, field)
		}
	}
	eachStamp(h.shown, note)
	texts := textWriters(h.shown)
	for _, p := range c.own.parts[id] {
		at := crdt.Stamp{Dot: syncproto.Dot{Replica: p.replica, Seq: p.seq}, Author: c.id.Person, Wall: p.wall}
		note(at, "")
		s := saves[ownChange{p.replica, p.seq}]
		s.Replaces = p.replaces
		c.markOwn(s, id)
		_, part, err := c.readPart(p)
		if err != nil {
			continue // dropped: the server has it, the texts tell it below
		}
		for i := range part.Ops {
			if op := &part.Ops[i]; op.Kind == syncproto.OpText && slices.Contains(texts[p.replica], op.Field) {
				note(at, op.Field)
			}
		}
	}
	out := c.otherTexts(texts, saves)
	for _, s := range saves {
		slices.Sort(s.Fields)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Contribution) int {
		if a.Texts != b.Texts {
			return cmp.Compare(b.Seq, a.Seq) // what has no time comes last
		}
		if d := a.When.Compare(b.When); d != 0 {
			return d
		}
		return syncproto.Dot{Replica: a.Replica, Seq: a.Seq}.Compare(syncproto.Dot{Replica: b.Replica, Seq: b.Seq})
	})
	return out, nil
}

// textWriters lists, by replica, the fields in whose texts its words stand.
func textWriters(rec *crdt.Record) map[syncproto.ReplicaID][]string {
	out := map[syncproto.ReplicaID][]string{}
	take := func(doc *text.Doc, field string) {
		if doc == nil {
			return
		}
		for _, p := range doc.Passages() {
			if !slices.Contains(out[p.Replica], field) {
				out[p.Replica] = append(out[p.Replica], field)
			}
		}
	}
	for _, f := range rec.Fields() {
		take(rec.Text(f.Name), f.Name)
		for _, item := range rec.Items(f.Name, true) {
			for _, sub := range item.Fields() {
				take(item.Text(sub.Name), f.Name)
			}
		}
	}
	return out
}

// otherTexts tells the writers of texts of whom no save is known that wrote
// them: those of other devices, and saves that were dropped here.
func (c *Client) otherTexts(texts map[syncproto.ReplicaID][]string, saves map[ownChange]*Contribution) (out []Contribution) {
	own := c.replicas()
	for replica, fields := range texts {
		t := Contribution{Replica: replica, Texts: true, Sync: SyncReceived, Own: slices.Contains(own, replica)}
		if t.Own && c.id != nil {
			t.Author = c.id.Person
		}
		var told []string
		for at, s := range saves {
			if at.replica == replica {
				t.Author, told = s.Author, append(told, s.Fields...)
			}
		}
		for _, f := range fields {
			if !t.Own || !slices.Contains(told, f) {
				t.Fields = append(t.Fields, f)
			}
		}
		if len(t.Fields) > 0 {
			slices.Sort(t.Fields)
			out = append(out, t)
		}
	}
	return out
}

func (c *Client) markOwn(s *Contribution, id syncproto.RecordID) {
	s.Own = true
	if s.Replica != c.id.Replica {
		return
	}
	if !c.received(s.Seq) {
		s.Sync = SyncPending
	} else if h, held := c.heldIn(s.Seq, id); held {
		if s.Reason = heldWords(&h); h.Reason != syncproto.HoldRejected {
			s.Sync = SyncHeld
		}
	}
}

// eachStamp visits what every shown value, member, entry and item stems from.
func eachStamp(rec *crdt.Record, visit func(s crdt.Stamp, field string)) {
	fields := func(s fieldSet, list string) {
		for _, f := range s.Fields() {
			name := f.Name
			if list != "" {
				name = list
			}
			if f.Name == seal.KeysField {
				continue
			}
			for _, e := range s.Values(f.Name) {
				visit(e.Stamp, name)
			}
			for _, m := range s.Set(f.Name) {
				for _, a := range m.Adds {
					visit(a, name)
				}
			}
			if _, ok := view.CorrectedField(f.Name); ok && list == "" {
				name = view.CorrectionsField
			}
			for _, e := range s.Log(f.Name) {
				visit(e.Stamp, name)
			}
		}
	}
	fields(rec, "")
	for _, f := range rec.Fields() {
		if f.Class != crdt.ClassList {
			continue
		}
		for _, item := range rec.Items(f.Name, true) {
			for _, s := range item.Life() {
				visit(s, f.Name)
			}
			fields(item, f.Name)
		}
	}
	for _, m := range rec.DeleteMarks() {
		visit(m.Stamp, "")
	}
}
