package badgerstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/chuantou/chuantou/server/store"
)

// update is one call of Update on its way. The committer decides when it is its
// turn; fn itself runs in the caller's goroutine, so that a panic or a
// runtime.Goexit in it ends what it should, and the committer lives on.
type update struct {
	ctx  context.Context
	held store.Guards
	fn   func(store.Reader) (store.Batch, error)

	state atomic.Int32
	turn  chan *reader // from the committer: run fn now, reading this
	ran   chan outcome // to the committer, once for each turn
	done  chan result  // from the committer or the syncer, once, at the end
}

// The states of an update: it leaves waiting once, either way.
const (
	waiting = iota
	taken   // the committer has it: fn may run, the result is awaited
	left    // the caller gave up
)

type outcome struct {
	batch store.Batch
	err   error
}

type result struct {
	mark store.Mark
	err  error
}

// errUnwound stands for the result of an fn that did not return.
var errUnwound = errors.New("update panicked or ended its goroutine")

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	held, err := store.NewGuards(guards)
	if err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	u := &update{
		ctx: ctx, held: held, fn: fn,
		turn: make(chan *reader), ran: make(chan outcome, 1), done: make(chan result, 1),
	}
	if err := s.queue.push(store.Lane(ctx), u); err != nil {
		return 0, err
	}
	return u.await()
}

// await runs fn whenever told to, until there is a result.
func (u *update) await() (store.Mark, error) {
	ended := u.ctx.Done()
	for {
		select {
		case r := <-u.turn:
			u.run(r)
		case res := <-u.done:
			return res.mark, res.err
		case <-ended:
			if u.state.CompareAndSwap(waiting, left) {
				return 0, u.ctx.Err()
			}
			ended = nil
		}
	}
}

// run calls fn until it holds the guards it needs: updates run one by one here,
// so all guards are free.
func (u *update) run(r *reader) {
	out := outcome{err: errUnwound}
	defer func() {
		r.end()
		u.ran <- out
	}()
	for {
		r.held = u.held
		batch, err := u.fn(r)
		if more, again := store.IsNeedGuards(err); again {
			if u.held, err = u.held.More(more); err == nil {
				continue
			}
		}
		if err == nil {
			err = batch.Check()
		}
		out = outcome{batch, err}
		return
	}
}

// take claims u for the committer; false means that its caller has gone.
func (u *update) take() bool {
	if !u.state.CompareAndSwap(waiting, taken) {
		return u.state.Load() == taken
	}
	if err := u.ctx.Err(); err != nil {
		u.done <- result{err: err}
		return false
	}
	return true
}

// give has the caller run fn on r and returns what came of it.
func (u *update) give(r *reader) outcome {
	u.turn <- r
	return <-u.ran
}
