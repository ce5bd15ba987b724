package authn_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// world is an Authn with a clock and randomness in the test's hand.
type world struct {
	*authn.Authn
	t     testing.TB
	store *memstore.Store
	cost  authn.Cost
	rand  *rand.ChaCha8

	mu  sync.Mutex
	now time.Time
}

const seed = "authn tests, seed of 32 bytes 01!"

// cheap is a cost that lets a test try many passwords.
var cheap = authn.Cost{Passes: 1, MemoryKiB: 8, Threads: 1}

var server = sign.KeyHash(ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey))

func newWorld(t testing.TB) *world {
	w := &world{t: t, store: memstore.New(), cost: cheap, now: time.Date(2026, 5, 18, 8, 0, 0, 0, time.UTC)}
	var s [32]byte
	copy(s[:], seed)
	w.rand = rand.NewChaCha8(s)
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.restart()
	return w
}

// restart is a new process on the same store.
func (w *world) restart() {
	w.t.Helper()
	a, err := authn.New(authn.Config{Store: w.store, Server: server, Now: w.clock, Random: w.rand, Cost: w.cost})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Authn = a
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

func (w *world) person() syncproto.PersonID { return syncproto.NewRecordID(w.clock()) }

func (w *world) key() ed25519.PrivateKey {
	w.t.Helper()
	_, k, err := ed25519.GenerateKey(w.rand)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *world) code(p syncproto.PersonID) string {
	w.t.Helper()
	code, _, err := w.CreateCode(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// phone is an enrolled device.
type phone struct {
	authn.Account
	key ed25519.PrivateKey
}

func (w *world) enrolled(p syncproto.PersonID) phone {
	w.t.Helper()
	k := w.key()
	acc, err := w.Enrol(w.t.Context(), "10.0.0.1", w.code(p), public(k), "乐例红的手机")
	if err != nil {
		w.t.Fatal(err)
	}
	return phone{acc, k}
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// request is a session request as the phone would send it now.
func (w *world) request(f phone) (sign.SessionRequest, syncproto.Signature) {
	q := sign.SessionRequest{Audience: server, Replica: f.Replica, Wall: w.clock().UnixMilli()}
	if _, err := w.rand.Read(q.Nonce[:]); err != nil {
		w.t.Fatal(err)
	}
	return q, sign.SignSession(f.key, &q)
}

func (w *world) session(f phone) authn.Token {
	w.t.Helper()
	q, sig := w.request(f)
	tok, err := w.OpenSession(w.t.Context(), q, sig)
	if err != nil {
		w.t.Fatal(err)
	}
	return tok
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// stored is everything in the store, to look for what must not be there.
func (w *world) stored() []byte {
	w.t.Helper()
	var all []byte
	err := w.store.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			all = append(append(all, k...), v...)
			return true, nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) mustNotStore(what string, secret []byte) {
	w.t.Helper()
	if bytes.Contains(w.stored(), secret) {
		w.t.Errorf("%s is in the store as it is", what)
	}
}
