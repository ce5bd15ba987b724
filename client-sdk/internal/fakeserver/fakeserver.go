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
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	held    map[syncproto.ReplicaID][]syncproto.Held
	waiting []waitingPart
	records map[syncproto.RecordID]*crdt.Record
	atoms   map[syncproto.RecordID][]syncproto.Atom
	feeds   map[syncproto.Atom][]entry
	keys    []seal.Key
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
		tokens: map[string]syncproto.ReplicaID{}, nonces: map[[16]byte]bool{}}
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
		forked: map[syncproto.ReplicaID]bool{}, held: map[syncproto.ReplicaID][]syncproto.Held{},
		records: map[syncproto.RecordID]*crdt.Record{}, atoms: map[syncproto.RecordID][]syncproto.Atom{}, feeds: map[syncproto.Atom][]entry{}}
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
	for k, v := range old.forked {
		c.forked[k] = v
	}
	for k, v := range old.held {
		c.held[k] = slices.Clone(v)
	}
	for k, v := range old.records {
		c.records[k] = v.Clone()
	}
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
	if q.Path == "/v1/sync/push" {
		return s.push(s.replicas[id], q.Body)
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

func (s *Server) push(rep *replica, body []byte) (int, []byte, error) {
	bundles, err := wire.DecodePush(body)
	if err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	for i := range bundles {
		changes, err := sign.OpenBundle(&bundles[i], rep.pub)
		if err != nil {
			return 400, nil, syncproto.Errorf(syncproto.KindBadSignature, "%v", err)
		}
		if s.contradicts(changes) {
			s.state.forked[rep.id] = true // kept apart, not applied
			continue
		}
		for _, c := range changes {
			s.take(c)
		}
	}
	s.retry()
	return 200, s.receipt(rep.id), nil
}

func (s *Server) contradicts(changes []sign.SealedChange) bool {
	return slices.ContainsFunc(changes, func(c sign.SealedChange) bool {
		old, ok := s.state.changes[ownKey{c.Replica, c.Seq}]
		return ok && old.Hash != c.Hash
	})
}

func (s *Server) take(c sign.SealedChange) {
	at := ownKey{c.Replica, c.Seq}
	st := s.state
	if _, ok := st.changes[at]; ok {
		return
	}
	c.HeaderBytes = bytes.Clone(c.HeaderBytes)
	for i := range c.Parts {
		c.Parts[i].Bytes = bytes.Clone(c.Parts[i].Bytes)
	}
	st.changes[at] = c
	st.ranges[c.Replica] = st.ranges[c.Replica].Add(c.Seq, c.Seq)
	for i := range c.Parts {
		part, err := wire.DecodePart(c.Replica, c.Parts[i].Bytes)
		if err != nil {
			panic(err) // the device checks before it signs
		}
		s.takeKeys(&part)
		if s.Hold != nil {
			if reason := s.Hold(&part); reason != 0 {
				st.held[c.Replica] = append(st.held[c.Replica], syncproto.Held{Seq: c.Seq, Record: part.Record, Reason: reason})
				continue
			}
		}
		if !s.join(c.Header, &part) {
			st.waiting = append(st.waiting, waitingPart{c.Header, part})
		}
	}
}

func (s *Server) takeKeys(p *syncproto.Part) {
	for _, op := range p.Ops {
		if op.Field == seal.KeysField {
			if k, err := seal.Unwrap(s.seal, op.Value); err == nil {
				s.state.keys = append(s.state.keys, k)
			}
		}
	}
}

// join joins a part and feeds it; false when it must wait.
func (s *Server) join(h syncproto.Header, p *syncproto.Part) bool {
	st := s.state
	rec := st.records[p.Record]
	if rec == nil {
		rec = crdt.New(p.Record)
	}
	next := rec.Clone()
	if err := next.Join(h, p, crdt.Options{}); err != nil {
		var missing *crdt.MissingError
		if errors.As(err, &missing) {
			return false
		}
		panic(fmt.Sprintf("part of change %d of %s: %v", h.Seq, h.Replica, err))
	}
	st.records[p.Record] = next
	was, now := st.atoms[p.Record], s.atomsOf(next)
	st.atoms[p.Record] = now
	for _, a := range now {
		st.feeds[a] = append(st.feeds[a], entry{header: h, record: p.Record, touch: was != nil && !slices.Equal(was, now)})
	}
	for _, a := range was {
		if !slices.Contains(now, a) {
			st.feeds[a] = append(st.feeds[a], entry{record: p.Record, leave: true})
		}
	}
	return true
}

// retry joins what waited for its causes.
func (s *Server) retry() {
	for again := true; again; {
		again = false
		waiting := s.state.waiting
		s.state.waiting = nil
		for _, w := range waiting {
			if s.join(w.header, &w.part) {
				again = true
			} else {
				s.state.waiting = append(s.state.waiting, w)
			}
		}
	}
}

func plainOf(v syncproto.Value) any { out, _ := wire.DecodeValue(v); return out }

func (s *Server) atomsOf(rec *crdt.Record) []syncproto.Atom {
	if k, ok := s.schema.Kind(rec.Kind); ok && k.Reference {
		return []syncproto.Atom{syncproto.AtomReference}
	}
	draft := true
	for _, e := range rec.Log("status") {
		draft = draft && plainOf(e.Value) == "草稿"
	}
	for _, e := range rec.Values("status") {
		draft = draft && plainOf(e.Value) == "草稿"
	}
	place, ok := rec.Value("place_code")
	if draft || !ok {
		var out []syncproto.Atom
		add := func(v any) {
			text, _ := v.(string)
			if id, err := syncproto.ParseRecordID(text); err == nil && !slices.Contains(out, syncproto.PersonAtom(id)) {
				out = append(out, syncproto.PersonAtom(id))
			}
		}
		if e, ok := rec.Value("recorder_id"); ok {
			add(plainOf(e.Value))
		}
		for _, m := range rec.Set("recorder_ids") {
			add(plainOf(m.Value))
		}
		slices.Sort(out)
		return out
	}
	return []syncproto.Atom{syncproto.TownshipAtom(plainOf(place.Value).(string))}
}

func (s *Server) receipt(id syncproto.ReplicaID) []byte {
	st := s.state
	c := syncproto.Receipt{Suite: syncproto.Suite1, Server: sign.KeyHash(s.key.Public().(ed25519.PublicKey)), Epoch: fmt.Sprint(st.epoch),
		Replica: id, Received: st.ranges[id], Held: slices.Clone(st.held[id]), Level: syncproto.LevelDurable, Wall: s.now().UnixMilli(), Forked: st.forked[id]}
	for _, w := range st.waiting {
		if w.header.Replica == id {
			c.Held = append(c.Held, syncproto.Held{Seq: w.header.Seq, Record: w.part.Record, Reason: syncproto.HoldMissing})
		}
	}
	sign.SignReceipt(s.key, &c)
	return wire.AppendReceipt(nil, &c)
}

// A cursor is epoch, then per atom its name and number, all in the clear, then
// a fingerprint of the receipt.
type cursor struct {
	Epoch int
	Atoms map[syncproto.Atom]int
	Last  string
	Keys  int
}

func (s *Server) scope(rep *replica) []syncproto.Atom {
	out := []syncproto.Atom{syncproto.PersonAtom(rep.person)}
	for a := range s.state.feeds {
		if a[0] == 't' || a == syncproto.AtomReference {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Server) pull(rep *replica, body []byte) (int, []byte, error) {
	q, err := wire.DecodePull(body)
	if err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	if q.Hash != (syncproto.CursorHash{}) {
		c, ok := s.tokens["cursor "+string(q.Hash[:])]
		if !ok || c != rep.id {
			return 409, nil, syncproto.Errorf(syncproto.KindCursor, "send the whole cursor")
		}
		q.Cursor = cursors.get(q.Hash)
	}
	was := cursor{Atoms: map[syncproto.Atom]int{}}
	if len(q.Cursor) > 0 {
		if err := json.Unmarshal(q.Cursor, &was); err != nil {
			was = cursor{Atoms: map[syncproto.Atom]int{}}
		}
	}
	for _, a := range q.Again {
		delete(was.Atoms, a)
	}
	page := s.page(rep, &was)
	if page == nil {
		return http.StatusNoContent, nil, nil
	}
	h := session.HashCursor(page.Cursor)
	s.tokens["cursor "+string(h[:])] = rep.id
	cursors.put(h, page.Cursor)
	return 200, wire.AppendPage(nil, page), nil
}

// cursors remembers cursors by hash across servers of one test run.
var cursors = cursorMemory{m: map[syncproto.CursorHash]syncproto.Cursor{}}

type cursorMemory struct {
	mu sync.Mutex
	m  map[syncproto.CursorHash]syncproto.Cursor
}

func (c *cursorMemory) get(h syncproto.CursorHash) syncproto.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[h]
}

func (c *cursorMemory) put(h syncproto.CursorHash, v syncproto.Cursor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[h] = v
}

func (s *Server) page(rep *replica, was *cursor) *syncproto.Page {
	st := s.state
	next := cursor{Epoch: st.epoch, Atoms: map[syncproto.Atom]int{}}
	p := &syncproto.Page{Epoch: fmt.Sprint(st.epoch), Wall: s.now().UnixMilli()}
	budget := s.PageEntries
	for _, a := range s.scope(rep) {
		feed := st.feeds[a]
		from := min(was.Atoms[a], len(feed)) // numbers beyond the feed: an older copy was put back
		if was.Epoch != st.epoch {
			from = 0
		}
		to := len(feed)
		if s.PageEntries > 0 {
			to = min(to, from+budget)
			budget -= to - from
		}
		next.Atoms[a] = to
		s.entries(p, rep, a, feed[from:to])
		if to < len(feed) {
			p.More = true
		} else if from < to {
			p.Digests = append(p.Digests, s.digest(a))
		}
	}
	if p.More {
		p.Digests = nil
	}
	receipt := s.receipt(rep.id)
	sum := sha256.Sum256([]byte(fmt.Sprint(st.ranges[rep.id], st.held[rep.id], st.forked[rep.id])))
	next.Last = base64.RawURLEncoding.EncodeToString(sum[:6])
	if next.Last != was.Last {
		c, err := wire.DecodeReceipt(receipt)
		if err != nil {
			panic(err)
		}
		p.Receipt = &c
	}
	for _, k := range st.keys[min(was.Keys, len(st.keys)):] {
		p.Keys = append(p.Keys, syncproto.HeldKey{Holder: k.Holder, Key: k.ID, Secret: k.Secret})
	}
	next.Keys = len(st.keys)
	if was.Epoch == 0 {
		p.Schema = s.schema.Marshal()
	}
	p.Cursor, _ = json.Marshal(next)
	before, _ := json.Marshal(was)
	if bytes.Equal(before, p.Cursor) {
		return nil
	}
	p.Done, p.Total = 1, 1
	return p
}

func (s *Server) entries(p *syncproto.Page, rep *replica, a syncproto.Atom, feed []entry) {
	sent := map[syncproto.RecordID]bool{}
	for _, e := range feed {
		switch {
		case e.leave:
			p.Entries = append(p.Entries, syncproto.Entry{Kind: syncproto.EntryLeave, Atom: a, Records: []syncproto.RecordID{e.record}})
			delete(sent, e.record)
		case sent[e.record]:
		case e.touch || s.AsStates:
			if slices.Contains(s.state.atoms[e.record], a) {
				sent[e.record] = true
				p.Entries = append(p.Entries, stateEntry(a, s.state.records[e.record]))
			}
		case e.header.Replica == rep.id:
			p.Entries = append(p.Entries, syncproto.Entry{Kind: syncproto.EntryOwn, Atom: a, From: e.header.Seq, To: e.header.Seq})
		default:
			p.Entries = append(p.Entries, s.sliceEntry(a, &e))
		}
	}
}

func stateEntry(a syncproto.Atom, rec *crdt.Record) syncproto.Entry {
	raw := wire.AppendStates(nil, []syncproto.State{{Record: rec.ID, Bytes: rec.AppendBinary(nil)}})
	return syncproto.Entry{Kind: syncproto.EntryStates, Atom: a, Count: 1, RawBytes: len(raw), Frame: wire.Compress(raw, wire.EffortFast)}
}

// sliceEntry is the change with the parts of other records withheld.
func (s *Server) sliceEntry(a syncproto.Atom, e *entry) syncproto.Entry {
	c := s.state.changes[ownKey{e.header.Replica, e.header.Seq}]
	raw := c.RawChange
	raw.Parts = slices.Clone(raw.Parts)
	for i := range raw.Parts {
		part, err := wire.DecodePart(c.Replica, raw.Parts[i].Bytes)
		if err != nil || part.Record != e.record {
			raw.Parts[i] = wire.RawPart{Digest: sign.PartDigest(c.Salts[i], raw.Parts[i].Bytes)}
		}
	}
	b := wire.AppendRawChange(nil, &raw)
	return syncproto.Entry{Kind: syncproto.EntryChanges, Atom: a, Replica: c.Replica, From: c.Seq, Count: 1, RawBytes: len(b), Frame: wire.Compress(b, wire.EffortFast)}
}

func (s *Server) digest(a syncproto.Atom) syncproto.AtomDigest {
	d := syncproto.AtomDigest{Atom: a, Classes: syncproto.ForAll}
	for id, atoms := range s.state.atoms {
		if slices.Contains(atoms, a) {
			d.Records++
			d.Sum = d.Sum.Add(s.state.records[id].Digest(nil))
		}
	}
	return d
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
