// Package fakeserver is the server's side of docs/http.md in memory, for the
// tests of the SDK: it keeps every change, joins or holds it, feeds atoms, and
// answers pulls by cursor. It has one scope: every enrolled person reads
// everything of the townships, reference data, and the drafts he writes. What
// goes wrong on a line or in a server is switched on by its members.
package fakeserver

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Server is the server's side of docs/http.md in memory: it keeps every
// change, joins or holds it, feeds atoms, and answers pulls by cursor. It has
// one scope: every enrolled person reads everything of the town, reference
// data, and the drafts he writes.
type Server struct {
	mu       sync.Mutex
	now      func() time.Time
	key      ed25519.PrivateKey
	seal     *ecdh.PrivateKey
	random   *rand.ChaCha8
	schema   *schema.Schema
	codes    map[string]syncproto.PersonID
	used     map[string]*replica // by code
	replicas map[syncproto.ReplicaID]*replica
	tokens   map[string]syncproto.ReplicaID
	cursors  map[syncproto.CursorHash]syncproto.Cursor
	nonces   map[[16]byte]bool
	state    *Snapshot
	log      []string // paths of the requests answered

	PageEntries int                                          // entries a page; 0: all
	AsStates    bool                                         // answer with states in place of changes
	OnRequest   func(q *session.Request) error               // an error: the request never arrives
	OnAnswer    func(q *session.Request) error               // an error: the answer is lost
	Hold        func(p *syncproto.Part) syncproto.HoldReason // non-zero holds the part
	Refuse      func(q *session.Request) *syncproto.Error
}

type replica struct {
	id     syncproto.ReplicaID
	person syncproto.PersonID
	pub    ed25519.PublicKey
}

// Snapshot is what an older copy of the server's folder would bring back.
type Snapshot struct {
	epoch   int
	changes map[ownKey]sign.SealedChange
	ranges  map[syncproto.ReplicaID]syncproto.Ranges
	forked  map[syncproto.ReplicaID]bool
	backed  map[syncproto.ReplicaID]syncproto.Ranges
	held    map[syncproto.ReplicaID][]syncproto.Held
	waiting []waitingPart
	records map[syncproto.RecordID]*crdt.Record
	atoms   map[syncproto.RecordID][]syncproto.Atom
	feeds   map[syncproto.Atom][]entry
	keys    []seal.Key

	reissued map[replacedKey]syncproto.Reissued
	setAside []waitingPart // by Hold
	unfolded map[syncproto.RecordID]*crdt.Record
	tables   map[syncproto.ReplicaID]*fold.Table
}

type ownKey struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
}

type waitingPart struct {
	header syncproto.Header
	part   syncproto.Part
}

// entry is one part that was joined, or a record that left the atom.
type entry struct {
	header syncproto.Header
	record syncproto.RecordID
	leave  bool
	touch  bool // take the state anew
}

// New returns an empty server; the same seed gives the same keys and ids.
func New(seed byte, now func() time.Time) *Server {
	s := &Server{now: now, random: rand.NewChaCha8([32]byte{seed, 's'}), schema: schema.Builtin(),
		codes: map[string]syncproto.PersonID{}, used: map[string]*replica{}, replicas: map[syncproto.ReplicaID]*replica{},
		tokens: map[string]syncproto.ReplicaID{}, cursors: map[syncproto.CursorHash]syncproto.Cursor{}, nonces: map[[16]byte]bool{}}
	keySeed := make([]byte, ed25519.SeedSize)
	s.random.Read(keySeed)
	s.key = ed25519.NewKeyFromSeed(keySeed)
	s.random.Read(keySeed)
	s.seal, _ = ecdh.X25519().NewPrivateKey(keySeed)
	s.state = newSnapshot(1)
	return s
}

