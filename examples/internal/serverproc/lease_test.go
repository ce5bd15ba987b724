package serverproc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/client-sdk/vault"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
)

// phone is a device with a folder, a clock of its own and a network that can
// be cut for some requests.
type phone struct {
	s    *site
	dir  string
	now  time.Time
	cut  func(path string) bool
	link syncloop.Transport
	*clientsdk.Client
}

func (p *phone) Do(ctx context.Context, q *session.Request) session.Response {
	if p.cut != nil && p.cut(q.Path) {
		return session.Response{Err: errors.New("no network")}
	}
	return p.link.Do(ctx, q)
}

// phone enrols a device of somebody.
func (s *site) phone(person, name string) *phone { return s.phoneAt(person, name, time.Now()) }

// phoneAt is phone with a clock that shows another time.
func (s *site) phoneAt(person, name string, now time.Time) *phone {
	s.t.Helper()
	p := &phone{s: s, dir: filepath.Join(s.t.TempDir(), name), now: now}
	must(s.t, p.open())
	code, err := s.server.Code(s.t.Context(), person)
	must(s.t, err)
	must(s.t, p.Enrol(s.t.Context(), s.origin, code, name))
	p.sync()
	s.t.Cleanup(func() {
		if p.Client != nil {
			p.Close()
		}
	})
	return p
}

func (p *phone) open() (err error) {
	p.Client, err = clientsdk.Open(p.dir, clientsdk.Options{Clock: func() time.Time { return p.now },
		Vault: vault.Options{Cost: vault.Cost{Passes: 1, MemoryKiB: 64, Threads: 1}},
		Dial: func(string) (syncloop.Transport, error) {
			p.link, err = httptransport.New("http://"+p.s.server.Addr, httptransport.Options{Now: func() time.Time { return p.now }})
			return p, err
		}})
	return err
}

func (p *phone) sync() {
	p.s.t.Helper()
	_, err := p.Sync(context.Background())
	must(p.s.t, err)
}

func (p *phone) reopen() {
	p.s.t.Helper()
	must(p.s.t, p.Close())
	must(p.s.t, p.open())
}

func (p *phone) replica() syncproto.ReplicaID {
	id, _ := p.Identity()
	return id.Replica
}

func (p *phone) rows() (n int) {
	p.s.t.Helper()
	rows, err := p.Query(clientsdk.Filter{})
	must(p.s.t, err)
	return len(rows)
}

func (p *phone) pass(days int) { p.now = p.now.Add(time.Duration(days) * 24 * time.Hour) }

// code asks the server for an unlock code, as the administrator at the phone.
func (s *site) code(p *phone, number string, days int) (string, error) {
	var out struct{ Code string }
	err := s.server.Admin(s.t.Context(), "/v1/admin/unlock", map[string]any{"replica": p.replica(), "number": number, "days": days}, &out)
	return out.Code, err
}

