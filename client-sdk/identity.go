package clientsdk

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Identity is whose device this is.
type Identity struct {
	Origin     string // the server's address
	Replica    syncproto.ReplicaID
	Person     syncproto.PersonID
	PersonName string
	Device     string
}

// Identity says whose device this is; ok is false before enrolment.
func (c *Client) Identity() (id Identity, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == nil {
		return Identity{}, false
	}
	return Identity{c.id.Origin, c.id.Replica, c.id.Person, c.id.PersonName, c.id.Device}, true
}

// ErrOtherServer is returned when the server that answers is not the one whose
// key stands in the ticket. Nothing but the code was told to it: get another.
var ErrOtherServer = errors.New("the server that answers is not the one that made this QR")

// EnrolTicket is Enrol with all that a QR carries (syncproto.Ticket): the
// address, the code, and by what the server is known to be the right one.
func (c *Client) EnrolTicket(ctx context.Context, text, device string) error {
	t, err := syncproto.ParseTicket(text)
	if err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	return c.firstEnrol(func() error { return c.enrolBy(ctx, t, device) })
}

// Enrol trades a one-time code for this store's identity: the device makes its
// key, the server gives the replica id. If the answer is lost on the way, Enrol
// with the same code gets it again.
func (c *Client) Enrol(ctx context.Context, origin, code, device string) error {
	code = strings.TrimSpace(code)
	if code == "" {
		return errors.New("enrol: the one-time code is empty: ask your administrator for one")
	}
	return c.firstEnrol(func() error { return c.enrolBy(ctx, syncproto.Ticket{Origin: origin, Code: code}, device) })
}

// firstEnrol enrols a store that has no identity yet.
func (c *Client) firstEnrol(enrol func() error) error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	c.mu.Lock()
	enrolled := c.id != nil
	c.mu.Unlock()
	if enrolled {
		return fmt.Errorf("enrol: %w", ErrEnrolled)
	}
	if err := enrol(); err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	return nil
}

// enrolBy enrols by a ticket, whose key and root may be unknown.
func (c *Client) enrolBy(ctx context.Context, t syncproto.Ticket, device string) error {
	link, err := c.dial(t.Origin, t.Root)
	if err != nil {
		return err
	}
	key, err := c.pendingKey(t.Origin, t.Code)
	if err != nil {
		return err
	}
	id, err := c.askIdentity(ctx, link, t.Code, device, key)
	if err != nil {
		return err
	}
	if t.Key != [32]byte{} && !bytes.Equal(id.ServerKey, t.Key[:]) {
		return ErrOtherServer
	}
	id.Origin, id.Root = t.Origin, t.Root
	return c.become(id, link)
}

// AnotherDevice asks the server for a one-time code for another device of this
// device's own person: what its QR says, and the code alone. Three a day; all of
// his devices name the new one. It needs a network.
func (c *Client) AnotherDevice(ctx context.Context) (ticket, code string, err error) {
	var out struct{ Ticket, Code string }
	err = c.request(ctx, session.Request{Method: http.MethodPost, Path: "/v1/codes", Type: session.TypeJSON, Body: []byte("{}")}, &out)
	if err != nil {
		return "", "", fmt.Errorf("code for another device: %w", err)
	}
	return out.Ticket, out.Code, nil
}

// SetPassword sets what this device's person logs in with on the server's pages:
// under a name, or his own where it is empty. His earlier password stops
// working and his open sessions end. It needs a network.
func (c *Client) SetPassword(ctx context.Context, login, password string) (as string, err error) {
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		return "", err
	}
	var out struct{ Login string }
	if err = c.request(ctx, session.Request{Method: http.MethodPost, Path: "/v1/me/password", Type: session.TypeJSON, Body: body}, &out); err != nil {
		return "", fmt.Errorf("set a password: %w", err)
	}
	return out.Login, nil
}

// dial makes the transport to a server; root is the fingerprint of the
// certificate that vouches for it, zero for the system's.
func (c *Client) dial(origin string, root [32]byte) (syncloop.Transport, error) {
	if c.opt.Dial != nil {
		return c.opt.Dial(origin)
	}
	return httptransport.New(origin, httptransport.Options{Now: c.opt.Clock, Root: root})
}

// pendingKey returns the key for an enrolment with this code: made and stored
// before the code is used, so that a lost answer can be asked for again.
func (c *Client) pendingKey(origin, code string) (ed25519.PrivateKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	var seed [ed25519.SeedSize]byte
	want := origin + " " + code
	v, err := c.store.Get(keyEnrolling)
	if err != nil {
		return nil, err
	}
	if v != nil {
		r, err := openStored(v, 2)
		if err != nil {
			return nil, err
		}
		was := r.Text(1 << 12)
		r.Fixed(seed[:])
		if err := closeStored(r, "enrolment"); err != nil {
			return nil, err
		}
		if was == want {
			return ed25519.NewKeyFromSeed(seed[:]), nil
		}
	}
	if _, err := io.ReadFull(c.opt.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	var b localstore.Batch
	b.Put(keyEnrolling, wire.AppendBytes(wire.AppendText(beginStored(2), want), seed[:]))
	return ed25519.NewKeyFromSeed(seed[:]), c.store.Apply(&b)
}

// askIdentity is the exchange of POST /v1/enrol.
func (c *Client) askIdentity(ctx context.Context, link syncloop.Transport, code, device string, key ed25519.PrivateKey) (*identity, error) {
	body, err := json.Marshal(map[string]string{"code": code, "device": device,
		"key": base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))})
	if err != nil {
		return nil, err
	}
	r := link.Do(ctx, &session.Request{Method: http.MethodPost, Path: "/v1/enrol", Type: session.TypeJSON, Body: body})
	switch {
	case r.Err != nil:
		return nil, r.Err
	case r.Status != http.StatusOK && r.Text != "":
		return nil, &syncproto.Error{Kind: r.Kind, Text: r.Text}
	case r.Status != http.StatusOK:
		return nil, fmt.Errorf("the server answered %d", r.Status)
	}
	return decodeEnrolment(r.Body, device, key)
}

func decodeEnrolment(body []byte, device string, key ed25519.PrivateKey) (*identity, error) {
	var a struct {
		Replica    syncproto.ReplicaID `json:"replica"`
		Person     syncproto.PersonID  `json:"person"`
		PersonName string              `json:"person_name"`
		ServerKey  string              `json:"server_key"`
		SealKey    string              `json:"seal_key"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	id := &identity{Replica: a.Replica, Key: key, Person: a.Person, PersonName: a.PersonName, Device: device}
	var err error
	if id.ServerKey, err = base64.RawURLEncoding.DecodeString(a.ServerKey); err != nil || len(id.ServerKey) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: server_key is no Ed25519 key", errAnswer)
	}
	if id.SealKey, err = base64.RawURLEncoding.DecodeString(a.SealKey); err == nil {
		_, err = ecdh.X25519().NewPublicKey(id.SealKey)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: seal_key is no X25519 key", errAnswer)
	}
	if id.Replica.IsZero() || id.Person.IsZero() {
		return nil, fmt.Errorf("%w: no replica or person in it", errAnswer)
	}
	return id, nil
}

// become stores the identity and takes it on.
func (c *Client) become(id *identity, link syncloop.Transport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	var b localstore.Batch
	b.Put(keyIdentity, id.append())
	b.Delete(keyEnrolling)
	if err := c.store.Apply(&b); err != nil {
		return err
	}
	c.id, c.link = id, link
	c.head = chainHead{Link: sign.ChainStart(id.Replica)}
	c.newCutter()
	return nil
}
