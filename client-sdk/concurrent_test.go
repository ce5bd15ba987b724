package clientsdk_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// TestConcurrentUse has several windows of one device write, read and sync at
// once: every save that returned is on the server in the end.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, 50)
	a, _ := w.device(personA, "A7")
	shared := w.visit(a, "共同的")
	w.submit(a, shared)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := a.Watch(ctx)
	const writers, saves = 4, 15
	var mu sync.Mutex
	var ids []syncproto.RecordID
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for i := range saves {
				d, err := a.Create("unit")
				if err == nil {
					err = a.Submit(ctx, d.Fill(map[string]any{"name": fmt.Sprint(n, "-", i), "level": "村", "place": village}))
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				ids = append(ids, d.Record())
				mu.Unlock()
				e, err := a.Edit(shared.Record())
				if err == nil {
					err = a.Submit(ctx, e.Add("tags", fmt.Sprint(n, "-", i)))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if _, err := a.Sync(ctx); err != nil {
				t.Error(err)
			}
			if _, err := a.Query(clientsdk.Filter{Kinds: []string{"unit", "ZF"}}); err != nil {
				t.Error(err)
			}
			if _, err := a.Get(shared.Record()); err != nil {
				t.Error(err)
			}
			if _, err := a.Summary(); err != nil {
				t.Error(err)
			}
		}
	})
	told := make(chan map[syncproto.RecordID]bool)
	go func() {
		seen := map[syncproto.RecordID]bool{}
		for id := range changes {
			if seen[id] = true; len(seen) == writers*saves+1 {
				break
			}
		}
		told <- seen
	}()
	wg.Wait()
	w.sync(a)
	for _, id := range ids {
		if w.server.Record(id) == nil {
			t.Errorf("record %s is not on the server", id)
		}
		w.status(a, id, "已收到")
	}
	if n := len(w.server.Record(shared.Record()).Set("tags")); n != writers*saves {
		t.Errorf("%d of %d tags", n, writers*saves)
	}
	if seen := <-told; len(seen) != writers*saves+1 {
		t.Errorf("%d changes were told", len(seen))
	}
}

// TestArrows: what a browser runs reaches no engine of a disk and nothing of
// the server; nothing of the SDK reaches the server.
func TestArrows(t *testing.T) {
	for _, c := range []struct {
		env       []string
		pkg       string
		forbidden []string
	}{
		{[]string{"GOOS=js", "GOARCH=wasm"}, "github.com/chuantou/chuantou/client-sdk", []string{"badger", "labstack/echo", "chuantou/server"}},
		{nil, "github.com/chuantou/chuantou/client-sdk/...", []string{"labstack/echo", "chuantou/server"}},
	} {
		cmd := exec.Command("go", "list", "-deps", c.pkg)
		cmd.Env = append(cmd.Environ(), c.env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for _, dep := range strings.Fields(string(out)) {
			for _, bad := range c.forbidden {
				if strings.Contains(dep, bad) {
					t.Errorf("%s %v reaches %s", c.pkg, c.env, dep)
				}
			}
		}
	}
}