// A device that hears nothing from its server for the length of the loan locks
// what others wrote, and nothing else; putting its clock back wins nothing; a
// code that is read over the phone opens it, once, and so does a sync.
func TestLeaseLocksOthersRecords(t *testing.T) {
	s := newSite(t)
	s.person("李试验")
	theirs := noteAt(t, s.device("A7"), township, "别人记的")
	p := s.phone("李试验", "B2")
	mine := noteAt(t, p.Client, township, "自己记的")
	if p.rows() != 2 {
		t.Fatalf("%d records are listed", p.rows())
	}
	open := func(when string) {
		t.Helper()
		if _, err := p.Get(theirs); err != nil || p.rows() != 2 {
			t.Errorf("%s: locked: %v, %d listed", when, err, p.rows())
		}
	}
	locked := func(when string) {
		t.Helper()
		if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
			t.Errorf("%s: another's record opens: %v", when, err)
		}
		if _, err := p.Edit(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
			t.Errorf("%s: another's record can be edited: %v", when, err)
		}
		if _, err := p.History(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
			t.Errorf("%s: another's record has a history: %v", when, err)
		}
		if _, err := p.Get(mine); err != nil || p.rows() != 1 {
			t.Errorf("%s: the own record: %v, %d listed", when, err, p.rows())
		}
		if sum, err := p.Summary(); err != nil || !sum.Locked || !strings.Contains(strings.Join(sum.Words(), ""), "已锁上") {
			t.Errorf("%s: the device says %+v, %v", when, sum, err)
		}
	}
	p.pass(29)
	open("after 29 days")
	draft, err := p.Create("SJ")
	must(t, err)
	must(t, draft.Set("on", "2026-05-20").Set("heard", "草稿").Set("visibility", "本级及上级").Set("place_code", township).Save())
	p.pass(2)
	locked("after 31 days")
	p.pass(-30)
	locked("with the clock put back")
	p.reopen()
	locked("opened again")

	drafts, err := p.Drafts()
	must(t, err)
	if len(drafts) != 1 {
		t.Fatalf("%d drafts", len(drafts))
	}
	must(t, p.Submit(t.Context(), drafts[0]))
	if v, err := p.Get(draft.Record()); err != nil || v.Value("heard") != "草稿" {
		t.Errorf("what was written while locked: %v", err)
	}

	number, err := p.UnlockNumber()
	must(t, err)
	other := s.phone("李试验", "C3")
	wrong, err := s.code(other, number, 7)
	must(t, err)
	var bad *clientsdk.WrongCodeError
	if _, err := p.Unlock(wrong); !errors.As(err, &bad) || bad.Left != 9 {
		t.Errorf("another device's code: %v", err)
	}
	code, err := s.code(p, strings.ToLower(number), 7)
	must(t, err)
	if days, err := p.Unlock(strings.ToLower(strings.ReplaceAll(code, "-", " "))); err != nil || days != 7 {
		t.Fatalf("the code: %d days, %v", days, err)
	}
	if _, err := p.Get(theirs); err != nil {
		t.Errorf("after the code: %v", err)
	}
	p.pass(8)
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("after the code's days: %v", err)
	}
	if _, err := p.Unlock(code); !errors.As(err, &bad) {
		t.Errorf("a code is good twice: %v", err)
	}
	stale, err := p.UnlockNumber()
	must(t, err)
	code, err = s.code(p, stale, 1)
	must(t, err)
	p.pass(2)
	if _, err := p.Unlock(code); !errors.As(err, &bad) {
		t.Errorf("a code of the day before yesterday: %v", err)
	}
	for i := range 10 {
		if _, err = p.UnlockNumber(); err == nil {
			_, err = p.Unlock(fmt.Sprintf("3AAAAAAA%c", 'A'+rune(i)))
		}
		p.reopen() // the count is not won back by that
	}
	if !errors.Is(err, clientsdk.ErrUnlockClosed) {
		t.Errorf("after ten wrong codes: %v", err)
	}
	p.sync()
	if _, err := p.Get(theirs); err != nil || p.rows() != 3 {
		t.Errorf("after a sync: %v, %d listed", err, p.rows())
	}
}

// A phone whose clock is years behind, as after an empty battery, is put right
// at sea: that is no absence of years.
func TestClockPutRightIsNoAbsence(t *testing.T) {
	s := newSite(t)
	s.person("李试验")
	theirs := noteAt(t, s.device("A7"), township, "别人记的")
	p := s.phoneAt("李试验", "B2", time.Now().Add(-6*365*24*time.Hour))
	p.pass(3)
	if _, err := p.Get(theirs); err != nil {
		t.Error(err)
	}
	p.pass(6 * 365)
	if _, err := p.Get(theirs); err != nil {
		t.Errorf("after the clock was put right: %v", err)
	}
	p.pass(28)
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("31 days after the contact: %v", err)
	}
	p.pass(-12 * 365)
	p.reopen()
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("the clock put back again: %v", err)
	}
}

// The loan is as long as the server says for this device, and can be ended by hand.
func TestLeaseOfOneDeviceAndLockByHand(t *testing.T) {
	s := newSite(t, "-lease", "30,乡镇（街道）领导=5")
	s.person("李试验")
	theirs := noteAt(t, s.device("A7"), township, "别人记的")
	p := s.phone("李试验", "B2")
	p.pass(4)
	if _, err := p.Get(theirs); err != nil {
		t.Errorf("a loan of five days, after four: %v", err)
	}
	p.pass(2)
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("a loan of five days, after six: %v", err)
	}
	p.sync()
	must(t, p.Lock())
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("locked by hand: %v", err)
	}
	p.reopen()
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("opened again: %v", err)
	}
	p.sync()
	if _, err := p.Get(theirs); err != nil {
		t.Errorf("after a sync: %v", err)
	}
	s.chuantou("admin", "lease", "-data", s.server.Data, p.replica().String(), "3")
	p.sync()
	p.pass(4)
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrRecordsLocked) {
		t.Errorf("a loan of three days, after four: %v", err)
	}
	number, err := p.UnlockNumber()
	must(t, err)
	code, _, _ := strings.Cut(s.chuantou("admin", "unlock", "-data", s.server.Data, "-days", "2", p.replica().String(), number), " ")
	if days, err := p.Unlock(code); err != nil || days != 2 {
		t.Errorf("%d days, %v", days, err)
	}
	// No code is made for a device that was stopped.
	must(t, s.server.Admin(t.Context(), "/v1/admin/devices", map[string]any{"replica": p.replica(), "state": "suspended"}, nil))
	if code, err := s.code(p, number, 1); err == nil {
		t.Errorf("a stopped device gets the code %q", code)
	}
}

