package timeline

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Order is how rows follow one another.
type Order byte

// The two orders, newest first in both.
const (
	ByOccurrence Order = 'o' // 按发生时间
	ByArrival    Order = 'a' // 新到
)

// rowsKey is t/ order township 0 rest; rest sorts rows within a township.
func rowsKey(o Order, township string, rest []byte) store.Key {
	k := append(store.Key("t/"), byte(o))
	k = append(append(k, township...), 0)
	return append(k, rest...)
}

func orderedMillis(ms int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(ms)^1<<63) }

// byOccurrence sorts by time; a date-only row below the timed rows of its day.
func (w *Row) byOccurrence() []byte {
	timed := byte(1)
	if w.DateOnly {
		timed = 0
	}
	day := w.Occurred
	b := append(orderedMillis(day), timed)
	return append(b, w.Record[:]...)
}

// byArrival sorts by first arrival; what arrived together by occurrence.
func (w *Row) byArrival() []byte { return append(orderedMillis(w.Received), w.byOccurrence()...) }

// Index is ingest.Indexer: it rewrites a record's rows in the update that
// changes it. The row key it keeps is township, zero, arrival key, from which
// both rows are found again.
type Index struct{}

// Index replaces the rows of a record and returns the key of the new ones.
func (Index) Index(b *store.Batch, was []byte, rec *crdt.Record, head *records.Head, f *authz.Facts) ([]byte, error) {
	w, ok := RowOf(rec, head, f)
	var now []byte
	if ok {
		now = append(append([]byte(syncproto.TownshipAtom(w.Place)[2:]), 0), w.byArrival()...)
	}
	if len(was) > 0 && !bytes.Equal(was, now) {
		if err := drop(b, was); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, nil
	}
	v := w.append(nil)
	township, rest, _ := bytes.Cut(now, []byte{0})
	b.Put(rowsKey(ByArrival, string(township), rest), v)
	b.Put(rowsKey(ByOccurrence, string(township), rest[8:]), v)
	return now, nil
}

func drop(b *store.Batch, was []byte) error {
	township, rest, ok := bytes.Cut(was, []byte{0})
	if !ok || len(rest) < 8 {
		return fmt.Errorf("timeline key of %d bytes", len(was))
	}
	b.Delete(rowsKey(ByArrival, string(township), rest))
	b.Delete(rowsKey(ByOccurrence, string(township), rest[8:]))
	return nil
}

// Query asks for one page of rows.
type Query struct {
	Order    Order
	Places   []string // prefixes; empty for the viewer's whole territory
	Kinds    []string
	Person   syncproto.PersonID
	From, To int64 // occurrence, Unix milliseconds; 0 for open, To excluded
	// Only rows with different values, with demands, awaiting 本人确认.
	Clashes, Demands, ToConfirm bool
	Token                       string // where the last page ended
	Limit                       int
}

// Page is rows and where to go on. More is set when older rows may follow;
// Looked is how far a filtered search got when it found less than it wanted.
type Page struct {
	Rows   []Row
	Token  string
	More   bool
	Looked int64 // occurrence or arrival time reached, Unix milliseconds
}

// Bounds of one read.
const (
	maxLimit   = 200
	maxScanned = 4000
)

// keyBytes is the length of a row's key in each order, which a token holds.
var keyBytes = map[Order]int{ByOccurrence: 25, ByArrival: 33}

// Read returns a page of the rows that the viewer may see.
func Read(ctx context.Context, s store.Store, v *authz.Viewer, q Query) (Page, error) {
	if q.Limit <= 0 || q.Limit > maxLimit {
		q.Limit = 50
	}
	if q.Order != ByArrival {
		q.Order = ByOccurrence
	}
	after, err := base64.RawURLEncoding.Strict().DecodeString(q.Token)
	if err != nil || len(after) != 0 && len(after) != keyBytes[q.Order] {
		// A token that is cut would lead back to the first page for ever.
		return Page{}, syncproto.Errorf(syncproto.KindBadRequest, "翻页标记不对，请回到第一页")
	}
	var page Page
	err = s.View(ctx, 0, func(r store.Reader) error {
		page = Page{}
		places, err := townships(r, v, q.Places)
		if err != nil {
			return err
		}
		return page.merge(r, v, &q, places, after)
	})
	return page, err
}

