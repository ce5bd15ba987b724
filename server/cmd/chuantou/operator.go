package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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

// stream sends a request whose body or answer may be long, and gives the
// answer to read, which is called for status 200 alone.
func (o *operator) stream(req *http.Request, read func(io.Reader) error) error {
	conn, err := net.Dial("unix", server.AdminSocket(o.data))
	if err != nil {
		return o.streamOpened(req, err, read)
	}
	defer conn.Close()
	req.Close = true
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return conn, nil
	}}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the server at %s: %w", server.AdminSocket(o.data), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	return read(resp.Body)
}

// streamOpened is stream on the folder opened for it alone.
func (o *operator) streamOpened(req *http.Request, noServer error, read func(io.Reader) error) error {
	s, err := o.open(noServer)
	if err != nil {
		return err
	}
	from, to := io.Pipe()
	w := &pipedAnswer{answer: answer{header: http.Header{}}, to: to}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if caught := recover(); caught != nil { // http.ErrAbortHandler: the answer is cut
				to.CloseWithError(io.ErrUnexpectedEOF)
			}
		}()
		s.OperatorHandler().ServeHTTP(w, req)
		to.Close()
	}()
	err = read(from)
	from.CloseWithError(errors.New("not read to its end")) // ends a handler that still writes
	<-done
	if w.status != 0 && w.status != http.StatusOK {
		err = refusal(&http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Body: io.NopCloser(&w.body)})
	}
	return errors.Join(err, s.Close())
}

// pipedAnswer passes on the body of an answer 200 as it comes.
type pipedAnswer struct {
	answer
	to *io.PipeWriter
}

func (a *pipedAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.status != http.StatusOK {
		return a.body.Write(b)
	}
	return a.to.Write(b)
}

// open opens the folder when no server runs on it.
func (o *operator) open(noServer error) (*server.Server, error) {
	s, err := server.New(server.Config{Dir: o.data, Passphrase: storePassphrase("")})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("a server has %s open, but does not answer its operator: %w", o.data, noServer)
	}
	return s, err
}

// refusal is the error that an answer other than 200 tells of.
func refusal(resp *http.Response) error {
	var p struct {
		Detail, Code string
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && json.Unmarshal(b, &p) == nil && p.Detail != "" {
		return errors.New(cmp.Or(problemWords[p.Code], p.Detail))
	}
	return errors.New(resp.Status)
}

// opened answers a request with the folder opened for it alone.
func (o *operator) opened(req *http.Request, noServer error) (*http.Response, error) {
	s, err := o.open(noServer)
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
