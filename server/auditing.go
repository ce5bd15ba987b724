package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/chuantou/chuantou/server/audit"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// Note is httpapi.Auditor.
func (s *Server) Note(ctx context.Context, by syncproto.PersonID, what, about string) error {
	if err := s.noteRefused(ctx); err != nil {
		return err
	}
	return audit.Append(ctx, s.store, audit.Entry{Wall: s.now().UnixMilli(), By: by, What: what, About: about})
}

// noteRefused takes down how many log-ins were refused since it was done last:
// before whatever is noted next, a log-in that was guessed in the end among it,
// and each hour. Each by itself would let a guesser fill the disk.
func (s *Server) noteRefused(ctx context.Context) error {
	n := s.auth.FailedLogins()
	if n == 0 {
		return nil
	}
	return audit.Append(ctx, s.store, audit.Entry{Wall: s.now().UnixMilli(), What: "log-ins refused", About: fmt.Sprintf("number %d", n)})
}

// AuditEntry is one entry of the list, as the operator reads it.
type AuditEntry struct {
	N     uint64
	At    time.Time
	By    string `json:",omitempty"` // name, or id where that is not known; empty for the operator, who named nobody
	What  string
	About string `json:",omitempty"`
}

// maxAuditListed is how many entries one answer lists.
const maxAuditListed = 500

// serveAuditList lists entries after ?after=, or the last ones.
func (s *Server) serveAuditList(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(cmp.Or(r.URL.Query().Get("after"), "0"), 10, 63)
	if err != nil {
		operatorError(w, http.StatusBadRequest, syncproto.Errorf(syncproto.KindBadRequest, "after: want the number of an entry"))
		return
	}
	if err := s.noteRefused(r.Context()); err != nil {
		operatorError(w, http.StatusInternalServerError, err)
		return
	}
	out := []AuditEntry{}
	err = s.store.View(r.Context(), 0, func(reader store.Reader) error {
		out = out[:0]
		from := after
		if r.URL.Query().Get("after") == "" {
			h, err := audit.LoadHead(reader)
			if err != nil {
				return err
			}
			from = h.N - min(h.N, maxAuditListed)
		}
		return audit.Each(reader, from, func(n uint64, e audit.Entry) bool {
			out = append(out, AuditEntry{N: n, At: time.UnixMilli(e.Wall), By: s.auditName(e.By), What: e.What, About: e.About})
			return len(out) < maxAuditListed
		})
	})
	if err != nil {
		operatorError(w, http.StatusInternalServerError, err)
		return
	}
	operatorAnswer(w, out)
}

func (s *Server) auditName(p syncproto.PersonID) string {
	if p.IsZero() {
		return ""
	}
	return cmp.Or(s.dir.Person(p).Name, p.String())
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
