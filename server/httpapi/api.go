package httpapi

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
)

// Pusher takes what devices send up.
type Pusher interface {
	// Push stores the bundles of one request and returns the receipt of the
	// carrier that brought them, after everything in it is durable. The
	// bundles alias the request's body, which nobody else uses.
	Push(ctx context.Context, carrier syncproto.ReplicaID, bundles []syncproto.Bundle) (syncproto.Receipt, error)
	// Reissue says, for each change of a spent id of the same person, whether
	// the server has it or by what change it is to be issued anew.
	Reissue(ctx context.Context, replica syncproto.ReplicaID, q syncproto.ReissueRequest) ([]syncproto.Reissued, error)
}

// Puller feeds devices.
type Puller interface {
	// Pull returns what comes after the request's cursor, nil when the cursor
	// is current and nothing is new. An unknown cursor hash is an error of
	// syncproto.KindCursor. A device that was stopped and has orders gets them,
	// and nothing else; one without is not asked for.
	Pull(ctx context.Context, replica syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error)
}

// Unlocker makes the code that is read over the phone to open others' records
// on a device that has not heard from the server for long.
type Unlocker interface {
	UnlockCode(ctx context.Context, replica syncproto.ReplicaID, number string, days int) (string, error)
}

// Auditor takes down what was done to devices, accounts and held work, durably.
type Auditor interface {
	// Note adds one act; by is zero for the operator of the machine, who named
	// nobody. about holds ids and states, never a field's value.
	Note(ctx context.Context, by syncproto.PersonID, what, about string) error
}

// Reader answers the JSON reads, filtered and masked for one viewer. A record
// that is absent and one that is not to be seen are the same error of
// syncproto.KindNotFound.
type Reader interface {
	Timeline(ctx context.Context, viewer syncproto.PersonID, q TimelineQuery) (Timeline, error)
	// Record is the record as it stands, or as it stood after a change. A change
	// of another record is KindNotFound too.
	Record(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, asOf syncproto.ChangeID) (Record, error)
	// Opened is the record as it stands with what a reason opens besides, which
	// the audit log has then.
	Opened(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, reason string) (Record, error)
	// History gives the latest changes, or those before one.
	History(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, before syncproto.ChangeID) (History, error)
	Held(ctx context.Context, viewer syncproto.PersonID) (HeldList, error)
}

// Actor does what a person may do to a record from a browser; seen is the last
// change of the view he acts on. KindConflict when that view no longer stands.
type Actor interface {
	Adopt(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, choice syncproto.Choice) error
	Comment(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, text string) error
	DecideVoid(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, void bool, reason string) error
	Confirm(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, result, note string) error
}

// Person is somebody as far as this surface shows people.
type Person struct {
	ID    syncproto.PersonID
	Name  string
	Post  string
	Admin bool // holds 管理员 today
}

// People knows who exists and who may admit whom. It must be quick: it is
// asked within requests.
type People interface {
	Person(id syncproto.PersonID) (Person, bool)
	// Find finds the one person with this name or id; an error of
	// syncproto.KindNotFound or KindConflict says in a sentence that there is
	// none or more than one.
	Find(nameOrID string) (Person, error)
	// MayAdmit reports whether an administrator may hand out codes and
	// passwords that act as the person: only when his own territory holds
	// every role of that person, or he would grant himself those.
	MayAdmit(admin, person syncproto.PersonID) bool
	// NeedsSecond reports whether a code for the person takes a second
	// administrator beside this one (zero: nobody was named): he is a leader, and
	// there is another who may admit him.
	NeedsSecond(person, by syncproto.PersonID) bool
}

// Identity is what the server tells a device at enrolment.
type Identity struct {
	SignKey ed25519.PublicKey
	SealKey *ecdh.PublicKey
	Origin  string
	Root    [32]byte // fingerprint of the installation's own authority, zero for none
	Epoch   func(context.Context) (string, error)
}

// Ticket is what a QR says for a one-time code.
func (i *Identity) Ticket(code string) syncproto.Ticket {
	return syncproto.Ticket{Origin: i.Origin, Key: [32]byte(i.SignKey), Root: i.Root, Code: code}
}

// FingerprintWords is a fingerprint as people compare it: eight groups of hex
// digits.
func FingerprintWords(f [32]byte) string {
	var b strings.Builder
	for i := 0; i < len(f); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%X", f[i:i+4])
	}
	return b.String()
}