func newSnapshot(epoch int) *Snapshot {
	return &Snapshot{epoch: epoch, changes: map[ownKey]sign.SealedChange{}, ranges: map[syncproto.ReplicaID]syncproto.Ranges{},
		forked: map[syncproto.ReplicaID]bool{}, backed: map[syncproto.ReplicaID]syncproto.Ranges{}, held: map[syncproto.ReplicaID][]syncproto.Held{},
		unfolded: map[syncproto.RecordID]*crdt.Record{}, tables: map[syncproto.ReplicaID]*fold.Table{},
		records: map[syncproto.RecordID]*crdt.Record{}, atoms: map[syncproto.RecordID][]syncproto.Atom{}, feeds: map[syncproto.Atom][]entry{}}
}

// OpenOutbox opens an exported outbox, as only the server can.
func (s *Server) OpenOutbox(r io.Reader) (out []syncproto.Bundle, err error) {
	err = seal.EachOutbox(r, s.seal, func(b []byte) error {
		d := wire.NewReader(b)
		u, err := wire.ReadBundle(d)
		out = append(out, u)
		return errors.Join(err, d.Done())
	})
	return out, err
}

// BackUp makes everything received part of a verified backup.
func (s *Server) BackUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, rs := range s.state.ranges {
		s.state.backed[id] = slices.Clone(rs)
	}
}

// Copy copies the store, as a backup would.
func (s *Server) Copy() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state
	c := newSnapshot(old.epoch)
	c.waiting, c.keys = slices.Clone(old.waiting), slices.Clone(old.keys)
	for k, v := range old.changes {
		c.changes[k] = v
	}
	for k, v := range old.ranges {
		c.ranges[k] = slices.Clone(v)
	}
	c.reissued = maps.Clone(old.reissued)
	for k, v := range old.backed {
		c.backed[k] = slices.Clone(v)
	}
	for k, v := range old.forked {
		c.forked[k] = v
	}
	for k, v := range old.held {
		c.held[k] = slices.Clone(v)
	}
	for k, v := range old.records {
		c.records[k] = v.Clone()
	}
	for k, v := range old.unfolded {
		c.unfolded[k] = v.Clone()
	}
	for k, v := range old.tables {
		c.tables[k] = v
	}
	c.setAside = slices.Clone(old.setAside)
	for k, v := range old.atoms {
		c.atoms[k] = slices.Clone(v)
	}
	for k, v := range old.feeds {
		c.feeds[k] = slices.Clone(v)
	}
	return c
}

// PutBack puts an older copy back; cursors of later numbers prove it and the
// epoch is raised.
func (s *Server) PutBack(old *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old.epoch = s.state.epoch + 1
	s.state = old
}

// Code makes a one-time code for a person.
func (s *Server) Code(person syncproto.PersonID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := fmt.Sprintf("CODE-%d", len(s.codes)+1)
	s.codes[c] = person
	return c
}

// Dial is Options.Dial of a device with the server's clock.
func (s *Server) Dial(string) (syncloop.Transport, error) {
	return &link{s: s, now: s.now}, nil
}

// DialWith is Dial for a device with a clock of its own.
func (s *Server) DialWith(now func() time.Time) func(string) (syncloop.Transport, error) {
	return func(string) (syncloop.Transport, error) { return &link{s: s, now: now}, nil }
}

// link is one device's connection.
type link struct {
	s        *Server
	now      func() time.Time // the device's clock
	up, down int64
}

func (l *link) Bytes() (int64, int64) { return l.up, l.down }
func (l *link) Speed() int            { return 0 }

// ErrCut is what a cut line gives.
var ErrCut = errors.New("no network")

func (l *link) Do(ctx context.Context, q *session.Request) (r session.Response) {
	s := l.s
	r.Sent = l.now().UnixMilli()
	defer func() { r.Arrived = l.now().UnixMilli() }()
	if err := ctx.Err(); err != nil {
		r.Err = err
		return r
	}
	if s.OnRequest != nil {
		if r.Err = s.OnRequest(q); r.Err != nil {
			return r
		}
	}
	status, body, err := s.answer(q)
	l.up += int64(len(q.Body))
	l.down += int64(len(body))
	if s.OnAnswer != nil {
		if r.Err = s.OnAnswer(q); r.Err != nil {
			return r
		}
	}
	r.Status, r.Body = status, body
	var problem *syncproto.Error
	if errors.As(err, &problem) {
		r.Kind, r.Text, r.Body = problem.Kind, problem.Text, nil
		if q.Path == "/v1/sync/session" {
			r.Wall = s.now().UnixMilli()
		}
	}
	return r
}

