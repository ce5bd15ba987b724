package serverproc_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chuantou/chuantou/syncproto/history"
)

// chuantou runs a command of the server's binary.
func (s *site) chuantou(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.server.Bin, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestRestoreDrill is the drill: a backup taken while devices sync, work
// acknowledged after it, a device at sea all the while, the disk gone, the
// backup restored elsewhere. Everything that any device was told is received is
// there in the end, and what was written at sea.
func TestRestoreDrill(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	tmp := t.TempDir()
	pass := filepath.Join(tmp, "pass")
	must(t, os.WriteFile(pass, []byte("东极的月亮很圆很圆很圆很圆\n"), 0o600))
	a, b, atSea := s.worker("甲"), s.worker("乙"), s.worker("海上")
	port := func(w *work) {
		t.Helper()
		_, err := w.client.Sync(ctx)
		must(t, err)
	}
	must(t, s.write(atSea))
	port(atSea)
	must(t, s.note(atSea))

	// The backup is taken in the middle of this device's work.
	var over atomic.Bool
	var wg sync.WaitGroup
	var working error
	wg.Go(func() {
		for n := 0; n < 300 && !over.Load() && working == nil; n++ {
			if working = s.write(a); working == nil {
				_, working = a.client.Sync(ctx)
			}
		}
	})
	file := filepath.Join(tmp, "backup")
	s.chuantou("backup", file, "-data", s.server.Data, "-passphrase-file", pass)
	over.Store(true)
	wg.Wait()
	must(t, working)

	for range 10 {
		must(t, s.write(a))
		must(t, s.write(b))
		must(t, s.write(atSea))
	}
	port(a)
	port(b)
	must(t, s.note(a))
	must(t, s.note(b))
	if n := s.log.Count(history.Acked); n != a.n+b.n+1 {
		t.Fatalf("%d acknowledged, want %d", n, a.n+b.n+1)
	}

	addr := s.server.Addr
	s.server.Kill()
	must(t, os.RemoveAll(s.server.Data))
	s.chuantou("restore", file, s.server.Data, "-passphrase-file", pass)
	must(t, s.server.Start(ctx, addr))
	// Each comes by twice before it is judged: to learn what was lost, and to rest.
	for _, w := range []*work{a, b, atSea, a, b, atSea} {
		if _, err := w.client.Sync(ctx); err != nil {
			t.Logf("sync after the restore: %v", err)
		}
	}
	s.judge([]*work{a, b, atSea})
}
