package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Problem is the body of every error (RFC 9457). Kind is the name of a
// syncproto.ErrorKind. Detail is a sentence; it never holds a field's value.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Kind   string `json:"kind"`
	// Code names this very error, for programs with words of their own.
	Code string `json:"code,omitempty"`
	// Record is given with a conflict: what stands now.
	Record *Record `json:"record,omitempty"`
}

const problemType = "application/problem+json"

// wallHeader tells a device whose clock is off what the server's shows.
const wallHeader = "X-Chuantou-Wall"

// retryAfter is how long a busy server asks to be left alone.
const retryAfter = 5 * time.Second

// statuses is the whole of what an error's kind means in HTTP.
var statuses = map[syncproto.ErrorKind]int{
	syncproto.KindOther:        http.StatusInternalServerError,
	syncproto.KindBadRequest:   http.StatusBadRequest,
	syncproto.KindUnauthorized: http.StatusUnauthorized,
	syncproto.KindForbidden:    http.StatusForbidden,
	syncproto.KindNotFound:     http.StatusNotFound,
	syncproto.KindTooLarge:     http.StatusRequestEntityTooLarge,
	syncproto.KindLater:        http.StatusServiceUnavailable,
	syncproto.KindFull:         http.StatusInsufficientStorage,
	syncproto.KindUnsupported:  http.StatusUnsupportedMediaType,
	syncproto.KindCursor:       http.StatusConflict,
	syncproto.KindBadSignature: http.StatusUnprocessableEntity,
	syncproto.KindRevoked:      http.StatusForbidden,
	syncproto.KindConflict:     http.StatusConflict,
}

// problemOf chooses status and words. It is the only place that does.
func problemOf(err error) Problem {
	kind, detail, status, code := syncproto.KindOther, "", 0, ""
	var own *syncproto.Error
	var later *authn.LaterError
	var echoed *echo.HTTPError
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &later):
		kind, detail, status = syncproto.KindLater, later.Error(), http.StatusTooManyRequests
	case errors.As(err, &own):
		kind, detail, code = own.Kind, own.Text, own.Code
	case errors.As(err, &echoed):
		status = echoed.Code
		kind = kindOfStatus(status)
		detail = plainDetail(status)
	case errors.As(err, &big):
		kind, detail = syncproto.KindTooLarge, "body over the limit of "+strconv.FormatInt(big.Limit, 10)+" bytes"
	case errors.Is(err, syncproto.ErrUnknownSuite):
		kind, detail = syncproto.KindUnsupported, syncproto.ErrUnknownSuite.Error()
	case errors.Is(err, wire.ErrEncoding):
		kind, detail = syncproto.KindBadRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		kind, detail = syncproto.KindLater, "服务器忙，没有做完；请稍后再试"
	}
	if status == 0 {
		status = statuses[kind]
	}
	if status == 0 || kind == syncproto.KindOther && status >= 500 {
		// What went wrong inside is for the log alone.
		status, detail = http.StatusInternalServerError, "服务器出了错，已经记下；请稍后再试"
	}
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Kind: kind.String(), Code: code}
}

func kindOfStatus(status int) syncproto.ErrorKind {
	switch status {
	case http.StatusUnauthorized:
		return syncproto.KindUnauthorized
	case http.StatusForbidden:
		return syncproto.KindForbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return syncproto.KindNotFound
	case http.StatusRequestEntityTooLarge:
		return syncproto.KindTooLarge
	case http.StatusUnsupportedMediaType:
		return syncproto.KindUnsupported
	}
	if status >= 400 && status < 500 {
		return syncproto.KindBadRequest
	}
	return syncproto.KindOther
}

func plainDetail(status int) string {
	switch status {
	case http.StatusNotFound:
		return "no such path"
	case http.StatusMethodNotAllowed:
		return "this path knows other methods"
	}
	return ""
}

// handleError is Echo's error handler.
func (a *API) handleError(err error, c echo.Context) {
	ctx := c.Request().Context()
	if c.Response().Committed || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return // nobody is there to be told
	}
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if p.Kind == syncproto.KindLater.String() {
			level = slog.LevelWarn // it will pass
		}
		a.Log.Log(ctx, level, "request not served", "route", c.Path(), "kind", p.Kind, "err", err)
	}
	if a.errorPage != nil && !apiPath(c.Request().URL.Path) {
		a.errorPage(c, echo.NewHTTPError(p.Status))
		return
	}
	h := c.Response().Header()
	var clock *authn.ClockError
	if errors.As(err, &clock) {
		h.Set(wallHeader, strconv.FormatInt(clock.Wall, 10))
	}
	var later *authn.LaterError
	switch {
	case errors.As(err, &later):
		h.Set(echo.HeaderRetryAfter, seconds(later.After))
	case p.Kind == syncproto.KindLater.String(), p.Kind == syncproto.KindFull.String():
		h.Set(echo.HeaderRetryAfter, seconds(retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
	a.leaveBody(c, p)
	body, err := json.Marshal(p)
	if err == nil {
		err = a.send(c, p.Status, problemType, body)
	}
	if err != nil {
		a.Log.DebugContext(ctx, "tell an error", "route", c.Path(), "err", err)
	}
}

// drainBytes is how much of a body nobody wants is read all the same, to keep
// the connection for the next request.
const drainBytes = 16 << 10

// leaveBody sees to it that an error does not wait for a body that is not
// wanted: net/http reads on before it answers unless the connection ends.
func (a *API) leaveBody(c echo.Context, p Problem) {
	r := c.Request()
	if r.ContentLength == 0 || c.Get(bodyReadKey) != nil {
		return
	}
	if r.ProtoMajor == 1 && (r.ContentLength < 0 || r.ContentLength > drainBytes || p.Status == http.StatusRequestEntityTooLarge) {
		c.Response().Header().Set(echo.HeaderConnection, "close")
	}
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(stallTime))
}

// seconds rounds up, so that who waits that long is not told to wait again.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

func apiPath(p string) bool {
	return strings.HasPrefix(p, "/v1/") || p == "/v1" || p == "/healthz" || p == "/readyz"
}
