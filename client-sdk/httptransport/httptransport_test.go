package httptransport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func serve(t *testing.T, h http.HandlerFunc, o httptransport.Options) *httptransport.Transport {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	if o.Now == nil {
		o.Now = time.Now
	}
	tr, err := httptransport.New(srv.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

// TestIdleBytes counts an idle exchange as it goes over the socket.
func TestIdleBytes(t *testing.T) {
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		w.WriteHeader(http.StatusNoContent)
	}, httptransport.Options{})
	body := wire.AppendPull(nil, &syncproto.PullRequest{Hash: syncproto.CursorHash{1}})
	q := &session.Request{Method: http.MethodPost, Path: "/v1/sync/pull", Token: strings.Repeat("T", 32), Body: body}
	for range 3 {
		up0, down0 := tr.Bytes()
		if r := tr.Do(context.Background(), q); r.Err != nil || r.Status != http.StatusNoContent {
			t.Fatalf("%+v", r)
		}
		up, down := tr.Bytes()
		if up-up0 > 250 || down-down0 > 200 {
			t.Errorf("an idle request takes %d bytes up, %d down; 250 and 200 are allowed", up-up0, down-down0)
		}
		t.Logf("idle: %d up, %d down", up-up0, down-down0)
	}
}

func TestConnectionIsKept(t *testing.T) {
	remotes := map[string]bool{}
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) { remotes[q.RemoteAddr] = true }, httptransport.Options{})
	for range 5 {
		if r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/x", Body: []byte{1}}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if len(remotes) != 1 {
		t.Errorf("five requests took %d connections", len(remotes))
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   syncproto.ErrorKind
		text   string
	}{
		{"page", 200, nil, "body", 0, ""},
		{"problem", 409, nil, `{"kind":"cursor","detail":"send the whole cursor"}`, syncproto.KindCursor, "send the whole cursor"},
		{"title only", 403, nil, `{"kind":"revoked","title":"revoked"}`, syncproto.KindRevoked, "revoked"},
		{"clock", 401, map[string]string{"X-Chuantou-Wall": "1234567890123"}, `{"kind":"unauthorized","detail":"clock"}`, syncproto.KindUnauthorized, "clock"},
		{"a proxy's page", 503, nil, "<html>", syncproto.KindLater, ""},
		{"a proxy's limit", 413, nil, "<html>", syncproto.KindTooLarge, ""},
		{"not a problem", 500, nil, `{"error":"x"}`, syncproto.KindOther, ""},
		{"unknown kind", 500, nil, `{"kind":"never heard of"}`, syncproto.KindOther, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := serve(t, func(w http.ResponseWriter, q *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}, httptransport.Options{})
			r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/"})
			if r.Err != nil || r.Status != c.status || string(r.Body) != c.body || r.Kind != c.kind || r.Text != c.text {
				t.Fatalf("%+v", r)
			}
			if want := c.header["X-Chuantou-Wall"]; want != "" && fmt.Sprint(r.Wall) != want {
				t.Errorf("wall %d, want %s", r.Wall, want)
			}
		})
	}
}

func TestRequestAsSent(t *testing.T) {
	var got http.Header
	var body []byte
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) { got, body = q.Header, must(io.ReadAll(q.Body)) }, httptransport.Options{})
	tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/", Token: "abc", Body: []byte("xyz")})
	if got.Get("Authorization") != "Bearer abc" || got.Get("Content-Type") != "application/cbor" || !bytes.Equal(body, []byte("xyz")) {
		t.Errorf("%v %q", got, body)
	}
	for _, h := range []string{"User-Agent", "Accept-Encoding"} {
		if got.Get(h) != "" {
			t.Errorf("sends %s: %s", h, got.Get(h))
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestStalled has a server that never ends its answer.
func TestStalled(t *testing.T) {
	release := make(chan struct{})
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-release
	}, httptransport.Options{Stall: 50 * time.Millisecond})
	defer close(release)
	r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/"})
	if r.Err == nil || !strings.Contains(r.Err.Error(), "nothing has moved") {
		t.Fatalf("%+v", r)
	}
}

func TestNoServer(t *testing.T) {
	tr, err := httptransport.New("http://127.0.0.1:1", httptransport.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/"}); r.Err == nil {
		t.Fatalf("%+v", r)
	}
}

func TestEndlessAnswer(t *testing.T) {
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(wire.MaxPageBytes*4))
		w.WriteHeader(200)
	}, httptransport.Options{})
	r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/"})
	if r.Err == nil || !strings.Contains(r.Err.Error(), "over the limit") {
		t.Fatalf("%+v", r)
	}
}

func TestRedirectIsRefused(t *testing.T) {
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, "http://elsewhere.invalid/", http.StatusTemporaryRedirect)
	}, httptransport.Options{})
	r := tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/", Token: "secret"})
	if r.Err == nil || !strings.Contains(r.Err.Error(), "redirect") {
		t.Fatalf("%+v", r)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "name", "ftp://x", "http://", "http://x/path", "http://u:p@x", "http://x?q"} {
		if _, err := httptransport.New(bad, httptransport.Options{Now: time.Now}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	tr, err := httptransport.New("https://port.example:8443/", httptransport.Options{Now: time.Now})
	if err != nil || tr.Origin() != "https://port.example:8443" {
		t.Errorf("%v %v", tr, err)
	}
}

func TestSpeed(t *testing.T) {
	now := time.UnixMilli(0)
	tr := serve(t, func(w http.ResponseWriter, q *http.Request) { io.Copy(io.Discard, q.Body) }, httptransport.Options{Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}})
	if tr.Speed() != 0 {
		t.Error("a speed before anything was sent")
	}
	for range 10 {
		tr.Do(context.Background(), &session.Request{Method: http.MethodPost, Path: "/", Body: make([]byte, 8000)})
	}
	if v := tr.Speed(); v != 8000 {
		t.Errorf("8000 bytes in a second: %d bytes per second", v)
	}
}
