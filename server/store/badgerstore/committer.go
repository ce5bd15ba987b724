package badgerstore

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/skl"

	"github.com/chuantou/chuantou/server/store"
)

// The committer turns waiting updates into groups, one Badger transaction each.
// The updates of a group run one after the other, each reading what those before
// it wrote, so guards need no locks. What is written goes to the syncer, which
// makes it durable and answers; meanwhile the committer forms the next group.
// So under load one fsync serves many updates, and CPU and disk work at once.
//
// A group reads what the groups before it wrote, durable or not. The order of
// the log makes that safe: after a crash a group is there only if all before it
// are. When making one durable fails, all that follow fail with it.

// group is one Badger transaction.
type group struct {
	at      uint64    // the state it made, or read if it wrote nothing
	members []*update // in the order they ran
	over    overlay
	bytes   int64
	keys    int64
	log     *logFile // what must be synced; nil when it wrote nothing
}

// maxMembers bounds a group, so that its first member does not wait for long.
const maxMembers = 512

// perEntry is what Badger counts beyond key and value towards its limit on
// transactions (Txn.checkSize).
const perEntry = 12

// markKey is written with every group, so that the newest version in the
// database is the newest mark: without it marks would go back once a compaction
// has dropped the deletes of the last groups.
var markKey = []byte("\x00mark")

// commitLoop runs until the queue is stopped and empty.
func (s *Store) commitLoop() {
	defer close(s.groups)
	for {
		u := s.carry
		if s.carry = nil; u == nil {
			u = s.queue.pop(true)
		}
		if u == nil {
			return
		}
		if err := s.queue.stopped(); err != nil {
			u.refuse(err)
			continue
		}
		s.finish(s.form(u, maxMembers))
	}
}

// refuse answers an update that is not to run any more.
func (u *update) refuse(err error) {
	if u.state.CompareAndSwap(waiting, taken) || u.state.Load() == taken {
		u.done <- result{err: err}
	}
}

// form runs u, and after it what waits, as long as it fits into one transaction.
func (s *Store) form(u *update, most int) *group {
	g := &group{at: s.applied}
	base := s.db.NewTransactionAt(s.applied, false)
	defer base.Discard()
	for u != nil {
		if u.take() && !s.member(g, base, u) {
			s.carry = u // it runs again at the head of the next group
			return g
		}
		if len(g.members) == most {
			return g
		}
		u = s.queue.pop(false)
	}
	return g
}

// member runs u as the next of g. It is false when g has no room for its batch.
func (s *Store) member(g *group, base *badger.Txn, u *update) bool {
	out := u.give(&reader{txn: base, over: &g.over})
	if out.err == errUnwound {
		return true // nobody is there to be answered
	}
	if out.err != nil {
		u.done <- result{err: out.err}
		return true
	}
	keys := int64(out.batch.Len())
	bytes := int64(out.batch.Bytes()) + keys*perEntry
	if len(g.members) > 0 && (g.bytes+bytes > s.groupBytes || g.keys+keys > s.groupKeys) {
		return false
	}
	g.bytes += bytes
	g.keys += keys
	g.over.add(&out.batch)
	g.members = append(g.members, u)
	return true
}

// finish writes g and hands it to the syncer.
func (s *Store) finish(g *group) {
	if len(g.members) == 0 {
		return
	}
	if len(g.over.values) > 0 {
		err := s.write(g)
		if errors.Is(err, badger.ErrTxnTooBig) && len(g.members) > 1 {
			s.oneByOne(g.members)
			return
		}
		if err != nil {
			g.answer(result{err: err})
			return
		}
	}
	s.groups <- g
}

// oneByOne is for groups that Badger finds too big though they were not meant
// to be: what each member read of the others never came to be, so all run again.
func (s *Store) oneByOne(members []*update) {
	carry := s.carry
	for _, u := range members {
		s.finish(s.form(u, 1))
	}
	s.carry = carry
}

// write applies g to the database, not yet durably, unless there is no room.
func (s *Store) write(g *group) error {
	if err := s.room.check(); err != nil {
		return err
	}
	growth := int64(0)
	txn := s.db.NewTransactionAt(s.applied, true)
	defer txn.Discard()
	for key, value := range g.over.values {
		growth += int64(len(key)+len(value)) + logEntryBytes
		var err error
		if value == nil {
			err = txn.Delete([]byte(key))
		} else {
			err = txn.Set([]byte(key), value)
		}
		if err != nil {
			return tooBig(err)
		}
	}
	if err := txn.Set(markKey, nil); err != nil {
		return tooBig(err)
	}
	growth += int64(len(markKey)) + 2*logEntryBytes // and the mark of the end of the transaction
	if err := s.wal.prepare(growth); err != nil {
		return err
	}
	if err := txn.CommitAt(s.applied+1, nil); errors.Is(err, badger.ErrTxnTooBig) {
		return tooBig(err)
	} else if err != nil {
		s.stop(fmt.Errorf("commit: %w", err))
		return fmt.Errorf("%w (commit: %w)", store.ErrMaybe, err)
	}
	file, err := s.wal.wrote()
	if err != nil {
		s.stop(err)
		return fmt.Errorf("%w (%w)", store.ErrMaybe, err)
	}
	s.stats.transactions.Add(1)
	s.applied++
	g.at, g.log = s.applied, file
	return nil
}

// logEntryBytes is more than an entry takes beyond key and value, be it in
// Badger's log or in its table in memory.
const logEntryBytes = int64(skl.MaxNodeSize + 64)

// tooBig marks an error of a transaction that a single update made too big,
// which the laws of size rule out.
func tooBig(err error) error {
	if errors.Is(err, badger.ErrTxnTooBig) {
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return err
}