type listedDevice struct {
	Replica, State string
	Wipe           bool
	Wiped          *time.Time
	Held           int
}

func (s *site) listed(p syncproto.ReplicaID, person string) (out listedDevice) {
	s.t.Helper()
	var list struct{ Devices []listedDevice }
	must(s.t, s.server.Admin(s.t.Context(), "/v1/admin/devices?person="+url.QueryEscape(person), nil, &list))
	for _, d := range list.Devices {
		if d.Replica == p.String() {
			return d
		}
	}
	s.t.Fatalf("%s is not in the list", p)
	return out
}

// A lost phone is to be wiped. It hands in what it had, which is held; only
// when the server has all of it does it destroy everything, and say so.
func TestWipe(t *testing.T) {
	s := newSite(t)
	s.person("李试验")
	theirs := noteAt(t, s.device("A7"), township, "别人记的")
	p := s.phone("李试验", "B2")
	replica := p.replica()
	unsent, err := p.Create("SJ")
	must(t, err)
	must(t, p.Submit(t.Context(), unsent.Set("on", "2026-05-20").Set("heard", "没来得及传的").Set("visibility", "本级及上级").Set("place_code", township)))
	draft, err := p.Create("SJ")
	must(t, err)
	must(t, draft.Set("heard", "草稿").Save())
	s.chuantou("admin", "wipe", "-data", s.server.Data, replica.String())

	// Its work does not get through: it is taken what others wrote, and keeps its own.
	p.cut = func(path string) bool { return path == "/v1/sync/push" }
	if r, err := p.Sync(t.Context()); err == nil || r.Wiped {
		t.Fatalf("wiped with work that the server lacks: %+v, %v", r, err)
	}
	if _, err := p.Get(theirs); !errors.Is(err, clientsdk.ErrNoRecord) {
		t.Errorf("a device that is to be wiped keeps others' records: %v", err)
	}
	if v, err := p.Get(unsent.Record()); err != nil || v.Value("heard") != "没来得及传的" {
		t.Errorf("its own work: %v", err)
	}
	if d := s.listed(replica, "李试验"); d.State != "revoked" || !d.Wipe || d.Wiped != nil {
		t.Errorf("the list says %+v", d)
	}
	p.cut = nil
	if r, err := p.Sync(t.Context()); !errors.Is(err, clientsdk.ErrWiped) || !r.Wiped {
		t.Fatalf("not wiped: %+v, %v", r, err)
	}
	if _, err := p.Get(unsent.Record()); err == nil {
		t.Error("a wiped device shows records")
	}
	names, err := os.ReadDir(p.dir)
	must(t, err)
	if len(names) != 1 || names[0].Name() != "wiped" {
		t.Errorf("the folder still has %v", names)
	}
	if err := p.open(); !errors.Is(err, clientsdk.ErrWiped) {
		t.Errorf("opened again: %v", err)
	}
	if d := s.listed(replica, "李试验"); d.State != "revoked" || d.Wiped == nil || d.Held != 1 {
		t.Errorf("the list says %+v", d)
	}
}

// Being killed in the middle of it ends with a wiped device all the same.
func TestWipeGoesOnAfterAKill(t *testing.T) {
	s := newSite(t)
	p := s.phone("张试验", "B2")
	must(t, p.Close())
	must(t, os.WriteFile(filepath.Join(p.dir, "wiped"), nil, 0o600))
	if err := p.open(); !errors.Is(err, clientsdk.ErrWiped) {
		t.Fatalf("opened: %v", err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "store")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store is still there: %v", err)
	}
}

