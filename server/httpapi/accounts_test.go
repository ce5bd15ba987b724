package httpapi_test

import (
	"crypto/ed25519"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

func TestEnrolAnswer(t *testing.T) {
	w := newWorld(t)
	p := w.person("乐例红", false)
	code, _, err := w.auth.CreateCode(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	pub, _, err := ed25519.GenerateKey(w.rand)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{"code": code, "key": b64(pub), "device": "手机", "of_a_newer_client": "x"}
	first := decode[map[string]any](t, w.json("/v1/enrol", "", in))
	for name, want := range map[string]any{"person": p.ID.String(), "person_name": "乐例红", "origin": "https://zs.example",
		"server_key": b64(w.key.Public().(ed25519.PublicKey)), "wall": float64(w.clock().UnixMilli())} {
		if first[name] != want {
			t.Errorf("%s is %v, want %v", name, first[name], want)
		}
	}
	if len(first) != 8 || first["epoch"] == "" || len(first["seal_key"].(string)) != 43 {
		t.Errorf("answer %v", first)
	}
	if again := decode[map[string]any](t, w.json("/v1/enrol", "", in)); again["replica"] != first["replica"] {
		t.Errorf("asked again: %v, then %v", first["replica"], again["replica"])
	}
	in["key"] = b64(w.key.Public().(ed25519.PublicKey))
	wantProblem(t, "a used code", w.json("/v1/enrol", "", in), http.StatusForbidden, syncproto.KindForbidden)
	in["code"] = "2345-6789-ABCD-EFGH"
	wantProblem(t, "a guessed code", w.json("/v1/enrol", "", in), http.StatusForbidden, syncproto.KindForbidden)
	for name, key := range map[string]string{"none": "", "short": "AAAA", "padded": b64(pub) + "=", "standard alphabet": strings.Repeat("+", 43)} {
		in["key"] = key
		wantProblem(t, "key: "+name, w.json("/v1/enrol", "", in), http.StatusBadRequest, syncproto.KindBadRequest)
	}
}

func TestExpiredCode(t *testing.T) {
	w := newWorld(t)
	code, expires, err := w.auth.CreateCode(t.Context(), w.person("乐例红", false).ID)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(expires.Sub(w.clock()))
	in := map[string]string{"code": code, "key": b64(w.key.Public().(ed25519.PublicKey))}
	wantProblem(t, "an expired code", w.json("/v1/enrol", "", in), http.StatusForbidden, syncproto.KindForbidden)
}

func TestGuessingCodesIsToldToWait(t *testing.T) {
	w := newWorld(t)
	in := map[string]string{"code": "2345-6789-ABCD-EFGH", "key": b64(w.key.Public().(ed25519.PublicKey))}
	for range 200 {
		res := w.json("/v1/enrol", "", in)
		if res.StatusCode != http.StatusTooManyRequests {
			continue
		}
		wantProblem(t, "guessing", res, http.StatusTooManyRequests, syncproto.KindLater)
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || after < 1 {
			t.Fatalf("Retry-After %q", res.Header.Get("Retry-After"))
		}
		w.pass(time.Duration(after) * time.Second)
		wantProblem(t, "after the wait", w.json("/v1/enrol", "", in), http.StatusForbidden, syncproto.KindForbidden)
		return
	}
	t.Error("200 guesses in a row went through")
}

// X-Forwarded-For counts only from a trusted proxy: else a guesser would have
// as many addresses as he can write.
func TestForwardedAddresses(t *testing.T) {
	enrol := []byte(`{"code":"2345-6789-ABCD-EFGH","key":"` + strings.Repeat("A", 43) + `"}`)
	guess := func(w *world, peer, forwarded string) int {
		return w.do(request{method: "POST", path: "/v1/enrol", ctype: "application/json", body: enrol, remote: peer,
			header: map[string]string{"X-Forwarded-For": forwarded}}).StatusCode
	}
	slowed := func(w *world, peer string, forwarded func(int) string) bool {
		for i := range 60 {
			if guess(w, peer, forwarded(i)) == http.StatusTooManyRequests {
				return true
			}
		}
		return false
	}
	made := func(i int) string { return "203.0.113." + strconv.Itoa(i) }
	if !slowed(newWorld(t), "198.51.100.7:1", made) {
		t.Error("a stranger's X-Forwarded-For was believed")
	}
	if slowed(newWorld(t), "10.9.0.1:1", made) {
		t.Error("a trusted proxy's X-Forwarded-For was not believed")
	}
	if !slowed(newWorld(t), "10.9.0.1:1", func(i int) string { return made(i) + ", 198.51.100.7" }) {
		t.Error("what the caller put in front of the proxy's word was believed")
	}
}

func TestLoginAndMe(t *testing.T) {
	w := newWorld(t)
	p := w.person("张例桥", true)
	in := w.login(p)
	if in.Person != p.ID || !in.Admin || in.cookie.Name != "chuantou-session" || !in.cookie.HttpOnly || in.cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("%+v, cookie %+v", in, in.cookie)
	}
	type me struct {
		Person  syncproto.PersonID `json:"person"`
		Name    string             `json:"person_name"`
		Replica string             `json:"replica"`
		CSRF    string             `json:"csrf"`
	}
	byCookie := decode[me](t, w.do(request{method: "GET", path: "/v1/me", cookies: []*http.Cookie{in.cookie}}))
	byToken := decode[me](t, w.get("/v1/me", in.Token))
	if byCookie != byToken || byCookie.Person != p.ID || byCookie.CSRF != in.CSRF || byCookie.Replica != "" {
		t.Errorf("by cookie %+v, by token %+v", byCookie, byToken)
	}
	f := w.enrolled(p)
	if m := decode[me](t, w.get("/v1/me", w.token(f))); m.Replica != f.replica.String() || m.CSRF != "" {
		t.Errorf("device: %+v", m)
	}
	wantProblem(t, "wrong password", w.json("/v1/login", "", map[string]string{"name": "张例桥", "password": "x"}), http.StatusForbidden, syncproto.KindForbidden)
	wantProblem(t, "pull with a person's session", w.cbor("/v1/sync/pull", in.Token, []byte{0xa0}), http.StatusUnauthorized, syncproto.KindUnauthorized)
}

func TestCookieOverHTTPS(t *testing.T) {
	w := newWorld(t)
	p := w.person("张例桥", false)
	w.login(p)
	res := w.do(request{method: "POST", path: "/v1/login", ctype: "application/json", remote: "10.9.0.1:1",
		header: map[string]string{"X-Forwarded-Proto": "https"}, body: []byte(`{"name":"张例桥","password":"` + secret + `"}`)})
	k := res.Cookies()
	if len(k) != 1 || k[0].Name != "__Host-chuantou-session" || !k[0].Secure || k[0].Path != "/" || k[0].Domain != "" {
		t.Errorf("cookies %v", k)
	}
}

// A cookie is sent by the browser whoever wrote the page: what changes
// something needs the session's CSRF token besides.
func TestCSRFOfCookies(t *testing.T) {
	w := newWorld(t)
	in, other := w.login(w.person("张例桥", true)), w.login(w.person("李长根", true))
	w.person("乐例红", false)
	post := func(csrf string) *http.Response {
		return w.do(request{method: "POST", path: "/v1/admin/codes", ctype: "application/json", body: []byte(`{"person":"乐例红"}`),
			cookies: []*http.Cookie{in.cookie}, header: map[string]string{"X-Chuantou-Csrf": csrf}})
	}
	for _, csrf := range []string{"", "x", other.CSRF} {
		wantProblem(t, "csrf "+csrf, post(csrf), http.StatusForbidden, syncproto.KindForbidden)
	}
	if res := post(in.CSRF); res.StatusCode != http.StatusOK {
		t.Errorf("with its token: %d %s", res.StatusCode, body(t, res))
	}
	out := request{method: "POST", path: "/v1/logout", cookies: []*http.Cookie{in.cookie}}
	wantProblem(t, "logout without", w.do(out), http.StatusForbidden, syncproto.KindForbidden)
	out.header = map[string]string{"X-Chuantou-Csrf": in.CSRF}
	if res := w.do(out); res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %d, %v", res.StatusCode, res.Cookies())
	}
	wantProblem(t, "after it", w.get("/v1/me", in.Token), http.StatusUnauthorized, syncproto.KindUnauthorized)
}

