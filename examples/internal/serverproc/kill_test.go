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
	"github.com/chuantou/chuantou/syncproto/history"
)

const township = "990000001"

// site is a real server process that can be killed and comes back at the same
// address, and what the devices were told: the history to judge by.
type site struct {
	t      *testing.T
	server *serverproc.Server
	origin string
	office *clientsdk.Client // the administrator's device
	unit   syncproto.RecordID

	mu  sync.Mutex
	log *history.Log // of what was written, and what devices were told
}

// work is what one device wrote: the parts of the log that are its own, by
// record, in the order they were saved.
type work struct {
	name   string
	client *clientsdk.Client
	parts  map[syncproto.RecordID][]*history.Part
	n      int
}

// newSite starts a server; args are added to its command line.
func newSite(t *testing.T, args ...string) *site {
	if runtime.GOOS != "linux" {
		t.Skip("needs signals and /proc")
	}
	dir := t.TempDir()
	ctx := t.Context()
	s := &site{t: t, server: &serverproc.Server{Data: filepath.Join(dir, "server"), Args: append([]string{"-log-level", "error"}, args...)}, log: history.New()}
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
	s.office = office
	must(t, office.Enrol(ctx, s.origin, code, "office"))
	_, err = office.Sync(ctx)
	must(t, err)
	unit, err := office.Create("unit")
	must(t, err)
	must(t, office.Submit(ctx, unit.Set("name", "试验镇").Set("level", "乡镇").Set("place", township)))
	s.unit = unit.Record()
	s.person("张试验")
	return s
}

// person puts somebody with a role in the township into the directory.
func (s *site) person(name string) {
	s.t.Helper()
	person, err := s.office.Create("person")
	must(s.t, err)
	person.Set("name", name).Set("unit", s.unit.String())
	person.AddItem("roles", map[string]any{"role": "乡镇（街道）领导", "place": township, "line": "民政/帮扶"})
	must(s.t, s.office.Submit(s.t.Context(), person))
	syncAll(s.t, s.office)
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

// write records a note, or changes the summary of one written before.
func (s *site) write(w *work) error {
	ctx := context.Background()
	w.n++
	words := fmt.Sprint(w.name, "第", w.n, "句")
	act := history.Act{Kind: history.Set, Field: "summary", Value: words}
	d, err := w.client.Create("SJ")
	for id := range w.parts {
		if w.n%3 != 0 || err != nil {
			break
		}
		var v *clientsdk.View
		if v, err = w.client.Get(id); err == nil {
			act.Saw = summaries(v).Values["summary"]
			d, err = w.client.Edit(id)
		}
		break
	}
	if err != nil {
		return err
	}
	if act.Saw == nil {
		d.Set("on", "2026-05-20").Set("heard", words).Set("visibility", "本级及上级").Set("place_code", township)
	}
	if err := w.client.Submit(ctx, d.Set("summary", words)); err != nil {
		return err
	}
	p := &history.Part{Save: w.n, By: w.name, Record: d.Record().String(), Acts: []history.Act{act}}
	w.parts[d.Record()] = append(w.parts[d.Record()], p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Note(p)
	return nil
}

// summaries is what a device shows, as the checker reads it.
func summaries(v *clientsdk.View) *history.View {
	f, _ := v.Field("summary")
	var all []string
	for _, x := range f.All {
		all = append(all, fmt.Sprint(x.Value))
	}
	if len(all) == 0 && f.Value != nil {
		all = []string{fmt.Sprint(f.Value)}
	}
	return &history.View{Values: map[string][]string{"summary": all}}
}

// note takes down as acknowledged what the device itself says is 已收到, which
// it does from a receipt alone.
func (s *site) note(w *work) error {
	for id, parts := range w.parts {
		st, err := w.client.Status(id)
		if err != nil {
			return err
		}
		if st.Sync == clientsdk.SyncReceived {
			s.mu.Lock()
			for _, p := range parts {
				p.Fate = history.Acked
			}
			s.mu.Unlock()
		}
	}
	return nil
}

func (s *site) worker(name string) *work {
	return &work{name: name, client: s.device(name), parts: map[syncproto.RecordID][]*history.Part{}}
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
	var all []*work
	for i := range devices {
		all = append(all, s.worker(fmt.Sprint("设备", i)))
	}
	addr := s.server.Addr
	var over atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, devices)
	for i, w := range all {
		wg.Go(func() {
			for !over.Load() && errs[i] == nil {
				if errs[i] = s.write(w); errs[i] != nil {
					return
				}
				w.client.Sync(context.Background()) // may fail: the server is being killed
				errs[i] = s.note(w)
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
	s.judge(all)
}

// judge lets everybody sync in peace and lets the history checker compare what
// a new device gets, and the old ones show, with what was acknowledged.
func (s *site) judge(all []*work) {
	t := s.t
	t.Helper()
	readers := map[string]*clientsdk.Client{}
	for range 2 { // what the last one pushed has come to the first
		for _, w := range all {
			r, err := w.client.Sync(t.Context())
			if err != nil || r.Unresolved != 0 {
				t.Fatalf("%s does not come to rest: %v, %d atoms differ", w.name, err, r.Unresolved)
			}
			must(t, s.note(w))
			readers[w.name] = w.client
		}
	}
	readers["判官"] = s.device("判官")
	for _, record := range s.log.Records() {
		id, err := syncproto.ParseRecordID(record)
		must(t, err)
		for name, c := range readers {
			var shown *history.View
			if v, err := c.Get(id); err == nil {
				shown = summaries(v)
			}
			for _, wrong := range s.log.Judge(record, history.Reader{Name: name, Device: name, May: func(string) bool { return true }}, shown) {
				t.Error(wrong)
			}
		}
	}
	if n := s.log.Count(history.Unknown) + s.log.Count(history.Held); n != 0 {
		t.Errorf("%d saves are not acknowledged at rest", n)
	}
	t.Logf("%d saves of %d records, all acknowledged at the end", s.log.Count(history.Acked), len(s.log.Records()))
}

// An older copy of the server's folder is put back. The rollback is noticed,
// devices push again by themselves, and nothing acknowledged is lost.
func TestOlderCopyPutBack(t *testing.T) {
	s := newSite(t)
	a, b := s.worker("甲"), s.worker("乙")
	sync := func(w *work) {
		t.Helper()
		_, err := w.client.Sync(t.Context())
		must(t, err)
	}
	must(t, s.write(a))
	sync(a)
	sync(b)
	addr := s.server.Addr
	must(t, s.server.Stop())
	backup := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(backup, os.DirFS(filepath.Join(s.server.Data, "store"))))
	must(t, s.server.Start(t.Context(), addr))
	for range 20 {
		must(t, s.write(a))
		must(t, s.write(b))
	}
	sync(a)
	sync(b)
	sync(a)
	must(t, s.note(a))
	must(t, s.note(b))
	if n := s.log.Count(history.Acked); n != 41 {
		t.Fatalf("%d acknowledged", n)
	}
	s.server.Kill()
	must(t, os.RemoveAll(filepath.Join(s.server.Data, "store")))
	must(t, os.CopyFS(filepath.Join(s.server.Data, "store"), os.DirFS(backup)))
	must(t, s.server.Start(t.Context(), addr))
	// One device after the other comes by, each twice: to learn, and to rest.
	for _, w := range []*work{a, b, a, b} {
		if _, err := w.client.Sync(t.Context()); err != nil {
			t.Logf("sync after the rollback: %v", err)
		}
	}
	s.judge([]*work{a, b})
}
