package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// What only the operator of the machine does, through the socket in the data
// folder: whoever can open that can read the folder anyway.
//
//	GET  /operator/backup      everything, as package backup writes it; not sealed
//	POST /operator/backed-up   Verified as JSON: note what a verified backup holds
//	POST /operator/outbox      a sealed outbox, as a device wrote it
//	GET  /operator/origin      the address, and a move that is under way
//	POST /operator/origin      {"Move": ORIGIN} begins one, {"Finish": ORIGIN} ends it
//	POST /operator/erase       destroy what fields of a record said; with preview tell what would go
//	GET  /operator/audit       the audit log read to its end, looking for ?head=
//	GET  /operator/audit/list  its entries after number ?after=, or the last 500
//
// An error is {"detail"}, as everywhere. A backup that ends early lacks its end
// frame, and its connection is cut.
func (s *Server) operatorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /operator/backup", s.serveBackup)
	mux.HandleFunc("POST /operator/backed-up", s.serveBackedUp)
	mux.HandleFunc("POST /operator/outbox", s.serveOutbox)
	mux.HandleFunc("GET /operator/origin", s.serveOrigin)
	mux.HandleFunc("POST /operator/origin", s.serveOrigin)
	mux.HandleFunc("POST /operator/erase", s.serveErase)
	mux.HandleFunc("GET /operator/audit", s.serveAudit)
	mux.HandleFunc("GET /operator/audit/list", s.serveAuditList)
}

// maxVerifiedBytes bounds what is said of a backup: some 60 bytes a replica.
const maxVerifiedBytes = 64 << 20

func (s *Server) serveBackup(w http.ResponseWriter, r *http.Request) {
	began := false
	sum, err := s.Backup(r.Context(), writerFunc(func(b []byte) (int, error) {
		began = true
		return w.Write(b)
	}), r.URL.Query().Get("program"))
	switch {
	case err == nil:
		s.cfg.Log.Info("backup written", "pairs", sum.Pairs, "bytes", sum.Bytes)
	case began:
		s.cfg.Log.Error("backup", "err", err)
		panic(http.ErrAbortHandler) // what was sent is no backup, and must not look like one
	default:
		operatorError(w, http.StatusInternalServerError, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (s *Server) serveBackedUp(w http.ResponseWriter, r *http.Request) {
	var v Verified
	if err := json.NewDecoder(io.LimitReader(r.Body, maxVerifiedBytes)).Decode(&v); err != nil {
		operatorError(w, http.StatusBadRequest, err)
		return
	}
	if err := s.MarkBackedUp(r.Context(), &v); err != nil {
		operatorError(w, http.StatusConflict, err)
		return
	}
	s.cfg.Log.Info("backup verified", "replicas", len(v.Received), "taken", v.Taken)
	operatorAnswer(w, struct{}{})
}

// Delivered says what came of a carried outbox.
type Delivered struct {
	Bundles, Changes int
	// Refused counts bundles that are not well signed by a device enrolled here.
	Refused int
	// Damaged is set when the file is cut off or altered after what was taken.
	Damaged string `json:",omitempty"`
}

func (s *Server) serveOutbox(w http.ResponseWriter, r *http.Request) {
	var out Delivered
	err := seal.EachOutbox(r.Body, s.keys.seal, func(b []byte) error {
		u, err := decodeBundle(b)
		if err == nil {
			_, err = s.ingest.Push(store.WithLane(r.Context(), "courier"), u.Replica, []syncproto.Bundle{u})
		}
		switch {
		case err == nil:
			out.Bundles++
			out.Changes += u.Count
		case notOurs(err):
			out.Refused++
			s.cfg.Log.Warn("bundle of a carried outbox refused", "replica", u.Replica, "from", u.From, "err", err)
		default: // not the bundle's fault: deliver the file again
			return fmt.Errorf("bundle %d: %w", out.Bundles+out.Refused, err)
		}
		return nil
	})
	switch {
	case err == nil:
	case errors.Is(err, seal.ErrOutbox) || errors.Is(err, syncproto.ErrUnknownSuite):
		out.Damaged = err.Error()
	default:
		operatorError(w, http.StatusServiceUnavailable, err)
		return
	}
	operatorAnswer(w, out)
}

func decodeBundle(b []byte) (u syncproto.Bundle, err error) {
	d := wire.NewReader(b)
	if u, err = wire.ReadBundle(d); err == nil {
		err = d.Done()
	}
	if err != nil {
		return u, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	return u, nil
}

// notOurs reports that a bundle is damaged, or signed by no device of this server.
func notOurs(err error) bool {
	var known *syncproto.Error
	return errors.Is(err, authn.ErrUnknownDevice) ||
		errors.As(err, &known) && (known.Kind == syncproto.KindBadRequest || known.Kind == syncproto.KindBadSignature)
}

func operatorAnswer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked is gone, or was answered
}

func operatorError(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
}
