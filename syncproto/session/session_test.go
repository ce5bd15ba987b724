package session_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

var (
	serverKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	deviceKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	replica   = syncproto.ReplicaID{7}
)

// store is a State in memory: bundles are numbered bytes, one change each.
type store struct {
	bundles  map[syncproto.Seq][]byte
	cursor   syncproto.Cursor
	receipts []syncproto.Receipt
	pages    []*syncproto.Page
	again    [][]syncproto.Atom
	wrong    [][]syncproto.Atom // answers of Mismatched, in turn
	compared [][]syncproto.AtomDigest
	fail     map[string]error
}

func (s *store) Outbox(after syncproto.Seq, maxBytes int) (out session.Outgoing, err error) {
	if err := s.fail["outbox"]; err != nil {
		return out, err
	}
	total := 0
	for seq := after + 1; seq <= syncproto.Seq(len(s.bundles)); seq++ {
		if total += len(s.bundles[seq]); len(out.Bundles) > 0 && total > maxBytes {
			break
		}
		out.Bundles = append(out.Bundles, s.bundles[seq])
		out.Last = seq
		out.Changes++
	}
	return out, nil
}

func (s *store) Receipt(r *syncproto.Receipt) error {
	s.receipts = append(s.receipts, *r)
	return s.fail["receipt"]
}

func (s *store) Cursor() (syncproto.Cursor, error) { return s.cursor, s.fail["cursor"] }

func (s *store) Apply(p *syncproto.Page, again []syncproto.Atom) error {
	if err := s.fail["apply"]; err != nil {
		return err
	}
	s.pages, s.cursor, s.again = append(s.pages, p), p.Cursor, append(s.again, again)
	return nil
}

func (s *store) Mismatched(d []syncproto.AtomDigest) (out []syncproto.Atom, err error) {
	s.compared = append(s.compared, d)
	if len(s.wrong) > 0 {
		out, s.wrong = s.wrong[0], s.wrong[1:]
	}
	return out, s.fail["mismatched"]
}

// bundle is a real bundle of one change.
func bundle(seq syncproto.Seq, size int) []byte {
	h := syncproto.Header{Replica: replica, Seq: seq, Author: syncproto.PersonID{1}}
	r := rand.New(rand.NewPCG(uint64(seq), 1))
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	part := wire.AppendPart(nil, replica, &syncproto.Part{Record: syncproto.RecordID{1}, Kind: "ZF",
		Ops: []syncproto.Op{{Kind: syncproto.OpSet, Field: "f", Value: wire.Must(wire.EncodeValue(noise))}}})
	raw := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h), Parts: []wire.RawPart{{Bytes: part}}}
	b, _ := sign.MakeBundle(deviceKey, []wire.RawChange{raw}, []syncproto.Seed{{}}, syncproto.Hash{}, wire.EffortFast)
	return wire.AppendBundle(nil, b)
}

func newStore(bundles int) *store {
	s := &store{bundles: map[syncproto.Seq][]byte{}, fail: map[string]error{}}
	for seq := syncproto.Seq(1); seq <= syncproto.Seq(bundles); seq++ {
		s.bundles[seq] = bundle(seq, 1000)
	}
	return s
}

func receipt(change func(*syncproto.Receipt)) []byte {
	c := syncproto.Receipt{Suite: syncproto.Suite1, Server: sign.KeyHash(serverKey.Public().(ed25519.PublicKey)), Epoch: "1", Replica: replica,
		Received: syncproto.Ranges{{From: 1, To: 100}}, Level: syncproto.LevelDurable}
	if change != nil {
		change(&c)
	}
	sign.SignReceipt(serverKey, &c)
	return wire.AppendReceipt(nil, &c)
}

func page(cursor string, more bool, change func(*syncproto.Page)) []byte {
	p := syncproto.Page{Epoch: "1", Cursor: syncproto.Cursor(cursor), More: more, Wall: 5_000_000}
	if change != nil {
		change(&p)
	}
	return wire.AppendPage(nil, &p)
}

func leave(atom string) func(*syncproto.Page) {
	return func(p *syncproto.Page) {
		p.Entries = append(p.Entries, syncproto.Entry{Kind: syncproto.EntryLeave, Atom: syncproto.Atom(atom), Records: []syncproto.RecordID{{9}}})
	}
}

