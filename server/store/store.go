// Package store is the contract of the server's storage: a small guarded,
// ordered key-value store. It knows no engine and holds no data itself.
//
// Start with Store, then Reader and Batch. The law in full is the suite in
// storetest, which every engine passes; memstore is the reference engine and
// can be read in one sitting, badgerstore is what a server runs on.
//
//	mark, err := s.Update(ctx, []store.Key{guard}, func(r store.Reader) (store.Batch, error) {
//		var b store.Batch
//		old, err := r.Get(key)
//		if err != nil {
//			return b, err
//		}
//		b.Put(key, next(old))
//		return b, nil
//	})
package store

import "context"

// Key orders and names a value. Keys compare as bytes. A key has 1 to
// MaxKeyBytes bytes, the first of them above 0x21: keys below belong to the
// engines.
type Key []byte

// Mark is the position of a committed update in the history of one store. It
// only grows, across reopening too; several updates may share one. A Mark means
// something to the store that gave it, within one epoch.
type Mark uint64

// The laws of size. They hold for every engine, so that what one accepts no
// other refuses.
const (
	MaxKeyBytes   = 200
	MaxValueBytes = 64 << 10
	MaxBatchBytes = 1 << 20 // keys and values together
	MaxBatchKeys  = 4000    // puts and deletes together
)

// FirstKey is the lowest key there can be.
var FirstKey = Key{0x22}

// Reader reads one unchanging state of the store. It is for one goroutine and
// is dead once the function it was given to returns.
type Reader interface {
	// Get returns the value of key, or nil and no error when there is none. The
	// value of an empty Put is empty, not nil. The slice may be kept: nobody
	// changes what is in it, and neither may the caller.
	Get(key Key) ([]byte, error)

	// Scan calls fn with the keys k, from <= k < to, and their values: upwards,
	// or downwards from the last below to when reverse is set. An empty from
	// means the first key, an empty to means past the last. It ends when fn
	// returns false or an error, which Scan returns. k and v are valid during
	// that call of fn alone and are not to be modified. fn may use the Reader.
	Scan(from, to Key, reverse bool, fn func(k Key, v []byte) (more bool, err error)) error
}

// Store is a guarded, ordered key-value store. All methods may be called from
// any number of goroutines, but not from inside a function given to Update.
//
// An update that reads to decide what it writes takes guards: keys, which need
// not exist in the store, that name what it decides about. Two updates that
// share a guard never interleave: the later one reads all that the earlier one
// wrote. Updates that share none may run at once on engines of several machines;
// that the embedded one runs them one by one is no promise. So whoever writes a
// key takes the same guard as everybody else who reads that key to decide.
type Store interface {
	// Update takes the guards, runs fn, and applies the batch that fn returns:
	// all of it or nothing, durable on disk before Update returns nil. It then
	// returns the mark of the update.
	//
	// fn runs in the caller's goroutine and may run more than once; only the
	// batch of its last run counts, so it must have no other effect. It reads
	// one state of the store, in which its own batch is not yet applied. Keep it
	// short: others wait. It may return NeedGuards to be run again holding more.
	// An error of fn is returned as it is and nothing is written; a panic passes
	// through Update to the caller, nothing is written, the store lives on.
	//
	// When ctx ends before fn has run, nothing is written and ctx.Err() is
	// returned; later than that ctx is not looked at: the outcome is awaited.
	// Other errors: ErrTooLarge, ErrFull, ErrBroken, ErrClosed (nothing was
	// written), ErrMaybe (unknown).
	Update(ctx context.Context, guards []Key, fn func(Reader) (Batch, error)) (Mark, error)

	// View runs fn on one durable state that has the update of atLeast, and all
	// before it, in it. It delays no update and is delayed by none. An error of
	// fn is returned as it is. When the store has not got as far as atLeast,
	// which only a store cut back to an earlier state can say, it returns
	// ErrAhead.
	View(ctx context.Context, atLeast Mark, fn func(Reader) error) error

	// Epoch names the present history of the store: a random id, the same until
	// RaiseEpoch.
	Epoch(ctx context.Context) (string, error)

	// RaiseEpoch says that the history may have been cut back, as after a
	// restore: what others remember of it need not be so any more. It returns a
	// new id, which is durable before it does.
	RaiseEpoch(ctx context.Context) (string, error)

	// Close waits for what is running and lets go of the files; updates that
	// wait for their turn are run or answered with ErrClosed. Later calls of
	// anything return ErrClosed; of Close itself nil.
	Close() error
}

// PrefixEnd returns the first key past all that begin with prefix, for use as
// the to of Scan; empty, that is no bound, when there is none.
func PrefixEnd(prefix Key) Key {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := append(Key(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

type laneKey struct{}

// WithLane names the queue that updates called with this context wait in.
// Lanes are served by turns, one update each, so that a caller with a thousand
// updates waiting does not delay another with one. Without it all share a lane.
func WithLane(ctx context.Context, lane string) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// Lane returns the lane of ctx, for engines.
func Lane(ctx context.Context) string {
	lane, _ := ctx.Value(laneKey{}).(string)
	return lane
}
