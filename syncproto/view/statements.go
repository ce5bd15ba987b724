package view

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Statement is one statement of a meeting with what its place depends on.
type Statement struct {
	*crdt.Item
	Of       *crdt.Record // the record it stands in: this one, or one put into it
	Speaker  any
	Recorder syncproto.RecordID
	Agenda   int64
	SaidAt   int64 // Unix milliseconds; of its predecessor when it has none itself
}

// Statements orders the statements of a meeting (domain.md 2.3), those of the
// records put into it among them: by agenda number; within it each recorder's
// in that recorder's own order, interleaved by the time they were said, ties by
// recorder. Once somebody dragged one (ordered_by_hand) list positions count.
func (l *Look) Statements() []Statement {
	var out []Statement
	for _, rec := range l.All() {
		out = append(out, statementsOf(rec)...)
	}
	if e, ok := l.Value("ordered_by_hand"); ok && Plain(e.Value) == true {
		return out
	}
	slices.SortStableFunc(out, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(a.Agenda, b.Agenda), cmp.Compare(a.SaidAt, b.SaidAt), a.Recorder.Compare(b.Recorder), a.Of.ID.Compare(b.Of.ID))
	})
	return out
}

// statementsOf are a record's own statements in list order. The times of one
// recorder never go back, so that sorting by them keeps his order.
func statementsOf(rec *crdt.Record) []Statement {
	var out []Statement
	last := map[syncproto.RecordID]int64{}
	for _, item := range rec.List("statements") {
		s := Statement{Item: item, Of: rec, Recorder: AsRef(itemPlain(item, "recorder_id")), Speaker: itemPlain(item, "speaker")}
		s.Agenda, _ = itemPlain(item, "agenda_no").(int64)
		if s.Recorder.IsZero() {
			// The item's replica stands for the recorder where none is named.
			copy(s.Recorder[:], item.ID.Replica[:])
		}
		if at, ok := saidAt(item); ok {
			last[s.Recorder] = max(at, last[s.Recorder])
		}
		s.SaidAt = last[s.Recorder]
		out = append(out, s)
	}
	return out
}

func itemPlain(item *crdt.Item, sub string) any {
	e, ok := item.Value(sub)
	if !ok {
		return nil
	}
	return Plain(e.Value)
}

// AsRef reads a reference: 16 bytes, or the dashed form as text; zero for anything else.
func AsRef(v any) (id syncproto.RecordID) {
	switch v := v.(type) {
	case []byte:
		if len(v) == len(id) {
			copy(id[:], v)
		}
	case string:
		id, _ = syncproto.ParseRecordID(v)
	}
	return id
}

func saidAt(item *crdt.Item) (int64, bool) {
	s, _ := itemPlain(item, "said_at").(string)
	t, ok := moment(s)
	return t.UnixMilli(), ok
}

// moment reads a time of day; without a zone it is local.
func moment(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, Zone); err == nil {
			return t.In(Zone), true
		}
	}
	return time.Time{}, false
}

// sameWithin is how far apart two notes of one speech can stand.
const sameWithin = 3 * time.Minute

// Duplicates suggests pairs of statements, by their places in all, that two
// recorders may have taken of one speech: same speaker (where both name one),
// within three minutes, similar words. Nothing is merged by it; a person links
// them (same_as), and what is linked is suggested no more.
func Duplicates(all []Statement) [][2]int {
	var out [][2]int
	taken := map[int]bool{}
	for i := range all {
		best, score := -1, 0.5
		for j := i + 1; j < len(all); j++ {
			a, b := &all[i], &all[j]
			if a.Recorder == b.Recorder || taken[i] || taken[j] || !sameSpeaker(a.Speaker, b.Speaker) ||
				apart(a.SaidAt, b.SaidAt) > sameWithin || itemPlain(a.Item, "same_as") != nil || itemPlain(b.Item, "same_as") != nil {
				continue
			}
			if s := similar(words(a.Item), words(b.Item)); s >= score {
				best, score = j, s
			}
		}
		if best >= 0 {
			taken[i], taken[best] = true, true
			out = append(out, [2]int{i, best})
		}
	}
	return out
}

func apart(a, b int64) time.Duration {
	d := time.Duration(a-b) * time.Millisecond
	return max(d, -d)
}

func sameSpeaker(a, b any) bool {
	if a == nil || b == nil {
		return true
	}
	if x, y := AsRef(a), AsRef(b); !x.IsZero() || !y.IsZero() {
		return x == y
	}
	return a == b
}

func words(item *crdt.Item) string {
	if t := item.Text("text"); t != nil && t.Len() > 0 {
		return t.String()
	}
	s, _ := itemPlain(item, "text").(string)
	return s
}

// similar is the share of characters that two sentences have in common in the
// same order (twice the longest common subsequence by their lengths): notes of
// one speech leave words out but seldom turn them round.
func similar(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) == 0 || len(y) == 0 || len(x) > 2000 || len(y) > 2000 {
		return 0
	}
	row := make([]int, len(y)+1)
	for i := range x {
		diagonal := 0
		for j := range y {
			above := row[j+1]
			if x[i] == y[j] {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return 2 * float64(row[len(y)]) / float64(utf8.RuneCountInString(a)+utf8.RuneCountInString(b))
}
