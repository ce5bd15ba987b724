package server

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// Device is ingest.Devices.
func (s *Server) Device(ctx context.Context, r syncproto.ReplicaID) (ingest.Device, error) {
	if r.IsPen() || r == s.settings.Replica {
		// Whoever carries a pen's bundles back to a store that lost them: they
		// verify under the server's own key, which nobody else has.
		return ingest.Device{Key: s.keys.sign.Public().(ed25519.PublicKey), Server: true}, nil
	}
	a, err := s.auth.Account(ctx, r)
	if err != nil {
		return ingest.Device{}, err
	}
	return ingest.Device{Key: a.Key, Person: a.Person, Enrolled: a.Enrolled, Heard: s.contacts.heard(r), Revoked: a.Stopped(), Order: a.Order()}, nil
}

// DeviceName is reading.Devices.
func (s *Server) DeviceName(r syncproto.ReplicaID) (syncproto.PersonID, string) {
	switch {
	case r.IsPen():
		return syncproto.PersonID{}, "网页登录"
	case r == s.settings.Replica:
		return syncproto.PersonID{}, "服务器"
	}
	a, err := s.auth.Account(context.Background(), r)
	if err != nil {
		return syncproto.PersonID{}, ""
	}
	return a.Person, a.Device
}

// Traffic is httpapi.Traffic.
func (s *Server) Traffic(r syncproto.ReplicaID, d *httpapi.Device) error {
	s.contacts.describe(r, d)
	return s.store.View(context.Background(), 0, func(reader store.Reader) error {
		log, err := records.LoadLog(reader, r)
		if err != nil {
			return err
		}
		d.Held, d.Forked, d.Gaps = log.Held, log.Forked, log.Gaps
		for _, run := range log.Received {
			d.Received += uint64(run.To - run.From + 1)
		}
		return nil
	})
}

// Push is httpapi.Pusher.
func (s *Server) Push(ctx context.Context, carrier syncproto.ReplicaID, bundles []syncproto.Bundle) (syncproto.Receipt, error) {
	s.contacts.touch(carrier, s.now())
	return s.ingest.Push(store.WithLane(ctx, carrier.String()), carrier, bundles)
}

// Reissue is httpapi.Pusher.
func (s *Server) Reissue(ctx context.Context, replica syncproto.ReplicaID, q syncproto.ReissueRequest) ([]syncproto.Reissued, error) {
	return s.ingest.Reissue(store.WithLane(ctx, replica.String()), replica, q)
}

// Pull is httpapi.Puller.
func (s *Server) Pull(ctx context.Context, replica syncproto.ReplicaID, q syncproto.PullRequest) (*syncproto.Page, error) {
	a, err := s.auth.Account(ctx, replica)
	if err != nil {
		return nil, err
	}
	s.contacts.touch(replica, s.now())
	if q.Told != nil {
		s.contacts.told(replica, s.now(), *q.Told)
	}
	if a.State != authn.Active {
		return s.feed.Goodbye(ctx, replica, q)
	}
	page, err := s.feed.Pull(ctx, replica, a.Person, q)
	if err == nil {
		s.contacts.took(replica, s.now())
	}
	return page, err
}

// people is httpapi.People.
type people struct{ *Server }

func (p people) today() string { return p.now().In(timeline.Zone).Format(time.DateOnly) }

func (p people) Person(id syncproto.PersonID) (httpapi.Person, bool) {
	d := p.dir.Person(id)
	v := p.dir.Viewer(id).On(p.today())
	admin := slices.ContainsFunc(v.Grants, func(g authz.Grant) bool { return g.Role == authz.RoleAdmin })
	return httpapi.Person{ID: id, Name: d.Name, Post: d.Post, Admin: admin}, d.Name != ""
}

func (p people) Find(nameOrID string) (httpapi.Person, error) {
	d, ok := p.dir.FindPerson(nameOrID)
	if !ok {
		return httpapi.Person{}, syncproto.Errorf(syncproto.KindNotFound, "没有这个人，或者同名的不止一个；同名时请用编号").Coded("no-person")
	}
	out, _ := p.Person(d.ID)
	return out, nil
}

func (p people) MayAdmit(admin, person syncproto.PersonID) bool {
	v := p.dir.Viewer(admin).On(p.today())
	for _, g := range p.dir.Person(person).Grants {
		if !v.MayGrant(g.Place) {
			return false
		}
	}
	return slices.ContainsFunc(v.Grants, func(g authz.Grant) bool { return g.Role == authz.RoleAdmin })
}

func (p people) NeedsSecond(person, by syncproto.PersonID) bool {
	if v := p.dir.Viewer(person).On(p.today()); !v.Leads() {
		return false
	}
	others := 0
	for _, d := range p.dir.People() {
		if d.ID != person && d.ID != by && p.MayAdmit(d.ID, person) {
			others++
		}
	}
	if by.IsZero() {
		others--
	}
	return others > 0
}

