package simtest

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/simnet"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const simOrigin = "http://port.example"

// simServer is the real server, with all its routes, on a disk in memory. It
// can be killed, which loses what was not synced and every session, and be
// given an older copy of its disk.
type simServer struct {
	s    *sim
	dir  string
	disk *memstore.Store
	srv  *server.Server
	// broken, if set, decides before each update of the store what becomes of it.
	broken func() diskFault
	// mutate, if set, stands between server and disk: the mutation tests' hook.
	mutate func(store.Store) store.Store
	kinds  string // folder of kinds that override the built-in ones
	kills  int
}

type diskFault uint8

const (
	diskWorks diskFault = iota
	diskFull
	diskUnsure // written, and the server is told that nobody knows
)

// newSimServer makes an installation; code enrols its first administrator.
func newSimServer(s *sim) (w *simServer, code string) {
	w = &simServer{s: s, dir: filepath.Join(s.t.TempDir(), "data"), disk: memstore.New()}
	made, err := server.Init(context.Background(), server.InitOptions{Dir: w.dir, Origin: simOrigin, Name: "普陀区（示例）", Place: county,
		Admin: "童例宁", Clock: s.clock.Now, Store: server.NewStore{Plain: true}})
	must(s.t, err)
	b, err := badgerstore.Open(filepath.Join(w.dir, "store"), badgerstore.Options{Logger: slog.New(slog.DiscardHandler), MustExist: true})
	must(s.t, err)
	must(s.t, b.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			_, err := w.disk.Update(context.Background(), nil, func(store.Reader) (batch store.Batch, err error) {
				batch.Put(bytes.Clone(k), bytes.Clone(v))
				return batch, nil
			})
			return true, err
		})
	}))
	must(s.t, b.Close())
	w.start()
	return w, made.Code
}

func (w *simServer) start() {
	var err error
	w.srv, err = server.New(server.Config{Dir: w.dir, Clock: w.s.clock.Now, Leases: server.Leases{"": server.NoLease}, Kinds: w.kinds, Engine: func(string, *slog.Logger) (store.Store, error) {
		var disk store.Store = &brittleDisk{w.disk, w}
		if w.mutate != nil {
			disk = w.mutate(disk)
		}
		return disk, nil
	}})
	must(w.s.t, err)
}

// kill ends the server without warning and starts it on what its disk has.
func (w *simServer) kill() {
	w.kills++
	w.disk = w.disk.Reopen()
	must(w.s.t, w.srv.Close())
	w.start()
}

// restore puts an older copy of the disk back.
func (w *simServer) restore(copyOf *memstore.Store) {
	w.disk.Close()
	w.disk = copyOf.Clone()
	must(w.s.t, w.srv.Close())
	w.start()
}

// brittleDisk fails when the simulation says so.
type brittleDisk struct {
	store.Store
	w *simServer
}

func (d *brittleDisk) Update(ctx context.Context, g []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	fault := diskWorks
	if d.w.broken != nil {
		fault = d.w.broken()
	}
	switch fault {
	case diskFull:
		return 0, store.ErrFull
	case diskUnsure:
		if m, err := d.Store.Update(ctx, g, fn); err != nil {
			return m, err
		}
		return 0, store.ErrMaybe
	}
	return d.Store.Update(ctx, g, fn)
}

// serve answers one request as the server's listener would.
func (w *simServer) serve(h http.Handler, q *http.Request, body io.Reader, size int) *http.Response {
	r := httptest.NewRequest(q.Method, q.URL.Path, body)
	r.Header, r.ContentLength, r.RemoteAddr = q.Header.Clone(), int64(size), "192.0.2.1:4321"
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Result()
}

