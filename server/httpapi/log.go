package httpapi

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
)

// logged writes one line a request, and is where an error becomes an answer.
// It names the route, never the address that was asked for: queries and parts
// of paths may tell of people. Nothing of a body is written.
func (a *API) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		err := next(c)
		if err != nil {
			a.handleError(err, c)
		}
		r, w := c.Request(), c.Response()
		level := slog.LevelInfo
		if c.Path() == "/healthz" || c.Path() == "/readyz" {
			level = slog.LevelDebug
		}
		attrs := []slog.Attr{
			slog.String("method", method(r.Method)), slog.String("route", c.Path()), slog.Int("status", w.Status),
			slog.Int64("in", max(0, r.ContentLength)), slog.Int64("out", w.Size),
			slog.Duration("took", time.Since(began).Round(time.Microsecond)), slog.String("remote", c.RealIP()),
		}
		who := callerOf(c)
		switch {
		case !who.Replica.IsZero():
			attrs = append(attrs, slog.String("replica", who.Replica.String()))
		case !who.Person.IsZero():
			attrs = append(attrs, slog.String("person", who.Person.String()))
		}
		if err != nil {
			attrs = append(attrs, slog.String("kind", problemOf(err).Kind))
		}
		a.Log.LogAttrs(r.Context(), level, "request", attrs...)
		return nil
	}
}

// method keeps a made-up method out of the log.
func method(s string) string {
	if len(s) > 10 {
		return "?"
	}
	return s
}

// recovered turns a panic into an error of this request alone. What was
// panicked with is written only when the runtime made it: our own may quote
// input.
func (a *API) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			what := fmt.Sprintf("%T", p)
			if e, ok := p.(runtime.Error); ok {
				what = e.Error()
			}
			a.Log.ErrorContext(c.Request().Context(), "panic", "route", c.Path(), "what", what, "stack", string(debug.Stack()))
			err = echo.ErrInternalServerError
		}()
		return next(c)
	}
}
