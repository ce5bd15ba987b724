package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func TestPushAndPull(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person("乐例红", false))
	token := w.token(f)
	var carrier syncproto.ReplicaID
	w.push = func(_ context.Context, r syncproto.ReplicaID, b []syncproto.Bundle) (syncproto.Receipt, error) {
		carrier = r
		return syncproto.Receipt{Suite: syncproto.Suite1, Replica: r, Epoch: "e", Level: syncproto.LevelDurable, Wall: int64(len(b))}, nil
	}
	res := w.cbor("/v1/sync/push", token, wire.AppendPush(nil, nil))
	receipt, err := wire.DecodeReceipt(body(t, res))
	if err != nil || receipt.Replica != f.replica || carrier != f.replica || res.Header.Get("Content-Type") != "application/cbor" {
		t.Errorf("receipt %+v, %v, content type %q", receipt, err, res.Header.Get("Content-Type"))
	}
	var asked syncproto.PullRequest
	var answer *syncproto.Page
	w.pull = func(_ context.Context, r syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error) {
		asked = q
		return answer, nil
	}
	q := syncproto.PullRequest{Hash: syncproto.CursorHash{1}, MaxBytes: 1000}
	if res := w.cbor("/v1/sync/pull", token, wire.AppendPull(nil, &q)); res.StatusCode != http.StatusNoContent || len(body(t, res)) != 0 {
		t.Errorf("nothing new: %d", res.StatusCode)
	}
	if asked.Hash != q.Hash || asked.MaxBytes != 1000 {
		t.Errorf("asked %+v", asked)
	}
	answer = &syncproto.Page{Epoch: "e", Cursor: syncproto.Cursor("c"), Wall: 5}
	page, err := wire.DecodePage(body(t, w.cbor("/v1/sync/pull", token, wire.AppendPull(nil, &q))))
	if err != nil || string(page.Cursor) != "c" || page.Wall != 5 {
		t.Errorf("page %+v, %v", page, err)
	}
}

