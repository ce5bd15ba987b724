package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/store"
)

// operator sends requests to an installation: to the server that runs on its
// folder, or, when none does, to one that is opened for the request.
type operator struct{ data string }

const askTime = time.Minute

func (o *operator) do(req *http.Request) (*http.Response, error) {
	socket := server.AdminSocket(o.data)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return o.opened(req, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(askTime)); err != nil {
		return nil, err
	}
	req.Close = true
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return conn, nil
	}}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server at %s: %w", socket, err)
	}
	defer resp.Body.Close()
	var kept bytes.Buffer // the connection ends with this function
	if _, err := io.Copy(&kept, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return nil, fmt.Errorf("the server at %s: %w", socket, err)
	}
	resp.Body = io.NopCloser(&kept)
	return resp, nil
}

// opened answers a request with the folder opened for it alone.
func (o *operator) opened(req *http.Request, noServer error) (*http.Response, error) {
	s, err := server.New(server.Config{Dir: o.data})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("a server has %s open, but does not answer its operator: %w", o.data, noServer)
	}
	if err != nil {
		return nil, err
	}
	w := &answer{header: http.Header{}}
	s.OperatorHandler().ServeHTTP(w, req)
	if err := s.Close(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Body: io.NopCloser(&w.body)}, nil
}

// answer is an http.ResponseWriter in memory.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