// A device that is handed back brings what it has, which counts as ever, waits
// for its drafts, and is wiped.
func TestRetire(t *testing.T) {
	s := newSite(t)
	other := s.device("A7")
	p := s.phone("张试验", "B2")
	replica := p.replica()
	last, err := p.Create("SJ")
	must(t, err)
	must(t, p.Submit(t.Context(), last.Set("on", "2026-05-20").Set("heard", "最后一条").Set("visibility", "本级及上级").Set("place_code", township)))
	draft, err := p.Create("SJ")
	must(t, err)
	must(t, draft.Set("heard", "草稿").Save())
	s.chuantou("admin", "retire", "-data", s.server.Data, replica.String())
	if r, err := p.Sync(t.Context()); err != nil || r.Wiped {
		t.Fatalf("with a draft: %+v, %v", r, err)
	}
	if sum, err := p.Summary(); err != nil || !sum.HandBack || !strings.Contains(strings.Join(sum.Words(), ""), "交回") {
		t.Errorf("the device says %+v, %v", sum, err)
	}
	syncAll(t, other)
	if v, err := other.Get(last.Record()); err != nil || v.Value("heard") != "最后一条" {
		t.Errorf("what it brought: %v", err)
	}
	must(t, p.Discard(draft.ID()))
	if _, err := p.Sync(t.Context()); !errors.Is(err, clientsdk.ErrWiped) {
		t.Fatalf("without drafts: %v", err)
	}
	if d := s.listed(replica, "张试验"); d.State != "retired" || d.Wiped == nil {
		t.Errorf("the list says %+v", d)
	}
	if err := s.server.Admin(t.Context(), "/v1/admin/devices", map[string]any{"replica": replica, "state": "active"}, nil); err == nil {
		t.Error("a device that was handed back comes to life")
	}
}

// Another device of the same person says so on all of them, for seven days.
func TestNewDeviceIsAnnounced(t *testing.T) {
	s := newSite(t)
	p := s.phone("张试验", "B2")
	if sum, err := p.Summary(); err != nil || len(sum.NewDevices) != 0 {
		t.Errorf("alone: %+v, %v", sum, err)
	}
	c := s.device("来路不明")
	p.sync()
	sum, err := p.Summary()
	if err != nil || len(sum.NewDevices) != 1 || !strings.Contains(strings.Join(sum.Words(), ""), "来路不明") {
		t.Errorf("the device says %+v, %v", sum, err)
	}
	p.pass(8)
	if sum, err := p.Summary(); err != nil || len(sum.NewDevices) != 0 || len(p.Devices()) != 1 {
		t.Errorf("after eight days: %+v, %v", sum, err)
	}
	id, _ := c.Identity()
	must(t, s.server.Admin(t.Context(), "/v1/admin/devices", map[string]any{"replica": id.Replica, "state": "revoked"}, nil))
	p.sync()
	if all := p.Devices(); len(all) != 0 {
		t.Errorf("a revoked device is still among %+v", all)
	}
}

