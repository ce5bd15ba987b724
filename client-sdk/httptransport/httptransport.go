// Package httptransport is the Transport over HTTP: net/http with one kept
// connection, no header that says nothing, answers read within bounds, time
// limits that grow with what is carried, and counters of what went over the
// socket.
package httptransport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// maxAnswerBytes bounds an answer: a page with its messages around the frames.
const maxAnswerBytes = wire.MaxPageBytes + 1<<20

// thinBytesPerSecond is the slowest link a request is given time for.
const thinBytesPerSecond = 1 << 10

// Transport carries requests to one server. Safe for concurrent use.
type Transport struct {
	origin string
	now    func() time.Time
	stall  time.Duration
	client http.Client

	up, down atomic.Int64

	mu    sync.Mutex
	speed float64 // bytes per second upwards, a moving average; 0 unknown
}

// Options change a Transport; the zero value is right for a device.
type Options struct {
	// Now is the device's clock. Required.
	Now func() time.Time
	// Stall is how long nothing may move before a request is given up. 0: 30 s.
	Stall time.Duration
	// Root, unless zero, is the SHA-256 of the one certificate that vouches for
	// the server (syncproto.Ticket). A browser has roots of its own and ignores it.
	Root [32]byte
	// RoundTripper, if set, is used instead of the package's own; Bytes then
	// counts bodies only.
	RoundTripper http.RoundTripper
}

// New makes a transport to the server at origin, as "https://name:port".
func New(origin string, o Options) (*Transport, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("server address %q: want https://NAME or http://NAME:PORT", origin)
	}
	t := &Transport{origin: u.Scheme + "://" + u.Host, now: o.Now, stall: o.Stall}
	if t.stall <= 0 {
		t.stall = 30 * time.Second
	}
	t.client.Transport = o.RoundTripper
	if o.RoundTripper == nil {
		t.client.Transport = newRoundTripper(o.Root, u.Hostname(), &t.up, &t.down)
	}
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("the server answered with a redirect: is its address right?")
	}
	return t, nil
}

// Origin is the server's address.
func (t *Transport) Origin() string { return t.origin }

// Bytes counts what went over the sockets, headers included. In a browser,
// where sockets cannot be seen, bodies are counted.
func (t *Transport) Bytes() (up, down int64) { return t.up.Load(), t.down.Load() }

// Speed is the measured bytes per second upwards, 0 when unknown.
func (t *Transport) Speed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.speed)
}

// Close drops the kept connection.
func (t *Transport) Close() { t.client.CloseIdleConnections() }

// Do sends a request and reads its answer.
func (t *Transport) Do(ctx context.Context, q *session.Request) (r session.Response) {
	r.Sent = t.now().UnixMilli()
	// The operating system takes a body at once and sends it at the link's
	// speed, unseen from here: allow for a thin one.
	ctx, watch := watchStall(ctx, t.stall+time.Duration(len(q.Body)/thinBytesPerSecond)*time.Second)
	defer watch.stop()
	resp, err := t.send(ctx, q, watch)
	if err == nil {
		r.Status = resp.StatusCode
		r.Body, err = readAnswer(resp, watch)
	}
	r.Arrived = t.now().UnixMilli()
	if err != nil {
		r.Err = fmt.Errorf("%s: %w", t.origin, watch.explain(err))
		return r
	}
	if len(q.Body) > 2<<10 {
		t.measure(len(q.Body), r.Arrived-r.Sent)
	}
	r.Wall, _ = strconv.ParseInt(resp.Header.Get("X-Chuantou-Wall"), 10, 64)
	if r.Status >= 400 {
		readProblem(&r)
	}
	return r
}

func (t *Transport) send(ctx context.Context, q *session.Request, watch *watch) (*http.Response, error) {
	var body io.Reader
	if len(q.Body) > 0 {
		body = &watchedReader{bytes.NewReader(q.Body), watch}
	}
	hq, err := http.NewRequestWithContext(ctx, q.Method, t.origin+q.Path, body)
	if err != nil {
		return nil, err
	}
	hq.ContentLength = int64(len(q.Body))
	hq.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(&watchedReader{bytes.NewReader(q.Body), watch}), nil
	}
	hq.Header["User-Agent"] = nil // every byte counts on a thin link
	hq.Header.Set("Content-Type", cmp.Or(q.Type, session.TypeCBOR))
	if q.Token != "" {
		hq.Header.Set("Authorization", "Bearer "+q.Token)
	}
	return t.client.Do(hq)
}

func readAnswer(resp *http.Response, watch *watch) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > maxAnswerBytes {
		return nil, fmt.Errorf("the answer has %d bytes, over the limit %d", resp.ContentLength, maxAnswerBytes)
	}
	body, err := io.ReadAll(io.LimitReader(&watchedReader{resp.Body, watch}, maxAnswerBytes+1))
	if err == nil && len(body) > maxAnswerBytes {
		err = fmt.Errorf("the answer is over the limit of %d bytes", maxAnswerBytes)
	}
	return body, err
}

// readProblem takes kind and sentence from a problem document. Anything else
// (a proxy's page) leaves the kind to be told from the status.
func readProblem(r *session.Response) {
	var p struct {
		Kind   string `json:"kind"`
		Detail string `json:"detail"`
		Title  string `json:"title"`
	}
	if len(r.Body) <= 64<<10 && json.Unmarshal(r.Body, &p) == nil && p.Kind != "" {
		r.Kind = syncproto.ParseErrorKind(p.Kind)
		if r.Text = p.Detail; r.Text == "" {
			r.Text = p.Title
		}
		return
	}
	switch {
	case r.Status == http.StatusUnauthorized:
		r.Kind = syncproto.KindUnauthorized
	case r.Status == http.StatusRequestEntityTooLarge:
		r.Kind = syncproto.KindTooLarge
	case r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable:
		r.Kind = syncproto.KindLater
	}
}

// measure takes the speed of a push: it includes the server's work, which is
// right for what the figure is used for.
func (t *Transport) measure(n int, millis int64) {
	v := float64(n) * 1000 / float64(max(millis, 1))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.speed == 0 {
		t.speed = v
		return
	}
	t.speed = 0.7*t.speed + 0.3*v
}