// townships lists those of the viewer's territory that the query asks for, and
// those of records he is related to elsewhere are left to links.
func townships(r store.Reader, v *authz.Viewer, asked []string) ([]string, error) {
	var out []string
	for _, prefix := range narrowed(v.Territory(), asked) {
		if len(prefix) >= syncproto.TownshipDigits {
			out = append(out, prefix[:syncproto.TownshipDigits])
			continue
		}
		err := records.EachAtom(r, syncproto.Atom("t:"+prefix), func(a syncproto.Atom) (bool, error) {
			out = append(out, string(a[2:]))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// narrowed is the part of a territory that was asked for.
func narrowed(territory, asked []string) []string {
	if len(asked) == 0 {
		return territory
	}
	var out []string
	for _, mine := range territory {
		for _, place := range asked {
			switch {
			case strings.HasPrefix(place, mine):
				out = append(out, place)
			case strings.HasPrefix(mine, place):
				out = append(out, mine)
			}
		}
	}
	return out
}

type found struct {
	key []byte
	row *Row
}

// merge reads each township's newest rows below the token and merges them. One
// township can fill the page alone, so each is read to the page's length.
func (p *Page) merge(r store.Reader, v *authz.Viewer, q *Query, places []string, after []byte) error {
	var all []found
	var stops [][]byte // how far the scans that were cut off got
	budget := max(maxScanned/max(len(places), 1), 100)
	for _, township := range places {
		rows, stop, err := scan(r, v, q, township, after, budget)
		if err != nil {
			return err
		}
		all = append(all, rows...)
		if stop != nil {
			stops = append(stops, stop)
		}
	}
	slices.SortFunc(all, func(a, b found) int { return bytes.Compare(b.key, a.key) })
	// Rows older than the point where some scan stopped are not complete yet.
	var stop []byte
	for _, s := range stops {
		if stop == nil || bytes.Compare(s, stop) > 0 {
			stop = s
		}
	}
	var last []byte
	for _, f := range all {
		if len(p.Rows) == q.Limit || stop != nil && bytes.Compare(f.key, stop) < 0 {
			p.More = true
			break
		}
		p.Rows = append(p.Rows, *f.row)
		last = f.key
	}
	if stop != nil && !(len(p.Rows) == q.Limit) {
		p.More, last = true, stop
	}
	if last != nil {
		p.mark(last)
	}
	return nil
}

func (p *Page) mark(key []byte) {
	p.Token = base64.RawURLEncoding.EncodeToString(key)
	p.Looked = int64(binary.BigEndian.Uint64(key) ^ 1<<63)
}

// scan reads the rows of one township that match, newest first, at most one
// more than the page holds and at most budget in all; stop is the last key read
// when older rows were left unread.
func scan(r store.Reader, v *authz.Viewer, q *Query, township string, after []byte, budget int) (out []found, stop []byte, err error) {
	from := rowsKey(q.Order, township, nil)
	to := append(rowsKey(q.Order, township, nil)[:len(from)-1], 1)
	if len(after) > 0 {
		to = rowsKey(q.Order, township, after)
	}
	if q.Order == ByOccurrence {
		if q.From != 0 {
			from = rowsKey(q.Order, township, orderedMillis(q.From))
		}
		if q.To != 0 {
			if end := rowsKey(q.Order, township, orderedMillis(q.To)); bytes.Compare(end, to) < 0 {
				to = end
			}
		}
	}
	prefix := len(rowsKey(q.Order, township, nil))
	var last []byte
	var w Row
	err = r.Scan(from, to, true, func(k store.Key, value []byte) (bool, error) {
		if budget == 0 || len(out) > q.Limit {
			stop = last
			return false, nil
		}
		budget--
		last = append(last[:0], k[prefix:]...)
		if err := w.decode(value); err != nil {
			return false, err
		}
		if q.matches(&w) && v.May(&w.Facts).Has(authz.List) {
			row := w
			out = append(out, found{slices.Clone(last), &row})
		}
		return true, nil
	})
	return out, stop, err
}

func (q *Query) matches(w *Row) bool {
	switch {
	case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, w.Kind):
		return false
	case len(q.Places) > 0 && !slices.ContainsFunc(q.Places, func(p string) bool { return strings.HasPrefix(w.Place, p) }):
		return false
	case !q.Person.IsZero() && !slices.Contains(w.People, q.Person) && w.Host != q.Person && !slices.Contains(w.Facts.Writers, q.Person):
		return false
	case q.From != 0 && w.Occurred < q.From || q.To != 0 && w.Occurred >= q.To:
		return false
	case q.Clashes && w.Clashes == 0, q.Demands && w.Demands == 0, q.ToConfirm && !w.Behalf:
		return false
	}
	return true
}
