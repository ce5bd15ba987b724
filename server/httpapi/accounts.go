package httpapi

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

type enrolRequest struct {
	Code   string `json:"code"`
	Key    string `json:"key"`
	Device string `json:"device"`
}

type enrolAnswer struct {
	Replica    syncproto.ReplicaID `json:"replica"`
	Person     syncproto.PersonID  `json:"person"`
	PersonName string              `json:"person_name"`
	ServerKey  string              `json:"server_key"`
	SealKey    string              `json:"seal_key"`
	Origin     string              `json:"origin"`
	Epoch      string              `json:"epoch"`
	Wall       int64               `json:"wall"`
}

var errKeyText = syncproto.Errorf(syncproto.KindBadRequest, "key: want the %d bytes of an Ed25519 public key in base64url without padding", ed25519.PublicKeySize)

func (a *API) enrol(q *call) error {
	var in enrolRequest
	if err := q.json(&in); err != nil {
		return err
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(in.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errKeyText
	}
	epoch, err := a.Identity.Epoch(q.ctx)
	if err != nil {
		return fmt.Errorf("enrol: epoch: %w", err)
	}
	acc, err := a.Auth.Enrol(q.ctx, q.RealIP(), in.Code, key, in.Device)
	if err != nil {
		return err
	}
	p, _ := a.People.Person(acc.Person)
	return a.sendJSON(q, enrolAnswer{
		Replica: acc.Replica, Person: acc.Person, PersonName: p.Name,
		ServerKey: base64.RawURLEncoding.EncodeToString(a.Identity.SignKey),
		SealKey:   base64.RawURLEncoding.EncodeToString(a.Identity.SealKey.Bytes()),
		Origin:    a.Identity.Origin, Epoch: epoch, Wall: a.Now().UnixMilli(),
	})
}

type loginRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

type personAnswer struct {
	ID      syncproto.PersonID   `json:"person"`
	Name    string               `json:"person_name"`
	Post    string               `json:"post,omitempty"`
	Admin   bool                 `json:"admin"`
	Replica *syncproto.ReplicaID `json:"replica,omitempty"`
}

func (a *API) login(q *call) error {
	var in loginRequest
	if err := q.json(&in); err != nil {
		return err
	}
	tok, person, err := a.Auth.Login(q.ctx, in.Name, in.Password, q.RealIP())
	if err != nil {
		return err
	}
	if err := a.note(q, person, "logged in", "from", q.RealIP()); err != nil {
		a.Auth.Logout(tok)
		return err
	}
	q.SetCookie(sessionCookieOf(q, tok.Text()))
	return a.sendJSON(q, struct {
		Token string `json:"token"`
		CSRF  string `json:"csrf"`
		personAnswer
	}{tok.Text(), a.Auth.CSRF(tok), a.personAnswer(Caller{Person: person})})
}

func (a *API) personAnswer(who Caller) personAnswer {
	p, _ := a.People.Person(who.Person)
	out := personAnswer{ID: who.Person, Name: p.Name, Post: p.Post, Admin: p.Admin}
	if !who.Replica.IsZero() {
		out.Replica = &who.Replica
	}
	return out
}

func (a *API) logout(q *call) error {
	if q.who.browser {
		a.Auth.Logout(q.who.token)
		if err := a.note(q, q.who.Person, "logged out"); err != nil {
			return err
		}
		q.SetCookie(sessionCookieOf(q, ""))
	} else {
		a.Auth.EndSession(q.who.token)
	}
	return a.sendJSON(q, struct{}{})
}

func (a *API) me(q *call) error {
	out := struct {
		personAnswer
		CSRF string `json:"csrf,omitempty"`
	}{personAnswer: a.personAnswer(q.who)}
	if q.who.browser {
		out.CSRF = a.Auth.CSRF(q.who.token)
	}
	return a.sendJSON(q, out)
}

type codeRequest struct {
	Person  string `json:"person,omitempty"`  // name or id
	For     string `json:"for,omitempty"`     // "password": the code sets the person's password for the pages, and enrols nothing
	Confirm string `json:"confirm,omitempty"` // instead: a request of another administrator
	By      string `json:"by,omitempty"`      // operator only: the administrator who asks or confirms, by name or id
}

// codeAnswer has a code, or the request that a second administrator must
// confirm first.
type codeAnswer struct {
	Code       string             `json:"code,omitempty"`
	Ticket     string             `json:"ticket,omitempty"` // what a QR says: syncproto.Ticket
	Request    string             `json:"request,omitempty"`
	Expires    time.Time          `json:"expires"`
	Person     syncproto.PersonID `json:"person"`
	PersonName string             `json:"person_name"`
}

var errMayNotAdmit = syncproto.Errorf(syncproto.KindForbidden, "此人有您管理范围以外的职责，请找上一级管理员").Coded("outside-territory")

// charge finds the person an administrator names and checks that he may act
// for him.
func (a *API) charge(who Caller, nameOrID string) (Person, error) {
	if nameOrID == "" {
		return Person{}, syncproto.Errorf(syncproto.KindBadRequest, "person: want a name or an id")
	}
	p, err := a.People.Find(nameOrID)
	if err != nil {
		return Person{}, err
	}
	if !who.Operator && !a.People.MayAdmit(who.Person, p.ID) {
		return Person{}, errMayNotAdmit
	}
	return p, nil
}

// createCode makes a code for one device of a person. For a leader it takes two
// administrators where there are two: the first gets the name of a request.
func (a *API) createCode(q *call) error {
	var in codeRequest
	if err := q.json(&in); err != nil {
		return err
	}
	if (in.Person == "") == (in.Confirm == "") {
		return syncproto.Errorf(syncproto.KindBadRequest, "want person, or confirm with the name of a request")
	}
	password := in.For == "password"
	if in.For != "" && (!password || in.Confirm != "") {
		return syncproto.Errorf(syncproto.KindBadRequest, "for: want password, with a person, or nothing for a device")
	}
	by, err := a.asker(q.who, in.By)
	if err != nil {
		return err
	}
	if in.Confirm != "" {
		return a.confirmCode(q, by, in.Confirm)
	}
	p, err := a.chargeAs(q.who, by, in.Person)
	if err != nil {
		return err
	}
	if !a.People.NeedsSecond(p.ID, by) {
		return a.giveCode(q, p, by, password)
	}
	if by.IsZero() {
		return errNamesBy
	}
	id, expires, err := a.Auth.RequestCode(q.ctx, p.ID, by, password)
	if err != nil {
		return err
	}
	if err := a.note(q, by, "code requested", "for", p.ID); err != nil {
		return err
	}
	return a.sendJSON(q, codeAnswer{Request: id, Expires: expires.UTC().Truncate(time.Second), Person: p.ID, PersonName: p.Name})
}

var errNamesBy = syncproto.Errorf(syncproto.KindBadRequest, "by: a code for a leader takes two administrators; say which one asks, and another confirms")

// asker is the administrator who asks: the caller, or whom the operator of the
// machine names, perhaps nobody.
func (a *API) asker(who Caller, named string) (syncproto.PersonID, error) {
	if who.Operator && named == "" {
		return syncproto.PersonID{}, nil
	}
	return a.decider(who, named)
}

// chargeAs is charge for an administrator whom the operator names, too.
func (a *API) chargeAs(who Caller, by syncproto.PersonID, nameOrID string) (Person, error) {
	p, err := a.charge(who, nameOrID)
	if err == nil && !by.IsZero() && !a.People.MayAdmit(by, p.ID) {
		err = errMayNotAdmit
	}
	return p, err
}

func (a *API) confirmCode(q *call, by syncproto.PersonID, id string) error {
	if by.IsZero() {
		return errNamesBy
	}
	person, password, err := a.Auth.RequestedFor(q.ctx, id)
	if err != nil {
		return err
	}
	p, err := a.chargeAs(q.who, by, person.String())
	if err != nil {
		return err
	}
	if err := a.Auth.ConfirmCode(q.ctx, id, by); err != nil {
		return err
	}
	return a.giveCode(q, p, by, password)
}

func (a *API) giveCode(q *call, p Person, by syncproto.PersonID, password bool) error {
	create, what := a.Auth.CreateCode, "code created"
	if password {
		create, what = a.Auth.CreatePasswordCode, "password code created"
	}
	code, expires, err := create(q.ctx, p.ID)
	if err != nil {
		return err
	}
	if err := a.note(q, by, what, "for", p.ID); err != nil {
		return err
	}
	if password {
		return a.sendJSON(q, codeAnswer{Code: code, Expires: expires.UTC().Truncate(time.Second), Person: p.ID, PersonName: p.Name})
	}
	return a.sendCode(q, p, code, expires)
}

func (a *API) sendCode(q *call, p Person, code string, expires time.Time) error {
	ticket := a.Identity.Ticket(code)
	return a.sendJSON(q, codeAnswer{Code: code, Ticket: ticket.String(), Expires: expires.UTC().Truncate(time.Second), Person: p.ID, PersonName: p.Name})
}

// ownCode makes a code for another device of the person whose device asks.
func (a *API) ownCode(q *call) error {
	code, expires, err := a.Auth.OwnCode(q.ctx, q.who.Person)
	if err != nil {
		return err
	}
	p, _ := a.People.Person(q.who.Person)
	if err := a.note(q, p.ID, "code created", "for", p.ID, "on", q.who.Replica); err != nil {
		return err
	}
	return a.sendCode(q, p, code, expires)
}

type passwordRequest struct {
	Person   string `json:"person"` // name or id
	Login    string `json:"login"`  // empty: the person's name
	Password string `json:"password"`
}

func (a *API) setPassword(q *call) error {
	var in passwordRequest
	if err := q.json(&in); err != nil {
		return err
	}
	p, err := a.charge(q.who, in.Person)
	if err != nil {
		return err
	}
	if a.People.NeedsSecond(p.ID, q.who.Person) {
		return errOwnPassword // one who knows it could log in as him
	}
	return a.passwordSet(q, p, in.Login, q.who.Person, func(login string) error { return a.Auth.SetPassword(q.ctx, p.ID, login, in.Password) })
}

var errOwnPassword = syncproto.Errorf(syncproto.KindForbidden, "领导的密码由本人设：请两位管理员发一个设密码用的码，或者请他在自己的设备上设").Coded("own-password")

// passwordSet has a password set under a log-in name, the person's own where
// none is given, and takes it down.
func (a *API) passwordSet(q *call, p Person, login string, by syncproto.PersonID, set func(login string) error) error {
	login = cmp.Or(login, p.Name)
	if err := set(login); err != nil {
		return err
	}
	if err := a.note(q, by, "password set", "for", p.ID); err != nil {
		return err
	}
	return a.sendJSON(q, struct {
		Person syncproto.PersonID `json:"person"`
		Login  string             `json:"login"`
	}{p.ID, login})
}

type ownPasswordRequest struct {
	Code     string `json:"code,omitempty"` // by code only
	Login    string `json:"login"`          // empty: the person's name
	Password string `json:"password"`
}

// redeemPassword sets the password of the person whose one-time code is shown.
func (a *API) redeemPassword(q *call) error {
	var in ownPasswordRequest
	if err := q.json(&in); err != nil {
		return err
	}
	person, err := a.Auth.PasswordCodeFor(q.ctx, q.RealIP(), in.Code)
	if err != nil {
		return err
	}
	p, _ := a.People.Person(person)
	return a.passwordSet(q, p, in.Login, p.ID, func(login string) error { return a.Auth.RedeemPassword(q.ctx, person, in.Code, login, in.Password) })
}

// ownPassword sets the password of the person whose device asks.
func (a *API) ownPassword(q *call) error {
	var in ownPasswordRequest
	if err := q.json(&in); err != nil {
		return err
	}
	p, _ := a.People.Person(q.who.Person)
	return a.passwordSet(q, p, in.Login, p.ID, func(login string) error { return a.Auth.SetPassword(q.ctx, q.who.Person, login, in.Password) })
}

// sessionAnswer is one open session of a browser.
type sessionAnswer struct {
	Name   string    `json:"name"` // gives no access
	From   string    `json:"from"` // the address that logged in
	Opened time.Time `json:"opened"`
	Used   time.Time `json:"used"`
	This   bool      `json:"this,omitempty"` // the one that asks
}

// SessionList is a person's open sessions, the oldest first.
type SessionList struct {
	Sessions []sessionAnswer `json:"sessions"`
}

func (a *API) sessionsOf(q *call, p syncproto.PersonID) error {
	out := SessionList{Sessions: []sessionAnswer{}}
	this := a.Auth.SessionName(q.who.token)
	for _, s := range a.Auth.WebSessions(p) {
		out.Sessions = append(out.Sessions, sessionAnswer{s.Name, s.Remote, s.Opened.UTC().Truncate(time.Second), s.Used.UTC().Truncate(time.Second), s.Name == this})
	}
	return a.sendJSON(q, out)
}

func (a *API) ownSessions(q *call) error { return a.sessionsOf(q, q.who.Person) }

func (a *API) listSessions(q *call) error {
	p, err := a.charge(q.who, q.QueryParam("person"))
	if err != nil {
		return err
	}
	return a.sessionsOf(q, p.ID)
}

type endRequest struct {
	Person string `json:"person,omitempty"` // administrators: name or id
	Name   string `json:"name"`             // of the session; empty ends all of them
}

func (a *API) endOwnSession(q *call) error {
	var in endRequest
	if err := q.json(&in); err != nil {
		return err
	}
	return a.endSessions(q, q.who.Person, in.Name)
}

func (a *API) endSession(q *call) error {
	var in endRequest
	if err := q.json(&in); err != nil {
		return err
	}
	p, err := a.charge(q.who, in.Person)
	if err != nil {
		return err
	}
	return a.endSessions(q, p.ID, in.Name)
}

var errNoSuchSession = syncproto.Errorf(syncproto.KindNotFound, "没有这个登录，可能已经结束了").Coded("no-such-session")

func (a *API) endSessions(q *call, p syncproto.PersonID, name string) error {
	n := 0
	for _, s := range a.Auth.WebSessions(p) {
		if (name == "" || s.Name == name) && a.Auth.EndWebSession(p, s.Name) {
			n++
		}
	}
	if n == 0 && name != "" {
		return errNoSuchSession
	}
	if n > 0 {
		if err := a.note(q, q.who.Person, "sessions ended", "of", p, "number", n); err != nil {
			return err
		}
	}
	return a.sendJSON(q, struct {
		Ended int `json:"ended"`
	}{n})
}

// note takes an act down in the audit log, and in the log of the process. The
// pairs say to whom or what.
func (a *API) note(q *call, by syncproto.PersonID, what string, pairs ...any) error {
	var about strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&about, "%v %v ", pairs[i], pairs[i+1])
	}
	a.Log.InfoContext(q.ctx, what, append(pairs, "admin", by, "by", q.who.words())...)
	return a.Auditor.Note(q.ctx, by, what, strings.TrimSpace(about.String()))
}

// words says in a log who did something.
func (w Caller) words() string {
	if w.Operator {
		return "operator"
	}
	return w.Person.String()
}
