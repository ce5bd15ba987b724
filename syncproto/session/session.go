// Package session is one sync of a device as a state machine: it yields
// requests and is fed answers, and touches no socket, timer, goroutine or
// clock, so the same code runs on a phone, in a browser and in a simulation.
//
//	s := session.New(config, state)
//	for q := s.Next(now()); q != nil; q = s.Next(now()) {
//		s.Handle(send(q))
//	}
//	report := s.Report()
//
// The order is: a session token if none is valid; the outbox, one request
// after another, until nothing is left; pages, until the server says there are
// no more; once per atom, an atom again whose digest did not match. Push and
// pull do not wait for each other's success: whatever becomes of the push, the
// pull is made, and a bundle that is refused does not stop those after it.
//
// A device with nothing to send and a valid token makes one request: the hash
// of its cursor, answered 204.
//
// Exchange and Answer are the other sync, between two holders of changes that
// stand side by side.
package session

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// DefaultPushBytes is how much one push request carries on a good link.
const DefaultPushBytes = 1 << 20

// State is what a sync works on: the device's store. Calls come one at a time.
// An error of any of them ends the sync and is in the report.
type State interface {
	// Outbox returns bundles of the device's own changes that the server has
	// not acknowledged, only changes numbered above after, in order: at most
	// maxBytes together but at least one while there is one.
	Outbox(after syncproto.Seq, maxBytes int) (Outgoing, error)
	// Receipt takes note of what the server has. Its signature is verified.
	Receipt(r *syncproto.Receipt) error
	// Cursor is the one of the last page applied, empty at first.
	Cursor() (syncproto.Cursor, error)
	// Apply applies a page, its cursor and receipt included, whole or not at
	// all. The receipt's signature is verified. again lists the atoms that this
	// page and the ones before it, back to the last without More, give whole.
	Apply(p *syncproto.Page, again []syncproto.Atom) error
	// Mismatched compares digests, if there are any, with what is held and lists
	// the atoms that differ or are known to be incomplete. It is asked after the
	// last page.
	Mismatched(digests []syncproto.AtomDigest) ([]syncproto.Atom, error)
}

// Outgoing is what one push request carries.
type Outgoing struct {
	Bundles [][]byte      // each as wire.AppendBundle made it
	Last    syncproto.Seq // number of the last change in them
	Changes int
}

// Token is a session token as it was given, kept from one sync to the next.
type Token struct {
	Text    string // as in the Authorization header
	Expires int64  // on the device's clock, Unix milliseconds
}

// Config is what a sync needs to know besides the state.
type Config struct {
	Replica   syncproto.ReplicaID
	ServerKey ed25519.PublicKey
	// Sign signs with the device's key.
	Sign   func(*sign.SessionRequest) syncproto.Signature
	Random io.Reader
	Token  Token // of an earlier sync
	Offset int64 // server's clock minus device's as last learned, milliseconds
	// PushBytes bounds a push request, PageBytes is the page size asked for; on
	// a thin link both are small. 0: DefaultPushBytes, and the server's choice.
	PushBytes int
	PageBytes int
	// Holds are the atoms that the device holds records of: a server that is
	// told no cursor has to know which of them are not the device's any more.
	Holds []syncproto.Atom
	// Told, if set, is asked once the outbox was offered what there is to tell of
	// the device, its clock's offset as just learned; nil when the server knows.
	Told func(offset int64) *syncproto.Told
	// PushOnly ends the sync after the push: the replica id is spent.
	PushOnly bool
}

// The types of a request's body.
const (
	TypeCBOR = "application/cbor"
	TypeJSON = "application/json"
)

// Request is what is to be sent. Token is empty when none is needed; Type is
// empty for TypeCBOR.
type Request struct {
	Method string
	Path   string
	Type   string
	Token  string
	Body   []byte
}

// Response is what came back. Err set means that nothing did.
type Response struct {
	Err    error
	Status int
	Kind   syncproto.ErrorKind // of a problem document
	Text   string              // its sentence
	Wall   int64               // header X-Chuantou-Wall, 0 if absent
	Body   []byte
	// Sent and Arrived are the device's clock before and after, Unix milliseconds.
	Sent, Arrived int64
}

// Report says what a sync did.
type Report struct {
	Requests   int
	Pushed     int // changes the server acknowledged
	Refused    int // bundles it would not take at all
	Pages      int
	Mismatches int // atoms whose digest differed; should be 0
	Unresolved int // those that still differed after being asked for again
	Done       int // progress of the pull, as the server estimates it
	Total      int
	Token      Token
	Offset     int64
	Answer     []byte // to what NewAsk asked
	// Push and Pull are why the one or the other did not end well, nil if it did.
	Push, Pull error
}

