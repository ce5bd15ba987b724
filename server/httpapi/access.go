package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
)

// Caller is who a request comes from, as far as its route asked.
type Caller struct {
	Person   syncproto.PersonID
	Replica  syncproto.ReplicaID // zero for a session without a device
	Operator bool                // came through the admin socket
	token    authn.Token
	browser  bool // token is a person's session, not a device's
}

const callerKey = "chuantou-caller"

func callerOf(c echo.Context) Caller {
	who, _ := c.Get(callerKey).(Caller)
	return who
}

type operatorKey struct{}

// AsOperator marks a connection's context: what comes through it is from the
// operator of the machine. Only the listener of the admin socket uses it.
func AsOperator(ctx context.Context) context.Context {
	return context.WithValue(ctx, operatorKey{}, true)
}

// guarded closes every route to those it is not for, before a byte of the body
// is read, and bounds the body of the rest.
func (a *API) guarded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := a.table[c.Request().Method+" "+c.Path()]
		if r == nil {
			if a.paths[c.Path()] {
				return echo.ErrMethodNotAllowed
			}
			return echo.ErrNotFound
		}
		who, err := a.admit(c, r.who)
		if errors.Is(err, errToLogin) {
			return c.Redirect(http.StatusSeeOther, loginAddress(c.Request()))
		}
		if err != nil {
			return err
		}
		c.Set(callerKey, who)
		if r.serve == nil {
			return inTime(c, next)
		}
		if err := checkBody(c.Request(), r); err != nil {
			return err
		}
		return next(c)
	}
}

// pageTime is for all of a page, both ways: a page is at most some 100 KB.
const pageTime = 10 * time.Minute

// inTime serves a page, which bounds its own forms and knows no deadlines.
func inTime(c echo.Context, next echo.HandlerFunc) error {
	rc := http.NewResponseController(c.Response())
	until := time.Now().Add(pageTime)
	_, _ = rc.SetReadDeadline(until), rc.SetWriteDeadline(until)
	return next(c)
}

var (
	errToLogin  = errors.New("a page without a session")
	errNotAdmin = syncproto.Errorf(syncproto.KindForbidden, "这件事要管理员来做").Coded("not-admin")
	errForged   = syncproto.Errorf(syncproto.KindForbidden, "请求里缺 %s，或者它不对：网页会话要改动时须带上登录时给的 csrf", csrfHeader)
)

func (a *API) admit(c echo.Context, need access) (Caller, error) {
	switch need {
	case public, byProof, openPage:
		return Caller{}, nil
	case device, sender:
		who, err := a.caller(c)
		if need == sender && errors.Is(err, authn.ErrStopped) {
			err = nil
		}
		if err == nil && who.Replica.IsZero() {
			err = authn.ErrNoSession
		}
		return who, err
	case viewer:
		return a.caller(c)
	case admin:
		if c.Request().Context().Value(operatorKey{}) != nil {
			return Caller{Operator: true}, nil
		}
		who, err := a.caller(c)
		if err != nil {
			return who, err
		}
		if p, ok := a.People.Person(who.Person); !ok || !p.Admin {
			return Caller{}, errNotAdmin
		}
		return who, nil
	case page:
		who, err := a.byCookie(c)
		if err != nil {
			return who, errToLogin
		}
		return who, nil
	}
	return Caller{}, echo.ErrNotFound
}

// caller finds who a bearer token or a cookie stands for. A cookie is sent by
// the browser whoever wrote the page, so a request that changes something
// needs the session's CSRF token besides.
func (a *API) caller(c echo.Context) (Caller, error) {
	if h := c.Request().Header.Get(echo.HeaderAuthorization); h != "" {
		return a.byBearer(c.Request().Context(), h)
	}
	who, err := a.byCookie(c)
	if err == nil && c.Request().Method != http.MethodGet && !a.Auth.CheckCSRF(who.token, c.Request().Header.Get(csrfHeader)) {
		return Caller{}, errForged
	}
	return who, err
}

func (a *API) byBearer(ctx context.Context, header string) (Caller, error) {
	scheme, text, _ := strings.Cut(header, " ")
	tok, ok := authn.ParseToken(text)
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, authn.ErrNoSession
	}
	acc, err := a.Auth.Session(ctx, tok)
	if err == nil || errors.Is(err, authn.ErrStopped) {
		return Caller{Person: acc.Person, Replica: acc.Replica, token: tok}, err
	}
	if !errors.Is(err, authn.ErrNoSession) {
		return Caller{}, err
	}
	p, err := a.Auth.WebSession(tok)
	return Caller{Person: p, token: tok, browser: true}, err
}

func (a *API) byCookie(c echo.Context) (Caller, error) {
	k, err := c.Cookie(cookieName(c))
	if err != nil {
		return Caller{}, authn.ErrNoSession
	}
	tok, ok := authn.ParseToken(k.Value)
	if !ok {
		return Caller{}, authn.ErrNoSession
	}
	p, err := a.Auth.WebSession(tok)
	return Caller{Person: p, token: tok, browser: true}, err
}

const (
	sessionCookie = "chuantou-session"
	csrfHeader    = "X-Chuantou-Csrf"
)

// cookieName is the one that the pages use too: over https it carries a prefix
// by which browsers refuse a cookie planted from a neighbouring host.
func cookieName(c echo.Context) string {
	if c.Scheme() == "https" {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

func sessionCookieOf(c echo.Context, value string) *http.Cookie {
	k := &http.Cookie{Name: cookieName(c), Value: value, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.Scheme() == "https"}
	if value == "" {
		k.MaxAge = -1
	}
	return k
}

const maxNextBytes = 2 << 10

// loginAddress remembers which page a reader wanted, not what a form was sent to.
func loginAddress(r *http.Request) string {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet || next == "/" || len(next) > maxNextBytes || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(next)
}

// forwarded are the headers by which a proxy tells of the caller. Echo reads
// all of them, so they are dropped unless a trusted proxy wrote them.
var forwarded = []string{echo.HeaderXForwardedFor, echo.HeaderXRealIP, echo.HeaderXForwardedProto,
	echo.HeaderXForwardedProtocol, echo.HeaderXForwardedSsl, echo.HeaderXUrlScheme}

func (a *API) trust(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !a.trusted(peer(c.Request())) {
			for _, h := range forwarded {
				c.Request().Header.Del(h)
			}
		}
		return next(c)
	}
}

func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

func (a *API) trusted(addr netip.Addr) bool {
	for _, p := range a.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// remote is the caller's address: the last in X-Forwarded-For that no trusted
// proxy has, else the peer's.
func (a *API) remote(r *http.Request) string {
	addr := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusted(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	if !addr.IsValid() {
		return "unknown"
	}
	return addr.String()
}
