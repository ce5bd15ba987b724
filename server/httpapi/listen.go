package httpapi

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	headerTime     = 30 * time.Second
	idleTime       = 3 * time.Minute
	maxHeaderBytes = 16 << 10
)

// NewServer returns an http.Server with bounds that suit thin links: the
// headers of a request must come within headerTime, and what follows is
// bounded by progress, not by time (body.go).
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
