package clientsdk

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Settled reports whether the window for ordinary edits of a record has closed
// by this device's clock, see View.SettledAt.
func (c *Client) Settled(v *View) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !v.SettledAt.IsZero() && c.wall() > v.SettledAt.UnixMilli()
}

func settledAt(l *view.Look) (at time.Time) {
	s, ok := view.Submission(l.Record)
	if !ok || l.Kind == nil || l.Kind.Reference || !slices.ContainsFunc(l.Kind.Fields, (*schema.Field).Settles) {
		return at
	}
	return time.UnixMilli(s.Wall).Add(view.EditWindow)
}

// judgedLate reports whether a state brings a verdict on an edit of this
// device's that the one before did not have.
func (c *Client) judgedLate(before, now *crdt.Record) bool {
	var known []crdt.LogEntry
	if before != nil {
		known = view.Log(before, view.CorrectionsField)
	}
	own := c.replicas()
	for _, v := range view.Of(c.schema, now, "").Corrections("") {
		if slices.Contains(own, v.Judged.Replica) && !slices.ContainsFunc(known, func(e crdt.LogEntry) bool { return e.Dot == v.Dot }) {
			return true
		}
	}
	return false
}
