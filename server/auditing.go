package server

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/chuantou/chuantou/server/audit"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// Note is httpapi.Auditor.
func (s *Server) Note(ctx context.Context, by syncproto.PersonID, what, about string) error {
	return audit.Append(ctx, s.store, audit.Entry{Wall: s.now().UnixMilli(), By: by, What: what, About: about})
}

// Audited is what reading the audit log to its end gave.
type Audited struct {
	Entries uint64
	Head    string // hexadecimal
	Broken  string `json:",omitempty"`
	// Contains is after how many entries the log had the head that was asked
	// about, nil when it never had.
	Contains *uint64 `json:",omitempty"`
}

// serveAudit reads the whole audit log; with ?head= it looks for that head.
func (s *Server) serveAudit(w http.ResponseWriter, r *http.Request) {
	var asked syncproto.Hash
	if text := r.URL.Query().Get("head"); text != "" {
		b, err := hex.DecodeString(text)
		if err != nil || copy(asked[:], b) != len(asked) || len(b) != len(asked) {
			operatorError(w, http.StatusBadRequest, syncproto.Errorf(syncproto.KindBadRequest, "head: want 64 hexadecimal digits"))
			return
		}
	}
	var out Audited
	err := s.store.View(r.Context(), 0, func(reader store.Reader) error {
		out = Audited{}
		if asked == (syncproto.Hash{}) {
			out.Contains = new(uint64) // of before the first entry
		}
		h, err := audit.Verify(reader, func(_ audit.Entry, h audit.Head) {
			if h.Link == asked {
				n := h.N
				out.Contains = &n
			}
		})
		out.Entries, out.Head = h.N, hex.EncodeToString(h.Link[:])
		if err != nil {
			out.Broken = err.Error()
		}
		return nil
	})
	if err != nil {
		operatorError(w, http.StatusInternalServerError, err)
		return
	}
	operatorAnswer(w, out)
}
