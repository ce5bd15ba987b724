package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

// OpenSession is one place where a person is logged in.
type OpenSession struct {
	Name         string // gives no access
	From         string // the address
	Opened, Used time.Time
	This         bool // the one that looks
}

type sessionsData struct {
	layout
	Open  []OpenSession
	Alert string
}

// sessions lists where a person is logged in, each to be ended.
func (p *Pages) sessions(c echo.Context, s session) error {
	return p.showSessions(c, s, http.StatusOK, "")
}

func (p *Pages) showSessions(c echo.Context, s session, status int, alert string) error {
	d := sessionsData{layout: p.layout(s, "我的登录", "/sessions"), Alert: alert}
	var err error
	if d.Open, err = p.deps.Sessions.Open(c.Request().Context(), s.Viewer, s.token); err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	return p.render(c, status, "sessions", d)
}

func (p *Pages) endSession(c echo.Context, s session) error {
	f, err := p.readForm(c, "session", s.token)
	if err != nil {
		return err
	}
	switch err := p.deps.Sessions.End(c.Request().Context(), s.Viewer, f.Get("name")); {
	case errors.Is(err, ErrNoSession):
		return p.showSessions(c, s, http.StatusConflict, "没有这个登录，可能已经结束了。")
	case err != nil:
		return fmt.Errorf("end a session: %w", err)
	}
	return c.Redirect(http.StatusSeeOther, "/sessions")
}

type passwordData struct {
	layout
	Code, Name string
	Msg        string
}

// passwordForm is where a person sets his password by the code that he was
// given: nobody else comes to know it.
func (p *Pages) passwordForm(c echo.Context, _ session) error {
	return p.showPassword(c, http.StatusOK, passwordData{})
}

func (p *Pages) showPassword(c echo.Context, status int, d passwordData) error {
	d.layout = p.layout(session{}, "设密码", "")
	d.Token = p.formToken("password", p.formID(c))
	return p.render(c, status, "password", d)
}

func (p *Pages) setPassword(c echo.Context, _ session) error {
	f, err := p.readForm(c, "password", readCookie(c, formCookie))
	if errors.Is(err, errForm) {
		return p.showPassword(c, http.StatusForbidden, passwordData{Msg: "这一页放得太久，或者浏览器没有开 Cookie。请再填一次。"})
	}
	if err != nil {
		return err
	}
	d := passwordData{Code: strings.TrimSpace(f.Get("code")), Name: strings.TrimSpace(f.Get("name"))}
	password := f.Get("password")
	if len(d.Code) > maxNameBytes || len(d.Name) > maxNameBytes || len(password) > maxPasswordBytes {
		return p.showPassword(c, http.StatusBadRequest, passwordData{Msg: "填的内容太长，不会是对的。请再填一次。"})
	}
	if password != f.Get("again") {
		d.Msg = "两次填的密码不一样。请再填一次。"
		return p.showPassword(c, http.StatusBadRequest, d)
	}
	err = p.deps.Sessions.SetPassword(c.Request().Context(), c.RealIP(), d.Code, d.Name, password)
	var later *LaterError
	var refused *syncproto.Error
	switch {
	case err == nil:
		setCookie(c, formCookie, "")
		return c.Redirect(http.StatusSeeOther, "/login")
	case errors.As(err, &later):
		d.Msg = "试的次数多了，请等 " + waitWords(max(1, int((later.After+time.Second-1)/time.Second))) + "再试。"
		return p.showPassword(c, http.StatusTooManyRequests, d)
	case errors.As(err, &refused) && refusals[refused.Kind] != 0:
		d.Msg = refused.Text + "。"
		return p.showPassword(c, refusals[refused.Kind], d)
	}
	return fmt.Errorf("set a password: %w", err)
}
