package main_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The life of an installation, over real HTTP and with real processes.
func TestEnrolAndSignIn(t *testing.T) {
	dir, code := folder(t)
	p := serve(t, dir)
	d, other := newDevice(t, p), newDevice(t, p)
	status, first := d.enrol(code)
	d.must("enrol", status, http.StatusOK)
	if !strings.Contains(string(first), "童例宁") {
		t.Errorf("the answer does not name the person: %s", first)
	}
	replica := d.replica
	status, _ = d.enrol(code)
	d.must("enrol again, the answer was lost", status, http.StatusOK)
	if d.replica != replica {
		t.Errorf("the same device became %s, it was %s", d.replica, replica)
	}
	status, _ = other.enrol(code)
	d.must("the used code with another key", status, http.StatusForbidden)
	status, _ = other.enrol("2345-6789-ABCD-EFGH")
	d.must("a guessed code", status, http.StatusForbidden)

	d.must("session", d.session(), http.StatusOK)
	res, _ := d.get("/v1/me")
	d.must("me", res.StatusCode, http.StatusOK)
	pull := wire.AppendPull(nil, &syncproto.PullRequest{})
	res, b := d.post("/v1/sync/pull", "application/cbor", pull)
	d.must("pull", res.StatusCode, http.StatusOK)
	page, err := wire.DecodePage(b)
	if err != nil || len(page.Cursor) == 0 {
		t.Fatalf("page %+v, %v", page, err)
	}
	res, b = d.post("/v1/sync/push", "application/cbor", wire.AppendPush(nil, nil))
	d.must("push of nothing", res.StatusCode, http.StatusOK)
	receipt, err := wire.DecodeReceipt(b)
	if err != nil || receipt.Replica != replica || sign.VerifyReceipt(d.server, &receipt) != nil {
		t.Errorf("receipt %+v, %v", receipt, err)
	}

	// What a thief of the wire can do with what he saw.
	once := d.request()
	res, _ = d.post("/v1/sync/session", "application/cbor", once)
	d.must("a fresh request", res.StatusCode, http.StatusOK)
	res, _ = d.post("/v1/sync/session", "application/cbor", once)
	if d.must("the same again", res.StatusCode, http.StatusUnauthorized); res.Header.Get("X-Chuantou-Wall") == "" {
		t.Error("without the server's clock")
	}
	p.stop()

	p = serve(t, dir)
	d.base, other.base = "http://"+p.addr, "http://"+p.addr
	res, _ = d.get("/v1/me")
	d.must("a token of the process before", res.StatusCode, http.StatusUnauthorized)
	d.token = ""
	res, _ = d.post("/v1/sync/session", "application/cbor", once)
	d.must("a request of the process before", res.StatusCode, http.StatusUnauthorized)
	d.must("a new session", d.session(), http.StatusOK)
	status, _ = other.enrol(code)
	d.must("the used code after a restart", status, http.StatusForbidden)
	p.stop()
	if s := p.log.String(); strings.Contains(s, code) || strings.Contains(s, d.token) {
		t.Errorf("the log holds a secret:\n%s", s)
	}
}

func TestAdminCommands(t *testing.T) {
	dir, _ := folder(t)
	// With the server stopped the folder itself is worked on.
	r := chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "童例宁")
	r.want(t, "code, stopped", 0, "童例宁", "one use")
	stopped := codeShape.FindString(r.out)
	p := serve(t, dir)
	r = chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "童例宁")
	r.want(t, "code, running", 0, "童例宁")
	for name, code := range map[string]string{"made before": stopped, "made now": codeShape.FindString(r.out)} {
		status, b := newDevice(t, p).enrol(code)
		if status != http.StatusOK {
			t.Errorf("code %s: %d %s", name, status, b)
		}
	}
	chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "没有此人").want(t, "code for nobody", 1, "there is nobody of this name")
	password := func(in string, more ...string) result {
		return chuantou(t, in, nil, append([]string{"admin", "password", "-data", dir, "-person", "童例宁"}, more...)...)
	}
	password("").want(t, "no password", 1, "standard input")
	password("short\n").want(t, "a short one", 1, "10")
	password(strings.Repeat("x", 3000)).want(t, "a long one", 1, "1024")
	password("东极的月亮很圆很圆a1\r\n", "-login", "tong").want(t, "password", 0, "log in as tong")
	d := newDevice(t, p)
	login := func(name, plain string) int {
		res, _ := d.post("/v1/login", "application/json", []byte(fmt.Sprintf(`{"name":%q,"password":%q}`, name, plain)))
		return res.StatusCode
	}
	d.must("log in", login("tong", "东极的月亮很圆很圆a1"), http.StatusOK)
	d.must("log in with another", login("tong", "东极的月亮很圆很圆a2"), http.StatusForbidden)
	p.stop()
	if s := p.log.String(); strings.Contains(s, "东极的月亮") {
		t.Errorf("the log holds a password:\n%s", s)
	}
	password("另一个密码另一个密码").want(t, "password, stopped", 0, "log in as 童例宁")
}

