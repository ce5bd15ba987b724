package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	sessionCookie = "chuantou-session"
	formCookie    = "chuantou-form"

	maxFormBytes     = 16 << 10
	maxNextBytes     = 2 << 10
	maxCookieBytes   = 512
	maxNameBytes     = 256
	maxPasswordBytes = 1024
)

// errForm says that a form came without the token this page gave it.
var errForm = errors.New("form without its token")

// cookieName carries a prefix over https by which browsers refuse a cookie of
// the same name planted from a neighbouring host.
func cookieName(c echo.Context, name string) string {
	if c.Scheme() == "https" {
		return "__Host-" + name
	}
	return name
}

func readCookie(c echo.Context, name string) string {
	k, err := c.Cookie(cookieName(c, name))
	if err != nil || len(k.Value) > maxCookieBytes {
		return ""
	}
	return k.Value
}

// setCookie sets a cookie for this browser session; an empty value removes it.
func setCookie(c echo.Context, name, value string) {
	k := &http.Cookie{
		Name: cookieName(c, name), Value: value, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.Scheme() == "https",
	}
	if value == "" {
		k.MaxAge = -1
	}
	c.SetCookie(k)
}

// formToken binds a form to what id names: a session, or before there is one
// the browser's form cookie.
func (p *Pages) formToken(purpose, id string) string {
	m := hmac.New(sha256.New, p.deps.Key)
	fmt.Fprintf(m, "chuantou form 1\x00%s\x00%s", purpose, id)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// readForm reads a posted form within bounds and checks its token.
func (p *Pages) readForm(c echo.Context, purpose, id string) (url.Values, error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		}
		return nil, &QueryError{"送来的内容读不懂。请返回上一页再试一次。"}
	}
	want := p.formToken(purpose, id)
	if id == "" || !hmac.Equal([]byte(r.PostForm.Get("token")), []byte(want)) {
		return nil, errForm
	}
	return r.PostForm, nil
}

// localAddress reports whether s leads to a page of this server: from the
// root, and in no way a browser could take for another host.
func localAddress(s string) bool {
	if len(s) > maxNextBytes || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.Contains(s, "\\") {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Host == "" && u.Scheme == ""
}

func nextAddress(s string) string {
	if localAddress(s) {
		return s
	}
	return "/"
}

type loginData struct {
	layout
	Name string
	Next string
	Msg  string
}

func (p *Pages) loginForm(c echo.Context, _ session) error {
	next := nextAddress(c.QueryParam("next"))
	if _, err := p.session(c); err == nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return p.showLogin(c, http.StatusOK, loginData{Next: next})
}

// showLogin renders the form and makes sure the browser holds a form cookie.
func (p *Pages) showLogin(c echo.Context, status int, d loginData) error {
	d.layout = p.layout(session{}, "登录", "")
	d.Token = p.formToken("login", p.formID(c))
	return p.render(c, status, "login", d)
}

// formID names a browser without a session; it makes sure that the browser
// holds a form cookie.
func (p *Pages) formID(c echo.Context) string {
	id := readCookie(c, formCookie)
	if id == "" {
		id = rand.Text()
		setCookie(c, formCookie, id)
	}
	return id
}

func (p *Pages) login(c echo.Context, _ session) error {
	f, err := p.readForm(c, "login", readCookie(c, formCookie))
	if errors.Is(err, errForm) {
		return p.showLogin(c, http.StatusForbidden, loginData{Next: "/",
			Msg: "这一页放得太久，或者浏览器没有开 Cookie。请再登录一次。"})
	}
	if err != nil {
		return err
	}
	d := loginData{Name: strings.TrimSpace(f.Get("name")), Next: nextAddress(f.Get("next"))}
	password := f.Get("password")
	if len(d.Name) > maxNameBytes || len(password) > maxPasswordBytes {
		d.Name, d.Msg = "", "姓名或密码太长，不会是对的。请再填一次。"
		return p.showLogin(c, http.StatusBadRequest, d)
	}
	if d.Name == "" || password == "" {
		d.Msg = "姓名和密码都要填。"
		return p.showLogin(c, http.StatusBadRequest, d)
	}
	ctx := c.Request().Context()
	token, err := p.deps.Sessions.Login(ctx, d.Name, password, c.RealIP())
	if err != nil {
		return p.loginRefused(c, d, err)
	}
	if old := readCookie(c, sessionCookie); old != "" {
		if err := p.deps.Sessions.Logout(ctx, old); err != nil {
			p.deps.Log.WarnContext(ctx, "end the session before this one", "err", err)
		}
	}
	setCookie(c, sessionCookie, token)
	setCookie(c, formCookie, "")
	return c.Redirect(http.StatusSeeOther, d.Next)
}

func (p *Pages) loginRefused(c echo.Context, d loginData, err error) error {
	var later *LaterError
	switch {
	case errors.As(err, &later):
		s := max(1, int((later.After+time.Second-1)/time.Second))
		c.Response().Header().Set("Retry-After", strconv.Itoa(s))
		d.Msg = "试的次数多了，请等 " + waitWords(s) + "再试。"
		return p.showLogin(c, http.StatusTooManyRequests, d)
	case errors.Is(err, ErrBadLogin):
		d.Msg = "姓名和密码对不上。请再填一次；忘了密码，请找管理员重设。"
		return p.showLogin(c, http.StatusForbidden, d)
	}
	return fmt.Errorf("log in: %w", err)
}

func waitWords(seconds int) string {
	if seconds < 120 {
		return fmt.Sprintf("%d 秒", seconds)
	}
	return fmt.Sprintf("%d 分钟", (seconds+59)/60)
}

func (p *Pages) logout(c echo.Context, s session) error {
	if _, err := p.readForm(c, "session", s.token); err != nil {
		return err
	}
	if err := p.deps.Sessions.Logout(c.Request().Context(), s.token); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	setCookie(c, sessionCookie, "")
	return c.Redirect(http.StatusSeeOther, "/login")
}
