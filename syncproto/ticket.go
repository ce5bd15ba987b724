package syncproto

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Ticket is what a device needs to enrol, as a QR carries it: the server's
// address, by what the device knows that it is this server, and a one-time
// code. It is a secret until the code is used, and worth nothing afterwards.
type Ticket struct {
	Origin string
	Key    [32]byte // the server's Ed25519 public key
	// Root is the SHA-256 of the certificate of the installation's own
	// authority; zero where a public one vouches for it.
	Root [32]byte
	Code string
}

// ticketPath and the version begin what follows the origin. Everything else
// stands behind a #, which browsers keep to themselves: a phone's camera that
// opens the address tells nobody the code.
const ticketPath = "/enrol#1."

var errTicket = errors.New("not an enrolment ticket: want the whole text of the QR, https://…" + ticketPath + "…")

// String is ORIGIN/enrol#1.KEY.ROOT.CODE, KEY and ROOT in base64url without
// padding, ROOT empty for none.
func (t *Ticket) String() string {
	root := ""
	if t.Root != [32]byte{} {
		root = base64.RawURLEncoding.EncodeToString(t.Root[:])
	}
	return t.Origin + ticketPath + base64.RawURLEncoding.EncodeToString(t.Key[:]) + "." + root + "." + t.Code
}

// IsTicket tells a ticket from an address.
func IsTicket(s string) bool { return strings.Contains(s, ticketPath) }

// ParseTicket reads the form of String; it checks the form alone.
func ParseTicket(s string) (t Ticket, err error) {
	s = strings.TrimSpace(s)
	if len(s) > 1<<10 {
		return Ticket{}, errTicket
	}
	origin, rest, ok := strings.Cut(s, ticketPath)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 {
		return Ticket{}, errTicket
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return Ticket{}, fmt.Errorf("enrolment ticket: address %q", origin)
	}
	t.Origin, t.Code = origin, parts[2]
	if err := fixed(t.Key[:], parts[0]); err != nil {
		return Ticket{}, fmt.Errorf("enrolment ticket: server's key: %w", err)
	}
	if parts[1] != "" {
		if err := fixed(t.Root[:], parts[1]); err != nil {
			return Ticket{}, fmt.Errorf("enrolment ticket: fingerprint of the root: %w", err)
		}
	}
	if t.Code == "" || strings.Trim(t.Code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return Ticket{}, errors.New("enrolment ticket: the code is missing or damaged")
	}
	return t, nil
}

// fixed reads exactly len(out) bytes in canonical base64url, not all zero.
func fixed(out []byte, s string) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(out) || base64.RawURLEncoding.EncodeToString(b) != s {
		return fmt.Errorf("want %d bytes in base64url", len(out))
	}
	if strings.Trim(s, "A") == "" {
		return errors.New("all zero")
	}
	copy(out, b)
	return nil
}