func tokenAnswer(wall int64) session.Response {
	b := wire.AppendUint(wire.AppendBytes(wire.AppendArray(nil, 3), bytes.Repeat([]byte{9}, 24)), 900)
	return session.Response{Status: 200, Body: wire.AppendInt(b, wall)}
}

func problem(status int, kind syncproto.ErrorKind) session.Response {
	return session.Response{Status: status, Kind: kind, Text: "the server says " + kind.String()}
}

var (
	okPush    = session.Response{Status: 200, Body: receipt(nil)}
	nothing   = session.Response{Status: 204}
	netDown   = session.Response{Err: errors.New("no network")}
	validUser = session.Token{Text: strings.Repeat("t", 32), Expires: 1 << 60}
)

// step is one exchange: what the request must be, and the answer.
type step struct {
	want   string // what describe says of the request
	answer session.Response
}

// describe says what a request is for and what it carries.
func describe(t *testing.T, q *session.Request) string {
	t.Helper()
	name := strings.TrimPrefix(q.Path, "/v1/sync/")
	switch name {
	case "push":
		bundles, err := wire.DecodePush(q.Body)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []string
		for _, b := range bundles {
			seqs = append(seqs, fmt.Sprint(b.From))
		}
		name += " " + strings.Join(seqs, ",")
	case "pull":
		p, err := wire.DecodePull(q.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(p.Cursor) > 0:
			name += " cursor " + string(p.Cursor)
		case p.Hash != (syncproto.CursorHash{}):
			name += " hash"
		default:
			name += " all"
		}
		if len(p.Again) > 0 {
			name += fmt.Sprint(" again ", p.Again)
		}
	}
	if (q.Token == "") != (name == "session") {
		t.Errorf("%s with token %q", name, q.Token)
	}
	return name
}

func run(t *testing.T, cfg session.Config, s *store, steps ...step) session.Report {
	t.Helper()
	cfg.Replica, cfg.ServerKey = replica, serverKey.Public().(ed25519.PublicKey)
	cfg.Sign = func(q *sign.SessionRequest) syncproto.Signature { return sign.SignSession(deviceKey, q) }
	if cfg.Random == nil {
		cfg.Random = rand.NewChaCha8([32]byte{1})
	}
	m := session.New(cfg, s)
	now := int64(1_000_000)
	i := 0
	for q := m.Next(now); q != nil; q = m.Next(now) {
		got := describe(t, q)
		if i == len(steps) {
			t.Fatalf("request %d is %q: the sync should be over", i+1, got)
		}
		if got != steps[i].want {
			t.Fatalf("request %d is %q, want %q", i+1, got, steps[i].want)
		}
		r := steps[i].answer
		if r.Sent == 0 {
			r.Sent, r.Arrived = now, now+10
		}
		m.Handle(r)
		now += 20
		i++
	}
	if i != len(steps) {
		t.Fatalf("the sync ended after %d of %d requests: %+v", i, len(steps), m.Report())
	}
	return m.Report()
}

func TestIdle(t *testing.T) {
	s := newStore(0)
	s.cursor = syncproto.Cursor("c1")
	r := run(t, session.Config{Token: validUser}, s, step{"pull hash", nothing})
	if r.Requests != 1 || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}

func TestFirstSync(t *testing.T) {
	s := newStore(3)
	r := run(t, session.Config{PushBytes: 2500}, s,
		step{"session", tokenAnswer(4_000_005)},
		step{"push 1,2", okPush}, step{"push 3", okPush},
		step{"pull all", session.Response{Status: 200, Body: page("c1", true, leave("ref"))}},
		step{"pull hash", session.Response{Status: 200, Body: page("c2", false, nil)}})
	if r.Err() != nil || r.Pushed != 3 || r.Pages != 2 || len(s.receipts) != 2 || string(s.cursor) != "c2" {
		t.Errorf("%+v", r)
	}
	want := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{9}, 24))
	if r.Token.Text != want || r.Token.Expires != 1_000_000+870_000 || len(want) != 32 {
		t.Errorf("%+v", r.Token)
	}
}