// Err is the first thing that went wrong, nil when the sync is complete.
func (r *Report) Err() error {
	if r.Pull != nil {
		return r.Pull
	}
	return r.Push
}

type phase int

const (
	phasePush phase = iota
	phasePull
	phaseAsk
	phaseDone
)

// what a request in flight was for
type purpose int

const (
	forNothing purpose = iota
	forToken
	forPush
	forPull
	forAnswer
)

// how a pull names its place; each next one is tried when the server does not
// know the one before
type place int

const (
	byHash place = iota
	byCursor
	byNothing
)

// Session is one sync. Not safe for concurrent use.
type Session struct {
	cfg   Config
	state State

	phase    phase
	inFlight purpose
	report   Report

	authTries int

	pushed   syncproto.Seq // everything up to here was offered
	out      Outgoing
	oneByOne bool // a request of several bundles was refused: find out which

	told   bool
	asking Request // of NewAsk

	place   place
	cursor  syncproto.Cursor       // of the last page, as the state has it
	ask     []syncproto.Atom       // to be asked for again by the next request
	again   []syncproto.Atom       // being given again, until the page without More
	asked   []syncproto.Atom       // asked for again in this sync at all
	digests []syncproto.AtomDigest // of the pages since the last check
}

// New prepares a sync. Nothing happens before Next.
func New(cfg Config, state State) *Session {
	if cfg.PushBytes <= 0 {
		cfg.PushBytes = DefaultPushBytes
	}
	cfg.PushBytes = min(cfg.PushBytes, wire.MaxPushBytes)
	s := &Session{cfg: cfg, state: state}
	s.report.Token, s.report.Offset = cfg.Token, cfg.Offset
	return s
}

// NewAsk prepares one request of the device's own in place of a sync: CBOR by
// POST to path. Its answer is in the report, what went wrong in Report.Pull.
func NewAsk(cfg Config, path string, body []byte) *Session {
	s := New(cfg, nil)
	s.phase, s.asking = phaseAsk, Request{Method: methodPost, Path: path, Body: body}
	return s
}

// Report says what was done so far.
func (s *Session) Report() Report { return s.report }

// Next returns the request to send, nil when the sync is over. now is the
// device's clock, Unix milliseconds. Each request must be answered by Handle.
func (s *Session) Next(now int64) *Request {
	if s.phase == phasePush {
		s.fillOutgoing()
	}
	if s.phase == phaseDone {
		return nil
	}
	if t := s.report.Token; t.Text == "" || now >= t.Expires {
		return s.askToken(now)
	}
	if s.phase == phasePush {
		s.inFlight = forPush
		s.report.Requests++
		return &Request{Method: methodPost, Path: "/v1/sync/push", Token: s.report.Token.Text,
			Body: wire.AppendPush(nil, s.out.Bundles)}
	}
	if s.phase == phaseAsk {
		s.inFlight = forAnswer
		s.report.Requests++
		q := s.asking
		q.Token = s.report.Token.Text
		return &q
	}
	return s.askPage()
}

// Handle takes the answer to the request that Next returned last.
func (s *Session) Handle(r Response) {
	purpose := s.inFlight
	s.inFlight = forNothing
	s.learn(r.Wall, r)
	switch purpose {
	case forToken:
		s.handleToken(r)
	case forPush:
		s.handlePush(r)
	case forPull:
		s.handlePull(r)
	case forAnswer:
		s.handleAnswer(r)
	}
}

func (s *Session) handleAnswer(r Response) {
	if s.retryToken(r) {
		return
	}
	s.report.Pull, s.phase = refusal(r), phaseDone
	if s.report.Pull == nil {
		s.report.Answer = r.Body
	}
}

// refusal is the error an answer stands for, nil when it is a success.
func refusal(r Response) error {
	if r.Err != nil {
		return r.Err
	}
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	text := r.Text
	if text == "" {
		text = fmt.Sprintf("the server answered %d", r.Status)
	}
	return &syncproto.Error{Kind: r.Kind, Text: text}
}

// retryToken reports whether the answer asks for a new token and one may still be asked for.
func (s *Session) retryToken(r Response) bool {
	if r.Err != nil || r.Status != statusUnauthorized || s.authTries >= maxAuthTries {
		return false
	}
	s.report.Token = Token{}
	return true
}

// learn takes the server's clock from an answer. The true distance lies
// between wall−arrived and wall−sent; what is known already is kept when it
// does, so a slow answer never makes it worse.
func (s *Session) learn(wall int64, r Response) {
	if wall == 0 || r.Arrived < r.Sent {
		return
	}
	low, high := wall-r.Arrived, wall-r.Sent
	if s.report.Offset < low || s.report.Offset > high {
		s.report.Offset = low + (high-low)/2
	}
}
