package clientsdk

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Row is what a list shows of a record. It holds no sensitive value.
type Row struct {
	Record syncproto.RecordID
	Kind   string
	Title  string // the kind's name and what the kind's timeline row is made of
	Number string // ledger number, else the local one
	Place  string
	// When is 发生时间 as stored: RFC 3339, a date, or a date with a half-day.
	When     string
	Status   RecordStatus
	Voided   bool
	Conflict bool // several values to choose from, or voided and edited at once
}

func (r *Row) append() []byte {
	b := beginStored(9)
	b = wire.AppendBytes(b, r.Record[:])
	for _, s := range []string{r.Kind, r.Title, r.Number, r.Place, r.When, string(r.Status)} {
		b = wire.AppendText(b, s)
	}
	return wire.AppendBool(wire.AppendBool(b, r.Voided), r.Conflict)
}

func decodeRow(v []byte) (row Row, err error) {
	r, err := openStored(v, 9)
	if err != nil {
		return row, fmt.Errorf("row: %w", err)
	}
	r.Fixed(row.Record[:])
	row.Kind = r.Text(math.MaxUint16)
	row.Title = r.Text(math.MaxUint16)
	row.Number = r.Text(math.MaxUint16)
	row.Place = r.Text(math.MaxUint16)
	row.When = r.Text(math.MaxUint16)
	row.Status = RecordStatus(r.Text(math.MaxUint16))
	row.Voided = r.Bool()
	row.Conflict = r.Bool()
	return row, closeStored(r, "row")
}

// conflictOf reads the last member of a stored row and nothing else: every sync
// asks it of every record.
func conflictOf(v []byte) bool { return bytes.HasSuffix(v, wire.AppendBool(nil, true)) }

// putRow writes a record's row; one of which nothing is shown has none.
func (c *Client) putRow(b *localstore.Batch, id syncproto.RecordID, h *held) {
	if h.shown == nil || h.shown.Kind == "" {
		b.Delete(rowKey(id))
		return
	}
	row := c.rowOf(h.shown)
	b.Put(rowKey(id), row.append())
	if to := view.MergedInto(h.shown); !to.IsZero() {
		b.Put(intoKey(to, id), []byte{1})
	}
}

func (c *Client) rowOf(rec *crdt.Record) Row {
	row := Row{Record: rec.ID, Kind: rec.Kind, Title: clip(c.titleOf(rec), 200), Place: clip(textOf(rec, "place_code"), 40),
		When: clip(textOf(rec, "occurred_at"), 40), Status: statusOf(rec), Voided: rec.Deleted(),
		Conflict: rec.Conflict() != "" || len(rec.Conflicts()) > 0}
	if row.Number = textOf(rec, "ledger_no"); row.Number == "" {
		row.Number = clip(textOf(rec, "local_no"), 80)
	}
	return row
}

// titleOf is made from the fields that the kind's timeline row names.
func (c *Client) titleOf(rec *crdt.Record) string {
	k, ok := c.schema.Kind(rec.Kind)
	if !ok {
		return rec.Kind
	}
	if k.Reference || k.Timeline == nil {
		if name := textOf(rec, "name"); name != "" {
			return name
		}
		return k.Zh
	}
	var parts []string
	for _, key := range slices.Concat(k.Timeline.Title, k.Timeline.Summary) {
		if key == "@kind" {
			parts = append(parts, k.Zh)
		} else if s := textOf(rec, key); s != "" && !k.IsSensitive(key, "") {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return k.Zh
	}
	return strings.Join(parts, " ")
}

func clip(s string, runes int) string {
	for i := range s {
		if runes--; runes < 0 {
			return s[:i]
		}
	}
	return s
}

// Filter chooses rows. The zero Filter takes all records that are not reference data.
type Filter struct {
	Kinds     []string  // any of these; empty: every kind that is no reference data
	Place     string    // place codes that begin so
	From, To  time.Time // by the day of 发生时间, both included; zero is open
	Text      string    // title or number contains it
	Voided    bool      // voided ones too
	Conflicts bool      // only those with something to choose
	Limit     int       // 0: all
}

// Query lists rows, the latest 发生时间 first; records without one come last,
// newest first. While others' records are locked it lists the person's own.
func (c *Client) Query(f Filter) ([]Row, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	var out []Row
	err := localstore.ScanPrefix(c.store, prefixRow, func(_, v []byte) error {
		row, err := decodeRow(v)
		if err == nil && c.matches(&f, &row) {
			out = append(out, row)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if out, err = c.unlocked(out); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	slices.SortStableFunc(out, func(a, b Row) int {
		if d := strings.Compare(b.When, a.When); d != 0 {
			return d
		}
		return b.Record.Compare(a.Record)
	})
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// unlocked leaves out the rows of locked records.
func (c *Client) unlocked(rows []Row) ([]Row, error) {
	if !c.locks() {
		return rows, nil
	}
	var failed error
	return slices.DeleteFunc(rows, func(r Row) bool {
		h, err := c.record(r.Record)
		failed = errors.Join(failed, err)
		return err != nil || h == nil || c.lent(h.shown)
	}), failed
}

func (c *Client) matches(f *Filter, r *Row) bool {
	if len(f.Kinds) == 0 && c.referenceKind(r.Kind) || len(f.Kinds) > 0 && !slices.Contains(f.Kinds, r.Kind) {
		return false
	}
	if r.Voided && !f.Voided || f.Conflicts && !r.Conflict || !strings.HasPrefix(r.Place, f.Place) {
		return false
	}
	day := r.When[:min(len(r.When), 10)]
	if !f.From.IsZero() && day < f.From.Format(time.DateOnly) || !f.To.IsZero() && (day == "" || day > f.To.Format(time.DateOnly)) {
		return false
	}
	return f.Text == "" || strings.Contains(r.Title, f.Text) || strings.Contains(r.Number, f.Text)
}
