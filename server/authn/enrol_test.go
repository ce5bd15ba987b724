package authn_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

func TestCodeShape(t *testing.T) {
	w := newWorld(t)
	shape := regexp.MustCompile(`^([2-9A-HJ-NP-Z]{4}-){3}[2-9A-HJ-NP-Z]{4}$`)
	seen := map[string]bool{}
	for range 200 {
		code := w.code(w.person())
		if !shape.MatchString(code) {
			t.Fatalf("code %q", code)
		}
		if seen[code] {
			t.Fatalf("code %q came twice", code)
		}
		seen[code] = true
		w.mustNotStore("the code", []byte(strings.ReplaceAll(code, "-", "")))
	}
}

func TestEnrol(t *testing.T) {
	w := newWorld(t)
	p, k := w.person(), w.key()
	code := w.code(p)
	acc, err := w.Enrol(t.Context(), "10.0.0.1", code, public(k), "  乐例红的手机 ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := syncproto.ParseReplicaID(acc.Replica.String()); err != nil {
		t.Errorf("replica id: %v", err)
	}
	if acc.Person != p || acc.Device != "乐例红的手机" || acc.State != authn.Active || !acc.Key.Equal(public(k)) {
		t.Errorf("account %+v", acc)
	}
	w.restart()
	got, err := w.Account(t.Context(), acc.Replica)
	if err != nil || got.Replica != acc.Replica || !got.Key.Equal(acc.Key) || got.Device != acc.Device {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	other := w.enrolled(p)
	list, err := w.Devices(t.Context(), p)
	if err != nil || len(list) != 2 {
		t.Fatalf("devices: %v, %v", list, err)
	}
	if list[0].Replica != acc.Replica && list[1].Replica != acc.Replica || other.Replica == acc.Replica {
		t.Errorf("devices: %v", list)
	}
	if list, err := w.Devices(t.Context(), w.person()); err != nil || len(list) != 0 {
		t.Errorf("devices of somebody without: %v, %v", list, err)
	}
}

// The first answer may be lost: the same code and key give the same account,
// even after a restart and after the code's day.
func TestEnrolAgain(t *testing.T) {
	w := newWorld(t)
	k := w.key()
	code := w.code(w.person())
	first, err := w.Enrol(t.Context(), "a", code, public(k), "x")
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.pass(authn.CodeLife + time.Hour)
	again, err := w.Enrol(t.Context(), "b", code, public(k), "another name")
	if err != nil || again.Replica != first.Replica || again.Device != "x" {
		t.Errorf("again: %+v, %v", again, err)
	}
	_, err = w.Enrol(t.Context(), "a", code, public(w.key()), "x")
	wantErr(t, "a used code with another key", err, authn.ErrCode)
	if err := w.SetState(t.Context(), first.Replica, authn.Revoked); err != nil {
		t.Fatal(err)
	}
	_, err = w.Enrol(t.Context(), "a", code, public(k), "x")
	wantErr(t, "the code of a revoked device", err, authn.ErrCode)
}

func TestEnrolRefusesCodes(t *testing.T) {
	w := newWorld(t)
	used := w.code(w.person())
	if _, err := w.Enrol(t.Context(), "a", used, public(w.key()), ""); err != nil {
		t.Fatal(err)
	}
	expired := w.code(w.person())
	w.pass(authn.CodeLife)
	var words []string
	for name, code := range map[string]string{"used": used, "expired": expired, "guessed": "2345-6789-ABCD-EFGH"} {
		_, err := w.Enrol(t.Context(), "a", code, public(w.key()), "")
		wantErr(t, name, err, authn.ErrCode)
		words = append(words, err.Error())
		if strings.Contains(err.Error(), code) || strings.Contains(err.Error(), strings.ReplaceAll(code, "-", "")) {
			t.Errorf("%s: the error repeats the code: %v", name, err)
		}
	}
	if words[0] != words[1] || words[1] != words[2] {
		t.Errorf("the three answers differ: %q", words)
	}
	for _, code := range []string{"", "2345", "2345-6789-ABCD-EFG0", "2345-6789-ABCD-EFGHJ", strings.Repeat("-", 1000), "二三四五-6789-ABCD-EFGH"} {
		_, err := w.Enrol(t.Context(), "a", code, public(w.key()), "")
		wantErr(t, fmt.Sprintf("code %.20q", code), err, authn.ErrCodeShape)
	}
}

func TestEnrolReadsCodesAsPeopleTypeThem(t *testing.T) {
	w := newWorld(t)
	for name, typed := range map[string]func(string) string{
		"small letters": strings.ToLower,
		"without dashes": func(s string) string {
			return strings.ReplaceAll(s, "-", "")
		},
		"blanks": func(s string) string { return " " + strings.ReplaceAll(s, "-", " ") + "\u3000" },
		"full width": func(s string) string {
			return strings.Map(func(r rune) rune { return r + '！' - '!' }, s)
		},
	} {
		if _, err := w.Enrol(t.Context(), "a", typed(w.code(w.person())), public(w.key()), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnrolRefusesKeysAndNames(t *testing.T) {
	w := newWorld(t)
	code := w.code(w.person())
	for name, try := range map[string]func() error{
		"short key": func() error {
			_, err := w.Enrol(t.Context(), "a", code, public(w.key())[:31], "")
			return err
		},
		"long name": func() error {
			_, err := w.Enrol(t.Context(), "a", code, public(w.key()), strings.Repeat("船", 40))
			return err
		},
		"control character": func() error {
			_, err := w.Enrol(t.Context(), "a", code, public(w.key()), "a\x1b[31m")
			return err
		},
		"not UTF-8": func() error {
			_, err := w.Enrol(t.Context(), "a", code, public(w.key()), "\xff\xfe")
			return err
		},
	} {
		if err := try(); syncproto.KindOf(err) != syncproto.KindBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Enrol(t.Context(), "a", code, public(w.key()), ""); err != nil {
		t.Errorf("the code was spent by bad requests: %v", err)
	}
}

func TestOneCodeOneDevice(t *testing.T) {
	w := newWorld(t)
	code := w.code(w.person())
	const n = 16
	keys := make([]struct {
		acc authn.Account
		err error
	}, n)
	var wg sync.WaitGroup
	for i := range n {
		k := w.key()
		wg.Go(func() { keys[i].acc, keys[i].err = w.Enrol(t.Context(), "a", code, public(k), "") })
	}
	wg.Wait()
	won := 0
	for _, k := range keys {
		if k.err == nil {
			won++
		} else {
			wantErr(t, "the others", k.err, authn.ErrCode)
		}
	}
	if won != 1 {
		t.Errorf("%d devices enrolled with one code", won)
	}
}

// One device on several connections at once is one device.
func TestOneDeviceManyTimes(t *testing.T) {
	w := newWorld(t)
	code, k := w.code(w.person()), w.key()
	var mu sync.Mutex
	ids := map[syncproto.ReplicaID]bool{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			acc, err := w.Enrol(t.Context(), "a", code, public(k), "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			ids[acc.Replica] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("%d replicas of one device", len(ids))
	}
}

func TestGuessingIsSlowed(t *testing.T) {
	w := newWorld(t)
	good := w.code(w.person())
	guess := func(remote string) error {
		_, err := w.Enrol(t.Context(), remote, "2345-6789-ABCD-EFGH", public(w.key()), "")
		return err
	}
	var later *authn.LaterError
	tries := 0
	for ; tries < 1000 && !errors.As(guess("10.0.0.9"), &later); tries++ {
	}
	if later == nil || tries > 100 {
		t.Fatalf("%d guesses went through", tries)
	}
	if syncproto.KindOf(later) != syncproto.KindLater || later.After <= 0 {
		t.Errorf("later: %v, kind %v", later, syncproto.KindOf(later))
	}
	// The right code does not get through either: the answer says nothing.
	if _, err := w.Enrol(t.Context(), "10.0.0.9", good, public(w.key()), ""); !errors.As(err, &later) {
		t.Errorf("from the guesser's address: %v", err)
	}
	if _, err := w.Enrol(t.Context(), "10.0.0.8", good, public(w.key()), ""); err != nil {
		t.Errorf("from another address: %v", err)
	}
	w.pass(later.After)
	wantErr(t, "after the wait", guess("10.0.0.9"), authn.ErrCode)
	// One IPv6 subscriber has 2^64 addresses; they count as one.
	later = nil
	for tries = 0; tries < 1000 && !errors.As(guess(fmt.Sprintf("2001:db8::%x", tries+1)), &later); tries++ {
	}
	if tries > 100 {
		t.Errorf("%d guesses went through from one /64", tries)
	}
	// From everywhere at once there is a limit too.
	later = nil
	for tries = 0; tries < 10000 && !errors.As(guess(fmt.Sprintf("10.1.%d.%d", tries/250, tries%250)), &later); tries++ {
	}
	if later == nil {
		t.Errorf("%d guesses went through from many addresses", tries)
	}
}

// A hundred honest devices behind one address are not guessing.
func TestManyDevicesBehindOneAddress(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		w.enrolled(w.person())
	}
}

func TestSetState(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person())
	tok := w.session(f)
	if err := w.SetState(t.Context(), f.Replica, authn.Suspended); err != nil {
		t.Fatal(err)
	}
	_, err := w.Session(t.Context(), tok)
	wantErr(t, "a suspended device's session", err, authn.ErrNoSession)
	q, sig := w.request(f)
	tok, err = w.OpenSession(t.Context(), q, sig)
	wantErr(t, "a suspended device asks for another", err, nil)
	acc, err := w.Session(t.Context(), tok)
	wantErr(t, "what it may do", err, authn.ErrStopped)
	if acc.Replica != f.Replica || acc.State != authn.Suspended {
		t.Errorf("the account of a stopped device: %+v", acc)
	}
	q, sig = w.request(f)
	sig[0] ^= 1
	_, err = w.OpenSession(t.Context(), q, sig)
	wantErr(t, "a stranger learns nothing of it", err, authn.ErrProof)
	if err := w.SetState(t.Context(), f.Replica, authn.Active); err != nil {
		t.Fatal(err)
	}
	w.session(f)
	if err := w.Rename(t.Context(), f.Replica, " 乐例红的新手机 "); err != nil {
		t.Error(err)
	}
	if acc, err := w.Account(t.Context(), f.Replica); err != nil || acc.Device != "乐例红的新手机" || acc.State != authn.Active {
		t.Errorf("renamed: %+v, %v", acc, err)
	}
	wantErr(t, "rename of a stranger", w.Rename(t.Context(), syncproto.NewReplicaID(), "x"), authn.ErrUnknownDevice)
	if err := w.Rename(t.Context(), f.Replica, "a\x07"); syncproto.KindOf(err) != syncproto.KindBadRequest {
		t.Errorf("a name that cannot be printed: %v", err)
	}
	if err := w.SetState(t.Context(), f.Replica, authn.Revoked); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "back from revoked", w.SetState(t.Context(), f.Replica, authn.Active), authn.ErrFinal)
	wantErr(t, "unknown replica", w.SetState(t.Context(), syncproto.NewReplicaID(), authn.Revoked), authn.ErrUnknownDevice)
	if err := w.SetState(t.Context(), f.Replica, 9); syncproto.KindOf(err) != syncproto.KindBadRequest {
		t.Errorf("unknown state: %v", err)
	}
}

func TestSweepForgetsOldCodes(t *testing.T) {
	w := newWorld(t)
	for range 1200 { // more than one update's worth
		w.code(w.person())
	}
	w.pass(20 * 24 * time.Hour)
	before := len(w.stored())
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.stored()); n != before {
		t.Errorf("codes went before their time: %d of %d bytes are left", n, before)
	}
	young := w.code(w.person())
	w.pass(15 * 24 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.stored()); n > before/100 {
		t.Errorf("%d bytes are left of %d", n, before)
	}
	_, err := w.Enrol(t.Context(), "a", young, public(w.key()), "")
	wantErr(t, "expired, not yet forgotten", err, authn.ErrCode)
}

func TestEnrolOnAFailingDisk(t *testing.T) {
	w := newWorld(t)
	code, k := w.code(w.person()), w.key()
	w.store.FailNext(store.ErrFull, false)
	if _, err := w.Enrol(t.Context(), "a", code, public(k), ""); syncproto.KindOf(err) != syncproto.KindFull {
		t.Errorf("full disk: %v", err)
	}
	// The code was not spent; and when nobody knows whether it was, the device
	// asks again and is the same device.
	w.store.FailNext(store.ErrMaybe, true)
	if _, err := w.Enrol(t.Context(), "a", code, public(k), ""); syncproto.KindOf(err) != syncproto.KindLater {
		t.Errorf("unknown outcome: %v", err)
	}
	acc, err := w.Enrol(t.Context(), "a", code, public(k), "")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := w.Devices(t.Context(), acc.Person); err != nil || len(list) != 1 || list[0].Replica != acc.Replica {
		t.Errorf("devices: %v, %v", list, err)
	}
	w.store.FailNext(store.ErrFull, false)
	if _, _, err := w.CreateCode(t.Context(), w.person()); syncproto.KindOf(err) != syncproto.KindFull {
		t.Errorf("code on a full disk: %v", err)
	}
}

// A device is wiped when it was told to be, and says so once; what is over
// stays over.
func TestWipeAndRetire(t *testing.T) {
	w := newWorld(t)
	lost, back, other := w.enrolled(w.person()), w.enrolled(w.person()), w.enrolled(w.person())
	account := func(f phone) authn.Account {
		t.Helper()
		c, err := w.Account(t.Context(), f.Replica)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := w.Wipe(t.Context(), lost.Replica); err != nil {
		t.Fatal(err)
	}
	if err := w.SetState(t.Context(), back.Replica, authn.Retiring); err != nil {
		t.Fatal(err)
	}
	if c := account(lost); c.Order() != syncproto.OrderWipe || !c.Stopped() {
		t.Errorf("lost: %+v", c)
	}
	if c := account(back); c.Order() != syncproto.OrderRetire || c.Stopped() {
		t.Errorf("handed back: %+v", c)
	}
	wantErr(t, "wiped without an order", w.NoteWiped(t.Context(), other.Replica), authn.ErrNoOrder)
	for range 2 {
		for _, f := range []phone{lost, back} {
			if err := w.NoteWiped(t.Context(), f.Replica); err != nil {
				t.Fatal(err)
			}
		}
	}
	for f, want := range map[*phone]authn.State{&lost: authn.Revoked, &back: authn.Retired} {
		if c := account(*f); c.State != want || c.Wiped == 0 || c.Order() != syncproto.OrderNone || !c.Stopped() {
			t.Errorf("%s: %+v", want, c)
		}
		wantErr(t, "back to life", w.SetState(t.Context(), f.Replica, authn.Active), authn.ErrFinal)
	}
}
