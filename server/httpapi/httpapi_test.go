package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const seed = "httpapi tests, seed of 32 bytes!"

// world is an API over real accounts, with small stand-ins behind the other
// interfaces that remember what they were asked.
type world struct {
	noted []string // in the audit log
	*httpapi.API
	t    testing.TB
	auth *authn.Authn
	rand *rand.ChaCha8
	key  ed25519.PrivateKey
	log  *syncBuffer

	mu     sync.Mutex
	now    time.Time
	people map[syncproto.PersonID]httpapi.Person

	push    func(context.Context, syncproto.ReplicaID, []syncproto.Bundle) (syncproto.Receipt, error)
	reissue func(context.Context, syncproto.ReplicaID, syncproto.ReissueRequest) ([]syncproto.Reissued, error)
	pull    func(context.Context, syncproto.ReplicaID, syncproto.PullRequest) (*syncproto.Page, error)
	read    reader
	settle  settler
	ready   error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 5, 18, 8, 0, 0, 0, time.UTC), log: &syncBuffer{}, people: map[syncproto.PersonID]httpapi.Person{}}
	var s [32]byte
	copy(s[:], seed)
	w.rand = rand.NewChaCha8(s)
	w.key = ed25519.NewKeyFromSeed(s[:])
	st := memstore.New()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	public := w.key.Public().(ed25519.PublicKey)
	var err error
	w.auth, err = authn.New(authn.Config{Store: st, Server: sign.KeyHash(public), Now: w.clock, Random: w.rand,
		Cost: authn.Cost{Passes: 1, MemoryKiB: 8, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	sealKey, err := ecdh.X25519().NewPrivateKey(s[:])
	if err != nil {
		t.Fatal(err)
	}
	w.API, err = httpapi.New(httpapi.Config{
		Auth: w.auth, Pusher: w, Puller: w, Reader: &w.read, Actor: &w.read, Settler: &w.settle, Traffic: w, Unlocker: w, Auditor: w, People: w, Now: w.clock,
		Identity: httpapi.Identity{SignKey: public, SealKey: sealKey.PublicKey(), Origin: "https://zs.example", Epoch: st.Epoch},
		Ready:    func(context.Context) error { return w.ready },
		Log:      slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),

		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) Push(ctx context.Context, r syncproto.ReplicaID, b []syncproto.Bundle) (syncproto.Receipt, error) {
	return w.push(ctx, r, b)
}

func (w *world) Reissue(ctx context.Context, r syncproto.ReplicaID, q syncproto.ReissueRequest) ([]syncproto.Reissued, error) {
	return w.reissue(ctx, r, q)
}

func (w *world) Pull(ctx context.Context, r syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error) {
	return w.pull(ctx, r, q)
}

func (w *world) Person(id syncproto.PersonID) (httpapi.Person, bool) {
	p, ok := w.people[id]
	return p, ok
}

func (w *world) Find(name string) (httpapi.Person, error) {
	for _, p := range w.people {
		if p.Name == name || p.ID.String() == name {
			return p, nil
		}
	}
	return httpapi.Person{}, syncproto.Errorf(syncproto.KindNotFound, "没有这个人")
}

// MayAdmit lets an administrator admit whoever is none himself.
func (w *world) MayAdmit(_, p syncproto.PersonID) bool { return !w.people[p].Admin }

// NeedsSecond: whoever has a post is a leader.
func (w *world) NeedsSecond(p, by syncproto.PersonID) bool {
	if w.people[p].Post == "" {
		return false
	}
	n := 0
	for id, x := range w.people {
		if x.Admin && id != by {
			n++
		}
	}
	return n > 0 && !by.IsZero() || n > 1
}

// reader remembers the query and viewer it was asked with, and what was done to
// a record.
type reader struct {
	viewer   syncproto.PersonID
	query    httpapi.TimelineQuery
	timeline httpapi.Timeline
	record   httpapi.Record
	err      error

	change syncproto.ChangeID // as_of, before or seen
	choice syncproto.Choice
	acted  []string
	actErr error
}

func (r *reader) act(p syncproto.PersonID, seen syncproto.ChangeID, what ...string) error {
	r.viewer, r.change, r.acted = p, seen, what
	return r.actErr
}

func (r *reader) Adopt(_ context.Context, p syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, c syncproto.Choice) error {
	r.choice = c
	return r.act(p, seen, "adopt", id.String())
}

func (r *reader) Comment(_ context.Context, p syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, text string) error {
	return r.act(p, seen, "comment", id.String(), text)
}

func (r *reader) DecideVoid(_ context.Context, p syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, void bool, reason string) error {
	return r.act(p, seen, "void", id.String(), fmt.Sprint(void), reason)
}

func (r *reader) Confirm(_ context.Context, p syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, result, note string) error {
	return r.act(p, seen, "confirm", id.String(), result, note)
}

func (r *reader) Timeline(_ context.Context, v syncproto.PersonID, q httpapi.TimelineQuery) (httpapi.Timeline, error) {
	r.viewer, r.query = v, q
	return r.timeline, r.err
}

func (r *reader) Record(_ context.Context, v syncproto.PersonID, id syncproto.RecordID, asOf syncproto.ChangeID) (httpapi.Record, error) {
	r.viewer, r.record.ID = v, id
	if !asOf.IsZero() {
		r.change = asOf
	}
	return r.record, r.err
}

func (r *reader) Opened(_ context.Context, v syncproto.PersonID, id syncproto.RecordID, reason string) (httpapi.Record, error) {
	return httpapi.Record{ID: id, Kind: "HD", Fields: []httpapi.Field{}}, r.act(v, syncproto.ChangeID{}, "open", id.String(), reason)
}

func (r *reader) History(_ context.Context, v syncproto.PersonID, _ syncproto.RecordID, before syncproto.ChangeID) (httpapi.History, error) {
	r.viewer, r.change = v, before
	return httpapi.History{}, r.err
}

func (r *reader) Held(_ context.Context, v syncproto.PersonID) (httpapi.HeldList, error) {
	r.viewer = v
	return httpapi.HeldList{}, r.err
}

// Note keeps what was done.
func (w *world) Note(_ context.Context, by syncproto.PersonID, what, about string) error {
	w.noted = append(w.noted, fmt.Sprint(by, " ", what, " ", about))
	return nil
}

// UnlockCode is what it was asked for.
func (w *world) UnlockCode(_ context.Context, r syncproto.ReplicaID, number string, days int) (string, error) {
	return fmt.Sprint(r, " ", number, " ", days), nil
}

// Traffic says the same of every device.
func (w *world) Traffic(_ syncproto.ReplicaID, d *httpapi.Device) error {
	d.Received, d.Held = 12, 1
	return nil
}

// settler remembers what it was asked.
type settler struct {
	admin    syncproto.PersonID
	work     httpapi.HeldWork
	reason   string
	rejected bool
	to       httpapi.Assignment
	declared []string // kind and place
	err      error
}

func (s *settler) Release(_ context.Context, admin syncproto.PersonID, w httpapi.HeldWork) (httpapi.Settled, error) {
	s.admin, s.work, s.reason, s.rejected = admin, w, "", false
	return httpapi.Settled{Parts: 2}, s.err
}

func (s *settler) Reject(_ context.Context, admin syncproto.PersonID, w httpapi.HeldWork, reason string) (httpapi.Settled, error) {
	s.admin, s.work, s.reason, s.rejected = admin, w, reason, true
	return httpapi.Settled{Parts: 1, Left: 1}, s.err
}

func (s *settler) Reassign(_ context.Context, admin syncproto.PersonID, w httpapi.HeldWork, to httpapi.Assignment) (httpapi.Settled, error) {
	s.admin, s.work, s.to = admin, w, to
	return httpapi.Settled{Parts: 2}, s.err
}

func (s *settler) Missing(_ context.Context, admin syncproto.PersonID, w httpapi.HeldWork) (httpapi.HeldLost, error) {
	s.admin, s.work = admin, w
	return httpapi.HeldLost{Lost: []httpapi.LostRun{{Replica: w.Replica, From: 1, To: 2}}, Settled: httpapi.Settled{Left: 2}}, s.err
}

func (s *settler) DeclareLost(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork, kind, place string) (httpapi.HeldLost, error) {
	s.declared = []string{kind, place}
	return s.Missing(ctx, admin, w)
}

// Steps of a story.

func (w *world) person(name string, admin bool) httpapi.Person {
	w.pass(time.Millisecond)
	p := httpapi.Person{ID: syncproto.NewRecordID(w.clock()), Name: name, Post: "东极镇干部", Admin: admin}
	w.people[p.ID] = p
	return p
}

type request struct {
	method, path, ctype, bearer string
	body                        []byte
	header                      map[string]string
	cookies                     []*http.Cookie
	remote                      string
	ctx                         context.Context
}

func (w *world) do(q request) *http.Response {
	w.t.Helper()
	if q.ctx == nil {
		q.ctx = w.t.Context()
	}
	r := httptest.NewRequestWithContext(q.ctx, q.method, q.path, bytes.NewReader(q.body))
	if q.ctype != "" {
		r.Header.Set("Content-Type", q.ctype)
	}
	if q.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	for _, k := range q.cookies {
		r.AddCookie(k)
	}
	if q.remote != "" {
		r.RemoteAddr = q.remote
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Result()
}

func (w *world) json(path, bearer string, v any) *http.Response {
	w.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(request{method: "POST", path: path, ctype: "application/json", bearer: bearer, body: body})
}

func (w *world) cbor(path, bearer string, body []byte) *http.Response {
	w.t.Helper()
	return w.do(request{method: "POST", path: path, ctype: "application/cbor", bearer: bearer, body: body})
}

func (w *world) get(path, bearer string) *http.Response {
	w.t.Helper()
	return w.do(request{method: "GET", path: path, bearer: bearer})
}

func body(t testing.TB, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode[T any](t testing.TB, r *http.Response) (v T) {
	t.Helper()
	b := body(t, r)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", r.StatusCode, b)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// wantProblem checks the shape of an error and returns it.
func wantProblem(t testing.TB, what string, r *http.Response, status int, kind syncproto.ErrorKind) httpapi.Problem {
	t.Helper()
	b := body(t, r)
	var p httpapi.Problem
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: content type %q, status %d: %.200s", what, got, r.StatusCode, b)
		return p
	}
	if err := json.Unmarshal(b, &p); err != nil {
		t.Errorf("%s: %v in %s", what, err, b)
	}
	if r.StatusCode != status || p.Status != status || p.Kind != kind.String() {
		t.Errorf("%s: status %d, kind %s (%s), want %d, %s", what, r.StatusCode, p.Kind, p.Detail, status, kind)
	}
	return p
}

type phone struct {
	replica syncproto.ReplicaID
	person  syncproto.PersonID
	key     ed25519.PrivateKey
}

func (w *world) enrolled(p httpapi.Person) phone {
	w.t.Helper()
	code, _, err := w.auth.CreateCode(w.t.Context(), p.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	pub, key, err := ed25519.GenerateKey(w.rand)
	if err != nil {
		w.t.Fatal(err)
	}
	a := decode[struct {
		Replica syncproto.ReplicaID `json:"replica"`
		Person  syncproto.PersonID  `json:"person"`
	}](w.t, w.json("/v1/enrol", "", map[string]string{"code": code, "key": b64(pub), "device": "手机"}))
	return phone{a.Replica, a.Person, key}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (w *world) sessionRequest(f phone) []byte {
	q := sign.SessionRequest{Audience: sign.KeyHash(w.key.Public().(ed25519.PublicKey)), Replica: f.replica, Wall: w.clock().UnixMilli()}
	if _, err := w.rand.Read(q.Nonce[:]); err != nil {
		w.t.Fatal(err)
	}
	return encodeSession(q, sign.SignSession(f.key, &q))
}

func encodeSession(q sign.SessionRequest, sig syncproto.Signature) []byte {
	b := wire.AppendBytes(wire.AppendArray(nil, 4), q.Replica[:])
	b = wire.AppendBytes(wire.AppendInt(b, q.Wall), q.Nonce[:])
	return wire.AppendBytes(b, sig[:])
}

func (w *world) token(f phone) string {
	w.t.Helper()
	r := w.cbor("/v1/sync/session", "", w.sessionRequest(f))
	b := body(w.t, r)
	if r.StatusCode != http.StatusOK {
		w.t.Fatalf("session: %d %s", r.StatusCode, b)
	}
	d := wire.NewReader(b)
	if n := d.Array(3); n != 3 {
		w.t.Fatalf("session answer of %d members", n)
	}
	var tok authn.Token
	d.Fixed(tok[:])
	if life := d.Uint(); life != 900 {
		w.t.Errorf("lifetime %d s", life)
	}
	if wall := d.Int(); wall != w.clock().UnixMilli() {
		w.t.Errorf("wall %d", wall)
	}
	if err := d.Done(); err != nil {
		w.t.Fatal(err)
	}
	return tok.Text()
}

const secret = "东极的月亮很圆很圆a1"

type loggedIn struct {
	Token  string             `json:"token"`
	CSRF   string             `json:"csrf"`
	Person syncproto.PersonID `json:"person"`
	Admin  bool               `json:"admin"`
	cookie *http.Cookie
}

func (w *world) login(p httpapi.Person) loggedIn {
	w.t.Helper()
	if err := w.auth.SetPassword(w.t.Context(), p.ID, p.Name, secret); err != nil {
		w.t.Fatal(err)
	}
	r := w.json("/v1/login", "", map[string]string{"name": p.Name, "password": secret})
	in := decode[loggedIn](w.t, r)
	i := slices.IndexFunc(r.Cookies(), func(k *http.Cookie) bool { return strings.HasSuffix(k.Name, "chuantou-session") })
	if i < 0 {
		w.t.Fatalf("no cookie: %v", r.Cookies())
	}
	in.cookie = r.Cookies()[i]
	return in
}
