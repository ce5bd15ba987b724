package serverproc_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/examples/internal/serverproc"
	"github.com/chuantou/chuantou/syncproto"
)

// freeAddress is an address nobody listens on just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// ownAuthority is a server whose https origin only its own authority vouches for.
func ownAuthority(t *testing.T, address string, args ...string) *serverproc.Server {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs signals and /proc")
	}
	dir := t.TempDir()
	s := &serverproc.Server{Data: filepath.Join(dir, "server"), TLS: true, Args: append([]string{"-log-level", "error"}, args...)}
	var err error
	s.Bin, err = serverproc.Build(t.Context(), dir)
	must(t, err)
	_, err = s.Init(t.Context(), "https://"+address, "试验", "99", "管理员")
	must(t, err)
	must(t, s.Start(t.Context(), address))
	t.Cleanup(func() { s.Stop() })
	return s
}

func ticketOf(t *testing.T, s *serverproc.Server) syncproto.Ticket {
	t.Helper()
	var out struct{ Ticket string }
	must(t, s.Admin(t.Context(), "/v1/admin/codes", map[string]string{"person": "管理员"}, &out))
	ticket, err := syncproto.ParseTicket(out.Ticket)
	must(t, err)
	return ticket
}

func device(t *testing.T, now func() time.Time) *clientsdk.Client {
	t.Helper()
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Clock: now})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// A device knows the server by its QR alone, whatever its clock says; it tells
// nobody else the code, and another server's QR does not open this one.
func TestDeviceKnowsTheServerByItsTicket(t *testing.T) {
	address := freeAddress(t)
	s := ownAuthority(t, address)
	for name, off := range map[string]time.Duration{"right": 0, "behind": -5 * 365 * 24 * time.Hour, "ahead": 10 * 365 * 24 * time.Hour} {
		ticket := ticketOf(t, s)
		c := device(t, func() time.Time { return time.Now().Add(off) })
		must(t, c.EnrolTicket(t.Context(), ticket.String(), name))
		if _, err := c.Sync(t.Context()); err != nil {
			t.Errorf("clock %s: %v", name, err)
		}
	}
	ticket := ticketOf(t, s)
	plain := device(t, time.Now)
	if err := plain.Enrol(t.Context(), ticket.Origin, ticket.Code, "A7"); err == nil {
		t.Error("the address alone is trusted, though no public authority vouches for it")
	}
	wrong := ticket
	wrong.Root[0] ^= 1
	if err := device(t, time.Now).EnrolTicket(t.Context(), wrong.String(), "A7"); !errors.Is(err, httptransport.ErrOtherRoot) {
		t.Errorf("another root: %v", err)
	}
	// Neither used the code up.
	must(t, device(t, time.Now).EnrolTicket(t.Context(), ticket.String(), "A7"))
	if err := device(t, time.Now).EnrolTicket(t.Context(), ticket.String(), "B2"); err == nil {
		t.Error("a photo of a used QR enrols another device")
	}
	wrong = ticketOf(t, s)
	wrong.Key[0] ^= 1
	if err := device(t, time.Now).EnrolTicket(t.Context(), wrong.String(), "A7"); !errors.Is(err, clientsdk.ErrOtherServer) {
		t.Errorf("another server's key: %v", err)
	}
}

// Another installation at the same address, with an authority of its own, is
// not taken for the one that a device was enrolled with.
func TestAnotherAuthorityIsNotBelieved(t *testing.T) {
	address := freeAddress(t)
	s := ownAuthority(t, address)
	ticket := ticketOf(t, s)
	c := device(t, time.Now)
	must(t, c.EnrolTicket(t.Context(), ticket.String(), "A7"))
	must(t, s.Stop())
	ownAuthority(t, address)
	if _, err := c.Sync(t.Context()); !errors.Is(err, httptransport.ErrOtherRoot) {
		t.Errorf("synced with a stranger: %v", err)
	}
}

// The root is fetched over plain http, and from then on the page is trusted;
// nothing else is told there.
func TestRootPage(t *testing.T) {
	address, rootAt := freeAddress(t), freeAddress(t)
	s := ownAuthority(t, address, "-root-listen", rootAt)
	get := func(path string) (int, string) {
		r, err := http.Get("http://" + rootAt + path)
		must(t, err)
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		must(t, err)
		return r.StatusCode, string(b)
	}
	status, der := get("/root.crt")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	root, err := x509.ParseCertificate([]byte(der))
	must(t, err)
	onDisk, err := os.ReadFile(filepath.Join(s.Data, "keys", "root.pem"))
	must(t, err)
	if block, _ := pem.Decode(onDisk); string(block.Bytes) != der {
		t.Error("another root than the installation's")
	}
	if status, page := get("/root"); status != http.StatusOK || !strings.Contains(page, address) || !strings.Contains(page, "指纹") {
		t.Errorf("the page: %d", status)
	}
	for _, path := range []string{"/login", "/v1/me", "/healthz", "/v1/openapi.json", "/held", "/root/x"} {
		if status, _ := get(path); status != http.StatusNotFound {
			t.Errorf("%s over plain http: %d", path, status)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	r, err := client.Get("https://" + address + "/login")
	must(t, err)
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("with the root installed: %d", r.StatusCode)
	}
}
