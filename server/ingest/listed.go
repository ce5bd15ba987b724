package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// The list of erasures outlives the store: what was erased must not come back
// with an older backup, nor with a device that brings to the restored server what
// the backup does not have.

// listed are the erasures of an installation, by record.
type listed struct {
	mu   sync.Mutex
	acts map[syncproto.RecordID][]Erasure
}

// List takes erasures that were carried out once, with their Parts: they are
// carried out again wherever one of these arrives.
func (in *Ingest) List(acts ...Erasure) {
	in.listed.mu.Lock()
	defer in.listed.mu.Unlock()
	if in.listed.acts == nil {
		in.listed.acts = map[syncproto.RecordID][]Erasure{}
	}
	for _, e := range acts {
		in.listed.acts[e.Record] = append(in.listed.acts[e.Record], e)
	}
}

func (l *listed) of(id syncproto.RecordID) []Erasure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.acts[id])
}

func (l *listed) all() (out []Erasure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, acts := range l.acts {
		out = append(out, acts...)
	}
	return out
}

// EraseListed carries out all listed erasures again; one of which nothing is left
// to do writes nothing.
func (in *Ingest) EraseListed(ctx context.Context) error {
	var errs []error
	for _, e := range in.listed.all() {
		errs = append(errs, in.eraseAgain(ctx, e))
	}
	return errors.Join(errs...)
}

func (in *Ingest) eraseAgain(ctx context.Context, e Erasure) error {
	_, err := in.Erase(ctx, e, false)
	if errors.Is(err, errNothing) || errors.Is(err, errNoRecord) {
		return nil
	}
	return err
}

// names reports whether a change is one that the erasure took, or says one of those
// anew under another id.
func (e *Erasure) names(h *syncproto.Header) bool {
	return slices.Contains(e.Parts, syncproto.ChangeID{Replica: h.Replica, Seq: h.Seq}) ||
		!h.Replaces.Replica.IsZero() && slices.Contains(e.Parts, syncproto.ChangeID{Replica: h.Replaces.Replica, Seq: h.Replaces.Seq})
}

// eraseArrived erases what an update has just joined though it is listed. Should
// this fail the next Sweep does it.
func (in *Ingest) eraseArrived(ctx context.Context, t *txn) {
	for _, s := range t.bundles {
		for _, j := range s.joined {
			for _, e := range in.listed.of(j.record) {
				if !e.names(&s.changes[j.change].Header) {
					continue
				}
				if err := in.eraseAgain(ctx, e); err != nil {
					in.Log.Error("what was erased has come again and could not be erased at once", "record", j.record, "err", err)
				}
			}
		}
	}
}

// FactsOf tells what a record's rights are judged by. KindNotFound when there is
// no such record.
func (in *Ingest) FactsOf(ctx context.Context, id syncproto.RecordID) (f authz.Facts, err error) {
	err = in.Store.View(ctx, 0, func(r store.Reader) error {
		rec, _, err := in.loadState(r, id)
		if err == nil && rec == nil {
			err = errNoRecord
		}
		if err == nil {
			f = in.Directory.Facts(rec)
		}
		return err
	})
	return f, err
}
