package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/syncproto"
)

// The list of what was erased, DIR/erasures: one act a line, as JSON, with what it
// took and on what basis, and no word of what that said. It is in no backup:
// Restore is given it, and the acts are carried out again before anything is
// served, and whenever a change of theirs arrives.
const (
	erasuresName = "erasures"
	// purgeName is there from before an erasure until the store was copied to new
	// files: the engine keeps overwritten values for a while.
	purgeName = "PURGE"

	maxErasureBytes = 1 << 20
)

func erasuresFile(dir string) string { return filepath.Join(dir, erasuresName) }

// listedErasure is a line of the list.
type listedErasure struct {
	Format int `json:"format"`
	ingest.Erasure
}

const erasureFormat = 1

// parseErasures reads a list; name is what errors call it.
func parseErasures(b []byte, name string) (out []ingest.Erasure, err error) {
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("%s is damaged: its last line is cut off", name)
	}
	for i, line := range bytes.SplitAfter(b, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		if len(line) > maxErasureBytes {
			return nil, fmt.Errorf("%s: line %d has %d bytes, at most %d", name, i+1, len(line), maxErasureBytes)
		}
		d := json.NewDecoder(bytes.NewReader(line))
		var e listedErasure
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, i+1, err)
		}
		if e.Format > erasureFormat {
			return nil, fmt.Errorf("%s: line %d was written by a newer version of the program", name, i+1)
		}
		if e.Format < 1 || len(e.Parts) == 0 || e.Check() != nil {
			return nil, fmt.Errorf("%s: line %d names no act of erasing", name, i+1)
		}
		out = append(out, e.Erasure)
	}
	return out, nil
}

func loadErasures(dir string) ([]ingest.Erasure, error) {
	b, err := os.ReadFile(erasuresFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseErasures(b, erasuresFile(dir))
}

// listErasure adds an act to the list, durably, whole or not at all.
func listErasure(dir string, e ingest.Erasure) error {
	b, err := os.ReadFile(erasuresFile(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	line, err := json.Marshal(listedErasure{erasureFormat, e})
	if err != nil {
		return err
	}
	tmp := erasuresFile(dir) + ".next"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(tmp, append(append(b, line...), '\n')); err != nil {
		return err
	}
	return putInPlace(erasuresFile(dir), ".next")
}

// eraseListed carries the list out on what the store has.
func (s *Server) eraseListed() error {
	acts, err := loadErasures(s.cfg.Dir)
	if err != nil || len(acts) == 0 {
		return err
	}
	s.ingest.List(acts...)
	if err := s.ingest.EraseListed(context.Background()); err != nil {
		return fmt.Errorf("erase again what was erased: %w", err)
	}
	return nil
}

var errNotHis = syncproto.Errorf(syncproto.KindForbidden, "要由管辖这条记录所在地的管理员来删除")

// Erase destroys what fields of a record said, in the name of an administrator of
// its place: listed first, then done, then noted in the audit log. It returns the
// changes that said it. With preview nothing is written. The engine's files lose it
// at the next start.
func (s *Server) Erase(ctx context.Context, e ingest.Erasure, preview bool) ([]syncproto.ChangeID, error) {
	s.erasing.Lock()
	defer s.erasing.Unlock()
	facts, err := s.ingest.FactsOf(ctx, e.Record)
	if err != nil {
		return nil, err
	}
	// What lies nowhere, such as a boat, is the owner's.
	if v := s.dir.Viewer(e.By).On(people{s}.today()); !v.MayGrant(cmp.Or(facts.Place, s.settings.Place)) {
		return nil, errNotHis
	}
	e.On, e.Parts = people{s}.today(), nil
	if e.Parts, err = s.ingest.Erase(ctx, e, true); err != nil || preview {
		return e.Parts, err
	}
	if err := errors.Join(markPurge(s.cfg.Dir), listErasure(s.cfg.Dir, e)); err != nil {
		return nil, fmt.Errorf("list of erasures: %w", err)
	}
	s.ingest.List(e)
	var parts []syncproto.ChangeID
	for range 5 { // somebody may write to the record just now
		if parts, err = s.ingest.Erase(ctx, e, false); !errors.Is(err, ingest.ErrMovedOn) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("it is listed, and will be erased within the hour or at the next start: %w", err)
	}
	return parts, s.Note(ctx, e.By, "erase", fmt.Sprintf("record %s fields %q changes %d basis %q", e.Record, e.Fields, len(parts), e.Basis))
}

func markPurge(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, purgeName)); err == nil {
		return nil
	}
	return writeNew(filepath.Join(dir, purgeName), []byte("what was erased is still in the engine's files: the next start of the server copies the store\n"))
}

// eraseRequest is what the operator sends.
type eraseRequest struct {
	Record  syncproto.RecordID `json:"record"`
	Fields  []string           `json:"fields"`
	Basis   string             `json:"basis"`
	By      string             `json:"by"`
	Preview bool               `json:"preview"`
}

func (s *Server) serveErase(w http.ResponseWriter, r *http.Request) {
	var in eraseRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, maxErasureBytes)).Decode(&in); err != nil {
		operatorError(w, http.StatusBadRequest, err)
		return
	}
	by, ok := s.dir.FindPerson(in.By)
	if !ok {
		operatorError(w, http.StatusNotFound, syncproto.Errorf(syncproto.KindNotFound, "没有叫 %s 的人，或者不止一个", in.By))
		return
	}
	parts, err := s.Erase(r.Context(), ingest.Erasure{Record: in.Record, Fields: in.Fields, Basis: in.Basis, By: by.ID}, in.Preview)
	if err != nil {
		operatorError(w, http.StatusConflict, err)
		return
	}
	operatorAnswer(w, map[string]any{"changes": parts})
}

// purge copies the store to new files when an erasure has left its words in the
// engine's; the store is closed then.
func (s *Server) purge() (bool, error) {
	marker := filepath.Join(s.cfg.Dir, purgeName)
	if _, err := os.Stat(marker); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err := s.store.Close(); err != nil {
		return false, err
	}
	s.cfg.Log.Info("the store is copied to new files, which what was erased is not in")
	if err := rewriteStore(s.cfg.Dir, s.cfg.Passphrase, s.cfg.Log); err != nil {
		return false, err
	}
	if err := errors.Join(os.Remove(marker), syncDir(s.cfg.Dir)); err != nil {
		return false, err
	}
	return true, nil
}
