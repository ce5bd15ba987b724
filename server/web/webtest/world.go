// Package webtest is a small invented island for looking at the pages and for
// their tests: a real Source and Sessions in memory, with one leader's
// timeline, a meeting two people wrote down, a clash of money, a clash of void
// against edit. Persons, boats and villages are invented. It is for tests and
// for the program in serve, never part of a server.
package webtest

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// Password opens every account of the island.
const Password = "石屋岙 2026"

// Key signs the forms of the island.
var Key = []byte("an invented key, of thirty-two bytes and some")

// Now is the time on the island's server.
var Now = clock("2026-09-18 18:00")

// Leader and Admin are the accounts; Name is what one logs in with.
var (
	Leader = web.Viewer{Person: ID("C3"), Name: "张例桥", Post: "东极镇党委书记", Unit: "东极镇", Area: "东极镇"}
	Admin  = web.Viewer{Person: ID("A1"), Name: "竺例敏", Post: "东极镇管理员", Unit: "东极镇", Area: "东极镇", Admin: true}
)

// World is the island: a Source and the Sessions of it.
type World struct {
	rows    []row
	records map[syncproto.RecordID]web.RecordPage
	held    []web.HeldRow
	silent  int

	// PerPage is how many rows a page holds; 0 leaves it to the query.
	PerPage int
	// Reasons are those that held work was rejected with.
	Reasons []string

	mu       sync.Mutex
	sessions map[string]web.Viewer
	seen     map[syncproto.PersonID]web.Seen
	failures map[string]int
}

// row is a timeline row with what filters and orders need to know.
type row struct {
	web.TimelineRow
	place   string
	people  []string // names of fixtures: C5
	flags   []string
	arrival int // place in the order of arrival
}

// New returns the island as of Now; the leader last looked on 16 June.
func New() *World {
	w := &World{
		sessions: map[string]web.Viewer{}, failures: map[string]int{},
		seen:   map[syncproto.PersonID]web.Seen{Leader.Person: {Mark: "11", At: clock("2026-06-16 09:00")}},
		silent: 1,
	}
	w.rows = islandRows()
	w.records = islandRecords(w.rows)
	w.held = islandHeld()
	return w
}

// Empty returns an island where nothing has arrived and no device is missing.
func Empty() *World {
	w := New()
	w.rows, w.records, w.held, w.silent = nil, nil, nil, 0
	w.seen = map[syncproto.PersonID]web.Seen{}
	return w
}

// ID is the id of the fixture of that name.
func ID(name string) syncproto.RecordID {
	var id syncproto.RecordID
	copy(id[9:], name)
	copy(id[:6], []byte{0x01, 0x9e, 0x3a, 0x10, 0, 0})
	id[6], id[8] = 0x70, 0x80
	return id
}

func clock(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, time.FixedZone("+08:00", 8*60*60))
	if err != nil {
		panic("fixture time " + s)
	}
	return t
}

func day(s string) web.Date {
	d, err := web.ParseDate(s)
	if err != nil {
		panic("fixture day " + s)
	}
	return d
}

// PasswordCode is the code by which a password can be set.
const PasswordCode = "ABCD-EFGH-JKLM-NPQR"

// Login knows two names and one password, and makes a name wait after five
// failures.
func (w *World) Login(_ context.Context, name, password, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failures[name] >= 5 {
		return "", &web.LaterError{After: 30 * time.Second}
	}
	for _, v := range []web.Viewer{Leader, Admin} {
		if v.Name == name && password == Password {
			token := fmt.Sprintf("token-%d-%s", len(w.sessions)+1, v.Person)
			w.sessions[token] = v
			return token, nil
		}
	}
	w.failures[name]++
	return "", web.ErrBadLogin
}

// Viewer finds a session.
func (w *World) Viewer(_ context.Context, token string) (web.Viewer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.sessions[token]
	if !ok {
		return web.Viewer{}, web.ErrNoSession
	}
	return v, nil
}

// Logout ends a session.
func (w *World) Logout(_ context.Context, token string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, token)
	return nil
}