// What the parts behind say becomes a status here and nowhere else.
func TestErrorsOfParts(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	for _, c := range []struct {
		err    error
		status int
		kind   syncproto.ErrorKind
		retry  bool
	}{
		{syncproto.Errorf(syncproto.KindCursor, "send the cursor"), 409, syncproto.KindCursor, false},
		{syncproto.Errorf(syncproto.KindLater, "busy"), 503, syncproto.KindLater, true},
		{syncproto.Errorf(syncproto.KindFull, "full"), 507, syncproto.KindFull, true},
		{syncproto.Errorf(syncproto.KindBadSignature, "no"), 422, syncproto.KindBadSignature, false},
		{syncproto.Errorf(syncproto.KindRevoked, "no"), 403, syncproto.KindRevoked, false},
		{syncproto.Errorf(syncproto.KindTooLarge, "no"), 413, syncproto.KindTooLarge, false},
		{syncproto.Errorf(syncproto.KindUnsupported, "no"), 415, syncproto.KindUnsupported, false},
		{syncproto.Errorf(syncproto.KindConflict, "no"), 409, syncproto.KindConflict, false},
		{syncproto.Errorf(syncproto.KindNotFound, "no"), 404, syncproto.KindNotFound, false},
		{fmt.Errorf("bundle 3: %w", syncproto.ErrUnknownSuite), 415, syncproto.KindUnsupported, false},
		{fmt.Errorf("bundle 3: %w", wire.ErrEncoding), 400, syncproto.KindBadRequest, false},
		{fmt.Errorf("commit: %w", context.DeadlineExceeded), 503, syncproto.KindLater, true},
		{errors.New("secret of the inside"), 500, syncproto.KindOther, false},
		{syncproto.Errorf(200, "a kind of a newer version"), 500, 200, false},
	} {
		w.pull = func(context.Context, syncproto.ReplicaID, syncproto.PullRequest) (*syncproto.Page, error) {
			return nil, fmt.Errorf("wrapped: %w", c.err)
		}
		res := w.cbor("/v1/sync/pull", token, []byte{0xa0})
		if got := res.Header.Get("Retry-After") != ""; got != c.retry {
			t.Errorf("%v: Retry-After %q", c.err, res.Header.Get("Retry-After"))
		}
		p := wantProblem(t, c.err.Error(), res, c.status, c.kind)
		if strings.Contains(p.Detail, "secret") || p.Type != "about:blank" || p.Title != http.StatusText(c.status) {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
	if !strings.Contains(w.log.String(), "secret of the inside") {
		t.Error("what went wrong inside is not in the log")
	}
}

func TestMalformedBodies(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person("乐例红", false))
	token := w.token(f)
	session := w.sessionRequest(f)
	for name, b := range map[string][]byte{
		"empty": {}, "truncated": session[:len(session)-1], "trailing": append(bytes.Clone(session), 0), "three members": {0x83, 1, 2, 3},
		"an indefinite array": {0x9f, 0xff}, "a huge array": {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "JSON": []byte(`{"replica":"x"}`),
	} {
		wantProblem(t, "session: "+name, w.cbor("/v1/sync/session", "", b), http.StatusBadRequest, syncproto.KindBadRequest)
	}
	for name, b := range map[string][]byte{"empty": {}, "truncated": {0xa1, 2}, "trailing": {0xa0, 0}, "garbage": []byte("hello")} {
		wantProblem(t, "pull: "+name, w.cbor("/v1/sync/pull", token, b), http.StatusBadRequest, syncproto.KindBadRequest)
		wantProblem(t, "push: "+name, w.cbor("/v1/sync/push", token, b), http.StatusBadRequest, syncproto.KindBadRequest)
	}
	for name, b := range map[string]string{"empty": "", "an array": "[]", "a number": `{"code":5}`, "cut": `{"code":"`, "two": `{} {}`,
		"deep": strings.Repeat("[", 20000), "secret": `{"code":"2345-6789-ABCD-EFGH"`} {
		res := w.do(request{method: "POST", path: "/v1/enrol", ctype: "application/json", body: []byte(b)})
		if p := wantProblem(t, "enrol: "+name, res, http.StatusBadRequest, syncproto.KindBadRequest); strings.Contains(p.Detail, "2345") {
			t.Errorf("%s: the answer repeats the body: %s", name, p.Detail)
		}
	}
}

func TestContentTypes(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	for _, c := range []struct{ path, good string }{{"/v1/sync/pull", "application/cbor"}, {"/v1/sync/push", "application/cbor"},
		{"/v1/sync/session", "application/cbor"}, {"/v1/enrol", "application/json"}, {"/v1/login", "application/json"}} {
		for _, ctype := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream",
			"application/", ";", strings.Repeat("x", 500)} {
			res := w.do(request{method: "POST", path: c.path, ctype: ctype, bearer: token, body: []byte("{}")})
			wantProblem(t, c.path+" "+ctype, res, http.StatusUnsupportedMediaType, syncproto.KindUnsupported)
		}
		res := w.do(request{method: "POST", path: c.path, ctype: c.good, bearer: token, body: []byte("{}"), header: map[string]string{"Content-Encoding": "gzip"}})
		wantProblem(t, c.path+" gzip", res, http.StatusUnsupportedMediaType, syncproto.KindUnsupported)
	}
	res := w.do(request{method: "POST", path: "/v1/login", ctype: "Application/JSON; charset=utf-8", body: []byte(`{"name":"x","password":"y"}`)})
	wantProblem(t, "another spelling is taken", res, http.StatusForbidden, syncproto.KindForbidden)
}

func TestSessionRefused(t *testing.T) {
	w := newWorld(t)
	f, other := w.enrolled(w.person("乐例红", false)), w.enrolled(w.person("张例桥", false))
	unknown := phone{syncproto.NewReplicaID(), f.person, f.key}
	impostor := phone{f.replica, f.person, other.key}
	for name, from := range map[string]phone{"unknown device": unknown, "another device's key": impostor} {
		res := w.cbor("/v1/sync/session", "", w.sessionRequest(from))
		if res.Header.Get("X-Chuantou-Wall") != "" {
			t.Errorf("%s: told the clock", name)
		}
		wantProblem(t, name, res, http.StatusUnauthorized, syncproto.KindUnauthorized)
	}
	q := sign.SessionRequest{Audience: syncproto.Hash{9}, Replica: f.replica, Wall: w.clock().UnixMilli()}
	wantProblem(t, "signed for another server", w.cbor("/v1/sync/session", "", encodeSession(q, sign.SignSession(f.key, &q))),
		http.StatusUnauthorized, syncproto.KindUnauthorized)
	wantWall := func(what string, res *http.Response) {
		t.Helper()
		if got := res.Header.Get("X-Chuantou-Wall"); got != strconv.FormatInt(w.clock().UnixMilli(), 10) {
			t.Errorf("%s: X-Chuantou-Wall %q", what, got)
		}
		wantProblem(t, what, res, http.StatusUnauthorized, syncproto.KindUnauthorized)
	}
	once := w.sessionRequest(f)
	if res := w.cbor("/v1/sync/session", "", once); res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	wantWall("a request sent twice", w.cbor("/v1/sync/session", "", once))
	early := w.sessionRequest(f)
	w.pass(5*time.Minute + time.Millisecond)
	wantWall("an old request", w.cbor("/v1/sync/session", "", early))
	w.token(f)
	if err := w.auth.SetState(t.Context(), f.replica, authn.Revoked); err != nil {
		t.Fatal(err)
	}
	// A revoked device hands in what it has, and gets nothing.
	token := w.token(f)
	wantProblem(t, "a revoked device pulls", w.cbor("/v1/sync/pull", token, wire.AppendPull(nil, &syncproto.PullRequest{})), http.StatusForbidden, syncproto.KindRevoked)
	wantProblem(t, "a revoked device reads", w.get("/v1/me", token), http.StatusForbidden, syncproto.KindRevoked)
	wantProblem(t, "a revoked device reads", w.get("/v1/timeline", token), http.StatusForbidden, syncproto.KindRevoked)
	pushed := false
	w.push = func(_ context.Context, r syncproto.ReplicaID, _ []syncproto.Bundle) (syncproto.Receipt, error) {
		pushed = r == f.replica
		return syncproto.Receipt{Suite: syncproto.Suite1, Replica: r}, nil
	}
	if res := w.cbor("/v1/sync/push", token, wire.AppendPush(nil, nil)); res.StatusCode != http.StatusOK || !pushed {
		t.Errorf("a revoked device pushes: %d", res.StatusCode)
	}
}

func TestTokenEnds(t *testing.T) {
	w := newWorld(t)
	f := w.enrolled(w.person("乐例红", false))
	token := w.token(f)
	if res := w.get("/v1/me", token); res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	w.pass(15 * time.Minute)
	res := w.get("/v1/me", token)
	if res.Header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate %q", res.Header.Get("Www-Authenticate"))
	}
	wantProblem(t, "an expired token", res, http.StatusUnauthorized, syncproto.KindUnauthorized)
	token = w.token(f)
	if err := w.auth.SetState(t.Context(), f.replica, authn.Suspended); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "a suspended device's token", w.get("/v1/me", token), http.StatusUnauthorized, syncproto.KindUnauthorized)
}

