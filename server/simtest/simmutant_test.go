package simtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
)

// mutant is a disk that does not do what it says, now and then while on.
type mutant struct {
	store.Store
	on     *bool
	every  int
	writes int
	forget func(store.Key) bool // the writes left out; nil: all of them
}

func (m *mutant) Update(ctx context.Context, g []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	return m.Store.Update(ctx, g, func(r store.Reader) (store.Batch, error) {
		b, err := fn(r)
		if err != nil || !*m.on || b.Len() == 0 {
			return b, err
		}
		if m.writes++; m.writes%m.every != 0 {
			return b, nil
		}
		var out store.Batch
		for k, v := range b.All() {
			switch {
			case m.forget == nil || m.forget(k):
			case v == nil:
				out.Delete(k)
			default:
				out.Put(k, v)
			}
		}
		return out, nil
	})
}

// prefixOf is the letter that a kind of key begins with.
func prefixOf(k store.Key) func(store.Key) bool {
	return func(other store.Key) bool { return bytes.HasPrefix(other, k[:1]) }
}

// The checker can fail: a server with a fault that a mistake in it might make
// is found out, each by what it does to what was acknowledged.
func TestMutantsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		every  int
		forget func(store.Key) bool
		kinds  bool
		want   string
	}{
		"a joined part is dropped":           {every: 5, forget: prefixOf(records.RecordKey(syncproto.RecordID{})), want: "is lost"},
		"what readers are told is dropped":   {every: 3, forget: prefixOf(records.FeedKey("x", 1)), want: "lost"},
		"a field is shown outside its class": {kinds: true, want: "may not read it"},
	} {
		t.Run(name, func(t *testing.T) {
			const seed = 5
			defer func(was string) { *simWithout = was }(*simWithout)
			*simWithout = "copies,putback,rewind" // what was lost comes back after a putback
			cryptotest.SetGlobalRandom(t, seed)
			s := newSim(t, seed, 6)
			on := false
			if c.every > 0 {
				s.server.mutate = func(d store.Store) store.Store { return &mutant{Store: d, on: &on, every: c.every, forget: c.forget} }
			}
			if c.kinds {
				s.server.kinds = widened(t)
			}
			s.server.kill()
			on = true
			for s.log.Acts() < 300 {
				s.step()
			}
			on = false
			s.rest()
			s.judge()
			found := strings.Join(s.findings, "\n")
			if !strings.Contains(found, c.want) {
				t.Errorf("not found out; %d findings:\n%.2000s", len(s.findings), found)
			}
		})
	}
}

// A server that forgets what it holds says that all is well.
func TestForgottenHoldIsFound(t *testing.T) {
	s := calm(t)
	on := true
	s.server.mutate = func(d store.Store) store.Store {
		return &mutant{Store: d, on: &on, every: 1, forget: prefixOf(records.HoldKey(syncproto.ReplicaID{}, 1, 0))}
	}
	s.server.kill()
	s.narrowUnderForm()
	s.rest()
	s.judge()
	if found := strings.Join(s.findings, "\n"); !strings.Contains(found, "is lost") {
		t.Errorf("not found out: %.2000s", found)
	}
}

// A server that acknowledges what is not on its disk yet: killed, it has lost
// it, and the phone that could give it again is drowned.
func TestAcknowledgedTooEarlyIsFound(t *testing.T) {
	s := calm(t)
	d := s.deviceOf(t, 2)
	f := d.create()
	d.submit(f)
	synced := s.server.disk.Clone()
	d.sync()
	if n := s.log.Count(history.Acked); n != 1 {
		t.Fatalf("%d parts acknowledged", n)
	}
	s.drown(d)
	d.gone = true
	s.server.disk = synced
	s.server.kill()
	s.rest()
	s.judge()
	if found := strings.Join(s.findings, "\n"); !strings.Contains(found, "is lost") {
		t.Errorf("not found out: %.2000s", found)
	}
}

// widened is a folder of kinds in which the author's impression of a visit is
// anybody's to read.
func widened(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join("..", "..", "syncproto", "schema", "kinds", "ZF.json"))
	must(t, err)
	lines := strings.Split(string(b), "\n")
	for i := range lines {
		if strings.Contains(lines[i], `"key": "impression"`) {
			lines[i] = strings.ReplaceAll(lines[i], `"author"`, `"scope"`)
		}
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "ZF.json"), []byte(strings.Join(lines, "\n")), 0o600))
	return dir
}
