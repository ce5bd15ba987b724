package authn_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
)

const secret = "东极的月亮很圆很圆a1"

func (w *world) leader(login string) syncproto.PersonID {
	w.t.Helper()
	p := w.person()
	if err := w.SetPassword(w.t.Context(), p, login, secret); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	p := w.leader("张例桥")
	w.mustNotStore("the password", []byte(secret))
	tok, who, err := w.Login(t.Context(), " 张例桥 ", secret, "10.0.0.1")
	if err != nil || who != p {
		t.Fatalf("%v, %v", who, err)
	}
	for range 5 {
		w.pass(authn.WebSessionIdle - time.Second)
		if got, err := w.WebSession(tok); err != nil || got != p {
			t.Fatalf("in use: %v, %v", got, err)
		}
	}
	w.pass(authn.WebSessionIdle)
	_, err = w.WebSession(tok)
	wantErr(t, "left alone", err, authn.ErrNoSession)
	// A device's token is no browser's and the other way round.
	dev := w.session(w.enrolled(p))
	_, err = w.WebSession(dev)
	wantErr(t, "a device's token", err, authn.ErrNoSession)
	tok, _, err = w.Login(t.Context(), "张例桥", secret, "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(t.Context(), tok)
	wantErr(t, "a browser's token", err, authn.ErrNoSession)
	w.Logout(tok)
	_, err = w.WebSession(tok)
	wantErr(t, "logged out", err, authn.ErrNoSession)
}

func TestWebSessionEndsAtLast(t *testing.T) {
	w := newWorld(t)
	w.leader("张例桥")
	tok, _, err := w.Login(t.Context(), "张例桥", secret, "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	hours := 0
	for ; hours < 24*60; hours++ {
		if _, err := w.WebSession(tok); err != nil {
			break
		}
		w.pass(time.Hour)
	}
	if hours != 24*30 {
		t.Errorf("a session in use ended after %d hours", hours)
	}
}

func TestLoginRefused(t *testing.T) {
	w := newWorld(t)
	w.leader("张例桥")
	var words []string
	for i, try := range [][2]string{{"张例桥", secret + "x"}, {"张例桥", ""}, {"没有此人", secret}, {"", secret},
		{strings.Repeat("长", 500), secret}, {"张例桥", strings.Repeat("x", 4000)}, {"a\x00b", secret}} {
		_, _, err := w.Login(t.Context(), try[0], try[1], fmt.Sprintf("10.0.0.%d", i))
		wantErr(t, fmt.Sprintf("try %d", i), err, authn.ErrLogin)
		var e *syncproto.Error
		if errors.As(err, &e) {
			words = append(words, e.Text)
		}
	}
	for _, s := range words {
		if s != words[0] {
			t.Errorf("answers differ: %q and %q", words[0], s)
		}
	}
}

// A name that does not exist costs the same work as one that does, so that
// the time of an answer tells nothing. The work is seen by the memory it takes.
func TestUnknownNameCostsTheSame(t *testing.T) {
	w := newWorld(t)
	w.cost = authn.Cost{Passes: 1, MemoryKiB: 8 << 10, Threads: 1}
	w.restart()
	w.leader("张例桥")
	spent := func(name string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := w.Login(t.Context(), name, "not the password", "10.0.0.1")
		runtime.ReadMemStats(&after)
		wantErr(t, name, err, authn.ErrLogin)
		return after.TotalAlloc - before.TotalAlloc
	}
	known, unknown := spent("张例桥"), spent("没有此人")
	if least := uint64(8 << 20); known < least || unknown < least || unknown > known+1<<20 || known > unknown+1<<20 {
		t.Errorf("a known name took %d bytes of work, an unknown one %d", known, unknown)
	}
}

func TestGuessingAPasswordWaits(t *testing.T) {
	w := newWorld(t)
	w.leader("张例桥")
	w.leader("李长根")
	bad := func(name, remote string) error {
		_, _, err := w.Login(t.Context(), name, "not the password", remote)
		return err
	}
	var later *authn.LaterError
	var waits []time.Duration
	for range 12 {
		err := bad("张例桥", "10.0.0.1")
		if errors.As(err, &later) {
			waits = append(waits, later.After)
			w.pass(later.After)
			continue
		}
		wantErr(t, "guess", err, authn.ErrLogin)
	}
	for i := 1; i < len(waits); i++ {
		if waits[i] < waits[i-1] {
			t.Errorf("waits do not grow: %v", waits)
		}
	}
	if len(waits) < 4 || waits[len(waits)-1] < 4*time.Second {
		t.Errorf("waits: %v", waits)
	}
	if err := bad("张例桥", "10.0.0.1"); err == nil || !errors.As(err, &later) && !errors.Is(err, authn.ErrLogin) {
		t.Error(err)
	}
	// Neither another person here nor the same person elsewhere waits.
	if _, _, err := w.Login(t.Context(), "李长根", secret, "10.0.0.1"); err != nil {
		t.Errorf("another person: %v", err)
	}
	if _, _, err := w.Login(t.Context(), "张例桥", secret, "10.0.0.2"); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
	// Nobody waits longer than a quarter of an hour, and a success clears it.
	w.pass(15 * time.Minute)
	if _, _, err := w.Login(t.Context(), "张例桥", secret, "10.0.0.1"); err != nil {
		t.Errorf("after the longest wait: %v", err)
	}
	wantErr(t, "a fresh typing error", bad("张例桥", "10.0.0.1"), authn.ErrLogin)
	wantErr(t, "and another", bad("张例桥", "10.0.0.1"), authn.ErrLogin)
}

// Trying one password on many names from one address is slowed too.
func TestSprayingWaits(t *testing.T) {
	w := newWorld(t)
	var later *authn.LaterError
	tries := 0
	for ; tries < 1000; tries++ {
		if _, _, err := w.Login(t.Context(), fmt.Sprintf("name-%d", tries), secret, "10.0.0.1"); errors.As(err, &later) {
			break
		}
	}
	if tries > 50 {
		t.Errorf("%d names were tried from one address", tries)
	}
}

func TestSetPassword(t *testing.T) {
	w := newWorld(t)
	p := w.leader("张例桥")
	tok, _, err := w.Login(t.Context(), "张例桥", secret, "a")
	if err != nil {
		t.Fatal(err)
	}
	for name, plain := range map[string]string{"short": "九个字的密码不够长", "long": strings.Repeat("x", 1025), "not UTF-8": strings.Repeat("\xff", 12)} {
		if err := w.SetPassword(t.Context(), p, "张例桥", plain); syncproto.KindOf(err) != syncproto.KindBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, login := range []string{"", "  ", "a\nb", strings.Repeat("x", 200)} {
		if err := w.SetPassword(t.Context(), p, login, secret); syncproto.KindOf(err) != syncproto.KindBadRequest {
			t.Errorf("log-in name %.10q: %v", login, err)
		}
	}
	err = w.SetPassword(t.Context(), w.person(), "张例桥", secret)
	if syncproto.KindOf(err) != syncproto.KindConflict {
		t.Errorf("another person's name: %v", err)
	}
	if _, err := w.WebSession(tok); err != nil {
		t.Errorf("refused settings ended a session: %v", err)
	}
	if err := w.SetPassword(t.Context(), p, "Zhang LQ", secret+"!"); err != nil {
		t.Fatal(err)
	}
	_, err = w.WebSession(tok)
	wantErr(t, "a session from before", err, authn.ErrNoSession)
	_, _, err = w.Login(t.Context(), "张例桥", secret, "b")
	wantErr(t, "the earlier name", err, authn.ErrLogin)
	if _, who, err := w.Login(t.Context(), "zhang lq", secret+"!", "b"); err != nil || who != p {
		t.Errorf("the new one: %v, %v", who, err)
	}
	if q := w.leader("张例桥"); q == p {
		t.Error("the name was not free again")
	}
}

// A password set under an earlier cost works and moves to the present one.
func TestCostIsRenewed(t *testing.T) {
	w := newWorld(t)
	p := w.leader("张例桥")
	dearer := authn.Cost{Passes: 2, MemoryKiB: 16, Threads: 1}
	a, err := authn.New(authn.Config{Store: w.store, Server: server, Now: w.clock, Random: w.rand, Cost: dearer})
	if err != nil {
		t.Fatal(err)
	}
	before := string(w.stored())
	for i := range 2 {
		if _, who, err := a.Login(t.Context(), "张例桥", secret, "a"); err != nil || who != p {
			t.Fatalf("log-in %d: %v, %v", i, who, err)
		}
		after := string(w.stored())
		if changed := after != before; changed != (i == 0) {
			t.Errorf("log-in %d: stored value changed: %v", i, changed)
		}
		before = after
	}
	if _, err := authn.New(authn.Config{Store: w.store, Server: server, Now: w.clock, Cost: authn.Cost{Passes: 1, MemoryKiB: 1 << 30, Threads: 1}}); err == nil {
		t.Error("a cost of 1 TiB was taken")
	}
}

func TestWebSessionsListed(t *testing.T) {
	w := newWorld(t)
	p := w.leader("张例桥")
	var toks []authn.Token
	for i := range 20 {
		tok, _, err := w.Login(t.Context(), "张例桥", secret, fmt.Sprintf("10.0.0.%d", i))
		if err != nil {
			t.Fatal(err)
		}
		toks = append(toks, tok)
		w.pass(time.Minute)
	}
	list := w.WebSessions(p)
	if len(list) != 16 || list[0].Remote != "10.0.0.4" || list[15].Remote != "10.0.0.19" {
		t.Fatalf("%d sessions: %+v", len(list), list)
	}
	if w.EndWebSession(w.person(), list[15].Name) {
		t.Error("somebody else ended it")
	}
	if !w.EndWebSession(p, list[15].Name) || w.EndWebSession(p, list[15].Name) {
		t.Error("not ended, or ended twice")
	}
	_, err := w.WebSession(toks[19])
	wantErr(t, "ended by name", err, authn.ErrNoSession)
	w.pass(authn.WebSessionIdle)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := w.WebSessions(p); len(list) != 0 {
		t.Errorf("after their time: %+v", list)
	}
}

func TestCSRF(t *testing.T) {
	w := newWorld(t)
	a, b := authn.Token{1}, authn.Token{2}
	if !w.CheckCSRF(a, w.CSRF(a)) || w.CheckCSRF(a, w.CSRF(b)) || w.CheckCSRF(a, "") || w.CheckCSRF(a, a.Text()) {
		t.Error("the token of another session, or none, is taken")
	}
}

// One unit of work is one log-in at the cost that servers use.
func BenchmarkLogin(b *testing.B) {
	w := newWorld(b)
	w.cost = authn.DefaultCost
	w.restart()
	w.leader("张例桥")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Login(b.Context(), "张例桥", secret, "10.0.0.1"); err != nil {
			b.Fatal(err)
		}
	}
}
