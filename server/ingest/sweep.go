package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// What one sweep looks at, at the most.
const (
	sweepRecords = 10_000
	sweepLate    = 256
	maxHeavy     = 4096
)

// heavyList is which records have grown heavy. It is lost in a restart: what
// grows on is noted again.
type heavyList struct {
	mu  sync.Mutex
	ids map[syncproto.RecordID]struct{}
}

func (l *heavyList) add(id syncproto.RecordID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[syncproto.RecordID]struct{}{}
	}
	if len(l.ids) < maxHeavy {
		l.ids[id] = struct{}{}
	}
}

func (l *heavyList) take() map[syncproto.RecordID]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := l.ids
	l.ids = nil
	return ids
}

// Sweep folds heavy records, then goes on through all records and folds those
// to which nothing was joined for the time quiet; and it joins late parts that
// a crash or a failure left waiting. Its work is bounded; it begins where it
// ended. It is for one goroutine. What goes wrong with one record is logged.
func (in *Ingest) Sweep(ctx context.Context, quiet time.Duration) error {
	if err := in.EraseListed(ctx); err != nil {
		in.Log.Error("what was erased and has come again", "err", err)
	}
	late, err := in.leftLate(ctx)
	if err != nil {
		return err
	}
	for id := range late {
		if _, err := in.rebuild(ctx, id, false); err != nil {
			in.Log.Warn("late parts of a folded record", "record", id, "err", err)
		}
		if err := errors.Join(in.putBack(ctx, id), in.standInLater(ctx, id)); err != nil {
			in.Log.Warn("lost changes of a record", "record", id, "err", err)
		}
	}
	for id := range in.heavy.take() {
		in.sweepOne(ctx, id)
	}
	old, err := in.quietRecords(ctx, in.Now().Add(-quiet).UnixMilli())
	for _, id := range old {
		in.sweepOne(ctx, id)
	}
	return err
}

func (in *Ingest) sweepOne(ctx context.Context, id syncproto.RecordID) {
	if ctx.Err() != nil {
		return
	}
	if _, err := in.Fold(ctx, id); err != nil {
		in.Log.Warn("fold", "record", id, "err", err)
	}
}

// leftLate lists records for which parts wait that may have come late.
func (in *Ingest) leftLate(ctx context.Context) (map[syncproto.RecordID]struct{}, error) {
	out := map[syncproto.RecordID]struct{}{}
	err := in.Store.View(ctx, 0, func(r store.Reader) error {
		return records.EveryHold(r, func(_ records.HeldPart, h records.Hold) (bool, error) {
			if h.Reason == syncproto.HoldMissing && !h.Record.IsZero() {
				out[h.Record] = struct{}{}
			}
			return len(out) < sweepLate, nil
		})
	})
	return out, err
}

// quietRecords looks at the next records in order, those after the last look,
// and lists which were not changed since and may be worth a fold.
func (in *Ingest) quietRecords(ctx context.Context, since int64) (out []syncproto.RecordID, err error) {
	n := 0
	err = in.Store.View(ctx, 0, func(r store.Reader) error {
		out, n = nil, 0
		return records.EachRecord(r, in.scanned, func(id syncproto.RecordID, c *records.Record) (bool, error) {
			if n++; c.Changed <= since && len(c.State) != int(c.Weighed) {
				out = append(out, id)
			}
			in.scanned = id
			return n < sweepRecords, ctx.Err()
		})
	})
	if n < sweepRecords {
		in.scanned = syncproto.RecordID{} // the end: begin anew
	}
	return out, err
}