func TestPanicIsOneRequests(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("乐例红", false)))
	w.pull = func(context.Context, syncproto.ReplicaID, syncproto.PullRequest) (*syncproto.Page, error) {
		panic("身份证 330903197001010011")
	}
	wantProblem(t, "a panic", w.cbor("/v1/sync/pull", token, []byte{0xa0}), http.StatusInternalServerError, syncproto.KindOther)
	if s := w.log.String(); strings.Contains(s, "330903197001010011") || !strings.Contains(s, "panic") || !strings.Contains(s, "sync_test.go") {
		t.Errorf("log: %s", s)
	}
	var none []byte
	w.pull = func(context.Context, syncproto.ReplicaID, syncproto.PullRequest) (*syncproto.Page, error) {
		return nil, errors.New(string(none[5]))
	}
	wantProblem(t, "another", w.cbor("/v1/sync/pull", token, []byte{0xa0}), http.StatusInternalServerError, syncproto.KindOther)
	if !strings.Contains(w.log.String(), "index out of range") {
		t.Error("what the runtime said is not in the log")
	}
}

// What is asked, sent and shown stays out of the log.
func TestLogHoldsNoSecrets(t *testing.T) {
	w := newWorld(t)
	p := w.person("张例桥", true)
	code, _, err := w.auth.CreateCode(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	f := w.enrolled(p)
	token, in := w.token(f), w.login(p)
	w.person("乐例红", false)
	pub := b64(w.key.Public().(ed25519.PublicKey))
	w.json("/v1/enrol", "", map[string]string{"code": code, "key": pub, "device": "张例桥的平板"})
	given := decode[struct{ Code string }](t, w.json("/v1/admin/codes", token, map[string]string{"person": "乐例红"}))
	w.json("/v1/login", "", map[string]string{"name": "张例桥", "password": "错的密码错的密码"})
	w.json("/v1/admin/passwords", token, map[string]string{"person": "乐例红", "password": "又一个密码又一个密码"})
	w.get("/v1/timeline?person="+p.ID.String()+"&place=330903105&after=tajny", token)
	w.get("/v1/timeline?secret-name=secret-value", token)
	w.get("/v1/records/330903197001010011", token)
	w.get("/somebody/330903197001010011?x=330903197001010011", "")
	log := w.log.String()
	for what, s := range map[string]string{"code": code, "given code": given.Code, "token": token, "web token": in.Token, "csrf": in.CSRF,
		"password": secret, "wrong password": "错的密码", "new password": "又一个密码", "query": "330903105", "continue": "tajny",
		"query name": "secret", "path": "330903197001010011", "device name": "平板", "key": pub} {
		if strings.Contains(log, s) || strings.Contains(log, strings.ReplaceAll(s, "-", "")) {
			t.Errorf("the log holds a %s", what)
		}
	}
	for _, want := range []string{"route=/v1/timeline", "status=200", f.replica.String(), "kind=forbidden", "kind=bad-request", "remote=192.0.2.1", "took="} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