// What a device says of itself, and when it was last heard of, is in the list,
// also after the server was started anew.
func TestDeviceTellsOfItself(t *testing.T) {
	s := newSite(t)
	p := s.phoneAt("张试验", "B2", time.Now().Add(-3*time.Hour))
	told := func() (out struct {
		Waiting, Drafts int
		Oldest          *time.Time
		OffsetMS        int64  `json:"offset_ms"`
		AwayUntil       string `json:"away_until"`
	}) {
		t.Helper()
		var list struct {
			Devices []struct {
				LastSync *time.Time      `json:"last_sync"`
				Told     json.RawMessage `json:"told"`
			}
		}
		must(t, s.server.Admin(t.Context(), "/v1/admin/devices?person="+url.QueryEscape("张试验"), nil, &list))
		if len(list.Devices) != 1 || list.Devices[0].LastSync == nil || time.Since(*list.Devices[0].LastSync) > time.Hour {
			t.Fatalf("the list says %+v", list)
		}
		must(t, json.Unmarshal(list.Devices[0].Told, &out))
		return out
	}
	if got := told(); got.Waiting != 0 || got.Drafts != 0 || got.Oldest != nil || time.Duration(got.OffsetMS)*time.Millisecond < 2*time.Hour {
		t.Errorf("at first: %+v", got)
	}
	must(t, p.PlanTrip("2026-12-24"))
	if err := p.PlanTrip("bald"); err == nil {
		t.Error("a day that is none")
	}
	noteAt(t, p.Client, township, "传到了的")
	d, err := p.Create("SJ")
	must(t, err)
	must(t, d.Set("heard", "草稿").Save())
	unsent, err := p.Create("SJ")
	must(t, err)
	must(t, p.Submit(t.Context(), unsent.Set("on", "2026-05-20").Set("heard", "没传的").Set("visibility", "本级及上级").Set("place_code", township)))
	p.cut = func(path string) bool { return path == "/v1/sync/push" }
	if _, err := p.Sync(t.Context()); err == nil {
		t.Fatal("pushed without a network")
	}
	check := func(when string) {
		t.Helper()
		if got := told(); got.Waiting != 1 || got.Drafts != 1 || got.Oldest == nil || got.AwayUntil != "2026-12-24" {
			t.Errorf("%s: %+v", when, got)
		}
	}
	check("with work that did not get through")
	addr := s.server.Addr
	must(t, s.server.Stop())
	must(t, s.server.Start(t.Context(), addr))
	check("after a restart")
	if out := s.chuantou("admin", "devices", "-data", s.server.Data, "-person", "张试验"); !strings.Contains(out, "1 waiting since") || !strings.Contains(out, "its clock is off by -") {
		t.Errorf("the command prints\n%s", out)
	}
	p.cut = nil
	p.sync()
	if got := told(); got.Waiting != 0 || got.Drafts != 1 {
		t.Errorf("after a sync: %+v", got)
	}
}

// A code for a leader takes two administrators once there are two, or one of
// his own devices.
func TestLeadersCode(t *testing.T) {
	s := newSite(t)
	p := s.phone("张试验", "B2") // with one administrator there is nobody to ask
	admin, err := s.office.Create("person")
	must(t, err)
	admin.Set("name", "第二管理员").Set("unit", s.unit.String())
	admin.AddItem("roles", map[string]any{"role": "管理员", "place": "99"})
	must(t, s.office.Submit(t.Context(), admin))
	syncAll(t, s.office)
	type answer struct{ Code, Request string }
	ask := func(in map[string]string) (out answer, err error) {
		err = s.server.Admin(t.Context(), "/v1/admin/codes", in, &out)
		return out, err
	}
	if got, err := ask(map[string]string{"person": "张试验"}); err == nil {
		t.Errorf("a leader's code without a name: %+v", got)
	}
	first, err := ask(map[string]string{"person": "张试验", "by": "管理员"})
	if err != nil || first.Code != "" || first.Request == "" {
		t.Fatalf("the first administrator gets %+v, %v", first, err)
	}
	for name, in := range map[string]map[string]string{
		"the same":         {"confirm": first.Request, "by": "管理员"},
		"nobody":           {"confirm": first.Request},
		"no administrator": {"confirm": first.Request, "by": "张试验"},
		"another request":  {"confirm": "AAAA-AAAA", "by": "第二管理员"},
		"both":             {"confirm": first.Request, "by": "第二管理员", "person": "张试验"},
	} {
		if got, err := ask(in); err == nil {
			t.Errorf("%s confirms: %+v", name, got)
		}
	}
	second, err := ask(map[string]string{"confirm": strings.ToLower(first.Request), "by": "第二管理员"})
	if err != nil || second.Code == "" {
		t.Fatalf("the second administrator gets %+v, %v", second, err)
	}
	if got, err := ask(map[string]string{"confirm": first.Request, "by": "第二管理员"}); err == nil {
		t.Errorf("confirmed twice: %+v", got)
	}
	must(t, s.open().Enrol(t.Context(), s.origin, second.Code, "C3"))
	if got, err := ask(map[string]string{"person": "第二管理员", "by": "管理员"}); err != nil || got.Code == "" {
		t.Errorf("a code for who is no leader: %+v, %v", got, err)
	}

	for range 3 {
		ticket, code, err := p.AnotherDevice(t.Context())
		must(t, err)
		if !syncproto.IsTicket(ticket) || code == "" {
			t.Fatalf("his own device gets %q, %q", ticket, code)
		}
		must(t, s.open().Enrol(t.Context(), s.origin, code, "D4"))
	}
	if _, _, err := p.AnotherDevice(t.Context()); err == nil {
		t.Error("a fourth code in a day")
	}
	must(t, s.server.Admin(t.Context(), "/v1/admin/devices", map[string]any{"replica": p.replica(), "state": "suspended"}, nil))
	if _, _, err := p.AnotherDevice(t.Context()); err == nil {
		t.Error("a stopped device gets a code")
	}
}

