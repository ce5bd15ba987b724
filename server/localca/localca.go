// Package localca is the authority of one installation on a network without a
// public name: a root that can vouch for the installation's own origin and for
// nothing else, and the server's certificates under it. Who installs the root
// therefore trusts this one address more, not the whole web to whoever holds
// the root's key.
//
// Start with New and Load; Leaf gives what a listener needs.
package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"sync"
	"time"
)

const (
	rootLife = 20 * 365 * 24 * time.Hour // devices that lie in a drawer must find the same root again
	leafLife = 90 * 24 * time.Hour
	// renewBefore is when a certificate is replaced by the next.
	renewBefore = 30 * 24 * time.Hour
	// skew lets devices whose clocks run behind accept a new certificate.
	skew = 7 * 24 * time.Hour
)

// Authority is a root with its key. It is safe for concurrent use.
type Authority struct {
	root *x509.Certificate
	key  crypto.Signer
	host string
	now  func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
}

// HostOf is the host that an https origin names, for which alone its authority
// vouches.
func HostOf(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("an authority is for an https origin, not for %q", origin)
	}
	return u.Hostname(), nil
}

// New makes the root for an origin as PEM: the certificate, which everybody may
// have, and its key, which nobody else may.
func New(origin, name string, now time.Time) (root, key []byte, err error) {
	host, err := HostOf(origin)
	if err != nil {
		return nil, nil, err
	}
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "船头记 " + host, Organization: []string{name}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(rootLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	constrain(tmpl, host)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, priv.Public(), priv)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

// constrain limits the root to one host (RFC 5280 §4.2.1.10). A list of
// permitted names limits only names of its own kind, so all of the other kind
// are excluded besides.
func constrain(tmpl *x509.Certificate, host string) {
	tmpl.PermittedDNSDomainsCritical = true
	all4, all6 := net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	ip := net.ParseIP(host)
	switch v4 := ip.To4(); {
	case ip == nil:
		tmpl.PermittedDNSDomains = []string{host}
		tmpl.ExcludedIPRanges = []*net.IPNet{&all4, &all6}
	case v4 != nil:
		tmpl.PermittedIPRanges = []*net.IPNet{{IP: v4, Mask: net.CIDRMask(32, 32)}}
		tmpl.ExcludedIPRanges = []*net.IPNet{&all6}
		tmpl.ExcludedDNSDomains = []string{""}
	default:
		tmpl.PermittedIPRanges = []*net.IPNet{{IP: ip, Mask: net.CIDRMask(128, 128)}}
		tmpl.ExcludedIPRanges = []*net.IPNet{&all4}
		tmpl.ExcludedDNSDomains = []string{""}
	}
}

// Load reads what New made. The root must be one for this origin.
func Load(root, key []byte, origin string, now func() time.Time) (*Authority, error) {
	host, err := HostOf(origin)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(root, key)
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || pair.Leaf == nil || !pair.Leaf.IsCA {
		return nil, errors.New("local authority: the certificate is no root")
	}
	a := &Authority{root: pair.Leaf, key: signer, host: host, now: now}
	if _, err := a.Leaf(); err != nil {
		return nil, err
	}
	return a, nil
}

// Root is the root's certificate in DER.
func (a *Authority) Root() []byte { return a.root.Raw }

// Fingerprint is the SHA-256 of the root's certificate.
func (a *Authority) Fingerprint() [sha256.Size]byte { return sha256.Sum256(a.root.Raw) }

// Leaf is the certificate to serve with now, chained to the root. It is made
// anew before it expires.
func (a *Authority) Leaf() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.leaf != nil && now.Before(a.leaf.Leaf.NotAfter.Add(-renewBefore)) && now.After(a.leaf.Leaf.NotBefore) {
		return a.leaf, nil
	}
	leaf, err := a.issue(now)
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	a.leaf = leaf
	return leaf, nil
}

func (a *Authority) issue(now time.Time) (*tls.Certificate, error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: a.host},
		NotBefore: now.Add(-skew), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(a.host); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{a.host}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.root, priv.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// What browsers will do: a root of another origin fails here, not at sea.
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: a.host, CurrentTime: now}); err != nil {
		return nil, fmt.Errorf("the root does not vouch for %s: %w", a.host, err)
	}
	// The root goes along so that a device that knows its fingerprint alone can
	// check the chain.
	return &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: priv, Leaf: leaf}, nil
}

// TLS is a listener's configuration with certificates that renew themselves.
func (a *Authority) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.Leaf() }}
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
