//go:build !unix

package server

import "net"

// listenPrivate relies on the folder, whose rights the socket inherits.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
