package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/localca"
	"github.com/chuantou/chuantou/syncproto"
)

// The one origin is for ever, since browsers' storage and devices hang on it.
// Where it must be another all the same, it moves in two acts. The first makes
// what the new address needs and tells it to devices in their receipts, which
// the server's key signs; the server answers at both, where both lead to it.
// The second, when the devices have heard, makes it the origin.

// move is a move under way, or one that is over and still told.
type move struct {
	to        syncproto.Move
	authority *localca.Authority // nil when a public one vouches for the new address
}

// loadMove reads what the settings say of one.
func (s *Server) loadMove(set settings) error {
	switch {
	case set.Next != "":
		a, err := loadAuthority(s.cfg.Dir, set.Next, set.Moves, s.now)
		if err != nil {
			return fmt.Errorf("the next origin: %w", err)
		}
		s.setMove(set.Next, a)
	case set.Moved > 0:
		s.setMove(set.Origin, s.authority)
	}
	return nil
}

func (s *Server) setMove(origin string, a *localca.Authority) {
	m := &move{to: syncproto.Move{Origin: origin}, authority: a}
	if a != nil && s.own() {
		m.to.Root = a.Fingerprint()
	}
	s.move.Store(m)
}

// toldMove is what receipts say of it.
func (s *Server) toldMove() syncproto.Move {
	if m := s.move.Load(); m != nil {
		return m.to
	}
	return syncproto.Move{}
}

// tls serves with a certificate for the address that is asked for: by its name,
// or, of one without a name, by the address that was dialled.
func (s *Server) tls() *tls.Config {
	c := s.authority.TLS()
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked := hello.ServerName
		if tcp, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok && asked == "" {
			asked = tcp.IP.String()
		}
		if m := s.move.Load(); m != nil && m.authority != nil && strings.EqualFold(asked, hostOf(m.to.Origin)) {
			return m.authority.Leaf()
		}
		return s.authority.Leaf()
	}
	return c
}

func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// OriginState says where the server is, and where it is about to be.
type OriginState struct {
	Origin string
	Next   string    `json:",omitempty"`
	Began  time.Time `json:",omitzero"`
	Root   string    `json:",omitempty"` // fingerprint of what vouches for Next
	// Heard counts active devices that were told since it began, Unheard the
	// others: these learn of it by a new QR alone once it is over.
	Heard, Unheard int
}

type originRequest struct {
	Move        string // the next origin: begins a move
	Finish      string // the next origin again: makes it the origin
	LeaveBehind bool   // although some devices have not heard
}

func (s *Server) serveOrigin(w http.ResponseWriter, r *http.Request) {
	s.moving.Lock()
	defer s.moving.Unlock()
	var in originRequest
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&in); err != nil {
			operatorError(w, http.StatusBadRequest, err)
			return
		}
	}
	var err error
	switch {
	case in.Move != "":
		err = s.beginMove(r.Context(), strings.TrimRight(in.Move, "/"))
	case in.Finish != "":
		err = s.finishMove(r.Context(), strings.TrimRight(in.Finish, "/"), in.LeaveBehind)
	}
	if err != nil {
		operatorError(w, http.StatusConflict, err)
		return
	}
	out, err := s.originState(r.Context())
	if err != nil {
		operatorError(w, http.StatusInternalServerError, err)
		return
	}
	operatorAnswer(w, out)
}

func (s *Server) originState(ctx context.Context) (OriginState, error) {
	set, err := readSettings(s.cfg.Dir)
	if err != nil {
		return OriginState{}, err
	}
	out := OriginState{Origin: set.Origin, Next: set.Next, Began: set.Began}
	if set.Next == "" {
		return out, nil
	}
	if m := s.move.Load(); m != nil && m.to.Root != [32]byte{} {
		out.Root = httpapi.FingerprintWords(m.to.Root)
	}
	for _, p := range s.dir.People() {
		devices, err := s.auth.Devices(ctx, p.ID)
		if err != nil {
			return out, err
		}
		for i := range devices {
			if devices[i].State != authn.Active {
				continue
			}
			if s.contacts.since(devices[i].Replica, set.Began) {
				out.Heard++
			} else {
				out.Unheard++
			}
		}
	}
	return out, nil
}

// beginMove makes what a new origin needs and begins to tell it.
func (s *Server) beginMove(ctx context.Context, origin string) error {
	if err := checkOrigin(origin); err != nil {
		return err
	}
	set, err := readSettings(s.cfg.Dir)
	if err != nil {
		return err
	}
	if origin == set.Next || origin == set.Origin && set.Next == "" {
		return fmt.Errorf("%s is the origin already, or about to be", origin)
	}
	set.Moves++
	set.Next, set.Began = origin, s.now().UTC().Truncate(time.Millisecond)
	var next *localca.Authority
	if s.authority != nil {
		// Numbers are not given twice: files of a move that broke off stay, unused.
		if err := makeAuthority(s.cfg.Dir, origin, set.Name, set.Moves, s.now()); err != nil {
			return fmt.Errorf("authority of the next origin: %w", err)
		}
		if next, err = loadAuthority(s.cfg.Dir, origin, set.Moves, s.now); err != nil {
			return err
		}
	}
	if err := s.Note(ctx, syncproto.PersonID{}, "origin move begun", "from "+set.Origin+" to "+origin); err != nil {
		return err
	}
	if err := saveSettings(s.cfg.Dir, set); err != nil {
		return err
	}
	s.setMove(origin, next)
	return nil
}

// finishMove makes the next origin the origin, from the next start on.
func (s *Server) finishMove(ctx context.Context, origin string, leaveBehind bool) error {
	set, err := readSettings(s.cfg.Dir)
	if err != nil {
		return err
	}
	if set.Next == "" || origin != set.Next {
		return fmt.Errorf("no move to %q is under way", origin)
	}
	state, err := s.originState(ctx)
	if err != nil {
		return err
	}
	if state.Unheard > 0 && !leaveBehind {
		return fmt.Errorf("%d devices have not synced since the move was begun and would look for the server in vain: wait for them, or leave them behind", state.Unheard)
	}
	if err := s.Note(ctx, syncproto.PersonID{}, "origin moved", fmt.Sprintf("from %s to %s devices left behind %d", set.Origin, origin, state.Unheard)); err != nil {
		return err
	}
	set.Origin, set.Next, set.Began, set.Moved = origin, "", time.Time{}, set.Moves
	return saveSettings(s.cfg.Dir, set)
}

func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("origin %q: want https://NAME or http://ADDRESS, without a path", origin)
	}
	return nil
}
