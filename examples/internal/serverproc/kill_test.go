package serverproc_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/examples/internal/serverproc"
	"github.com/chuantou/chuantou/syncproto"
)

const township = "990000001"

// site is a real server process that can be killed and comes back at the same
// address, and what the devices were told: the history to judge by.
type site struct {
	t      *testing.T
	server *serverproc.Server
	origin string

	mu    sync.Mutex
	acked map[syncproto.RecordID]string // 已收到, with what was written
}

func newSite(t *testing.T) *site {
	if runtime.GOOS != "linux" {
		t.Skip("needs signals and /proc")
	}
	dir := t.TempDir()
	ctx := t.Context()
	s := &site{t: t, server: &serverproc.Server{Data: filepath.Join(dir, "server"), Args: []string{"-log-level", "error"}}, acked: map[syncproto.RecordID]string{}}
	var err error
	if s.server.Bin, err = serverproc.Build(ctx, dir); err != nil {
		t.Fatal(err)
	}
	code, err := s.server.Init(ctx, "http://127.0.0.1", "试验", "99", "管理员")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.Start(ctx, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.server.Stop() })
	s.origin = "http://" + s.server.Addr
	office := s.open()
	must(t, office.Enrol(ctx, s.origin, code, "office"))
	_, err = office.Sync(ctx)
	must(t, err)
	unit, err := office.Create("unit")
	must(t, err)
	must(t, office.Submit(ctx, unit.Set("name", "试验镇").Set("level", "乡镇").Set("place", township)))
	person, err := office.Create("person")
	must(t, err)
	person.Set("name", "张试验").Set("unit", unit.Record().String())
	person.AddItem("roles", map[string]any{"role": "乡镇（街道）领导", "place": township, "line": "民政/帮扶"})
	must(t, office.Submit(ctx, person))
	_, err = office.Sync(ctx)
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) open() *clientsdk.Client {
	s.t.Helper()
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Dial: func(string) (syncloop.Transport, error) {
		return httptransport.New("http://"+s.server.Addr, httptransport.Options{Now: time.Now})
	}})
	must(s.t, err)
	return c
}

// device enrols another device of the one person.
func (s *site) device(name string) *clientsdk.Client {
	s.t.Helper()
	code, err := s.server.Code(s.t.Context(), "张试验")
	must(s.t, err)
	c := s.open()
	must(s.t, c.Enrol(s.t.Context(), s.origin, code, name))
	_, err = c.Sync(s.t.Context())
	must(s.t, err)
	return c
}

// write records one visit and remembers it as acknowledged only when the
// device itself says 已收到, which it does from a receipt alone.
func (s *site) write(c *clientsdk.Client, words string, mine map[syncproto.RecordID]string) error {
	d, err := c.Create("SJ")
	if err != nil {
		return err
	}
	d.Set("on", "2026-05-20").Set("heard", words).Set("visibility", "本级及上级").Set("place_code", township)
	if err := c.Submit(context.Background(), d); err != nil {
		return err
	}
	mine[d.Record()] = words
	return nil
}

func (s *site) note(c *clientsdk.Client, mine map[syncproto.RecordID]string) error {
	for id, words := range mine {
		st, err := c.Status(id)
		if err != nil {
			return err
		}
		if st.Sync == clientsdk.SyncReceived {
			s.mu.Lock()
			s.acked[id] = words
			s.mu.Unlock()
		}
	}
	return nil
}