func TestTokens(t *testing.T) {
	clockOff := session.Response{Status: 401, Kind: syncproto.KindUnauthorized, Wall: 9_000_005}
	for name, c := range map[string]struct {
		token session.Token
		steps []step
		err   string
	}{
		"expired":      {session.Token{Text: "old", Expires: 1_000_000}, []step{{"session", tokenAnswer(0)}, {"pull all", nothing}}, ""},
		"refused once": {validUser, []step{{"pull all", problem(401, syncproto.KindUnauthorized)}, {"session", tokenAnswer(0)}, {"pull all", nothing}}, ""},
		"refused for ever": {validUser, []step{
			{"pull all", problem(401, syncproto.KindUnauthorized)}, {"session", tokenAnswer(0)},
			{"pull all", problem(401, syncproto.KindUnauthorized)}, {"session", tokenAnswer(0)},
			{"pull all", problem(401, syncproto.KindUnauthorized)}, {"session", tokenAnswer(0)},
			{"pull all", problem(401, syncproto.KindUnauthorized)}}, "unauthorized"},
		"clock off":         {session.Token{}, []step{{"session", clockOff}, {"session", tokenAnswer(0)}, {"pull all", nothing}}, ""},
		"clock always off":  {session.Token{}, []step{{"session", clockOff}, {"session", clockOff}, {"session", clockOff}}, "sign in"},
		"revoked":           {session.Token{}, []step{{"session", problem(403, syncproto.KindRevoked)}}, "revoked"},
		"no network":        {session.Token{}, []step{{"session", netDown}}, "no network"},
		"damaged answer":    {session.Token{}, []step{{"session", session.Response{Status: 200, Body: []byte{0x83, 0x41}}}}, "sign in"},
		"trailing bytes":    {session.Token{}, []step{{"session", session.Response{Status: 200, Body: append(tokenAnswer(0).Body, 0)}}}, "trailing"},
		"empty answer":      {session.Token{}, []step{{"session", session.Response{Status: 200}}}, "ends early"},
		"a proxy's refusal": {session.Token{}, []step{{"session", session.Response{Status: 502}}}, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, session.Config{Token: c.token}, newStore(0), c.steps...)
			if (r.Err() == nil) != (c.err == "") || r.Err() != nil && !strings.Contains(r.Err().Error(), c.err) {
				t.Errorf("%v", r.Err())
			}
			if name == "revoked" && !r.Revoked() {
				t.Error("not told that it is revoked")
			}
		})
	}
}

func TestClockIsLearned(t *testing.T) {
	r := run(t, session.Config{}, newStore(0),
		step{"session", session.Response{Status: 401, Kind: syncproto.KindUnauthorized, Wall: 9_000_000, Sent: 1_000_000, Arrived: 1_000_400}},
		step{"session", tokenAnswer(9_000_100)},
		step{"pull all", session.Response{Status: 200, Body: page("c", false, func(p *syncproto.Page) { p.Wall = 9_060_000 }), Sent: 1_000_020, Arrived: 1_120_000}})
	// 8,000,000 − 200 from the first answer; the quick second one is more exact;
	// the slow page, whose span holds that, changes nothing.
	if want := int64(9_000_100 - 1_000_025); r.Offset != want {
		t.Errorf("offset %d, want %d", r.Offset, want)
	}
}

