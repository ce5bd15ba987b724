package fakeserver

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ServeHTTP answers as docs/http.md says.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, wire.MaxPushBytes+1))
	if err != nil || len(body) > wire.MaxPushBytes {
		http.Error(w, "body", http.StatusRequestEntityTooLarge)
		return
	}
	status, answer, err := s.answer(&session.Request{Method: q.Method, Path: q.URL.Path, Body: body,
		Token: strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")})
	var problem *syncproto.Error
	if errors.As(err, &problem) {
		w.Header().Set("Content-Type", "application/problem+json")
		if q.URL.Path == "/v1/sync/session" {
			w.Header().Set("X-Chuantou-Wall", strconv.FormatInt(s.now().UnixMilli(), 10))
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "status": status, "detail": problem.Text, "kind": problem.Kind.String()})
		return
	}
	w.WriteHeader(status)
	w.Write(answer)
}
