//go:build unix

package server

import (
	"net"
	"syscall"
)

// listenPrivate makes a socket that is never, not for a moment, open to others.
func listenPrivate(path string) (net.Listener, error) {
	was := syscall.Umask(0o177)
	defer syscall.Umask(was)
	return net.Listen("unix", path)
}
