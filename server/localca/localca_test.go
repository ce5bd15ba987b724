package localca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/localca"
)

var start = time.Date(2026, 5, 18, 8, 0, 0, 0, time.UTC)

func authority(t *testing.T, origin string, now *time.Time) *localca.Authority {
	t.Helper()
	root, key, err := localca.New(origin, "普陀区（示例）", start)
	if err != nil {
		t.Fatal(err)
	}
	a, err := localca.Load(root, key, origin, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(t *testing.T, a *localca.Authority, cert *x509.Certificate, host string, at time.Time) error {
	t.Helper()
	root, err := x509.ParseCertificate(a.Root())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: at})
	return err
}

func TestLeafIsForTheOriginAlone(t *testing.T) {
	for origin, host := range map[string]string{"https://chuantou.example": "chuantou.example", "https://chuantou.example:8443": "chuantou.example",
		"https://192.0.2.10:8443": "192.0.2.10", "https://[2001:db8::1]": "2001:db8::1"} {
		now := start
		a := authority(t, origin, &now)
		leaf, err := a.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, a, leaf.Leaf, host, now); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
		for _, other := range []string{"bank.example", "192.0.2.11", "2001:db8::2"} {
			if err := verify(t, a, leaf.Leaf, other, now); err == nil {
				t.Errorf("%s: taken for %s", origin, other)
			}
		}
		if len(leaf.Certificate) != 2 || !bytes.Equal(leaf.Certificate[1], a.Root()) {
			t.Errorf("%s: the chain does not carry the root", origin)
		}
	}
}

// Who steals the root's key gains nothing but the origin: certificates for
// other names, signed with it, are not believed.
func TestRootCannotVouchForOthers(t *testing.T) {
	names := map[string]*x509.Certificate{
		"a name": {DNSNames: []string{"bank.example"}}, "a name below": {DNSNames: []string{"example"}},
		"an address": {IPAddresses: []net.IP{net.ParseIP("198.51.100.7")}}, "a v6 address": {IPAddresses: []net.IP{net.ParseIP("2001:db8::7")}},
	}
	for _, origin := range []string{"https://chuantou.example", "https://192.0.2.10", "https://[2001:db8::1]"} {
		root, key, err := localca.New(origin, "示例", start)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(root, key)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf)
		for what, c := range names {
			c.SerialNumber, c.NotBefore, c.NotAfter = pair.Leaf.SerialNumber, start, start.Add(time.Hour)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			der, err := x509.CreateCertificate(nil, c, pair.Leaf, pair.Leaf.PublicKey, pair.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			forged, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := forged.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: start.Add(time.Minute)}); err == nil {
				t.Errorf("%s: a certificate for %s is believed", origin, what)
			}
		}
		if !pair.Leaf.PermittedDNSDomainsCritical || !pair.Leaf.MaxPathLenZero {
			t.Errorf("%s: constraints are not critical, or it may make other authorities", origin)
		}
	}
}

func TestLeafRenewsItself(t *testing.T) {
	now := start
	a := authority(t, "https://chuantou.example", &now)
	first, _ := a.Leaf()
	now = start.Add(50 * 24 * time.Hour)
	if again, _ := a.Leaf(); again != first {
		t.Error("renewed too early")
	}
	for _, days := range []int{61, 95, 365, 3650} {
		now = start.Add(time.Duration(days) * 24 * time.Hour)
		leaf, err := a.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, a, leaf.Leaf, "chuantou.example", now); err != nil {
			t.Errorf("after %d days: %v", days, err)
		}
	}
	if last, _ := a.Leaf(); last == first {
		t.Error("never renewed")
	}
	now = start.Add(-24 * time.Hour) // the server's clock was set right
	if leaf, err := a.Leaf(); err != nil || verify(t, a, leaf.Leaf, "chuantou.example", now) != nil {
		t.Errorf("a clock set back: %v", err)
	}
}

func TestWrongRootsAreRefused(t *testing.T) {
	root, key, err := localca.New("https://chuantou.example", "示例", start)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := localca.New("https://chuantou.example", "示例", start)
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return start }
	block, _ := pem.Decode(root)
	block.Bytes[len(block.Bytes)/2] ^= 1
	for name, c := range map[string]struct {
		root, key []byte
		origin    string
	}{
		"another origin":  {root, key, "https://other.example"},
		"another's key":   {root, otherKey, "https://chuantou.example"},
		"no certificate":  {key, key, "https://chuantou.example"},
		"flipped":         {pem.EncodeToMemory(block), key, "https://chuantou.example"},
		"plain http":      {root, key, "http://chuantou.example"},
		"nothing":         {nil, nil, "https://chuantou.example"},
		"after its years": {root, key, "https://chuantou.example"},
	} {
		now := clock
		if name == "after its years" {
			now = func() time.Time { return start.AddDate(21, 0, 0) }
		}
		if _, err := localca.Load(c.root, c.key, c.origin, now); err == nil || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := localca.New("http://192.0.2.10", "示例", start); err == nil {
		t.Error("a root for a plain http origin")
	}
}
