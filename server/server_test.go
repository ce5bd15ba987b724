package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/syncproto"
)

func folder(t *testing.T) string { return folderWith(t, server.NewStore{}) }

// plainFolder has a store that is opened without a key.
func plainFolder(t *testing.T) string { return folderWith(t, server.NewStore{Plain: true}) }

func folderWith(t *testing.T, n server.NewStore) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	made, err := server.Init(t.Context(), server.InitOptions{Dir: dir, Origin: "http://127.0.0.1", Name: "普陀区（示例）", Place: "3309", Admin: "童例宁", Store: n})
	if err != nil {
		t.Fatal(err)
	}
	if made.Code == "" || made.Person.IsZero() {
		t.Fatalf("made %+v", made)
	}
	return dir
}

func open(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Every route of the whole server, pages included, has a row that says who may
// call it, and a stranger gets nothing from any that is not meant for him.
func TestStrangersGetNothing(t *testing.T) {
	s := open(t, server.Config{Dir: folder(t)})
	api, ok := s.Handler().(*httpapi.API)
	if !ok {
		t.Fatalf("the handler is a %T", s.Handler())
	}
	pages := 0
	for _, r := range api.Routes() {
		name := r.Method + " " + r.Path
		path := strings.NewReplacer(":id", syncproto.RecordID{6: 0x70, 8: 0x80}.String(), ":hash", "x", ":name", "x").Replace(r.Path)
		req := httptest.NewRequestWithContext(t.Context(), r.Method, path, nil)
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, req)
		res := rec.Result()
		switch r.Who {
		case "public":
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		case "open-page": // the form, what it is sent to, its style, where a QR leads
			if want := map[string]int{"GET /login": 200, "POST /login": 403, "GET /password": 200, "POST /password": 403, "GET /enrol": 200}[name]; res.StatusCode != want && !(want == 0 && res.StatusCode == http.StatusNotFound) {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		case "page":
			pages++
			if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login") {
				t.Errorf("%s: %d to %q", name, res.StatusCode, res.Header.Get("Location"))
			}
		case "device", "sender", "viewer", "admin":
			if res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		case "proof":
			if res.StatusCode < 400 || res.StatusCode >= 500 {
				t.Errorf("%s without a proof: %d", name, res.StatusCode)
			}
		default:
			t.Errorf("%s is for %q", name, r.Who)
		}
	}
	if pages < 4 {
		t.Errorf("only %d pages that need a session", pages)
	}
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/nowhere", nil))
	if rec.Code != http.StatusNotFound || !strings.Contains(rec.Body.String(), "<html") {
		t.Errorf("an unknown page: %d %.80s", rec.Code, rec.Body)
	}
}

func TestOperator(t *testing.T) {
	s := open(t, server.Config{Dir: folder(t)})
	for name, c := range map[string]struct {
		h    http.Handler
		want int
	}{"operator": {s.OperatorHandler(), http.StatusOK}, "anybody": {s.Handler(), http.StatusUnauthorized}} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/admin/codes", strings.NewReader(`{"person":"童例宁"}`))
		req.Header.Set("Content-Type", "application/json")
		c.h.ServeHTTP(rec, req)
		if rec.Code != c.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	// The operator makes codes; he is nobody who reads.
	rec := httptest.NewRecorder()
	s.OperatorHandler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/timeline", nil))
	if rec.Code != http.StatusUnauthorized {
		t.Errorf("the operator reads the timeline: %d", rec.Code)
	}
}

// failing is a store whose disk can be made to fail.
type failing struct {
	store.Store
	now atomic.Bool
}

func (f *failing) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	if f.now.Load() {
		return 0, fmt.Errorf("sync: %w", store.ErrMaybe)
	}
	return f.Store.Update(ctx, guards, fn)
}

// A store that stops after an input/output error ends Run with an error that
// says so, and opening the folder again goes on.
func TestStoreStops(t *testing.T) {
	dir := plainFolder(t)
	disk := &failing{}
	addr := make(chan string, 1)
	cfg := server.Config{Dir: dir, Listen: "127.0.0.1:0", Bound: func(a string) { addr <- a }}
	cfg.Engine = func(dir string, log *slog.Logger) (store.Store, error) {
		s, err := badgerstore.Open(dir, badgerstore.Options{Logger: log, MustExist: true})
		disk.Store = s
		return disk, err
	}
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	<-addr
	code := func(s *server.Server) int {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/admin/codes", strings.NewReader(`{"person":"童例宁"}`))
		req.Header.Set("Content-Type", "application/json")
		s.OperatorHandler().ServeHTTP(rec, req)
		return rec.Code
	}
	if got := code(s); got != http.StatusOK {
		t.Errorf("before: %d", got)
	}
	disk.now.Store(true)
	if got := code(s); got != http.StatusServiceUnavailable {
		t.Errorf("while it fails: %d", got)
	}
	if err := <-ended; !errors.Is(err, server.ErrStoreStopped) || !errors.Is(err, store.ErrMaybe) {
		t.Errorf("ended with %v", err)
	}
	disk.now.Store(false)
	if got := code(open(t, cfg)); got != http.StatusOK {
		t.Errorf("opened again: %d", got)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := make(chan string, 1)
	s, err := server.New(server.Config{Dir: folder(t), Listen: "127.0.0.1:0", Bound: func(a string) { addr <- a }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	res, err := http.Get("http://" + <-addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("a stop in order ended with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing what is closed: %v", err)
	}
}

func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 100), "data")
	if _, err := server.Init(t.Context(), server.InitOptions{Dir: dir, Origin: "http://127.0.0.1", Name: "普陀区", Place: "3309", Admin: "童例宁"}); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "shorter data folder") {
		t.Errorf("ended with %v", err)
	}
}
