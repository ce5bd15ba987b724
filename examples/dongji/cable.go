package main

import (
	"io"
	"net"
	"sync"
)

// cable is one device's way to the server: a listener in port, nothing at all
// at sea. Cutting it closes the listener and every connection through it.
type cable struct {
	server string
	addr   string

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]bool
}

func newCable(server string) (*cable, error) {
	c := &cable{server: server, conns: map[net.Conn]bool{}}
	return c, c.plug()
}

// plug lets the device reach the server, at the same address as before.
func (c *cable) plug() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.l != nil {
		return nil
	}
	addr := c.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	c.l, c.addr = l, l.Addr().String()
	go c.accept(l)
	return nil
}

// cut takes the network away.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.l != nil {
		c.l.Close()
		c.l = nil
	}
	for conn := range c.conns {
		conn.Close()
	}
}

func (c *cable) accept(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.server)
		if err != nil {
			in.Close()
			continue
		}
		c.mu.Lock()
		c.conns[in], c.conns[out] = true, true
		c.mu.Unlock()
		go c.carry(in, out)
		go c.carry(out, in)
	}
}

func (c *cable) carry(dst, src net.Conn) {
	io.Copy(dst, src)
	dst.Close()
	src.Close()
	c.mu.Lock()
	delete(c.conns, src)
	c.mu.Unlock()
}
