package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/client-sdk/localstore"
)

// A batch larger than one transaction of the engine goes through a journal:
//
//	j/1…n   the batch, encoded, in pieces; no meaning while the head is absent
//	j       the head: length and checksum. Once it is durable the batch is decided
//
// Then the writes are published in as many transactions as it takes, and the
// journal is removed. A crash before the head leaves nothing of the batch; a
// crash after it is finished by the next Open. Publishing twice does no harm.
const pieceBytes = 256 << 10

func pieceKey(i int) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixJournal}, uint32(i)+1)
}

func encodeWrites(ws []localstore.Write) []byte {
	var out []byte
	for _, w := range ws {
		out = append(out, byte(len(w.Key)))
		out = append(out, w.Key...)
		if w.Value == nil {
			out = binary.AppendUvarint(out, 0)
			continue
		}
		out = binary.AppendUvarint(out, uint64(len(w.Value))+1)
		out = append(out, w.Value...)
	}
	return out
}

var errJournal = errors.New("journal of an unfinished batch is damaged")

func decodeWrites(b []byte) (ws []localstore.Write, err error) {
	for len(b) > 0 {
		n := int(b[0])
		if len(b) < 1+n {
			return nil, errJournal
		}
		w := localstore.Write{Key: b[1 : 1+n]}
		b = b[1+n:]
		size, width := binary.Uvarint(b)
		if width <= 0 || size > uint64(len(b)-width)+1 {
			return nil, errJournal
		}
		b = b[width:]
		if size > 0 {
			w.Value = b[: size-1 : size-1]
			b = b[size-1:]
		}
		ws = append(ws, w)
	}
	return ws, nil
}

func (s *Store) applyMany(b *localstore.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return localstore.ErrClosed
	}
	encoded := encodeWrites(b.Writes())
	pieces := 0
	for rest := encoded; len(rest) > 0; pieces++ {
		n := min(pieceBytes, len(rest))
		if err := s.db.Update(func(tx *badger.Txn) error { return tx.Set(pieceKey(pieces), rest[:n]) }); err != nil {
			return err
		}
		rest = rest[n:]
	}
	head := binary.BigEndian.AppendUint64(nil, uint64(len(encoded)))
	head = binary.BigEndian.AppendUint32(head, crc32.ChecksumIEEE(encoded))
	if err := s.db.Update(func(tx *badger.Txn) error { return tx.Set([]byte{prefixJournal}, head) }); err != nil {
		return err
	}
	if err := s.publish(b.Writes()); err != nil {
		return err
	}
	return s.dropJournal(pieces)
}

func (s *Store) publish(ws []localstore.Write) error {
	tx := s.db.NewTransaction(true)
	defer func() { tx.Discard() }()
	for _, w := range ws {
		err := write(tx, w)
		if errors.Is(err, badger.ErrTxnTooBig) {
			if err := tx.Commit(); err != nil {
				return err
			}
			tx = s.db.NewTransaction(true)
			err = write(tx, w)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *Store) dropJournal(pieces int) error {
	return s.db.Update(func(tx *badger.Txn) error {
		if err := tx.Delete([]byte{prefixJournal}); err != nil {
			return err
		}
		for i := range pieces {
			if err := tx.Delete(pieceKey(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// recover finishes a decided batch and removes an undecided one.
func (s *Store) recover() error {
	var head, encoded []byte
	pieces := 0
	err := s.db.View(func(tx *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte{prefixJournal}
		it := tx.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			v, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if len(it.Item().Key()) == 1 {
				head = v
				continue
			}
			encoded = append(encoded, v...)
			pieces++
		}
		return nil
	})
	if err != nil || head == nil && pieces == 0 {
		return err
	}
	if head != nil {
		if err := s.finish(head, encoded); err != nil {
			return fmt.Errorf("finish the batch that was cut off: %w", err)
		}
	}
	return s.dropJournal(pieces)
}

func (s *Store) finish(head, encoded []byte) error {
	if len(head) != 12 || binary.BigEndian.Uint64(head) != uint64(len(encoded)) ||
		binary.BigEndian.Uint32(head[8:]) != crc32.ChecksumIEEE(encoded) {
		return errJournal
	}
	ws, err := decodeWrites(encoded)
	if err != nil {
		return err
	}
	return s.publish(ws)
}