func TestAdmin(t *testing.T) {
	w := newWorld(t)
	admin, plain := w.person("管例员", true), w.person("乐例红", false)
	token := w.token(w.enrolled(admin))
	for _, path := range []string{"/v1/admin/codes", "/v1/admin/passwords"} {
		in := map[string]string{"person": "乐例红", "password": secret}
		wantProblem(t, path+" by somebody else", w.json(path, w.token(w.enrolled(plain)), in), http.StatusForbidden, syncproto.KindForbidden)
		if res := w.json(path, token, in); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, res.StatusCode, body(t, res))
		}
		in["person"] = plain.ID.String()
		if res := w.json(path, token, in); res.StatusCode != http.StatusOK {
			t.Errorf("%s by id: %d %s", path, res.StatusCode, body(t, res))
		}
		in["person"] = "没有此人"
		wantProblem(t, path+" for nobody", w.json(path, token, in), http.StatusNotFound, syncproto.KindNotFound)
		in["person"] = ""
		wantProblem(t, path+" without a person", w.json(path, token, in), http.StatusBadRequest, syncproto.KindBadRequest)
		in["person"] = admin.ID.String()
		wantProblem(t, path+" beyond his territory", w.json(path, token, in), http.StatusForbidden, syncproto.KindForbidden)
	}
	code := decode[struct{ Code, Expires string }](t, w.json("/v1/admin/codes", token, map[string]string{"person": "乐例红"}))
	if code.Expires != w.clock().Add(24*time.Hour).Truncate(time.Second).Format(time.RFC3339) || len(code.Code) != 19 {
		t.Errorf("%+v", code)
	}
	wantProblem(t, "a short password", w.json("/v1/admin/passwords", token, map[string]string{"person": "乐例红", "password": "x"}),
		http.StatusBadRequest, syncproto.KindBadRequest)
	if res := w.json("/v1/login", "", map[string]string{"name": "乐例红", "password": secret}); res.StatusCode != http.StatusOK {
		t.Errorf("log in with the password set: %d", res.StatusCode)
	}
}
