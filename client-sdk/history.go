package clientsdk

import (
	"fmt"
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
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
	// Fields are those whose present content comes from it.
	Fields []string `json:"fields"`
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
	for _, p := range c.own.parts[id] {
		note(crdt.Stamp{Dot: syncproto.Dot{Replica: p.replica, Seq: p.seq}, Author: c.id.Person, Wall: p.wall}, "")
		c.markOwn(saves[ownChange{p.replica, p.seq}], id)
	}
	out := make([]Contribution, 0, len(saves))
	for _, s := range saves {
		slices.Sort(s.Fields)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Contribution) int {
		if d := a.When.Compare(b.When); d != 0 {
			return d
		}
		return syncproto.Dot{Replica: a.Replica, Seq: a.Seq}.Compare(syncproto.Dot{Replica: b.Replica, Seq: b.Seq})
	})
	return out, nil
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
