package webtest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/web"
)

// Backend is a Source with what may be done to it and its Sessions.
type Backend interface {
	web.Source
	web.Actions
	web.Settler
	web.Sessions
}

// Handler serves the pages over b, with the island's key and clock. Addresses
// that no page has are answered by the pages too.
func Handler(b Backend) (http.Handler, error) {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
	p, err := web.Register(e, web.Deps{Source: b, Actions: b, Settler: b, Sessions: b, Key: Key, Now: func() time.Time { return Now }})
	if err != nil {
		return nil, fmt.Errorf("island: %w", err)
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) { p.ServeError(c, err) }
	return e, nil
}