// code is a one-time code from the operator of the machine.
func (w *simServer) code(person syncproto.PersonID) string {
	body, err := json.Marshal(map[string]string{"person": person.String()})
	must(w.s.t, err)
	q := httptest.NewRequest("POST", "/v1/admin/codes", nil)
	q.Header.Set("Content-Type", "application/json")
	resp := w.serve(w.srv.OperatorHandler(), q, bytes.NewReader(body), len(body))
	var out struct{ Code string }
	must(w.s.t, json.NewDecoder(resp.Body).Decode(&out))
	if out.Code == "" {
		w.s.t.Fatalf("no code for %s: %s", person, resp.Status)
	}
	return out.Code
}

// sealKey opens what was sealed to the server, as its operator does with a
// courier's file.
func (w *simServer) sealKey() *ecdh.PrivateKey {
	b, err := os.ReadFile(filepath.Join(w.dir, "keys", "seal.key"))
	must(w.s.t, err)
	secret, err := hex.DecodeString(strings.TrimSpace(string(b)))
	must(w.s.t, err)
	key, err := ecdh.X25519().NewPrivateKey(secret)
	must(w.s.t, err)
	return key
}

// get reads a JSON route as the owner of a session token does.
func (w *simServer) get(token, path string, out any) error {
	q := httptest.NewRequest("GET", path, nil)
	q.Header.Set("Authorization", token)
	resp := w.serve(w.srv.Handler(), q, nil, 0)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

var (
	errNoNetwork = errors.New("no network")
	errLineCut   = errors.New("the connection broke")
)

// line is a device's way to the server. It breaks as the net decides, and
// listens to the receipts that come down whole: they are what the device was told.
type line struct {
	s     *sim
	d     *simDevice
	token string                 // the last one used
	cut   func(path string) bool // if set, says which requests break off
}

func (l *line) RoundTrip(q *http.Request) (*http.Response, error) {
	var body []byte
	if q.Body != nil {
		var err error
		if body, err = io.ReadAll(q.Body); err != nil {
			return nil, err
		}
		q.Body.Close()
	}
	if t := q.Header.Get("Authorization"); t != "" {
		l.token = t
	}
	net, server := l.s.net, l.s.server
	send := func(body []byte, cut io.Reader) *http.Response {
		return server.serve(server.srv.Handler(), q, io.MultiReader(bytes.NewReader(body), cut), len(body))
	}
	fate := net.Next(l.d.name)
	if l.cut != nil && l.cut(q.URL.Path) {
		return nil, errLineCut
	}
	switch fate {
	case simnet.Unreached:
		return nil, errNoNetwork
	case simnet.CutUp:
		n := net.Cut(len(body))
		server.serve(server.srv.Handler(), q, io.MultiReader(bytes.NewReader(body[:n]), brokenReader{}), len(body))
		return nil, errLineCut
	case simnet.Late:
		l.s.later(func() { send(body, bytes.NewReader(nil)) })
		return nil, errLineCut
	}
	resp := send(body, bytes.NewReader(nil))
	if fate == simnet.Twice {
		resp = send(body, bytes.NewReader(nil))
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if fate == simnet.CutDown {
		n := net.Cut(len(answer))
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer[:n]), brokenReader{}))
		return resp, nil
	}
	l.listen(q.URL.Path, resp.StatusCode, body, answer)
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errLineCut }

// listen takes note of the receipts in an answer that arrived whole.
func (l *line) listen(path string, status int, body, answer []byte) {
	if status != http.StatusOK {
		return
	}
	switch path {
	case "/v1/sync/push":
		r, err := wire.DecodeReceipt(answer)
		must(l.s.t, err)
		l.d.heard = append(l.d.heard, &r)
	case "/v1/sync/pull":
		p, err := wire.DecodePage(answer)
		must(l.s.t, err)
		if p.Receipt != nil {
			l.d.heard = append(l.d.heard, p.Receipt)
		}
	case "/v1/sync/reissue":
		q, err := wire.DecodeReissueRequest(body)
		must(l.s.t, err)
		all, err := wire.DecodeReissued(answer)
		must(l.s.t, err)
		l.d.fates = map[syncproto.Seq]syncproto.Reissued{}
		for i := range all {
			l.d.fates[q.Changes[i].Seq] = all[i]
		}
	}
}