// The server is killed without warning again and again while devices sync.
// Whatever a device was told is received must be there at the end, and nobody
// may be stuck.
func TestServerKilledWhileDevicesSync(t *testing.T) {
	s := newSite(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	const devices, kills = 6, 12
	var clients []*clientsdk.Client
	for i := range devices {
		clients = append(clients, s.device(fmt.Sprint("设备", i)))
	}
	addr := s.server.Addr
	var over atomic.Bool
	var wg sync.WaitGroup
	all := make([]map[syncproto.RecordID]string, devices)
	errs := make([]error, devices)
	for i, c := range clients {
		all[i] = map[syncproto.RecordID]string{}
		wg.Go(func() {
			for n := 0; !over.Load() && errs[i] == nil; n++ {
				if errs[i] = s.write(c, fmt.Sprintf("设备%d第%d句", i, n), all[i]); errs[i] != nil {
					return
				}
				c.Sync(context.Background()) // may fail: the server is being killed
				errs[i] = s.note(c, all[i])
			}
		})
	}
	for range kills {
		// Not a wait for something: how far the devices get before each kill is
		// what the seed decides.
		time.Sleep(time.Duration(rng.IntN(120)) * time.Millisecond)
		s.server.Kill()
		if err := s.server.Start(context.Background(), addr); err != nil {
			over.Store(true)
			wg.Wait()
			t.Fatal(err)
		}
	}
	over.Store(true)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("device %d: %v", i, err)
		}
	}
	s.judge(clients, all)
}

// judge lets everybody sync in peace and compares what a new device gets with
// what was acknowledged and with what was written at all.
func (s *site) judge(clients []*clientsdk.Client, all []map[syncproto.RecordID]string) {
	t := s.t
	t.Helper()
	written := 0
	for i, c := range clients {
		r, err := c.Sync(t.Context())
		if err != nil || r.Unresolved != 0 {
			t.Fatalf("device %d does not come to rest: %v, %d atoms differ", i, err, r.Unresolved)
		}
		must(t, s.note(c, all[i]))
		written += len(all[i])
	}
	reader := s.device("判官")
	lost := 0
	for id, words := range s.acked {
		v, err := reader.Get(id)
		if err != nil || v.Value("heard") != words {
			lost++
			t.Errorf("acknowledged and lost: %s %q (%v)", id, words, err)
		}
	}
	if len(s.acked) != written {
		t.Errorf("%d written, %d acknowledged at rest", written, len(s.acked))
	}
	t.Logf("%d records written, all acknowledged at the end, %d lost", written, lost)
}

// An older copy of the server's folder is put back. The rollback is noticed,
// devices push again by themselves, and nothing acknowledged is lost.
func TestOlderCopyPutBack(t *testing.T) {
	s := newSite(t)
	a, b := s.device("甲"), s.device("乙")
	mine := []map[syncproto.RecordID]string{{}, {}}
	must(t, s.write(a, "备份以前", mine[0]))
	_, err := a.Sync(t.Context())
	must(t, err)
	_, err = b.Sync(t.Context())
	must(t, err)
	addr := s.server.Addr
	must(t, s.server.Stop())
	backup := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(backup, os.DirFS(filepath.Join(s.server.Data, "store"))))
	must(t, s.server.Start(t.Context(), addr))
	for i := range 20 {
		must(t, s.write(a, fmt.Sprint("备份以后", i), mine[0]))
		must(t, s.write(b, fmt.Sprint("乙在备份以后", i), mine[1]))
	}
	for _, c := range []*clientsdk.Client{a, b, a} {
		_, err = c.Sync(t.Context())
		must(t, err)
	}
	must(t, s.note(a, mine[0]))
	must(t, s.note(b, mine[1]))
	if len(s.acked) != 41 {
		t.Fatalf("%d acknowledged", len(s.acked))
	}
	s.server.Kill()
	must(t, os.RemoveAll(filepath.Join(s.server.Data, "store")))
	must(t, os.CopyFS(filepath.Join(s.server.Data, "store"), os.DirFS(backup)))
	must(t, s.server.Start(t.Context(), addr))
	// One device after the other comes by, each twice: to learn, and to rest.
	for _, c := range []*clientsdk.Client{a, b, a, b} {
		if _, err := c.Sync(t.Context()); err != nil {
			t.Logf("sync after the rollback: %v", err)
		}
	}
	s.judge([]*clientsdk.Client{a, b}, mine)
}
