// Package timeline is the merged timeline: one row per record that tells of
// field work, in two orders, by occurrence and by arrival, kept per township
// and merged at reading (design.md §4). Rows are derived from records inside
// the update that changes them; they hold only what every reader of the record
// may see (domain.md 4.1) and what is needed to judge who that is.
package timeline

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Zone is the time zone of everything shown: +08:00 without daylight saving.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Row is one line of the timeline.
type Row struct {
	Record   syncproto.RecordID
	Kind     string
	Occurred int64 // Unix milliseconds; the day's 00:00 when DateOnly
	DateOnly bool
	Received int64 // first arrival
	Changed  int64 // last arrival
	Wall     int64 // claimed time of the first change

	Type     string // visit_type, meeting_type, form, mode: what the row is called
	Title    string // a meeting's title
	Summary  string // purpose or summary, written by the author; never cut from long texts
	Mask     string // 仇某某户
	Met      string
	People   []syncproto.PersonID // who: visitors, responsible cadre, cadres
	Host     syncproto.PersonID
	Place    string
	Hamlet   string
	Island   string
	Boat     syncproto.RecordID
	AtSea    bool
	Count    int // villagers at a meeting
	Said     int // statements
	Demands  int
	Promises int
	Files    int
	Signed   bool
	Clashes  int // fields with more than one value
	Unproven int // of them 待核 or 待裁定
	Waiting  int // held parts
	Behalf   bool
	Late     bool // 补录
	Void     bool
	VoidOpen bool // 作废待裁定
	Number   uint32
	Year     uint32

	Facts authz.Facts
}

// Shown lists the kinds that stand in the timeline.
func Shown(kind string) bool {
	switch kind {
	case "ZF", "HY", "RZ", "TY", "SJ":
		return true
	}
	return false
}

// RowOf makes the row of a record; ok is false for one that has none: another
// kind, a draft, a note only its author sees.
func RowOf(rec *crdt.Record, head *records.Head, f *authz.Facts) (Row, bool) {
	if !Shown(rec.Kind) || f.Draft || f.Visibility == authz.VisibleSelf || f.Place == "" {
		return Row{}, false
	}
	w := Row{Record: rec.ID, Kind: rec.Kind, Received: head.Received, Changed: head.Changed, Facts: *f,
		Place: f.Place, Number: head.Number, Year: head.Year, Waiting: int(head.Waiting)}
	w.Occurred, w.DateOnly = occurred(rec, head.Received)
	w.describe(rec)
	w.count(rec)
	w.Void = rec.Deleted()
	w.VoidOpen = rec.Conflict() != ""
	return w, true
}

func (w *Row) describe(rec *crdt.Record) {
	for _, field := range []string{"visit_type", "meeting_type", "form", "mode"} {
		if s := records.Text(rec, field); s != "" && w.Type == "" && (field != "mode" || rec.Kind != "RZ") {
			w.Type = s
		}
	}
	w.Title = records.Text(rec, "title")
	if w.Summary = records.Text(rec, "purpose"); w.Summary == "" {
		w.Summary = records.Text(rec, "summary")
	}
	w.Mask = maskOf(rec)
	w.Met = records.Text(rec, "met")
	w.Host = records.Ref(rec, "host_id")
	w.People = append(records.Refs(rec, "visitor_ids"), records.Refs(rec, "cadre_ids")...)
	if rec.Kind == "RZ" {
		w.People = append(w.People, records.Ref(rec, "cadre_id"))
	}
	if len(w.People) == 0 {
		w.People = append(w.People, records.Ref(rec, "recorder_id"))
	}
	w.Hamlet, w.Island = records.Text(rec, "hamlet"), records.Text(rec, "island")
	w.Boat = records.Ref(rec, "boat_id")
	w.AtSea = records.Plain(rec, "at_sea") == true
	w.Behalf = !records.Ref(rec, "on_behalf_of").IsZero() && len(rec.Log("confirmed")) == 0
	w.Late = records.Plain(rec, "entered_late") != nil && records.Plain(rec, "entered_late") != false
}

// maskOf finds the masked name, stored alone or as half of a pair with the id.
func maskOf(rec *crdt.Record) string {
	if s := records.Text(rec, "household_mask"); s != "" {
		return s
	}
	if group, ok := records.Plain(rec, "household_id").(map[string]any); ok {
		s, _ := group["household_mask"].(string)
		return s
	}
	return ""
}

func (w *Row) count(rec *crdt.Record) {
	if n, ok := records.Plain(rec, "headcount").(int64); ok {
		w.Count = int(n)
	}
	w.Said = len(rec.List("statements"))
	w.Demands, w.Promises = len(rec.Set("demands")), len(rec.Set("promises"))
	w.Files = len(rec.List("attachments"))
	w.Signed = len(rec.Log("signatures")) > 0
	for _, c := range rec.Conflicts() {
		w.Clashes++
		if holds(c.Field) {
			w.Unproven++
		}
	}
}

// holds lists the fields of merge class LW-hold among the timeline's kinds.
func holds(field string) bool {
	return field == "relief_money" || field == "place_code"
}

