package main_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// device is the least that a device must do, written anew from docs/http.md.
type device struct {
	t       *testing.T
	base    string
	key     ed25519.PrivateKey
	replica syncproto.ReplicaID
	server  ed25519.PublicKey
	wall    int64 // the server's clock, as last heard
	token   string
}

func newDevice(t *testing.T, p *process) *device {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &device{t: t, base: "http://" + p.addr, key: key}
}

// post returns status, headers and body.
func (d *device) post(path, ctype string, body []byte) (*http.Response, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), "POST", d.base+path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", ctype)
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	return d.send(req)
}

func (d *device) get(path string) (*http.Response, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), "GET", d.base+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	return d.send(req)
}

func (d *device) send(req *http.Request) (*http.Response, []byte) {
	d.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, b
}

func (d *device) enrol(code string) (int, []byte) {
	d.t.Helper()
	in, err := json.Marshal(map[string]string{"code": code, "device": "测试手机",
		"key": base64.RawURLEncoding.EncodeToString(d.key.Public().(ed25519.PublicKey))})
	if err != nil {
		d.t.Fatal(err)
	}
	res, b := d.post("/v1/enrol", "application/json", in)
	var out struct {
		Replica syncproto.ReplicaID `json:"replica"`
		Server  string              `json:"server_key"`
		Wall    int64               `json:"wall"`
	}
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, b
	}
	if err := json.Unmarshal(b, &out); err != nil {
		d.t.Fatal(err)
	}
	d.replica, d.wall = out.Replica, out.Wall
	if d.server, err = base64.RawURLEncoding.DecodeString(out.Server); err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, b
}

// request is a signed session request.
func (d *device) request() []byte {
	d.t.Helper()
	q := sign.SessionRequest{Audience: sign.KeyHash(d.server), Replica: d.replica, Wall: d.wall}
	rand.Read(q.Nonce[:])
	sig := sign.SignSession(d.key, &q)
	b := wire.AppendBytes(wire.AppendArray(nil, 4), q.Replica[:])
	b = wire.AppendBytes(wire.AppendInt(b, q.Wall), q.Nonce[:])
	return wire.AppendBytes(b, sig[:])
}

// session signs in; told of another clock it takes that and asks once more.
func (d *device) session() int {
	d.t.Helper()
	d.token = ""
	res, b := d.post("/v1/sync/session", "application/cbor", d.request())
	if wall := res.Header.Get("X-Chuantou-Wall"); wall != "" {
		var err error
		if d.wall, err = strconv.ParseInt(wall, 10, 64); err != nil {
			d.t.Fatal(err)
		}
		res, b = d.post("/v1/sync/session", "application/cbor", d.request())
	}
	if res.StatusCode != http.StatusOK {
		return res.StatusCode
	}
	r := wire.NewReader(b)
	r.Array(3)
	d.token = base64.RawURLEncoding.EncodeToString(r.Bytes(24))
	r.Uint()
	d.wall = r.Int()
	if err := r.Done(); err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode
}

// must insists on a status.
func (d *device) must(what string, got, want int) {
	d.t.Helper()
	if got != want {
		d.t.Fatalf("%s: status %d, want %d", what, got, want)
	}
}
