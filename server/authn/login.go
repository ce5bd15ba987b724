package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

const (
	// WebSessionIdle is how long a browser's session lasts without use.
	WebSessionIdle = 12 * time.Hour
	webSessionLife = 30 * 24 * time.Hour
	maxWebSessions = 16 // of one person
)

// ErrLogin says that name and password do not fit; never which of the two.
var ErrLogin = syncproto.Errorf(syncproto.KindForbidden, "姓名和密码对不上")

// Login checks a log-in name and password and opens a session of the person
// in a browser. It returns ErrLogin when they do not fit and *LaterError when
// this name, this remote or everybody together failed too often.
func (a *Authn) Login(ctx context.Context, login, plain, remote string) (Token, syncproto.PersonID, error) {
	login, err := loginName(login)
	if err != nil || len(plain) > MaxPassword {
		return Token{}, syncproto.PersonID{}, ErrLogin
	}
	now, key := a.Now(), remoteKey(remote)
	pair := login + "\x00" + key
	wait := a.loginRemote.wait(key, now)
	if !a.loginKnown.has(pair) {
		wait = max(wait, a.loginAll.wait("", now))
	}
	if wait > 0 {
		return Token{}, syncproto.PersonID{}, &LaterError{wait}
	}
	if wait := a.loginPair.begin(pair, now); wait > 0 {
		return Token{}, syncproto.PersonID{}, &LaterError{wait}
	}
	person, err := a.checkLogin(ctx, login, plain)
	if err != nil {
		if errors.Is(err, ErrLogin) {
			a.failedLogins.Add(1)
			a.loginRemote.spend(key, now)
			a.loginAll.spend("", now)
		}
		return Token{}, syncproto.PersonID{}, fmt.Errorf("log in: %w", err)
	}
	a.loginPair.clear(pair)
	a.loginKnown.add(pair)
	var tok Token
	if err := a.random(tok[:]); err != nil {
		return Token{}, syncproto.PersonID{}, err
	}
	a.browsers.add(tok, person, remote, a.Now())
	return tok, person, nil
}

// WebSession finds the person behind a browser's token, ErrNoSession when
// there is none.
func (a *Authn) WebSession(tok Token) (syncproto.PersonID, error) {
	p, ok := a.browsers.find(tok, a.Now())
	if !ok {
		return syncproto.PersonID{}, ErrNoSession
	}
	return p, nil
}

// Logout ends a browser's session; an unknown token is no error.
func (a *Authn) Logout(tok Token) { a.browsers.end(tok) }

// OpenWebSession is one session of a person, as a list of them shows it.
type OpenWebSession struct {
	Name   string // tells it from his others; gives no access
	Remote string
	Opened time.Time
	Used   time.Time
}

// WebSessions lists a person's sessions, the oldest first.
func (a *Authn) WebSessions(p syncproto.PersonID) []OpenWebSession {
	var out []OpenWebSession
	for _, e := range a.browsers.list(p, a.Now()) {
		out = append(out, OpenWebSession{Name: e.name(), Remote: e.remote, Opened: e.opened, Used: e.used})
	}
	return out
}

// SessionName is the name that a browser's session has in its person's list,
// "" when there is none.
func (a *Authn) SessionName(tok Token) string { return a.browsers.nameOf(tok) }

// FailedLogins is how many log-ins were refused for their name or password
// since it was asked last.
func (a *Authn) FailedLogins() int64 { return a.failedLogins.Swap(0) }

// EndWebSession ends one of a person's sessions by its name and reports
// whether there was one.
func (a *Authn) EndWebSession(p syncproto.PersonID, name string) bool {
	return a.browsers.endNamed(p, name)
}

// CSRF is the token that a browser's session must show with every request
// that changes something. It is bound to the session and says nothing of it.
func (a *Authn) CSRF(tok Token) string {
	m := hmac.New(sha256.New, a.csrfKey[:])
	m.Write([]byte("chuantou/csrf/1"))
	m.Write(tok[:])
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// CheckCSRF compares in constant time.
func (a *Authn) CheckCSRF(tok Token, got string) bool {
	return hmac.Equal([]byte(a.CSRF(tok)), []byte(got))
}
