package authn_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

func TestSession(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person())
	tok := w.session(f)
	acc, err := w.Session(t.Context(), tok)
	if err != nil || acc.Replica != f.Replica || acc.Person != f.Person {
		t.Fatalf("%+v, %v", acc, err)
	}
	parsed, ok := authn.ParseToken(tok.Text())
	if !ok || parsed != tok || len(tok.Text()) != 32 {
		t.Errorf("token text %q", tok.Text())
	}
	w.mustNotStore("the token", tok[:])
	w.pass(authn.DeviceSessionLife - time.Second)
	if _, err := w.Session(t.Context(), tok); err != nil {
		t.Errorf("before its end: %v", err)
	}
	w.pass(time.Second)
	_, err = w.Session(t.Context(), tok)
	wantErr(t, "after its end, though in use", err, authn.ErrNoSession)

	tok = w.session(f)
	w.EndSession(tok)
	_, err = w.Session(t.Context(), tok)
	wantErr(t, "ended", err, authn.ErrNoSession)
	tok = w.session(f)
	w.restart()
	_, err = w.Session(t.Context(), tok)
	wantErr(t, "of the process before", err, authn.ErrNoSession)
}

func TestSessionsOfOneDeviceAreBounded(t *testing.T) {
	w := newWorld(t)
	f, other := w.enrolled(w.person()), w.enrolled(w.person())
	kept := w.session(other)
	var toks []authn.Token
	for range 10 {
		toks = append(toks, w.session(f))
		w.pass(time.Second)
	}
	open := 0
	for _, tok := range toks {
		if _, err := w.Session(t.Context(), tok); err == nil {
			open++
		}
	}
	if open != 4 {
		t.Errorf("%d sessions of one device", open)
	}
	if _, err := w.Session(t.Context(), toks[9]); err != nil {
		t.Errorf("the newest gave way: %v", err)
	}
	if _, err := w.Session(t.Context(), kept); err != nil {
		t.Errorf("another device's session gave way: %v", err)
	}
}

func TestSessionRequestsRefused(t *testing.T) {
	w := newWorld(t)
	f, g := w.enrolled(w.person()), w.enrolled(w.person())
	stranger := phone{authn.Account{Replica: syncproto.NewReplicaID()}, w.key()}
	impostor := phone{f.Account, g.key}
	for name, from := range map[string]phone{"unknown device": stranger, "another device's key": impostor} {
		q, sig := w.request(from)
		_, err := w.OpenSession(t.Context(), q, sig)
		wantErr(t, name, err, authn.ErrProof)
	}
	q, _ := w.request(f)
	q.Audience[0] ^= 1 // signed for another server
	_, err := w.OpenSession(t.Context(), q, sign.SignSession(f.key, &q))
	wantErr(t, "wrong audience", err, authn.ErrProof)
	for name, change := range map[string]func(*sign.SessionRequest){
		"replica": func(q *sign.SessionRequest) { q.Replica = g.Replica },
		"wall":    func(q *sign.SessionRequest) { q.Wall++ },
		"nonce":   func(q *sign.SessionRequest) { q.Nonce[3] ^= 4 },
	} {
		q, sig := w.request(f)
		change(&q)
		_, err := w.OpenSession(t.Context(), q, sig)
		wantErr(t, "changed "+name, err, authn.ErrProof)
	}
}

func TestWrongClock(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person())
	w.pass(time.Hour)
	for off, ok := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, -5 * time.Minute: true,
		5*time.Minute + time.Millisecond: false, -5*time.Minute - time.Millisecond: false, 4 * 365 * 24 * time.Hour: false,
	} {
		q, _ := w.request(f)
		q.Wall += off.Milliseconds()
		_, err := w.OpenSession(t.Context(), q, sign.SignSession(f.key, &q))
		var clock *authn.ClockError
		if ok && err != nil || !ok && !errors.As(err, &clock) {
			t.Errorf("clock off by %v: %v", off, err)
			continue
		}
		if !ok && (clock.Wall != w.clock().UnixMilli() || syncproto.KindOf(err) != syncproto.KindUnauthorized) {
			t.Errorf("clock off by %v: told %d, kind %v", off, clock.Wall, syncproto.KindOf(err))
		}
	}
	q, _ := w.request(f)
	q.Wall = -1 << 63
	_, err := w.OpenSession(t.Context(), q, sign.SignSession(f.key, &q))
	var clock *authn.ClockError
	if !errors.As(err, &clock) {
		t.Errorf("clock at the beginning of time: %v", err)
	}
	q.Wall = 1<<63 - 1
	_, err = w.OpenSession(t.Context(), q, sign.SignSession(f.key, &q))
	if !errors.As(err, &clock) {
		t.Errorf("clock at the end of time: %v", err)
	}
}

func TestReplay(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person())
	var clock *authn.ClockError
	q, _ := w.request(f)
	q.Wall += (5 * time.Minute).Milliseconds() // the longest that one can be good for
	sig := sign.SignSession(f.key, &q)
	if _, err := w.OpenSession(t.Context(), q, sig); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if _, err := w.OpenSession(t.Context(), q, sig); !errors.As(err, &clock) {
			t.Fatalf("replayed after %d minutes: %v", i, err)
		}
		w.session(f)
		w.pass(time.Minute)
	}
	// A new process knows no nonces of the one before.
	q, sig = w.request(f)
	if _, err := w.OpenSession(t.Context(), q, sig); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	w.restart()
	if _, err := w.OpenSession(t.Context(), q, sig); !errors.As(err, &clock) {
		t.Errorf("replayed after a restart: %v", err)
	}
	w.session(f)
}

func TestSessionsInACircle(t *testing.T) {
	w := newWorld(t)
	f, other := w.enrolled(w.person()), w.enrolled(w.person())
	var later *authn.LaterError
	tries := 0
	for ; tries < 5000; tries++ {
		q, sig := w.request(f)
		if _, err := w.OpenSession(t.Context(), q, sig); errors.As(err, &later) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if later == nil {
		t.Fatalf("%d sessions in one moment", tries)
	}
	w.session(other)
	w.pass(10 * time.Minute)
	w.session(f)
}

func TestParseToken(t *testing.T) {
	for _, s := range []string{"", "x", strings.Repeat("A", 31), strings.Repeat("A", 33), strings.Repeat("=", 32), strings.Repeat("+", 32),
		strings.Repeat("A", 31) + "\n", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", strings.Repeat("船", 11)[:32]} {
		if tok, ok := authn.ParseToken(s); ok {
			t.Errorf("%q parsed to %x", s, tok)
		}
	}
	if _, ok := authn.ParseToken(strings.Repeat("A", 32)); !ok {
		t.Error("32 characters of base64url did not parse")
	}
}
