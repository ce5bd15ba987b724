package badgerstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/client-sdk/localstore"
)

// TestCutOffBatch leaves the journal as a crash would, before and after the
// batch was decided, and after a part of it was published.
func TestCutOffBatch(t *testing.T) {
	for _, c := range []struct {
		name      string
		head      bool
		published int
		want      int
	}{
		{"before the head", false, 0, 0},
		{"after the head", true, 0, 2000},
		{"half published", true, 1000, 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var b localstore.Batch
			for i := range 2000 {
				b.Put(fmt.Appendf(nil, "k%04d", i), bytes.Repeat([]byte{byte(i)}, 500))
			}
			encoded := encodeWrites(b.Writes())
			set := func(k, v []byte) {
				if err := s.db.Update(func(tx *badger.Txn) error { return tx.Set(k, v) }); err != nil {
					t.Fatal(err)
				}
			}
			for i := 0; i*pieceBytes < len(encoded); i++ {
				set(pieceKey(i), encoded[i*pieceBytes:min((i+1)*pieceBytes, len(encoded))])
			}
			if c.head {
				head := binary.BigEndian.AppendUint64(nil, uint64(len(encoded)))
				set([]byte{prefixJournal}, binary.BigEndian.AppendUint32(head, crc32.ChecksumIEEE(encoded)))
			}
			if err := s.publish(b.Writes()[:c.published]); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(dir, Options{}); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			n := 0
			if err := s.Scan(nil, nil, func(k, v []byte) error { n++; return nil }); err != nil || n != c.want {
				t.Errorf("%d keys, %v: want %d", n, err, c.want)
			}
			left := 0
			s.db.View(func(tx *badger.Txn) error {
				o := badger.DefaultIteratorOptions
				o.Prefix = []byte{prefixJournal}
				it := tx.NewIterator(o)
				defer it.Close()
				for it.Rewind(); it.Valid(); it.Next() {
					left++
				}
				return nil
			})
			if left != 0 {
				t.Errorf("%d keys of the journal are left", left)
			}
		})
	}
}

func FuzzDecodeWrites(f *testing.F) {
	f.Add(encodeWrites([]localstore.Write{{Key: []byte("k"), Value: []byte("v")}, {Key: []byte("gone")}, {Key: []byte("e"), Value: []byte{}}}))
	f.Add([]byte{3, 'a'})
	f.Add([]byte{1, 'a', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ws, err := decodeWrites(b)
		if err != nil {
			if ws != nil {
				t.Fatal("refused and half read")
			}
			return
		}
		again, err := decodeWrites(encodeWrites(ws))
		if err != nil || len(again) != len(ws) {
			t.Fatalf("%d writes became %d: %v", len(ws), len(again), err)
		}
	})
}
