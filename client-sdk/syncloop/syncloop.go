// Package syncloop drives a sync: it carries the requests of package session
// over a Transport, and Loop says when to try again.
package syncloop

import (
	"context"
	"time"

	"github.com/chuantou/chuantou/syncproto/session"
)

// Transport carries one request to one server and brings the answer. It must
// be safe for concurrent use.
type Transport interface {
	// Do sends the request and waits for the whole answer. A failure to reach
	// the server is in Response.Err; Do itself does not fail. It fills Sent and
	// Arrived from the device's clock.
	Do(ctx context.Context, q *session.Request) session.Response
}

// Meter is an optional ability of a Transport: what it has carried.
type Meter interface {
	// Bytes counts what went over the line so far, headers included.
	Bytes() (up, down int64)
	// Speed is the measured bytes per second upwards, 0 when unknown.
	Speed() int
}

// Run drives one sync to its end and reports. now is the device's clock.
func Run(ctx context.Context, t Transport, s *session.Session, now func() time.Time) session.Report {
	for q := s.Next(now().UnixMilli()); q != nil; q = s.Next(now().UnixMilli()) {
		s.Handle(t.Do(ctx, q))
	}
	return s.Report()
}

// thinSeconds is how long one push request should take at most: on a link that
// breaks every half minute, something gets through.
const thinSeconds = 10

// PushBytes is how much a push request should carry over a link of the given
// speed: all that fits into a few seconds, at least one bundle (the session
// sees to that).
func PushBytes(bytesPerSecond int) int {
	if bytesPerSecond <= 0 {
		return 64 << 10 // not yet measured
	}
	return min(bytesPerSecond*thinSeconds, session.DefaultPushBytes)
}

// PageBytes is the page size to ask for over a link of the given speed.
func PageBytes(bytesPerSecond int) int {
	if bytesPerSecond <= 0 {
		return 256 << 10
	}
	return min(max(bytesPerSecond*thinSeconds, 16<<10), 1<<20)
}