func TestPushAndPullAreIndependent(t *testing.T) {
	for name, c := range map[string]struct {
		answer session.Response
		kind   syncproto.ErrorKind
	}{
		"later":           {problem(503, syncproto.KindLater), syncproto.KindLater},
		"full":            {problem(507, syncproto.KindFull), syncproto.KindFull},
		"forbidden":       {problem(403, syncproto.KindForbidden), syncproto.KindForbidden},
		"no network":      {netDown, syncproto.KindOther},
		"no receipt":      {session.Response{Status: 200}, syncproto.KindOther},
		"another's":       {session.Response{Status: 200, Body: receipt(func(c *syncproto.Receipt) { c.Replica = syncproto.ReplicaID{8} })}, syncproto.KindOther},
		"forged receipt":  {session.Response{Status: 200, Body: append(receipt(nil)[:len(receipt(nil))-1], 0)}, syncproto.KindOther},
		"receipt damaged": {session.Response{Status: 200, Body: receipt(nil)[:50]}, syncproto.KindOther},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(2)
			r := run(t, session.Config{Token: validUser}, s, step{"push 1,2", c.answer},
				step{"pull all", session.Response{Status: 200, Body: page("c", false, nil)}})
			if r.Push == nil || r.Pull != nil || r.Pushed != 0 || syncproto.KindOf(r.Err()) != c.kind || len(s.pages) != 1 || len(s.receipts) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestPullFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer session.Response
		want   string
	}{
		"no network":   {netDown, "no network"},
		"later":        {problem(503, syncproto.KindLater), "later"},
		"damaged":      {session.Response{Status: 200, Body: page("c", false, nil)[1:]}, "page"},
		"no cursor":    {session.Response{Status: 200, Body: page("", true, nil)}, "does not move"},
		"stands still": {session.Response{Status: 200, Body: page("c0", true, nil)}, "does not move"},
		"forged receipt": {session.Response{Status: 200, Body: page("c", false, func(p *syncproto.Page) {
			c, _ := wire.DecodeReceipt(receipt(nil))
			c.Level = syncproto.LevelBackedUp
			p.Receipt = &c
		})}, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(0)
			s.cursor = syncproto.Cursor("c0")
			r := run(t, session.Config{Token: validUser}, s, step{"pull hash", c.answer})
			if r.Pull == nil || !strings.Contains(r.Pull.Error(), c.want) || len(s.pages) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRefusedBundle: one bundle the server will not take does not stop the others.
func TestRefusedBundle(t *testing.T) {
	bad := problem(400, syncproto.KindBadSignature)
	s := newStore(4)
	r := run(t, session.Config{Token: validUser}, s,
		step{"push 1,2,3,4", bad}, step{"push 1", okPush}, step{"push 2", bad}, step{"push 3", okPush}, step{"push 4", okPush},
		step{"pull all", nothing})
	if r.Refused != 1 || r.Pushed != 3 || r.Push == nil || !strings.Contains(r.Push.Error(), "changes up to 2") {
		t.Errorf("%+v", r)
	}
}

func TestCursors(t *testing.T) {
	unknown := problem(409, syncproto.KindCursor)
	s := newStore(0)
	s.cursor = syncproto.Cursor("c0")
	r := run(t, session.Config{Token: validUser}, s, step{"pull hash", unknown}, step{"pull cursor c0", session.Response{Status: 200, Body: page("c1", true, leave("ref"))}},
		step{"pull hash", nothing})
	if r.Err() != nil {
		t.Error(r.Err())
	}
	s.cursor = syncproto.Cursor("c0")
	r = run(t, session.Config{Token: validUser}, s, step{"pull hash", unknown}, step{"pull cursor c0", unknown}, step{"pull all", session.Response{Status: 200, Body: page("c1", false, nil)}})
	if r.Err() != nil {
		t.Error(r.Err())
	}
	s.cursor = syncproto.Cursor("c0")
	r = run(t, session.Config{Token: validUser}, s, step{"pull hash", unknown}, step{"pull cursor c0", unknown}, step{"pull all", unknown})
	if syncproto.KindOf(r.Pull) != syncproto.KindCursor {
		t.Errorf("%+v", r)
	}
}

// TestHolds: a server that is told no cursor is told what the device holds.
func TestHolds(t *testing.T) {
	holds := []syncproto.Atom{"t:1", "t:2"}
	unknown := problem(409, syncproto.KindCursor)
	s := newStore(0)
	run(t, session.Config{Token: validUser, Holds: holds}, s,
		step{"pull all again [t:1 t:2]", session.Response{Status: 200, Body: page("c1", true, leave("t:1"))}}, step{"pull hash", nothing})
	s.cursor = syncproto.Cursor("c0")
	run(t, session.Config{Token: validUser, Holds: holds}, s,
		step{"pull hash", unknown}, step{"pull cursor c0", unknown}, step{"pull all again [t:1 t:2]", nothing})
}

func digest(atom string, n int) syncproto.AtomDigest {
	return syncproto.AtomDigest{Atom: syncproto.Atom(atom), Classes: syncproto.ForAll, Records: n}
}

// TestAgain: an atom that differs is asked for once more in a sync, not twice.
func TestAgain(t *testing.T) {
	s := newStore(0)
	s.wrong = [][]syncproto.Atom{{"t:1", "t:2"}, {"t:2", "t:3"}, {"t:3"}}
	body := func(cursor string, more bool) session.Response {
		return session.Response{Status: 200, Body: page(cursor, more, leave("t:1"))}
	}
	r := run(t, session.Config{Token: validUser}, s,
		step{"pull all", body("c1", false)},
		step{"pull hash again [t:1 t:2]", problem(409, syncproto.KindCursor)},
		step{"pull cursor c1 again [t:1 t:2]", body("c2", true)},
		step{"pull hash", body("c3", false)},
		step{"pull hash again [t:3]", body("c4", false)})
	if r.Mismatches != 3 || r.Unresolved != 2 || r.Err() != nil {
		t.Errorf("%+v", r)
	}
	want := "[[] [t:1 t:2] [t:1 t:2] [t:3]]"
	if fmt.Sprint(s.again) != want {
		t.Errorf("given whole: %v, want %s", s.again, want)
	}
}

// TestDigestsOfEarlierPages: a digest counts until a later page of the run adds
// to its atom.
func TestDigestsOfEarlierPages(t *testing.T) {
	s := newStore(0)
	add := func(digests ...syncproto.AtomDigest) func(*syncproto.Page) {
		return func(p *syncproto.Page) { p.Digests = digests }
	}
	run(t, session.Config{Token: validUser}, s,
		step{"pull all", session.Response{Status: 200, Body: page("c1", true, add(digest("a", 1), digest("b", 1)))}},
		step{"pull hash", session.Response{Status: 200, Body: page("c2", true, func(p *syncproto.Page) { leave("a")(p); p.Digests = []syncproto.AtomDigest{digest("a", 2)} })}},
		step{"pull hash", session.Response{Status: 200, Body: page("c3", false, leave("b"))}})
	if len(s.compared) != 1 || !slices.Equal(s.compared[0], []syncproto.AtomDigest{digest("a", 2)}) {
		t.Errorf("%v", s.compared)
	}
}

func TestStateErrors(t *testing.T) {
	broken := errors.New("disk broken")
	okPage := session.Response{Status: 200, Body: page("c", false, nil)}
	for name, c := range map[string]struct {
		steps      []step
		push, pull bool
	}{
		"outbox":     {[]step{{"pull all", okPage}}, true, false},
		"receipt":    {[]step{{"push 1", okPush}, {"pull all", okPage}}, true, false},
		"cursor":     {[]step{{"push 1", okPush}}, false, true},
		"apply":      {[]step{{"push 1", okPush}, {"pull all", okPage}}, false, true},
		"mismatched": {[]step{{"push 1", okPush}, {"pull all", okPage}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(1)
			s.fail[name] = broken
			r := run(t, session.Config{Token: validUser}, s, c.steps...)
			if errors.Is(r.Push, broken) != c.push || errors.Is(r.Pull, broken) != c.pull {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestNoRandomness(t *testing.T) {
	r := run(t, session.Config{Random: bytes.NewReader(nil)}, newStore(1))
	if r.Push == nil || r.Pull == nil {
		t.Errorf("%+v", r)
	}
}

func TestPushOnly(t *testing.T) {
	r := run(t, session.Config{Token: validUser, PushOnly: true}, newStore(3), step{"push 1,2,3", okPush})
	if r.Pushed != 3 || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}

// FuzzAnswers feeds arbitrary answers: the machine always ends, and applies
// nothing that does not decode.
func FuzzAnswers(f *testing.F) {
	f.Add(tokenAnswer(5).Body, receipt(nil), page("c", false, nil), 200)
	f.Add([]byte{}, []byte{0xff}, page("c", true, leave("ref")), 409)
	f.Fuzz(func(t *testing.T, token, push, pull []byte, status int) {
		s := newStore(2)
		m := session.New(session.Config{Replica: replica, ServerKey: serverKey.Public().(ed25519.PublicKey), Random: rand.NewChaCha8([32]byte{1}),
			Sign: func(q *sign.SessionRequest) syncproto.Signature { return sign.SignSession(deviceKey, q) }}, s)
		answers := map[string][]byte{"/v1/sync/session": token, "/v1/sync/push": push, "/v1/sync/pull": pull}
		n := 0
		for q := m.Next(0); q != nil; q = m.Next(0) {
			if n++; n > 50 {
				if len(s.pages) > 10 {
					return // a server may promise more for ever
				}
				t.Fatalf("no end: %+v", m.Report())
			}
			m.Handle(session.Response{Status: status, Body: answers[q.Path], Arrived: 1})
		}
	})
}
