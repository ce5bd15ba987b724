package simtest

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/syncproto"
)

var foldKills = flag.Int("fold.kills", 6, "how often TestKilledWhileFolding kills the process that folds")

// foldingIn names the store, in the environment of the process that folds.
const foldingIn = "CHUANTOU_TEST_FOLDING"

// A real process that folds a real store is killed at any moment, again and
// again. What it leaves reads as the log says, with the digests as they were, and
// the folding goes through in the end.
func TestKilledWhileFolding(t *testing.T) {
	if dir := os.Getenv(foldingIn); dir != "" {
		foldAll(t, dir)
		return
	}
	dir := t.TempDir()
	sums := map[syncproto.RecordID][2]syncproto.Hash{}
	w := newWorldOn(t, openBadger(t, dir))
	a := w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
	for range 24 {
		id := corrected(a)
		a.sync()
		c, _ := w.stored(id)
		sums[id] = c.Sums
	}
	must(t, w.store.Close())
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for range *foldKills {
		if killFolding(t, dir, 1+r.IntN(2*len(sums) / *foldKills + 2)) {
			killed++
		}
		w.store = openBadger(t, dir)
		w.reopen()
		for id, sum := range sums {
			w.asLog(id)
			if c, _ := w.stored(id); c.Sums != sum {
				t.Fatalf("seed %d: record %s has other digests after %d kills", seed, id, killed)
			}
		}
		must(t, w.store.Close())
	}
	if killed == 0 {
		t.Fatal("no process was killed while it folded")
	}
	w.store = openBadger(t, dir)
	defer w.store.Close()
	w.reopen()
	w.now = w.now.Add(40 * 24 * time.Hour)
	must(t, w.ingest.Sweep(context.Background(), time.Hour))
	for id := range sums {
		if _, rec := w.stored(id); !rec.Folded() {
			t.Errorf("record %s is not folded in the end", id)
		}
		w.asLog(id)
	}
	if held := w.held(); len(held) != 0 {
		t.Errorf("held: %+v", held)
	}
}

// killFolding starts the process that folds and kills it within its n-th update
// of the store; false when it was done before.
func killFolding(t *testing.T, dir string, n int) bool {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^TestKilledWhileFolding$")
	c.Env = append(os.Environ(), foldingIn+"="+dir)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	lines := bufio.NewReader(out)
	for n > 0 {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if err := c.Wait(); err != nil {
				t.Fatalf("the process that folds: %v", err)
			}
			return false
		}
		must(t, err)
		if line == "update\n" {
			n--
		}
	}
	must(t, c.Process.Kill())
	_, _ = io.Copy(io.Discard, lines)
	_ = c.Wait() // says that it was killed
	return true
}

// foldAll folds every record of a store and says before each update that it comes.
func foldAll(t *testing.T, dir string) {
	w := newWorldOn(t, &loudStore{openBadger(t, dir)})
	w.now = w.now.Add(40 * 24 * time.Hour)
	must(t, w.ingest.Sweep(context.Background(), time.Hour))
	must(t, w.store.Close())
}

// loudStore says on standard output that an update begins.
type loudStore struct{ store.Store }

func (l *loudStore) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	fmt.Println("update")
	return l.Store.Update(ctx, guards, fn)
}

func openBadger(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := badgerstore.Open(dir, badgerstore.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	return s
}
