package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

const (
	// maxBodiesBytes bounds what the bodies of all requests under way take
	// together. A thin link holds its share for minutes, so a body counts as
	// its bytes arrive, not when it is announced.
	maxBodiesBytes = 96 << 20

	// A link is given up after stallTime without a byte, or when all of a
	// body takes longer than it would at slowestLink bytes a second.
	stallTime   = 60 * time.Second
	slowestLink = 256

	chunkBytes = 16 << 10
)

var (
	errBusy    = syncproto.Errorf(syncproto.KindLater, "服务器忙，没有收下；请稍后再传")
	errStalled = syncproto.Errorf(syncproto.KindLater, "the body stopped arriving")
)

// checkBody refuses by the headers alone what would not be taken.
func checkBody(r *http.Request, t *route) error {
	if t.body == "" {
		return nil // what comes is not read
	}
	if got := r.Header.Get("Content-Type"); !isType(got, t.body) {
		return syncproto.Errorf(syncproto.KindUnsupported, "content type %q: this path takes %s", clip(got), t.body)
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return syncproto.Errorf(syncproto.KindUnsupported, "content encoding %q: bodies come as they are", clip(e))
	}
	if r.ContentLength > t.limit {
		return tooLarge(t.limit)
	}
	return nil
}

func isType(got, want string) bool {
	if got == want {
		return true
	}
	m, _, err := mime.ParseMediaType(got)
	return err == nil && m == want
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func tooLarge(limit int64) error {
	return syncproto.Errorf(syncproto.KindTooLarge, "body over the limit of %d bytes", limit)
}

// budget counts the bytes of bodies under way.
type budget struct {
	mu   sync.Mutex
	left int
}

func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
}

// readBody reads a body of at most the route's limit, however slowly it comes
// as long as it comes. done must be called when the body is no longer needed.
func (a *API) readBody(c echo.Context, limit int64) (body []byte, done func(), err error) {
	r := c.Request()
	taken := 0
	done = func() { a.budget.give(taken) }
	defer func() {
		if err != nil {
			done()
			body, done = nil, nil
		}
	}()
	if r.ContentLength > 0 {
		body = make([]byte, 0, min(r.ContentLength, limit, 4*chunkBytes)+1)
	}
	line := newDeadline(c.Response(), limit)
	defer line.clear()
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)] // grows by the runtime's rule
		}
		if grown := cap(body) - taken; grown > 0 {
			if !a.budget.take(grown) {
				return body, done, errBusy
			}
			taken += grown
		}
		line.move()
		n, err := r.Body.Read(body[len(body):min(cap(body), len(body)+4*chunkBytes)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return body, done, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return body, done, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return body, done, errStalled
		case err != nil:
			return body, done, &syncproto.Error{Kind: syncproto.KindBadRequest, Text: "the body ends early"}
		}
	}
}

// deadline keeps a connection's read deadline moving while bytes arrive.
type deadline struct {
	rc   *http.ResponseController
	last time.Time
}

func newDeadline(w http.ResponseWriter, limit int64) deadline {
	return deadline{http.NewResponseController(w), time.Now().Add(stallTime + time.Duration(limit)*time.Second/slowestLink)}
}

func (d deadline) move() {
	next := time.Now().Add(stallTime)
	if next.After(d.last) {
		next = d.last
	}
	_ = d.rc.SetReadDeadline(next) // a writer without deadlines has no link that stalls
}

func (d deadline) clear() { _ = d.rc.SetReadDeadline(time.Time{}) }

// json reads a body of one JSON object. Members it does not know are passed
// over: a newer client may send them.
func (q *call) json(into any) error {
	if err := json.Unmarshal(q.body, into); err != nil {
		return syncproto.Errorf(syncproto.KindBadRequest, "body is not the JSON object wanted: %s", jsonTrouble(err))
	}
	return nil
}

// jsonTrouble says where, not what: the body may hold a password.
func jsonTrouble(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("member %q at byte %d has another type", clip(kind.Field), kind.Offset)
	}
	return "a member is malformed"
}

// send writes an answer in chunks, each within stallTime: there is no limit on
// the whole, for at 2 KB/s a page takes as long as it takes. The body may be in
// pieces; what they share with other answers is not copied but a chunk at a time.
func (a *API) send(c echo.Context, status int, contentType string, body ...[]byte) error {
	w := c.Response()
	h := w.Header()
	size := 0
	for _, piece := range body {
		size += len(piece)
	}
	h.Set(echo.HeaderContentType, contentType)
	h.Set(echo.HeaderContentLength, fmt.Sprint(size))
	if contentType != cborType {
		h.Set(echo.HeaderCacheControl, "no-store")
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	}
	rc := http.NewResponseController(w)
	defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
	_ = rc.SetWriteDeadline(time.Now().Add(stallTime))
	w.WriteHeader(status)
	if err := writeChunks(w, rc, body); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

func writeChunks(w io.Writer, rc *http.ResponseController, pieces [][]byte) error {
	chunk := chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(chunk)
	n := 0
	write := func() error {
		_ = rc.SetWriteDeadline(time.Now().Add(stallTime))
		_, err := w.Write(chunk[:n])
		n = 0
		return err
	}
	for _, piece := range pieces {
		for len(piece) > 0 {
			m := copy(chunk[n:], piece)
			n, piece = n+m, piece[m:]
			if n < len(chunk) {
				continue
			}
			if err := write(); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return nil
	}
	return write()
}

func (a *API) sendJSON(c echo.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return a.send(c, http.StatusOK, jsonType, b)
}
