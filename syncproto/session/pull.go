package session

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func (s *Session) askPage() *Request {
	cursor, err := s.state.Cursor()
	if err != nil {
		s.endPull(fmt.Errorf("cursor: %w", err))
		return nil
	}
	s.cursor, s.inFlight = cursor, forPull
	s.report.Requests++
	q := syncproto.PullRequest{MaxBytes: s.cfg.PageBytes, Again: s.ask}
	if s.cfg.Told != nil && !s.told {
		q.Told = s.cfg.Told(s.report.Offset)
	}
	if len(cursor) > 0 {
		switch s.place {
		case byHash:
			q.Hash = HashCursor(cursor)
		case byCursor:
			q.Cursor = cursor
		}
	}
	if len(q.Cursor) == 0 && q.Hash == (syncproto.CursorHash{}) {
		q.Again = append(slices.Clone(q.Again), s.cfg.Holds...)
	}
	return &Request{Method: methodPost, Path: "/v1/sync/pull", Token: s.report.Token.Text, Body: wire.AppendPull(nil, &q)}
}

// HashCursor is what an idle request sends in place of a cursor.
func HashCursor(c syncproto.Cursor) (h syncproto.CursorHash) {
	sum := sha256.Sum256(c)
	copy(h[:], sum[:])
	return h
}

func (s *Session) endPull(err error) {
	s.phase = phaseDone
	if err != nil {
		s.report.Pull = fmt.Errorf("pull: %w", err)
	}
}

var errNoProgress = errors.New("the server promises more pages and does not move")

func (s *Session) handlePull(r Response) {
	if s.retryToken(r) {
		return
	}
	if r.Err == nil && r.Kind == syncproto.KindCursor && r.Status >= 400 && s.place < byNothing && len(s.cursor) > 0 {
		s.place++
		return
	}
	if err := refusal(r); err != nil {
		s.endPull(err)
		return
	}
	s.told = true
	if r.Status == statusNoContent {
		s.endPull(nil)
		return
	}
	if err := s.takePage(r); err != nil {
		s.endPull(err)
	}
}

func (s *Session) takePage(r Response) error {
	p, err := wire.DecodePage(r.Body)
	if err != nil {
		return err
	}
	if len(p.Cursor) == 0 || p.More && len(p.Entries) == 0 && bytes.Equal(p.Cursor, s.cursor) {
		return errNoProgress
	}
	if p.Receipt != nil {
		if err := s.checkReceipt(p.Receipt); err != nil {
			return fmt.Errorf("receipt: %w", err)
		}
	}
	s.learn(p.Wall, r)
	if err := s.state.Apply(p, s.again); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	s.report.Pages++
	s.report.Done, s.report.Total = p.Done, p.Total
	s.place, s.ask = byHash, nil
	s.collect(p)
	if p.More {
		return nil
	}
	return s.check()
}

// collect keeps the newest digest of each atom of the pages of one run: what a
// later page adds to an atom makes an earlier digest of it void.
func (s *Session) collect(p *syncproto.Page) {
	drop := func(a syncproto.Atom) {
		s.digests = slices.DeleteFunc(s.digests, func(d syncproto.AtomDigest) bool { return d.Atom == a })
	}
	for i := range p.Entries {
		drop(p.Entries[i].Atom)
	}
	for _, d := range p.Digests {
		drop(d.Atom)
		s.digests = append(s.digests, d)
	}
}

// check ends the pull, or asks once more for atoms that differ.
func (s *Session) check() error {
	s.again = nil
	wrong, err := s.state.Mismatched(s.digests)
	s.digests = nil
	if err != nil {
		return fmt.Errorf("digests: %w", err)
	}
	for _, a := range wrong {
		if slices.Contains(s.asked, a) {
			s.report.Unresolved++
			continue
		}
		s.report.Mismatches++
		s.again = append(s.again, a)
	}
	s.asked = append(s.asked, s.again...)
	if s.ask = s.again; len(s.ask) == 0 {
		s.endPull(nil)
	}
	return nil
}
