package badgerstore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

func init() { children["hold"] = holdChild }

// holdChild holds a store open until its stdin ends.
func holdChild(dir string) error {
	s, err := badgerstore.Open(dir, badgerstore.Options{Logger: quiet})
	if err != nil {
		return err
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused opens dir, which must fail with an error that is want (if not nil) and
// says so in words; what the folder holds stays as it is.
func refused(t *testing.T, dir string, opts badgerstore.Options, want error, says string) {
	t.Helper()
	before := listing(t, dir)
	opts.Logger = quiet
	s, err := badgerstore.Open(dir, opts)
	if err == nil {
		s.Close()
		t.Fatalf("opened %s", dir)
	}
	if want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("open: %v; want %v, saying %q", err, want, says)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("a refused open left %s, found %s", after, before)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	s := fmt.Sprint(err == nil)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf(" %s:%d", e.Name(), info.Size())
	}
	return s
}

func TestMustExist(t *testing.T) {
	must := badgerstore.Options{MustExist: true}
	dir := filepath.Join(t.TempDir(), "a", "b")
	refused(t, dir, must, fs.ErrNotExist, "no store in "+dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, must, fs.ErrNotExist, "no store in "+dir)
	mustOpen(t, dir).Close()
	must.Logger = quiet
	s, err := badgerstore.Open(dir, must)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestNotAStore(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "letters.txt", "dear")
	refused(t, dir, badgerstore.Options{}, nil, "it has letters.txt")
}

func TestFormat(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir).Close()
	text, err := os.ReadFile(filepath.Join(dir, "FORMAT"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		is   error
		says string
	}{
		{strings.Replace(string(text), "format 1", "format 3", 1), store.ErrNewer, "format 3, known is 2"},
		{strings.Replace(string(text), "format 1", "format 0", 1), nil, "is no format of a store"},
		{strings.Replace(string(text), "format 1", "format x", 1), nil, "is no format of a store"},
		{"", nil, "is no format of a store"},
	} {
		writeFile(t, dir, "FORMAT", c.text)
		refused(t, dir, badgerstore.Options{}, c.is, c.says)
	}
	writeFile(t, dir, "FORMAT", string(text))
	mustOpen(t, dir).Close()
}

// What cannot be read is named, with what to do.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir).Close()
	writeFile(t, dir, "MANIFEST", "rubbish, and enough of it to be read as a head")
	refused(t, dir, badgerstore.Options{}, store.ErrDamaged, filepath.Join(dir, "MANIFEST"))
	refused(t, dir, badgerstore.Options{}, store.ErrDamaged, "chuantou restore")
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	_, err := badgerstore.Open(dir, badgerstore.Options{Logger: quiet})
	if !errors.Is(err, store.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	s.Close()

	holder := child(t, "hold", dir)
	in, err1 := holder.StdinPipe()
	out, err2 := holder.StdoutPipe()
	if err := errors.Join(err1, err2, holder.Start()); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	_, err = badgerstore.Open(dir, badgerstore.Options{Logger: quiet})
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", holder.Process.Pid)) {
		t.Errorf("opened beside another process: %v", err)
	}
	in.Close()
	if err := holder.Wait(); err != nil {
		t.Errorf("the holder: %v", err)
	}
	mustOpen(t, dir).Close()
}

// TestHalfMade: what a process leaves that is killed while it makes a store, or
// begins a log, does not stand in the way.
func TestHalfMade(t *testing.T) { inBothForms(t, testHalfMade) }

func testHalfMade(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "INUSE", "")
	writeFile(t, dir, "EPOCH.tmp", "abc")
	s := mustOpen(t, dir)
	epoch, err := s.Epoch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	n, err := countUp(s, 0)
	if n != 1 || err != nil {
		t.Fatal(n, err)
	}
	s.Close()

	writeFile(t, dir, "00007.mem", "")
	writeFile(t, dir, "000009.vlog", "")
	writeFile(t, dir, "probe.tmp", "abc")
	s = mustOpen(t, dir)
	if n, err := countUp(s, 0); n != 2 || err != nil {
		t.Errorf("counted to %d, %v; want 2", n, err)
	}
	s.Close()

	if err := os.Remove(filepath.Join(dir, "EPOCH")); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	defer s.Close()
	if again, err := s.Epoch(context.Background()); again == epoch || again == "" || err != nil {
		t.Errorf("epoch %q after its file was lost, %q before, %v", again, epoch, err)
	}
}

func TestLogger(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := badgerstore.Open(t.TempDir(), badgerstore.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), `level=DEBUG msg="badger: Set nextTxnTs`) || strings.Contains(said.String(), "level=ERROR") {
		t.Errorf("log:\n%s", &said)
	}
}

// TestVerify: a flipped bit in a table is found.
func TestVerify(t *testing.T) { inBothForms(t, testVerify) }

func testVerify(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	for range 50 {
		if _, err := countUp(s, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	if err := s.Verify(context.Background()); err != nil {
		t.Errorf("verify: %v", err)
	}
	s.Close()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal(tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, ringValue(20)) + 30
	if options().Key != nil { // nothing is found there: in the midst of a value all the same
		at = len(data) / 2
	}
	data[at] ^= 4
	if err := os.WriteFile(tables[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	defer s.Close()
	if err := s.Verify(context.Background()); err == nil {
		t.Error("a flipped bit was not found")
	}
}
