package clientsdk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a server and devices of one story.
type world struct {
	t      *testing.T
	seed   byte
	clock  *clock
	server *fakeserver.Server
	n      int
}

func newWorld(t *testing.T, seed byte) *world {
	t.Helper()
	c := &clock{t: time.Date(2026, 5, 18, 6, 20, 0, 0, time.UTC)} // 14:20 in 东极
	w := &world{t: t, seed: seed, clock: c, server: fakeserver.New(seed, c.now)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return w
}

var (
	unitU3  = fakeserver.ID(103)
	personA = fakeserver.ID(1)
	personB = fakeserver.ID(2)
)

const village = "330903105901"

// open opens a client on a store, as the app would after a restart.
func (w *world) open(s localstore.Store) *clientsdk.Client {
	w.t.Helper()
	w.n++
	c, err := clientsdk.OpenStore(s, clientsdk.Options{Clock: w.clock.now, Random: rand.NewChaCha8([32]byte{w.seed, byte(w.n)}), Dial: w.server.Dial})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// device is an enrolled client on a store in memory.
func (w *world) device(person syncproto.PersonID, name string) (*clientsdk.Client, *localstore.Memory) {
	w.t.Helper()
	store := localstore.NewMemory()
	c := w.open(store)
	if err := c.Enrol(context.Background(), "https://fake.example", w.server.Code(person), name); err != nil {
		w.t.Fatal(err)
	}
	return c, store
}

func (w *world) sync(c *clientsdk.Client) clientsdk.Report {
	w.t.Helper()
	w.clock.add(time.Second)
	r, err := c.Sync(context.Background())
	if err != nil {
		w.t.Fatalf("sync: %v (%+v)", err, r)
	}
	if r.Mismatches != 0 || r.Unresolved != 0 {
		w.t.Fatalf("digests differ: %+v", r)
	}
	return r
}

// visit is a visit record with all that is required.
func (w *world) visit(c *clientsdk.Client, situation string) *clientsdk.Draft {
	w.t.Helper()
	d, err := c.Create("ZF")
	if err != nil {
		w.t.Fatal(err)
	}
	d.Fill(map[string]any{
		"visit_type": "船上走访", "visit_mode": "船上", "met": "见到本人", "place_code": village,
		"owner_unit": unitU3.String(), "boat_id": fakeserver.ID(900).String(), "situation": situation, "notice_given": true,
		"interviewees": []any{map[string]any{"person": "曾例海"}},
	})
	if d.Err() != nil {
		w.t.Fatal(d.Err())
	}
	return d
}

func (w *world) submit(c *clientsdk.Client, ds ...*clientsdk.Draft) {
	w.t.Helper()
	w.clock.add(time.Minute)
	if err := c.Submit(context.Background(), ds...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) edit(c *clientsdk.Client, id syncproto.RecordID) *clientsdk.Draft {
	w.t.Helper()
	d, err := c.Edit(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) status(c *clientsdk.Client, id syncproto.RecordID, want string) {
	w.t.Helper()
	s, err := c.Status(id)
	if err != nil || s.String() != want {
		w.t.Errorf("status %q, %v: want %q", s, err, want)
	}
}

func (w *world) value(c *clientsdk.Client, id syncproto.RecordID, field string, want any) {
	w.t.Helper()
	v, err := c.Get(id)
	if err != nil {
		w.t.Error(err)
		return
	}
	if got := v.Value(field); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s is %v, want %v", field, got, want)
	}
}
