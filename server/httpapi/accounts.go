package httpapi

import (
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

var errMayNotAdmit = syncproto.Errorf(syncproto.KindForbidden, "此人有您管理范围以外的职责，请找上一级管理员")

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
		return a.giveCode(q, p, by)
	}
	if by.IsZero() {
		return errNamesBy
	}
	id, expires, err := a.Auth.RequestCode(q.ctx, p.ID, by)
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
	person, err := a.Auth.RequestedFor(q.ctx, id)
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
	return a.giveCode(q, p, by)
}

func (a *API) giveCode(q *call, p Person, by syncproto.PersonID) error {
	code, expires, err := a.Auth.CreateCode(q.ctx, p.ID)
	if err != nil {
		return err
	}
	if err := a.note(q, by, "code created", "for", p.ID); err != nil {
		return err
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
	if in.Login == "" {
		in.Login = p.Name
	}
	if err := a.Auth.SetPassword(q.ctx, p.ID, in.Login, in.Password); err != nil {
		return err
	}
	if err := a.note(q, q.who.Person, "password set", "for", p.ID); err != nil {
		return err
	}
	return a.sendJSON(q, struct {
		Person syncproto.PersonID `json:"person"`
		Login  string             `json:"login"`
	}{p.ID, in.Login})
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