// Ten wrong PINs destroy the key of the folder. What was submitted and not sent
// lies sealed in it; the administrator takes the file in, and nothing of it is lost.
func TestTenWrongPINsAndDeliver(t *testing.T) {
	s := newSite(t)
	other := s.device("A7")
	p := s.phone("张试验", "B2")
	d, err := p.Create("SJ")
	must(t, err)
	must(t, p.Submit(t.Context(), d.Set("on", "2026-05-20").Set("heard", "锁在手机里的").Set("visibility", "本级及上级").Set("place_code", township)))
	must(t, p.Close())
	cheap := vault.Options{Cost: vault.Cost{Passes: 1, MemoryKiB: 64, Threads: 1}}
	must(t, clientsdk.ChangePIN(p.dir, "258147", clientsdk.Options{Vault: cheap}))
	for range vault.MaxTries {
		_, err = clientsdk.Open(p.dir, clientsdk.Options{PIN: "111112"})
	}
	if !errors.Is(err, vault.ErrDropped) {
		t.Fatalf("after ten wrong PINs: %v", err)
	}
	if _, err := clientsdk.Open(p.dir, clientsdk.Options{PIN: "258147"}); !errors.Is(err, vault.ErrDropped) {
		t.Fatalf("the right PIN afterwards: %v", err)
	}
	p.Client = nil
	for range 2 { // any number of times
		if out := s.chuantou("admin", "deliver", "-data", s.server.Data, clientsdk.SealedOutbox(p.dir)); !strings.Contains(out, "1 changes") {
			t.Errorf("delivered:\n%s", out)
		}
	}
	syncAll(t, other)
	if v, err := other.Get(d.Record()); err != nil || v.Value("heard") != "锁在手机里的" {
		t.Errorf("what was locked in: %v", err)
	}
}

// A server restored from a backup does not know a device that was enrolled
// since. The device says so in words, enrols again, and everything it wrote, also
// what had been received, is there again.
func TestDeviceOfAfterTheBackup(t *testing.T) {
	s := newSite(t)
	other := s.device("A7")
	pass, file := filepath.Join(t.TempDir(), "pass"), filepath.Join(t.TempDir(), "backup")
	must(t, os.WriteFile(pass, []byte("东极的月亮很圆很圆很圆很圆\n"), 0o600))
	s.chuantou("backup", file, "-data", s.server.Data, "-passphrase-file", pass)
	p := s.phone("张试验", "B2")
	received := noteAt(t, p.Client, township, "收到过的")
	unsent, err := p.Create("SJ")
	must(t, err)
	must(t, p.Submit(t.Context(), unsent.Set("on", "2026-05-20").Set("heard", "没传的").Set("visibility", "本级及上级").Set("place_code", township)))

	addr := s.server.Addr
	s.server.Kill()
	must(t, os.RemoveAll(s.server.Data))
	s.chuantou("restore", file, s.server.Data, "-passphrase-file", pass)
	must(t, s.server.Start(t.Context(), addr))
	p.pass(1) // its session is over
	if _, err := p.Sync(t.Context()); syncproto.KindOf(err) != syncproto.KindUnauthorized {
		t.Fatalf("the device is told %v", err)
	}
	p.reopen()
	if sum, err := p.Summary(); err != nil || !sum.Unknown || !strings.Contains(strings.Join(sum.Words(), ""), "重新注册") {
		t.Errorf("the device says %+v, %v", sum, err)
	}
	code, err := s.server.Code(t.Context(), "张试验")
	must(t, err)
	must(t, p.ReEnrol(t.Context(), code))
	p.sync()
	if sum, err := p.Summary(); err != nil || sum.Unknown || sum.Pending != 0 {
		t.Errorf("afterwards: %+v, %v", sum, err)
	}
	syncAll(t, other, other)
	for id, want := range map[syncproto.RecordID]string{received: "收到过的", unsent.Record(): "没传的"} {
		if v, err := other.Get(id); err != nil || v.Value("heard") != want {
			t.Errorf("%q on another device: %v", want, err)
		}
		if v, err := p.Get(id); err != nil || v.Value("heard") != want {
			t.Errorf("%q on its own: %v", want, err)
		}
	}
}
