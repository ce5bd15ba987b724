package httptransport

import (
	"io"
	"net/http"
	"sync/atomic"
)

// newRoundTripper uses the browser's fetch, which hides its sockets.
func newRoundTripper(_ [32]byte, _ string, up, down *atomic.Int64) http.RoundTripper {
	return &countedBodies{up: up, down: down}
}

type countedBodies struct {
	fetch    http.Transport
	up, down *atomic.Int64
}

func (c *countedBodies) RoundTrip(q *http.Request) (*http.Response, error) {
	c.up.Add(max(q.ContentLength, 0))
	resp, err := c.fetch.RoundTrip(q)
	if err == nil {
		resp.Body = &countedBody{resp.Body, c.down}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