func occurred(rec *crdt.Record, received int64) (millis int64, dateOnly bool) {
	for _, field := range []string{"occurred_at", "depart_at", "on"} {
		if at, day, ok := ParseTime(records.Text(rec, field)); ok && field != "occurred_at" || ok && rec.Kind != "RZ" && rec.Kind != "TY" {
			return at.UnixMilli(), day
		}
	}
	if at, day, ok := ParseTime(records.Text(rec, "occurred_at")); ok {
		return at.UnixMilli(), day
	}
	return received, false
}

// ParseTime reads a date (2006-01-02), a local time with minutes, or RFC 3339.
func ParseTime(s string) (at time.Time, dateOnly, ok bool) {
	if t, err := time.ParseInLocation("2006-01-02", s, Zone); err == nil {
		return t, true, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, Zone); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

const rowFormat = 1

// append encodes the row as a map of small keys: most rows fill only some.
func (w *Row) append(b []byte) []byte {
	b = append(b, rowFormat)
	b = wire.AppendArray(b, 3)
	b = wire.AppendBytes(b, w.Record[:])
	var texts [11]string
	for i, text := range w.texts() {
		texts[i] = *text
	}
	b = wire.AppendText(b, strings.Join(texts[:], "\x00"))
	ids := func(list []syncproto.RecordID) {
		b = wire.AppendArray(b, len(list))
		for i := range list {
			b = wire.AppendBytes(b, list[i][:])
		}
	}
	b = wire.AppendArray(b, 8)
	ids(w.People)
	ids(w.Facts.Writers)
	ids(w.Facts.Related)
	ids(w.Facts.Excluded)
	b = wire.AppendBytes(b, w.Host[:])
	b = wire.AppendBytes(b, w.Boat[:])
	b = wire.AppendBytes(b, w.Facts.Household[:])
	nums := w.numbers()
	b = wire.AppendArray(b, len(nums))
	for _, n := range nums {
		b = wire.AppendInt(b, n)
	}
	return b
}

// texts lists the text members in stored order.
func (w *Row) texts() [11]*string {
	return [11]*string{&w.Kind, &w.Type, &w.Title, &w.Summary, &w.Mask, &w.Met, &w.Place, &w.Hamlet, &w.Island, &w.Facts.Place, &w.Facts.OwnerPlace}
}

// numbers lists the numeric members in stored order; flags are packed in one.
func (w *Row) numbers() [16]int64 {
	flags := int64(0)
	for i, on := range [...]bool{w.DateOnly, w.AtSea, w.Signed, w.Behalf, w.Late, w.Void, w.VoidOpen, w.Facts.Draft} {
		if on {
			flags |= 1 << i
		}
	}
	return [16]int64{w.Occurred, w.Received, w.Changed, w.Wall, flags, int64(w.Count), int64(w.Said), int64(w.Demands), int64(w.Promises),
		int64(w.Files), int64(w.Clashes), int64(w.Unproven), int64(w.Waiting), int64(w.Number), int64(w.Year), int64(w.Facts.Visibility)}
}

// decode reads a stored row. What it is read into is only good without an error.
func (w *Row) decode(v []byte) error {
	*w = Row{}
	if len(v) == 0 || v[0] != rowFormat {
		return fmt.Errorf("timeline row of unknown format: a newer version of the program wrote it")
	}
	r := wire.NewReader(v[1:])
	r.Array(3)
	r.Fixed(w.Record[:])
	rest, more := r.Text(len(v)), true
	for _, dst := range w.texts() {
		if !more {
			return fmt.Errorf("timeline row with too few texts")
		}
		*dst, rest, more = strings.Cut(rest, "\x00")
	}
	if more {
		return fmt.Errorf("timeline row with too many texts")
	}
	r.Array(8)
	ids := func() (out []syncproto.RecordID) {
		n := r.Array(len(v))
		if n > 0 && r.Err() == nil {
			out = make([]syncproto.RecordID, 0, min(n, 8))
		}
		for ; n > 0 && r.Err() == nil; n-- {
			var id syncproto.RecordID
			r.Fixed(id[:])
			out = append(out, id)
		}
		return out
	}
	w.People, w.Facts.Writers, w.Facts.Related, w.Facts.Excluded = ids(), ids(), ids(), ids()
	r.Fixed(w.Host[:])
	r.Fixed(w.Boat[:])
	r.Fixed(w.Facts.Household[:])
	var nums [16]int64
	if n := r.Array(len(nums)); n != len(nums) {
		r.Failf("%d numbers", n)
	}
	for i := range nums {
		nums[i] = r.Int()
	}
	w.take(&nums)
	w.Facts.Kind = w.Kind
	return r.Done()
}

func (w *Row) take(n *[16]int64) {
	w.Occurred, w.Received, w.Changed, w.Wall = n[0], n[1], n[2], n[3]
	for i, dst := range [...]*bool{&w.DateOnly, &w.AtSea, &w.Signed, &w.Behalf, &w.Late, &w.Void, &w.VoidOpen, &w.Facts.Draft} {
		*dst = n[4]>>i&1 == 1
	}
	w.Count, w.Said, w.Demands, w.Promises, w.Files = int(n[5]), int(n[6]), int(n[7]), int(n[8]), int(n[9])
	w.Clashes, w.Unproven, w.Waiting = int(n[10]), int(n[11]), int(n[12])
	w.Number, w.Year = uint32(min(n[13], math.MaxUint32)), uint32(min(n[14], math.MaxUint32))
	w.Facts.Visibility = authz.Visibility(n[15])
}
