package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// listen serves the world on a real socket.
func (w *world) listen() string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	s := httpapi.NewServer(w, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	w.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
		if err := <-done; err != http.ErrServerClosed {
			w.t.Error(err)
		}
	})
	return l.Addr().String()
}

// talker is a connection that counts what crosses it.
type talker struct {
	net.Conn
	r        *bufio.Reader
	up, down int
}

func (w *world) dial(addr string) *talker {
	w.t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	k := &talker{Conn: c}
	k.r = bufio.NewReader(k)
	return k
}

func (k *talker) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	k.down += n
	return n, err
}

func (k *talker) Write(p []byte) (int, error) {
	n, err := k.Conn.Write(p)
	k.up += n
	return n, err
}

func (k *talker) say(t testing.TB, s string) {
	t.Helper()
	if _, err := io.WriteString(k, s); err != nil {
		t.Fatal(err)
	}
}

func (k *talker) answer(t testing.TB) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(k.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res
}

// The whole of an idle pull, counted on the socket: a device at the end of a
// thin link pays this every time it asks and nothing is new.
func TestIdlePullIsSmall(t *testing.T) {
	w := newWorld(t)
	w.pull = func(context.Context, syncproto.ReplicaID, syncproto.PullRequest) (*syncproto.Page, error) {
		return nil, nil
	}
	token := w.token(w.enrolled(w.person("乐例红", false)))
	k := w.dial(w.listen())
	ask := wire.AppendPull(nil, &syncproto.PullRequest{Hash: syncproto.CursorHash{1}})
	for i := range 3 {
		k.up, k.down = 0, 0
		k.say(t, fmt.Sprintf("POST /v1/sync/pull HTTP/1.1\r\nHost: zs.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n%s", token, len(ask), ask))
		res := k.answer(t)
		if res.StatusCode != http.StatusNoContent {
			t.Fatalf("status %d", res.StatusCode)
		}
		if i == 0 {
			t.Logf("idle pull: %d bytes up, %d down", k.up, k.down)
		}
		if k.down > 200 || k.up > 250 {
			t.Errorf("%d bytes up, %d down; want at most 250 and 200", k.up, k.down)
		}
	}
}

// Bodies over the limit: by the header before a byte is read, without a
// length once the limit is passed; in both cases nothing reaches the parts.
func TestOversizedBodies(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	addr := w.listen()
	for path, limit := range map[string]int{"/v1/sync/push": 4 << 20, "/v1/sync/pull": 64 << 10, "/v1/enrol": 64 << 10, "/v1/login": 64 << 10, "/v1/sync/session": 1 << 10} {
		ctype := "application/cbor"
		if path == "/v1/enrol" || path == "/v1/login" {
			ctype = "application/json"
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\n", path, ctype, token)
		k := w.dial(addr)
		k.say(t, head+fmt.Sprintf("Content-Length: %d\r\n\r\n", limit+1)) // and not a byte of it
		wantProblem(t, path+" announced", k.answer(t), http.StatusRequestEntityTooLarge, syncproto.KindTooLarge)

		k = w.dial(addr)
		k.say(t, head+"Transfer-Encoding: chunked\r\n\r\n")
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 1024, strings.Repeat("x", 1024))
		for range limit / 1024 {
			k.say(t, chunk)
		}
		k.say(t, "1\r\nx\r\n0\r\n\r\n")
		wantProblem(t, path+" unannounced", k.answer(t), http.StatusRequestEntityTooLarge, syncproto.KindTooLarge)
	}
}

