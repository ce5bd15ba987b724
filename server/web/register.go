package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
)

// Router is what Register needs of *echo.Echo or *echo.Group. Pages link to
// each other from the root, so a group must have no prefix.
type Router interface {
	GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route
	POST(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route
}

// Pages serves the pages. Its ServeError is for addresses no route knows.
type Pages struct {
	deps   Deps
	tmpl   *template.Template
	assets *assetSet
}

// minKeyBytes is what a key for form tokens must hold at least.
const minKeyBytes = 32

// Register adds the routes of all pages and their assets to r. Whether a
// request came over https and from where is asked of Echo: behind a proxy its
// SchemeExtractor and IPExtractor must be set, else anybody's header is believed
// for the address that Login is given.
func Register(r Router, d Deps) (*Pages, error) {
	if d.Source == nil || d.Actions == nil || d.Settler == nil || d.Sessions == nil || d.Now == nil {
		return nil, errors.New("register web pages: Source, Actions, Settler, Sessions and Now are needed")
	}
	if len(d.Key) < minKeyBytes {
		return nil, fmt.Errorf("register web pages: key of %d bytes, need %d", len(d.Key), minKeyBytes)
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pages{deps: d}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("register web pages: %w", err)
	}
	if p.tmpl, err = parseTemplates(p.assets); err != nil {
		return nil, fmt.Errorf("register web pages: %w", err)
	}
	r.GET("/login", p.public(p.loginForm))
	r.POST("/login", p.public(p.login))
	r.GET("/password", p.public(p.passwordForm))
	r.POST("/password", p.public(p.setPassword))
	r.GET("/sessions", p.private(p.sessions))
	r.POST("/sessions/end", p.private(p.endSession))
	r.POST("/logout", p.private(p.logout))
	r.GET("/", p.private(p.timeline))
	r.POST("/seen", p.private(p.markSeen))
	r.GET("/r/:id", p.private(p.record))
	r.POST("/r/:id/open", p.private(p.open))
	r.POST("/r/:id/adopt", p.private(p.act("adopt", p.adopt)))
	r.POST("/r/:id/comment", p.private(p.act("comment", p.comment)))
	r.POST("/r/:id/void", p.private(p.act("void", p.decideVoid)))
	r.POST("/r/:id/confirm", p.private(p.act("confirm", p.confirm)))
	r.GET("/held", p.private(p.held))
	r.POST("/held/release", p.private(p.releaseHeld))
	r.POST("/held/reject", p.private(p.rejectHeld))
	r.POST("/held/reassign", p.private(p.reassignHeld))
	r.POST("/held/lost", p.private(p.lostHeld))
	r.GET("/root", p.public(p.root))
	r.GET("/root.crt", p.public(p.rootFile))
	r.GET("/enrol", p.public(p.enrolPage))
	r.GET(assetPath+":hash/:name", p.asset)
	return p, nil
}

// session is a request's caller.
type session struct {
	Viewer
	token string // empty on pages without a session
}

type handler func(c echo.Context, s session) error

// public wraps a page that needs no session.
func (p *Pages) public(h handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		setHeaders(c)
		if err := h(c, session{}); err != nil {
			p.ServeError(c, err)
		}
		return nil
	}
}

// private wraps a page that needs one. Without it every address answers
// alike, by asking to log in: nothing is looked up before.
func (p *Pages) private(h handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		setHeaders(c)
		s, err := p.session(c)
		if err == nil {
			err = h(c, s)
		}
		if errors.Is(err, ErrNoSession) {
			return c.Redirect(http.StatusSeeOther, loginAddress(c.Request()))
		}
		if err != nil {
			p.serveError(c, err, s)
		}
		return nil
	}
}

func (p *Pages) session(c echo.Context) (session, error) {
	token := readCookie(c, sessionCookie)
	if token == "" {
		return session{}, ErrNoSession
	}
	v, err := p.deps.Sessions.Viewer(c.Request().Context(), token)
	if err != nil {
		return session{}, fmt.Errorf("find session: %w", err)
	}
	return session{v, token}, nil
}

// loginAddress remembers where a reader wanted to go; a form that was sent is
// not remembered.
func loginAddress(r *http.Request) string {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet || next == "/" || !localAddress(next) {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(next)
}

// contentPolicy allows this server's style and images and nothing else: no
// script at all, no frame around the pages, no form that leads elsewhere.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func setHeaders(c echo.Context) {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// layout is what every page has.
type layout struct {
	Title  string
	Here   string // the address of the current tab of the bar
	Viewer Viewer
	In     bool   // somebody is logged in
	Token  string // of the forms on this page
	Now    time.Time
}

func (p *Pages) layout(s session, title, here string) layout {
	l := layout{Title: title, Here: here, Viewer: s.Viewer, In: s.token != "", Now: p.deps.Now()}
	if l.In {
		l.Token = p.formToken("session", s.token)
	}
	return l
}

// render writes a page whole or not at all.
func (p *Pages) render(c echo.Context, status int, name string, data any) error {
	var b bytes.Buffer
	if err := p.tmpl.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	return c.HTMLBlob(status, b.Bytes())
}