// One log-in serves the API and the pages.
func TestLoginForPages(t *testing.T) {
	dir, _ := folder(t)
	chuantou(t, "东极的月亮很圆很圆a1", nil, "admin", "password", "-data", dir, "-person", "童例宁").want(t, "password", 0)
	p := serve(t, dir)
	d := newDevice(t, p)
	res, _ := d.get("/")
	if d.must("the page as a stranger", res.StatusCode, http.StatusSeeOther); res.Header.Get("Location") != "/login" {
		t.Errorf("leads to %q", res.Header.Get("Location"))
	}
	res, _ = d.get("/login")
	d.must("the form", res.StatusCode, http.StatusOK)
	res, _ = d.post("/v1/login", "application/json", []byte(`{"name":"童例宁","password":"东极的月亮很圆很圆a1"}`))
	d.must("log in", res.StatusCode, http.StatusOK)
	req, err := http.NewRequestWithContext(t.Context(), "GET", d.base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range res.Cookies() {
		req.AddCookie(k)
	}
	res, b := d.send(req)
	if d.must("the page", res.StatusCode, http.StatusOK); !strings.Contains(string(b), "童例宁") {
		t.Error("the page does not name its reader")
	}
	p.stop()
}

// Whatever was acknowledged is there after a kill, and what the dead process
// left in the folder is in nobody's way.
func TestKilled(t *testing.T) {
	dir, code := folder(t)
	p := serve(t, dir)
	d := newDevice(t, p)
	status, _ := d.enrol(code)
	d.must("enrol", status, http.StatusOK)
	p.kill()
	p = serve(t, dir)
	d.base = "http://" + p.addr
	d.must("session", d.session(), http.StatusOK)
	chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "童例宁").want(t, "the operator's socket", 0)
	p.stop()
	if _, err := os.Lstat(filepath.Join(dir, "admin.sock")); err == nil {
		t.Error("a server that stopped in order left its socket")
	}
}

// A request under way when the signal comes is answered, then the process ends.
func TestStopInOrder(t *testing.T) {
	dir, _ := folder(t)
	p := serve(t, dir)
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"code":"2345-6789-ABCD-EFGH","key":"` + strings.Repeat("A", 43) + `"}`
	// Expect: 100-continue is answered when the handler reads the body: then
	// the request is under way for sure.
	if _, err := fmt.Fprintf(conn, "POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.signal(os.Interrupt)
	<-p.stopping
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit status %d\n%s", code, p.log.String())
	}
}

func TestJSONLog(t *testing.T) {
	dir, _ := folder(t)
	p := serve(t, dir, "-log-format", "json", "-log-level", "debug")
	d := newDevice(t, p)
	for _, path := range []string{"/healthz", "/readyz", "/v1/openapi.json"} {
		res, _ := d.get(path)
		d.must(path, res.StatusCode, http.StatusOK)
	}
	p.stop()
	lines, requests := 0, 0
	for line := range bytes.Lines(p.log.Bytes()) {
		var v struct{ Time, Level, Msg, Route string }
		if err := json.Unmarshal(line, &v); err != nil || v.Time == "" || v.Level == "" || v.Msg == "" {
			t.Errorf("not a line of the log: %s (%v)", line, err)
		}
		lines++
		if v.Msg == "request" && v.Route != "" {
			requests++
		}
	}
	if lines < 4 || requests != 3 {
		t.Errorf("%d lines, %d of requests:\n%s", lines, requests, p.log.String())
	}
}

func TestTLS(t *testing.T) {
	dir, _ := folder(t)
	cert, key, pool := certificate(t)
	p := serve(t, dir, "-tls-cert", cert, "-tls-key", key)
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := c.Post("https://"+p.addr+"/v1/login", "application/json", strings.NewReader(`{"name":"x","password":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
	if res, err := http.Get("http://" + p.addr + "/healthz"); err == nil {
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("plain http: status %d", res.StatusCode)
		}
	}
	p.stop()
}

// certificate makes one for this machine that its own pool trusts.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	model := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, model, model, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, pool
}

// The keys may lie on another volume behind a link; a server says so when they
// do not, since one stolen disk then gives the sealed values too.
func TestKeysOnAnotherVolume(t *testing.T) {
	const elsewhere = "/dev/shm" // a volume of its own on every Linux
	if runtime.GOOS != "linux" {
		t.Skip("needs a second volume")
	}
	dir, _ := folder(t)
	p := serve(t, dir)
	p.stop()
	if s := p.log.String(); !strings.Contains(s, "share a volume") {
		t.Errorf("nothing is said of keys beside the data:\n%s", s)
	}
	keys, err := os.MkdirTemp(elsewhere, "chuantou-keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(keys) })
	was := filepath.Join(dir, "keys")
	if err := os.CopyFS(keys, os.DirFS(was)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(keys, e.Name()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.RemoveAll(was), os.Symlink(keys, was)); err != nil {
		t.Fatal(err)
	}
	p = serve(t, dir)
	p.stop()
	if s := p.log.String(); strings.Contains(s, "share a volume") {
		t.Errorf("keys on another volume, and yet:\n%s", s)
	}
}