// Open lists the person's sessions.
func (w *World) Open(_ context.Context, v web.Viewer, token string) (out []web.OpenSession, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t, of := range w.sessions {
		if of.Person == v.Person {
			out = append(out, web.OpenSession{Name: "name of " + t, From: "192.0.2.7", Opened: Now, Used: Now, This: t == token})
		}
	}
	return out, nil
}

// End ends one of them.
func (w *World) End(_ context.Context, v web.Viewer, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	token, _ := strings.CutPrefix(name, "name of ")
	if of, ok := w.sessions[token]; !ok || of.Person != v.Person {
		return web.ErrNoSession
	}
	delete(w.sessions, token)
	return nil
}

// SetPassword knows one code.
func (w *World) SetPassword(_ context.Context, _, code, name, password string) error {
	switch {
	case len([]rune(password)) < 10:
		return syncproto.Errorf(syncproto.KindBadRequest, "密码至少要 10 个字")
	case code != PasswordCode:
		return syncproto.Errorf(syncproto.KindForbidden, "登记码不对")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Reasons = append(w.Reasons, "密码 "+name)
	return nil
}

// SeenUpTo is the person's last mark.
func (w *World) SeenUpTo(_ context.Context, v web.Viewer) (web.Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[v.Person], nil
}

// MarkSeen keeps the larger mark.
func (w *World) MarkSeen(_ context.Context, v web.Viewer, s web.Seen) error {
	n, err := strconv.Atoi(s.Mark)
	if err != nil || n < 0 {
		return &web.QueryError{Words: "看到的位置读不出来。请从时间轴再点一次。"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > markOf(w.seen[v.Person]) {
		w.seen[v.Person] = s
	}
	return nil
}

func markOf(s web.Seen) int {
	n, err := strconv.Atoi(s.Mark)
	if err != nil {
		return 0 // never seen anything
	}
	return n
}

// Timeline filters and orders the rows as a server would.
func (w *World) Timeline(_ context.Context, _ web.Viewer, q web.TimelineQuery) (web.TimelinePage, error) {
	page := web.TimelinePage{Complete: w.complete(), Filters: w.filters(), Mark: strconv.Itoa(len(w.rows))}
	rows := slices.Clone(w.rows)
	if q.Order == web.ByArrival {
		slices.SortStableFunc(rows, func(a, b row) int { return b.arrival - a.arrival })
	}
	seen := markOf(q.Seen)
	var match []web.TimelineRow
	for _, r := range rows {
		r.Marks.New = r.arrival > seen
		if r.Marks.New {
			page.NewCount++
			if page.EarliestNew.IsZero() || r.When.Day.Compare(page.EarliestNew.Day) < 0 {
				page.EarliestNew = r.When
			}
		}
		if r.in(q) {
			match = append(match, r.TimelineRow)
		}
	}
	from, err := readContinue(q.Continue, len(match))
	if err != nil {
		return web.TimelinePage{}, err
	}
	limit := q.Limit
	if w.PerPage > 0 {
		limit = w.PerPage
	}
	to := min(len(match), from+max(1, limit))
	page.Rows = match[from:to]
	if to < len(match) {
		page.Next = base64.RawURLEncoding.EncodeToString([]byte("at " + strconv.Itoa(to)))
	}
	if len(w.rows) > 0 {
		page.Leads = islandLeads()
	}
	return page, nil
}

func readContinue(token string, rows int) (int, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	n, err2 := strconv.Atoi(strings.TrimPrefix(string(b), "at "))
	if err != nil || err2 != nil || n < 0 || n > rows {
		return 0, &web.QueryError{Words: "接着往下看的位置已经不在了。请从时间轴的开头再看。"}
	}
	return n, nil
}

func (r row) in(q web.TimelineQuery) bool {
	inPlace := len(q.Places) == 0
	for _, p := range q.Places {
		inPlace = inPlace || strings.HasPrefix(r.place, p)
	}
	byPerson := q.Person.IsZero()
	for _, p := range r.people {
		byPerson = byPerson || ID(p) == q.Person
	}
	for _, o := range q.Only {
		if !slices.Contains(r.flags, o) {
			return false
		}
	}
	return inPlace && byPerson && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind.Code)) &&
		(q.Since.IsZero() || r.When.Day.Compare(q.Since) >= 0) &&
		(q.Until.IsZero() || r.When.Day.Compare(q.Until) <= 0)
}

func (w *World) complete() web.Completeness {
	c := web.Completeness{AsOf: Now, Silent: w.silent}
	if w.silent > 0 {
		c.SilentSince = clock("2026-09-17 08:05")
	}
	return c
}

func (w *World) filters() web.Filters {
	count := func(ok func(row) bool) int {
		n := 0
		for _, r := range w.rows {
			if ok(r) {
				n++
			}
		}
		return n
	}
	var f web.Filters
	for _, p := range [][2]string{{"330903105901", "望潮村"}, {"330903105902", "石屋岙村"}, {"330903105903", "灯塔湾村"}} {
		f.Places = append(f.Places, web.Choice{Value: p[0], Label: p[1], Count: count(func(r row) bool { return r.place == p[0] })})
	}
	for _, k := range [][2]string{{"ZF", "走访"}, {"HY", "会议"}, {"RZ", "帮扶"}, {"TY", "体验"}} {
		f.Kinds = append(f.Kinds, web.Choice{Value: k[0], Label: k[1], Count: count(func(r row) bool { return r.Kind.Code == k[0] })})
	}
	for _, o := range [][2]string{{"demand", "有诉求"}, {"conflict", "有不同修改"}, {"confirm", "待本人确认"}} {
		f.Only = append(f.Only, web.Choice{Value: o[0], Label: o[1], Count: count(func(r row) bool { return slices.Contains(r.flags, o[0]) })})
	}
	for _, p := range [][2]string{{"C2", "陈例山"}, {"C1", "方例远"}, {"C5", "吴例舟"}, {"C6", "乐例红"}, {"C3", "张例桥"}} {
		f.Persons = append(f.Persons, web.Choice{Value: ID(p[0]).String(), Label: p[1], Count: -1})
	}
	return f
}

// Record returns a record of the island, to the leader with what he may do.
func (w *World) Record(_ context.Context, v web.Viewer, id syncproto.RecordID, at web.RecordView) (web.RecordPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.records[id]
	if !ok {
		return web.RecordPage{}, web.ErrNotFound
	}
	r.Complete = w.complete()
	if v.Person == Leader.Person && !r.RowOnly {
		r.May.Comment, r.May.Void = true, r.Void != nil && r.Void.Disputed != ""
	} else {
		r.May = web.Rights{}
	}
	r.Clashes = slices.Clone(r.Clashes)
	for i := range r.Clashes {
		r.Clashes[i].Choose = v.Person == Leader.Person
	}
	if !at.AsOf.IsZero() {
		return past(r, at.AsOf)
	}
	return r, nil
}

// Opened shows the strips that say so to whoever states a reason.
func (w *World) Opened(ctx context.Context, v web.Viewer, id syncproto.RecordID, reason string) (web.RecordPage, error) {
	r, err := w.Record(ctx, v, id, web.RecordView{})
	switch {
	case err != nil:
		return r, err
	case !r.Opens:
		return r, syncproto.Errorf(syncproto.KindForbidden, "这条记录没有写明理由就能多看的内容")
	case len([]rune(reason)) < 2:
		return r, syncproto.Errorf(syncproto.KindBadRequest, "请写明看的理由")
	}
	r.Opens, r.Opened = false, true
	sections := make([]web.Section, len(r.Sections))
	for i, s := range r.Sections {
		s.Fields = slices.Clone(s.Fields)
		for j := range s.Fields {
			if f := &s.Fields[j]; f.Masked == opensForReason {
				f.Masked, f.Text = "", "低保对象"
			}
		}
		sections[i] = s
	}
	r.Sections = sections
	return r, nil
}

// Held lists what is held.
func (w *World) Held(_ context.Context, v web.Viewer) (web.HeldPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows := slices.Clone(w.held)
	for i := range rows {
		if !v.Admin {
			rows[i].Work, rows[i].Waits = web.HeldWork{}, web.HeldWork{}
		}
	}
	page := web.HeldPage{Complete: w.complete(), Rows: rows}
	if v.Admin {
		page.Places = []web.HeldPlace{{Code: "330903105901", Name: "石屋岙村"}}
	}
	return page, nil
}