// sessions is web.Sessions.
type sessions struct{ *Server }

func (s sessions) Login(ctx context.Context, name, password, remote string) (string, error) {
	tok, person, err := s.auth.Login(ctx, name, password, remote)
	var later *authn.LaterError
	switch {
	case errors.As(err, &later):
		return "", &web.LaterError{After: later.After}
	case errors.Is(err, authn.ErrLogin):
		return "", web.ErrBadLogin
	case err != nil:
		return "", err
	}
	if err := s.Note(ctx, person, "logged in", "from "+remote); err != nil {
		s.auth.Logout(tok)
		return "", err
	}
	return tok.Text(), nil
}

func (s sessions) Open(_ context.Context, v web.Viewer, token string) (out []web.OpenSession, err error) {
	tok, _ := authn.ParseToken(token)
	this := s.auth.SessionName(tok)
	for _, o := range s.auth.WebSessions(v.Person) {
		out = append(out, web.OpenSession{Name: o.Name, From: o.Remote, Opened: o.Opened.In(timeline.Zone), Used: o.Used.In(timeline.Zone), This: o.Name == this})
	}
	return out, nil
}

func (s sessions) End(ctx context.Context, v web.Viewer, name string) error {
	if !s.auth.EndWebSession(v.Person, name) {
		return web.ErrNoSession
	}
	return s.Note(ctx, v.Person, "sessions ended", "of "+v.Person.String()+" number 1")
}

func (s sessions) SetPassword(ctx context.Context, remote, code, name, password string) error {
	person, err := s.auth.PasswordCodeFor(ctx, remote, code)
	if err == nil {
		p, _ := people(s).Person(person)
		err = s.auth.RedeemPassword(ctx, person, code, cmp.Or(name, p.Name), password)
	}
	var later *authn.LaterError
	if errors.As(err, &later) {
		return &web.LaterError{After: later.After}
	}
	if err != nil {
		return err
	}
	return s.Note(ctx, person, "password set", "for "+person.String())
}

func (s sessions) Viewer(_ context.Context, token string) (web.Viewer, error) {
	tok, ok := authn.ParseToken(token)
	if !ok {
		return web.Viewer{}, web.ErrNoSession
	}
	person, err := s.auth.WebSession(tok)
	if err != nil {
		return web.Viewer{}, web.ErrNoSession
	}
	d := s.dir.Person(person)
	p, ok := people(s).Person(person)
	if !ok {
		return web.Viewer{}, web.ErrNoSession
	}
	v := s.dir.Viewer(person).On(people(s).today())
	var area []string
	for _, place := range v.Territory() {
		if name := s.dir.PlaceName(place); !slices.Contains(area, name) {
			area = append(area, name)
		}
	}
	return web.Viewer{Person: person, Name: p.Name, Post: p.Post, Unit: s.dir.Unit(d.Unit).Name, Area: strings.Join(area, "、"), Admin: p.Admin}, nil
}

func (s sessions) Logout(ctx context.Context, token string) error {
	tok, ok := authn.ParseToken(token)
	if !ok {
		return nil
	}
	person, err := s.auth.WebSession(tok)
	s.auth.Logout(tok)
	if err != nil {
		return nil // it was over before
	}
	return s.Note(ctx, person, "logged out", "")
}

// seenKey is where a person's mark of what he has seen lies.
func seenKey(p syncproto.PersonID) store.Key { return append(store.Key("s/"), p[:]...) }

func (s sessions) SeenUpTo(ctx context.Context, v web.Viewer) (out web.Seen, err error) {
	err = s.store.View(ctx, 0, func(r store.Reader) error {
		b, err := r.Get(seenKey(v.Person))
		out = readSeen(b)
		return err
	})
	return out, err
}

// readSeen reads "mark at", both in Unix milliseconds.
func readSeen(b []byte) web.Seen {
	mark, at, ok := strings.Cut(string(b), " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return web.Seen{}
	}
	return web.Seen{Mark: mark, At: time.UnixMilli(ms).In(timeline.Zone)}
}

func (s sessions) MarkSeen(ctx context.Context, v web.Viewer, seen web.Seen) error {
	mark, err := strconv.ParseInt(seen.Mark, 10, 64)
	if err != nil || mark < 0 || mark > s.now().UnixMilli() {
		return &web.QueryError{Words: "这个标记读不出来，请从时间轴再点一次。"}
	}
	_, err = s.store.Update(ctx, []store.Key{seenKey(v.Person)}, func(r store.Reader) (b store.Batch, err error) {
		was, err := r.Get(seenKey(v.Person))
		if err != nil {
			return b, err
		}
		if old, err := strconv.ParseInt(readSeen(was).Mark, 10, 64); err == nil && old >= mark {
			return b, nil
		}
		b.Put(seenKey(v.Person), []byte(strconv.FormatInt(mark, 10)+" "+strconv.FormatInt(s.now().UnixMilli(), 10)))
		return b, nil
	})
	return err
}
