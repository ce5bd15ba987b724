package ingest

import (
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/joincode"
)

// What an author may write is judged on the record as it stood, and what only the
// joined record tells on that.

// joinWindow is how far from a meeting a second recorder may have joined it by
// its code: he sat there too.
const joinWindow = 48 * time.Hour

// joinsMeeting reports whether a part writes a further recorder into a meeting,
// by its code alone: not having seen anything of it. Whoever may write meetings
// there may, while it is shared as a draft, and later if his change claims to
// have been saved about when the meeting was. Anybody else who came to know a
// meeting's id would read what is kept for its recorders.
func joinsMeeting(v *authz.Viewer, w *work, h *syncproto.Header, p *syncproto.Part) bool {
	there := w.facts
	there.Related = append(slices.Clip(there.Related), v.Person)
	if p.Kind != joincode.Kind || len(p.Seen) > 0 || !v.Creates(&there) {
		return false
	}
	near := func(wall int64) bool {
		d := h.Wall - wall
		return max(d, -d) <= joinWindow.Milliseconds()
	}
	return w.facts.Draft || near(w.rec.ID.Millis()) ||
		slices.ContainsFunc(w.rec.Log("status"), func(e crdt.LogEntry) bool { return near(e.Wall) })
}

// letsIn reports whether a part says who else writes a record or is in its
// team: whoever is named so reads more of it than his role alone opens.
func letsIn(kind string, p *syncproto.Part) bool {
	return slices.ContainsFunc(p.Ops, func(op syncproto.Op) bool {
		switch op.Field {
		case "recorder_id", "recorder_ids", "on_behalf_of", "host_id", "visitor_ids", "cadre_ids", "leader_id", "promiser_id":
			return true
		case "members":
			return kind != "HD" // a household's are its family
		case "attendees":
			return op.Sub == "" || op.Sub == "person"
		}
		return false
	})
}

// forSomebody reports whether a part says for which leader its record is written.
func forSomebody(p *syncproto.Part) bool {
	return slices.ContainsFunc(p.Ops, func(op syncproto.Op) bool { return op.Field == "on_behalf_of" })
}

// permitted checks what can only be judged on the joined record: where a new
// one lies, and the places of the roles that a person record grants. It gives
// the reason to hold the part, 0 for none.
func (t *txn) permitted(v *authz.Viewer, f *authz.Facts, rec *crdt.Record, creates bool) syncproto.HoldReason {
	if creates && !v.Creates(f) {
		return syncproto.HoldScope
	}
	if f.Kind != "person" {
		return 0
	}
	for _, g := range t.in.Directory.GrantsOf(rec) {
		if !v.MayGrant(g.Place) {
			return syncproto.HoldScope
		}
	}
	return 0
}

// narrowing reports whether a part may change who reads what of a record, so
// that readers must take the state anew.
func narrowing(p *syncproto.Part) bool {
	for i := range p.Ops {
		op := &p.Ops[i]
		switch op.Field {
		case "visibility", records.ExcludedField, "place_code", "status", "household_id":
			return true
		}
		if strings.HasSuffix(op.Field, ".personal") || op.Sub == "contains_personal" || strings.HasSuffix(op.Sub, ".personal") {
			return true
		}
	}
	return false
}
