package audit_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/audit"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
)

func head(t *testing.T, s store.Store) (h audit.Head, entries []audit.Entry, err error) {
	t.Helper()
	err = s.View(t.Context(), 0, func(r store.Reader) (err error) {
		entries = nil
		h, err = audit.Verify(r, func(e audit.Entry, _ audit.Head) { entries = append(entries, e) })
		return err
	})
	return h, entries, err
}

func filled(t *testing.T, n int) store.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { s.Close() })
	for i := range n {
		if err := audit.Append(t.Context(), s, audit.Entry{Wall: int64(i), By: syncproto.PersonID{1}, What: "device revoked", About: fmt.Sprint("設備", i)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestAppendAndVerify(t *testing.T) {
	if h, _, err := head(t, filled(t, 0)); err != nil || h != (audit.Head{}) {
		t.Errorf("an empty list: %+v, %v", h, err)
	}
	s := filled(t, 300)
	h, entries, err := head(t, s)
	if err != nil || h.N != 300 || len(entries) != 300 || entries[299].About != "設備299" {
		t.Fatalf("%+v, %d entries, %v", h, len(entries), err)
	}
	if other, _, _ := head(t, filled(t, 300)); other != h {
		t.Error("the same entries end in another link")
	}
	if err := audit.Append(t.Context(), s, audit.Entry{What: strings.Repeat("长", 99), About: strings.Repeat("长", 9999)}); err != nil {
		t.Errorf("what is too long: %v", err)
	}
	if _, _, err := head(t, s); err != nil {
		t.Error(err)
	}
}

// Whatever is altered in it shows.
func TestAlteredIsFound(t *testing.T) {
	key := func(n uint64) store.Key { return binary.BigEndian.AppendUint64(store.Key("l/"), n) }
	for name, alter := range map[string]func(r store.Reader, b *store.Batch) error{
		"an entry taken out": func(_ store.Reader, b *store.Batch) error { b.Delete(key(3)); return nil },
		"the last taken out": func(_ store.Reader, b *store.Batch) error { b.Delete(key(9)); return nil },
		"the head taken out": func(_ store.Reader, b *store.Batch) error { b.Delete(store.Key("l")); return nil },
		"two exchanged": func(r store.Reader, b *store.Batch) error {
			x, err := r.Get(key(3))
			y, err2 := r.Get(key(4))
			b.Put(key(3), append([]byte(nil), y...))
			b.Put(key(4), append([]byte(nil), x...))
			return errors.Join(err, err2)
		},
		"a byte": func(r store.Reader, b *store.Batch) error {
			v, err := r.Get(key(5))
			v = append([]byte(nil), v...)
			v[len(v)-1] ^= 1
			b.Put(key(5), v)
			return err
		},
		"garbage": func(_ store.Reader, b *store.Batch) error { b.Put(key(5), []byte{1, 0xff}); return nil },
	} {
		s := filled(t, 9)
		if _, err := s.Update(t.Context(), nil, func(r store.Reader) (b store.Batch, err error) { err = alter(r, &b); return b, err }); err != nil {
			t.Fatal(err)
		}
		if _, _, err := head(t, s); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
