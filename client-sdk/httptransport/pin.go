//go:build !js

package httptransport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// ErrOtherRoot is in the error of a request when the server's certificate does
// not come from the authority that the device was told at enrolment.
var ErrOtherRoot = errors.New("another server answers at this address, or somebody listens in: its certificate is not from the authority in the enrolment QR")

// pinned is a TLS configuration that trusts the one root with this SHA-256,
// which the server sends along, for this host, and no other. The dates of
// certificates are looked past: the clock of a device may be years off, and the
// root is trusted because a person held the QR, not because of its date.
func pinned(root [sha256.Size]byte, host string) *tls.Config {
	if root == ([sha256.Size]byte{}) {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		// The chain is checked by VerifyConnection, and against less than the
		// system's roots.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			return checkPinned(s.PeerCertificates, root, host)
		},
	}
}

func checkPinned(chain []*x509.Certificate, root [sha256.Size]byte, host string) error {
	roots := x509.NewCertPool()
	found := false
	for _, c := range chain {
		if sha256.Sum256(c.Raw) == root {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return ErrOtherRoot
	}
	leaf := chain[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: leaf.NotBefore.Add(time.Second)})
	return err
}
