//go:build !js

package httptransport

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

func newRoundTripper(root [32]byte, host string, up, down *atomic.Int64) http.RoundTripper {
	dialer := net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{c, up, down}, nil
		},
		DisableCompression:  true, // bodies are compressed already
		MaxIdleConnsPerHost: 2,
		MaxConnsPerHost:     2,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 20 * time.Second,
		TLSClientConfig:     pinned(root, host),
		// The default of 10 KB would be asked of a small memory for nothing.
		WriteBufferSize: 4 << 10,
		ReadBufferSize:  4 << 10,
		// A header of more than this comes from something else than our server.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// countedConn counts the bytes of a socket.
type countedConn struct {
	net.Conn
	up, down *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.down.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.up.Add(int64(n))
	return n, err
}