func TestBodyAtItsLimit(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	var got int
	w.pull = func(_ context.Context, _ syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error) {
		got = len(q.Cursor)
		return nil, nil
	}
	big := wire.AppendPull(nil, &syncproto.PullRequest{Cursor: bytes.Repeat([]byte{7}, wire.MaxCursorBytes)})
	k := w.dial(w.listen())
	// One byte a write: slow, but it comes.
	k.say(t, fmt.Sprintf("POST /v1/sync/pull HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", token, len(big)))
	for i := range big {
		k.say(t, string(big[i:i+1]))
	}
	if res := k.answer(t); res.StatusCode != http.StatusNoContent || got != wire.MaxCursorBytes {
		t.Errorf("status %d, cursor of %d bytes", res.StatusCode, got)
	}
	// The connection is good for the next one.
	k.say(t, fmt.Sprintf("GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token))
	if res := k.answer(t); res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}

// A body that ends early is answered and reaches nobody.
func TestCutBody(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	k := w.dial(w.listen())
	k.say(t, fmt.Sprintf("POST /v1/sync/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\nabc", token))
	if err := k.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "cut", k.answer(t), http.StatusBadRequest, syncproto.KindBadRequest)
}

// Bodies under way share a bound: who comes when it is used up is told to come
// later, and once they are through there is room again.
func TestBodiesUnderWayAreBounded(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	entered, leave := make(chan struct{}), make(chan struct{})
	w.push = func(context.Context, syncproto.ReplicaID, []syncproto.Bundle) (syncproto.Receipt, error) {
		entered <- struct{}{}
		<-leave
		return syncproto.Receipt{Suite: syncproto.Suite1}, nil
	}
	addr := w.listen()
	full := bigPush(t)
	head := fmt.Sprintf("POST /v1/sync/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", token, len(full))
	var inside []*talker
	refused := false
	for range 64 {
		k := w.dial(addr)
		// The refusal comes before all is sent, so writing may then fail.
		go func() { _, _ = io.WriteString(k.Conn, head+string(full)) }()
		answered := make(chan *http.Response, 1)
		go func() {
			if res, err := http.ReadResponse(k.r, nil); err == nil {
				answered <- res
			}
		}()
		select {
		case <-entered:
			inside = append(inside, k)
			continue
		case res := <-answered:
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
				t.Errorf("status %d", res.StatusCode)
			}
			refused = true
		}
		break
	}
	if !refused || len(inside) < 8 {
		t.Errorf("%d bodies of 4 MiB at once, refused: %v", len(inside), refused)
	}
	for range inside {
		leave <- struct{}{}
	}
	k := w.dial(addr)
	go func() { _, _ = io.WriteString(k.Conn, head+string(full)) }()
	<-entered
	leave <- struct{}{}
	if res := k.answer(t); res.StatusCode != http.StatusOK {
		t.Errorf("with room again: %d", res.StatusCode)
	}
}

// bigPush is a well-formed push of nearly 4 MiB.
func bigPush(t *testing.T) []byte {
	t.Helper()
	u := syncproto.Bundle{Suite: syncproto.Suite1, From: 1, Count: 1, Seeds: make([]syncproto.Seed, 1), RawBytes: 1,
		Frame: bytes.Repeat([]byte{1}, syncproto.MaxBundleBytes/2)}
	one := wire.AppendBundle(nil, &u)
	var all [][]byte
	for size := 16; size+len(one) < wire.MaxPushBytes && len(all) < wire.MaxPushBundles; size += len(one) {
		all = append(all, one)
	}
	return wire.AppendPush(nil, all)
}

func TestGarbageOnTheSocket(t *testing.T) {
	w := newWorld(t)
	addr := w.listen()
	for _, s := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
		"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "GET /v1/me HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n"} {
		k := w.dial(addr)
		// The server may close while this is being written.
		_, _ = io.WriteString(k.Conn, s)
		res, err := http.ReadResponse(k.r, nil)
		if err == nil && res.StatusCode < 400 {
			t.Errorf("%.20q: %d", s, res.StatusCode)
		}
	}
	if res := w.get("/healthz", ""); res.StatusCode != http.StatusOK || string(body(t, res)) != "ok\n" {
		t.Errorf("after it: %d", res.StatusCode)
	}
}

func TestReadiness(t *testing.T) {
	w := newWorld(t)
	if res := w.get("/readyz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("ready: %d", res.StatusCode)
	}
	w.ready = fmt.Errorf("the store is closed")
	wantProblem(t, "not ready", w.get("/readyz", ""), http.StatusServiceUnavailable, syncproto.KindLater)
	if res := w.get("/healthz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("alive though: %d", res.StatusCode)
	}
}
