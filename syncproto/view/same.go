package view

import (
	"time"

	"github.com/chuantou/chuantou/syncproto/crdt"
)

// What two records of one meeting or visit may differ by (domain.md 2.3).
const (
	// SameVisitWithin is how far apart two visits to one household can begin.
	SameVisitWithin = 2 * time.Hour
	// meetingLasts is how long a meeting without an end is taken to last.
	meetingLasts = 2 * time.Hour
)

// SameEvent says, in words, that two records may tell of one meeting or visit;
// "" when nothing suggests it. Meetings: same place, same host, overlapping
// time. Visits: same household, same day, within two hours. Nothing is merged
// by it: a person presses 并为一份.
func SameEvent(a, b *crdt.Record) string {
	if a.ID == b.ID || a.Kind != b.Kind || a.Deleted() || b.Deleted() || MergedInto(a) == b.ID || MergedInto(b) == a.ID {
		return ""
	}
	begunA, endA, okA := span(a)
	begunB, endB, okB := span(b)
	if !okA || !okB {
		return ""
	}
	same := func(field string) bool {
		x, y := plainOf(a, field), plainOf(b, field)
		return x != nil && sameWho(x, y)
	}
	switch a.Kind {
	case "HY":
		if same("place_code") && same("host_id") && begunA.Before(endB) && begunB.Before(endA) {
			return "可能是同一次会议"
		}
	case "ZF":
		apart := begunA.Sub(begunB).Abs()
		if same("household_id") && apart <= SameVisitWithin && begunA.Format(time.DateOnly) == begunB.Format(time.DateOnly) {
			return "可能是同一次走访"
		}
	}
	return ""
}

// span is when a record's event began and ended. A bare date says too little.
func span(rec *crdt.Record) (begun, end time.Time, ok bool) {
	text := func(field string) string { s, _ := plainOf(rec, field).(string); return s }
	if begun, ok = moment(text("occurred_at")); !ok {
		return begun, end, false
	}
	if end, ok = moment(text("ended_at")); !ok || end.Before(begun) {
		end = begun.Add(meetingLasts)
	}
	return begun, end, true
}