func (s *Server) answer(q *session.Request) (int, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, q.Path)
	if s.Refuse != nil {
		if err := s.Refuse(q); err != nil {
			return 400, nil, err
		}
	}
	switch q.Path {
	case "/v1/enrol":
		return s.enrol(q.Body)
	case "/v1/sync/session":
		return s.session(q.Body)
	}
	id, ok := s.tokens[q.Token]
	if !ok {
		return 401, nil, syncproto.Errorf(syncproto.KindUnauthorized, "no session")
	}
	switch q.Path {
	case "/v1/sync/push":
		return s.push(s.replicas[id], q.Body)
	case "/v1/sync/reissue":
		return s.reissue(s.replicas[id], q.Body)
	}
	return s.pull(s.replicas[id], q.Body)
}

func (s *Server) enrol(body []byte) (int, []byte, error) {
	var q struct{ Code, Key, Device string }
	if err := json.Unmarshal(body, &q); err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	pub, _ := base64.RawURLEncoding.DecodeString(q.Key)
	person, ok := s.codes[q.Code]
	rep := s.used[q.Code]
	if !ok || rep != nil && !bytes.Equal(rep.pub, pub) {
		return 403, nil, syncproto.Errorf(syncproto.KindForbidden, "this code is unknown or used: ask for a new one")
	}
	if rep == nil {
		rep = &replica{person: person, pub: pub}
		s.random.Read(rep.id[:])
		rep.id[6], rep.id[8] = rep.id[6]&0x0f|0x40, rep.id[8]&0x3f|0x80
		s.used[q.Code], s.replicas[rep.id] = rep, rep
	}
	b64 := base64.RawURLEncoding.EncodeToString
	out, _ := json.Marshal(map[string]any{"replica": rep.id, "person": person, "person_name": "方例远", "origin": "fake", "epoch": "1",
		"server_key": b64(s.key.Public().(ed25519.PublicKey)), "seal_key": b64(s.seal.PublicKey().Bytes()), "wall": s.now().UnixMilli()})
	return 200, out, nil
}

func (s *Server) session(body []byte) (int, []byte, error) {
	r := wire.NewReader(body)
	q := sign.SessionRequest{Audience: sign.KeyHash(s.key.Public().(ed25519.PublicKey))}
	var sig syncproto.Signature
	r.Array(4)
	r.Fixed(q.Replica[:])
	q.Wall = r.Int()
	r.Fixed(q.Nonce[:])
	r.Fixed(sig[:])
	rep := s.replicas[q.Replica]
	if d := q.Wall - s.now().UnixMilli(); d > 300_000 || d < -300_000 {
		return 401, nil, syncproto.Errorf(syncproto.KindUnauthorized, "the clock is off")
	}
	if err := r.Done(); err != nil || rep == nil || s.nonces[q.Nonce] || sign.VerifySession(rep.pub, &q, sig) != nil {
		return 401, nil, syncproto.Errorf(syncproto.KindUnauthorized, "session refused")
	}
	s.nonces[q.Nonce] = true
	token := make([]byte, 24)
	s.random.Read(token)
	s.tokens[base64.RawURLEncoding.EncodeToString(token)] = rep.id
	out := wire.AppendUint(wire.AppendBytes(wire.AppendArray(nil, 3), token), 900)
	return 200, wire.AppendInt(out, s.now().UnixMilli()), nil
}

// Record is the server's state of a record, nil when it has none.
func (s *Server) Record(id syncproto.RecordID) *crdt.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.records[id]
}

// Requests returns the paths answered since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.log
	s.log = nil
	return out
}

// ID makes an id that is the same in every run.
func ID(n int) (id syncproto.PersonID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[0], id[1], id[6], id[8] = 1, 0x90, 0x70, 0x80
	return id
}

// Keys lists the sealing keys that devices gave the server.
func (s *Server) Keys() []seal.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.keys)
}

// ForgetKeys lets the server hand out none of them any more.
func (s *Server) ForgetKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.keys = nil
}