// Config is what an API works with; all of it is required but Ready,
// TrustedProxies and Log.
type Config struct {
	Auth     *authn.Authn
	Pusher   Pusher
	Puller   Puller
	Reader   Reader
	Actor    Actor
	Settler  Settler
	Traffic  Traffic
	Unlocker Unlocker
	Auditor  Auditor
	People   People
	Identity Identity
	Now      func() time.Time
	// Ready says whether requests can be served, for GET /readyz.
	Ready func(context.Context) error
	// TrustedProxies may name the caller's address and scheme in X-Forwarded-
	// headers; from anybody else these are dropped.
	TrustedProxies []netip.Prefix
	Log            *slog.Logger
}

// API is an http.Handler, safe for concurrent use once its pages are added.
type API struct {
	Config
	echo      *echo.Echo
	table     map[string]*route // by method, blank, path
	paths     map[string]bool
	errorPage ErrorPage
	budget    budget
}

// New returns the API with all routes of docs/http.md.
func New(c Config) (*API, error) {
	if c.Auth == nil || c.Pusher == nil || c.Puller == nil || c.Reader == nil || c.Actor == nil || c.Settler == nil || c.Traffic == nil || c.Unlocker == nil || c.Auditor == nil || c.People == nil || c.Now == nil {
		return nil, errors.New("httpapi: Auth, Pusher, Puller, Reader, Actor, Settler, Traffic, Unlocker, Auditor, People and Now are needed")
	}
	if len(c.Identity.SignKey) != ed25519.PublicKeySize || c.Identity.SealKey == nil || c.Identity.Epoch == nil {
		return nil, errors.New("httpapi: the server's keys and epoch are needed")
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{Config: c, echo: echo.New(), table: map[string]*route{}, paths: map[string]bool{}, budget: budget{left: maxBodiesBytes}}
	a.echo.HideBanner, a.echo.HidePort = true, true
	a.echo.HTTPErrorHandler = a.handleError
	a.echo.IPExtractor = a.remote
	a.echo.Logger.SetOutput(discard{})
	a.echo.Pre(a.trust)
	a.echo.Use(a.logged, a.recovered, a.guarded)
	for i := range routes {
		a.add(&routes[i])
	}
	return a, nil
}

// discard silences Echo's own logger: everything is said through Log.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (a *API) add(r *route) {
	a.table[r.method+" "+r.path] = r
	a.paths[r.path] = true
	a.echo.Add(r.method, r.path, func(c echo.Context) error { return a.serve(r, c) })
}

// call is one request as a handler gets it: let in, its body read, its time
// for answering begun.
type call struct {
	echo.Context
	ctx  context.Context
	who  Caller
	body []byte
}

// bodyReadKey marks a request whose body was read to its end.
const bodyReadKey = "chuantou-body-read"

func (a *API) serve(r *route, c echo.Context) error {
	q := &call{Context: c, who: callerOf(c)}
	if r.body != "" {
		body, done, err := a.readBody(c, r.limit)
		if err != nil {
			return err
		}
		defer done()
		c.Set(bodyReadKey, true)
		q.body = body
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), r.work)
	defer cancel()
	q.ctx = ctx
	return r.serve(a, q)
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

// ErrorPage answers an error with a page in words.
type ErrorPage func(c echo.Context, err error)

// Router is what pages register themselves with.
type Router struct {
	a   *API
	err error
}

// AddPages lets package web register its pages. A page is served to who has a
// session in a browser, everybody else is sent to log in; the few that must be
// open to strangers are listed in openPages. The returned ErrorPage, if any,
// answers for addresses outside the API.
func (a *API) AddPages(register func(*Router) (ErrorPage, error)) error {
	r := &Router{a: a}
	p, err := register(r)
	if err != nil {
		return err
	}
	a.errorPage = p
	return r.err
}

// GET adds a page.
func (r *Router) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodGet, path, h, m)
}

// POST adds what a page's form is sent to.
func (r *Router) POST(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPost, path, h, m)
}

func (r *Router) add(method, path string, h echo.HandlerFunc, m []echo.MiddlewareFunc) *echo.Route {
	who := page
	if openPages[method+" "+path] {
		who = openPage
	}
	if r.a.table[method+" "+path] != nil {
		r.err = errors.New("httpapi: page " + method + " " + path + " hides a route of the same path")
	}
	r.a.table[method+" "+path] = &route{method: method, path: path, who: who}
	r.a.paths[path] = true
	return r.a.echo.Add(method, path, h, m...)
}
