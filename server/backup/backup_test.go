package backup_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/backup"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
)

const seed = 31

// filled is a store with n pairs of random sizes, the largest allowed among them.
func filled(tb testing.TB, n int) *memstore.Store {
	tb.Helper()
	r := rand.New(rand.NewPCG(seed, seed))
	s := memstore.New()
	put := func(k, v []byte) {
		var b store.Batch
		b.Put(k, v)
		if _, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) { return b, nil }); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range n {
		put(fmt.Appendf(nil, "r/%05d", i), bytes.Repeat([]byte{byte(i)}, r.IntN(3000)))
	}
	put([]byte("z/large"), make([]byte, store.MaxValueBytes))
	put([]byte("z/empty"), []byte{})
	put(bytes.Repeat([]byte("z"), store.MaxKeyBytes), []byte("v"))
	return s
}

var header = backup.Header{ID: backup.ID{1}, Server: syncproto.Hash{2}, Origin: "https://port.example", Epoch: "e", Taken: 1779440700000, Program: "test"}
var files = []backup.File{{Name: "server.json", Content: []byte("{}")}, {Name: "keys/sign.key", Content: []byte("secret")}}

func written(tb testing.TB, s store.Store) []byte {
	tb.Helper()
	var out bytes.Buffer
	err := s.View(context.Background(), 0, func(r store.Reader) error {
		_, err := backup.Write(&out, header, files, r)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// sink keeps all it is given.
type sink struct {
	header backup.Header
	files  []backup.File
	pairs  []string
	fail   error
}

func (s *sink) Header(h backup.Header) error { s.header = h; return nil }

func (s *sink) File(f backup.File) error {
	s.files = append(s.files, backup.File{Name: f.Name, Content: bytes.Clone(f.Content)})
	return nil
}

func (s *sink) Pair(k store.Key, v []byte) error {
	s.pairs = append(s.pairs, string(k)+"="+string(v))
	return s.fail
}

func contents(tb testing.TB, s store.Store) (out []string) {
	tb.Helper()
	err := s.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			out = append(out, string(k)+"="+string(v))
			return true, nil
		})
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	s := filled(t, 800)
	b := written(t, s)
	var got sink
	sum, err := backup.Read(bytes.NewReader(b), &got)
	if err != nil {
		t.Fatal(err)
	}
	if want := contents(t, s); !slices.Equal(got.pairs, want) || int(sum.Pairs) != len(want) {
		t.Errorf("%d pairs came back, %d counted, want %d", len(got.pairs), sum.Pairs, len(want))
	}
	if got.header != header || sum.Header != header || fmt.Sprint(got.files) != fmt.Sprint(files) {
		t.Errorf("%+v %v", got.header, got.files)
	}
	stop := errors.New("stop")
	if _, err := backup.Read(bytes.NewReader(b), &sink{fail: stop}); !errors.Is(err, stop) {
		t.Errorf("an error of the sink: %v", err)
	}
}

// TestRefused: whatever is cut off or does not add up is refused, at every byte.
func TestRefused(t *testing.T) {
	b := written(t, filled(t, 3))
	refuse := func(what string, b []byte, want error) {
		t.Helper()
		if sum, err := backup.Read(bytes.NewReader(b), &sink{}); !errors.Is(err, want) || sum != (backup.Summary{}) {
			t.Fatalf("%s: %v, want %v", what, err, want)
		}
	}
	for n := range len(b) {
		if n < 2000 || n > len(b)-2000 {
			refuse(fmt.Sprint("cut at ", n), b[:n], backup.ErrDamaged)
		}
	}
	refuse("a byte too many", append(bytes.Clone(b), 0), backup.ErrDamaged)
	refuse("twice", append(bytes.Clone(b), b...), backup.ErrDamaged)
	refuse("something else", []byte("PK\x03\x04"+strings.Repeat("x", 100)), backup.ErrDamaged)
	refuse("a newer form", append([]byte("chuantou-backup/2\n"), b[18:]...), backup.ErrNewer)
	newer := bytes.Clone(b)
	newer[18+5+1] = 9 // the header's first member
	refuse("a newer header", newer, backup.ErrNewer)

	frames := split(t, b)
	join := func(order ...int) []byte {
		out := []byte(b[:18:18])
		for _, i := range order {
			out = append(out, frames[i]...)
		}
		return out
	}
	last := len(frames) - 1
	refuse("without a file", join(0, 2, 3, last), backup.ErrDamaged)
	refuse("without pairs", join(0, 1, 2, last), backup.ErrDamaged)
	refuse("files after pairs", join(0, 3, 1, 2, last), backup.ErrDamaged)
	refuse("two headers", join(0, 0, 1, 2, 3, last), backup.ErrDamaged)
	refuse("pairs twice", join(0, 1, 2, 3, 3, last), backup.ErrDamaged)
	refuse("a frame that promises much", append(join(0), 'P', 0xff, 0xff, 0xff, 0xff), backup.ErrDamaged)
	refuse("no header", join(1, 2, 3, last), backup.ErrDamaged)
}

// split cuts a stream into its frames.
func split(t *testing.T, b []byte) (out [][]byte) {
	t.Helper()
	for rest := b[18:]; len(rest) > 0; {
		n := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		out = append(out, rest[:n])
		rest = rest[n:]
	}
	return out
}

// TestSeal: only the key opens, a cut and every flipped byte are found.
func TestSeal(t *testing.T) {
	secret, recipient, err := backup.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := backup.LockTo(recipient + "\n")
	if err != nil {
		t.Fatal(err)
	}
	key, err := backup.ParseKey("# a comment\n" + secret + "\n")
	if err != nil {
		t.Fatal(err)
	}
	plain := written(t, filled(t, 60))
	var file bytes.Buffer
	w, err := backup.Seal(&file, lock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sealed := file.Bytes()
	if bytes.Contains(sealed, []byte("secret")) || bytes.Contains(sealed, []byte("r/00001")) {
		t.Fatal("it can be read")
	}
	read := func(b []byte, k backup.Key) error {
		r, err := backup.Open(bytes.NewReader(b), k)
		if err != nil {
			return err
		}
		_, err = backup.Read(r, &sink{})
		return err
	}
	if err := read(sealed, key); err != nil {
		t.Fatal(err)
	}
	otherSecret, _, err := backup.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := backup.ParseKey(otherSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := read(sealed, other); !errors.Is(err, backup.ErrKey) {
		t.Errorf("another key: %v", err)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for range 300 {
		if err := read(sealed[:r.IntN(len(sealed))], key); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("cut: %v", err)
		}
		b := bytes.Clone(sealed)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		if err := read(b, key); err == nil {
			t.Fatal("a flipped bit was not found")
		}
	}
	if _, err := backup.LockTo("age1nonsense"); err == nil {
		t.Error("nonsense as a recipient")
	}
	if _, err := backup.LockWith("short"); err == nil {
		t.Error("a short passphrase")
	}
	if _, err := backup.ParseKey("nonsense"); err == nil {
		t.Error("nonsense as a key")
	}
}

func TestPassphrase(t *testing.T) {
	lock, err := backup.LockWith("东极的月亮很圆很圆很圆很圆")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := backup.Seal(&file, lock)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "x")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for pass, want := range map[string]error{"东极的月亮很圆很圆很圆很圆": nil, "东极的月亮很圆很圆很圆很扁": backup.ErrKey} {
		key, err := backup.PassphraseKey(pass)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Open(bytes.NewReader(file.Bytes()), key); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	b := written(f, filled(f, 2))
	f.Add(b)
	f.Add(b[:200])
	f.Add([]byte("chuantou-backup/1\nH\x00\x00\x00\x01\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got sink
		sum, err := backup.Read(bytes.NewReader(b), &got)
		if err != nil {
			if sum != (backup.Summary{}) {
				t.Fatal("refused and half read")
			}
			return
		}
		if int(sum.Pairs) != len(got.pairs) || sum.Files != len(got.files) {
			t.Fatalf("%d pairs, %d counted", len(got.pairs), sum.Pairs)
		}
	})
}
