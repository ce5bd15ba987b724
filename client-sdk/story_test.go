package clientsdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// TestJoinOffline: two recorders write one meeting, the second by its code,
// neither with a network; one 提交 submits it for both.
func TestJoinOffline(t *testing.T) {
	w := newWorld(t, 11)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")

	d, err := a.Create("HY")
	if err != nil {
		t.Fatal(err)
	}
	id := d.Record()
	d.Fill(map[string]any{"meeting_type": "道地会", "place_code": village, "owner_unit": unitU3.String(), "host_id": personA.String()})
	d.AddItem("statements", map[string]any{"speaker": "翁例娥", "mode": "原话", "text": "隔天来水，我挑不动"})
	d.AddItem("attendees", map[string]any{"person": personA.String(), "role": "出席"})
	d.Log("session_events", map[string]any{"event": "散会", "at": "2026-05-18T16:00:00+08:00"})
	if err := a.Share(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	w.status(a, id, "草稿 · 待上传")
	code, err := clientsdk.Code(id)
	if err != nil {
		t.Fatal(err)
	}

	j, err := b.Join(strings.ToLower(code))
	if err != nil {
		t.Fatal(err)
	}
	if j.Record() != id || b.FarFromNow(id) {
		t.Fatalf("the code opens %s, want %s", j.Record(), id)
	}
	j.AddItem("statements", map[string]any{"speaker": "仇例娣", "mode": "原话", "text": "夜里走石阶要跌跤"})
	if err := b.Share(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	w.sync(b)
	w.sync(a)
	w.sync(b)
	for _, c := range []*clientsdk.Client{a, b} {
		w.status(c, id, "草稿 · 已收到")
		v, _ := c.Get(id)
		if n := len(v.Value("statements").([]any)); n != 2 {
			t.Errorf("%d statements", n)
		}
		if n := len(v.Value("recorder_ids").([]any)); n != 2 {
			t.Errorf("%d recorders", n)
		}
		if v.Value("title") != "道地会（2026年5月18日）" {
			t.Errorf("title %v", v.Value("title"))
		}
	}
	w.submit(a, w.edit(a, id))
	w.sync(a)
	w.sync(b)
	w.status(b, id, "已提交 · 已收到")
	w.value(b, id, "recorder_id", personA)
	// Joining again is editing.
	again, err := b.Join(code)
	if err != nil {
		t.Fatal(err)
	}
	w.submit(b, again.Set("summary", "吃水"))
	w.sync(b)
	w.sync(a)
	w.value(a, id, "summary", "吃水")
}

// TestJoinWrongCode: what Join says of codes that cannot be right.
func TestJoinWrongCode(t *testing.T) {
	w := newWorld(t, 12)
	a, _ := w.device(personA, "A7")
	if _, err := a.Join("7K3M-QX2P-9BH0"); err == nil || !strings.Contains(err.Error(), "no 0, O, 1 or I") {
		t.Error(err)
	}
	d, err := a.Join("7K3M-QX2P-9BHA")
	if err != nil || !a.FarFromNow(d.Record()) {
		t.Errorf("%v: a code of another year is not noticed", err)
	}
}

// TestSameSave: a visit and its demand arrive together and say when the other is held.
func TestSameSave(t *testing.T) {
	w := newWorld(t, 13)
	a, _ := w.device(personA, "A7")
	v := w.visit(a, "缆桩断了两根")
	d, err := a.Create("SQ")
	if err != nil {
		t.Fatal(err)
	}
	d.Fill(map[string]any{"content": "岙口系缆桩断了两根", "category": "渔港安全", "raised_by": []string{"曾例海"}, "source_ref": v.Record().String(),
		"source_channel": "走访", "place_code": village, "owner_unit": unitU3.String()})
	v.Add("demands", d.Record())
	w.submit(a, v, d)
	if sum, _ := a.Summary(); sum.Pending != 1 {
		t.Errorf("one save is %d changes", sum.Pending)
	}
	w.server.Hold = func(p *syncproto.Part) syncproto.HoldReason {
		if p.Record == d.Record() {
			return syncproto.HoldScope
		}
		return 0
	}
	w.sync(a)
	w.status(a, v.Record(), "已提交 · 已收到")
	w.status(a, d.Record(), "已提交 · 待处理")
	if s, _ := a.Status(v.Record()); s.Siblings != 1 {
		t.Errorf("%+v", s)
	}
	if s, _ := a.Status(d.Record()); len(s.Reasons) != 1 || s.Reasons[0] != syncproto.HoldScope.Words() {
		t.Errorf("%+v", s)
	}
	w.value(a, d.Record(), "content", "岙口系缆桩断了两根")
	h, err := a.History(d.Record())
	if err != nil || len(h) != 1 || h[0].Sync != clientsdk.SyncHeld || !h[0].Own {
		t.Errorf("%+v %v", h, err)
	}
}

// TestDraftLeavesNoTrace: what was typed and taken back is in nothing that is sent.
func TestDraftLeavesNoTrace(t *testing.T) {
	w := newWorld(t, 14)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "翁例娥讲")
	d.Set("purpose", "330903195001010028").Set("companions", []any{"翁例娥"})
	ref := d.AddItem("follow_up", map[string]any{"what": "找翁例娥"})
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	a.Close()
	a = w.open(store.Clone())
	d, err := a.Draft(d.ID())
	if err != nil {
		t.Fatal(err)
	}
	d.Set("situation", "匿名群众讲").Set("purpose", "看用水").Set("companions", []any{}).RemoveItem("follow_up", ref)
	w.submit(a, d)
	var file bytes.Buffer
	if n, err := a.ExportOutbox(&file); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	bundles, err := w.server.OpenOutbox(&file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := wire.Decompress(bundles[0].Frame, bundles[0].RawBytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"翁例娥", "330903195001010028"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%s is in the change", secret)
		}
	}
	if !bytes.Contains(raw, []byte("匿名群众讲")) {
		t.Error("the final value is not")
	}
}

// TestSealed: sensitive values are sealed under the household's key, open on
// devices that got it, and are masked elsewhere.
func TestSealed(t *testing.T) {
	w := newWorld(t, 15)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	h, err := a.Create("HD")
	if err != nil {
		t.Fatal(err)
	}
	h.Fill(map[string]any{"head_person_id": fakeserver.ID(50).String(), "place_code": village, "owner_unit": unitU3.String(), "address": "前岙1号",
		"hamlet": "前岙", "causes": []any{"因病"}})
	h.AddItem("members", map[string]any{"name": "曾例海", "relation": "0", "sex": "1", "health": "长期慢性病", "birth": map[string]any{"on": "1968", "calendar": "公历"}})
	h.Log("consent", map[string]any{"on": "2026-01-05", "text_version": "告知-1", "who": personA.String(), "mode": "口头"})
	w.submit(a, h)
	w.sync(a)
	rec := w.server.Record(h.Record())
	if e, _ := rec.Value("causes"); !wire.IsSealed(e.Value) {
		t.Error("causes lies open in the history")
	}
	item := rec.List("members")[0]
	if e, _ := item.Value("health"); !wire.IsSealed(e.Value) {
		t.Error("health lies open in the history")
	}
	if e, _ := item.Value("name"); wire.IsSealed(e.Value) {
		t.Error("a name is sealed")
	}
	if len(w.server.Keys()) != 1 || w.server.Keys()[0].Holder != h.Record() {
		t.Fatalf("keys at the server: %+v", w.server.Keys())
	}
	w.value(a, h.Record(), "causes", []any{"因病"})

	// Setting what it already reads writes nothing; setting another value does.
	if err := a.Submit(context.Background(), w.edit(a, h.Record()).Set("causes", []any{"因病"})); !errors.Is(err, clientsdk.ErrUnchanged) {
		t.Errorf("the same value again: %v", err)
	}
	w.submit(a, w.edit(a, h.Record()).Set("causes", []any{"因病", "年老"}))
	w.sync(a)
	if len(w.server.Keys()) != 1 {
		t.Error("a second key was made for the household")
	}
	w.sync(b)
	w.value(b, h.Record(), "causes", []any{"因病", "年老"})

	// A device that was not given the key sees that there is something.
	w.server.ForgetKeys()
	c, _ := w.device(fakeserver.ID(3), "C1")
	w.sync(c)
	w.value(c, h.Record(), "causes", clientsdk.Masked{})
	w.value(c, h.Record(), "address", "前岙1号")

	// What belongs to no household is sealed under the replica's own key.
	d := w.visit(b, "看海").Set("geo", map[string]any{"lat": 30.2, "lng": 122.7, "accuracy": 10, "datum": "WGS-84"})
	w.submit(b, d)
	w.sync(b)
	if e, _ := w.server.Record(d.Record()).Value("geo"); !wire.IsSealed(e.Value) {
		t.Error("geo lies open")
	}
	if k := w.server.Keys(); len(k) != 1 || k[0].Holder != personB {
		t.Errorf("keys: %+v", k)
	}
}

// TestServerRestored: an older copy of the server's folder is put back; the
// device pushes again what it lost without being asked.
func TestServerRestored(t *testing.T) {
	w := newWorld(t, 16)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d1 := w.visit(a, "一")
	w.submit(a, d1)
	w.sync(a)
	w.sync(b)
	old := w.server.Copy()
	d2 := w.visit(a, "二")
	w.submit(a, d2)
	w.submit(b, w.edit(b, d1.Record()).Set("situation", "一一"))
	w.sync(a)
	w.sync(b)
	w.sync(a)
	w.status(a, d2.Record(), "已提交 · 已收到")

	w.server.PutBack(old)
	if _, err := a.Sync(context.Background()); err != nil { // learns from the receipt that the server lost a change
		t.Fatal(err)
	}
	w.status(a, d2.Record(), "已提交 · 待上传")
	w.value(a, d2.Record(), "situation", "二")
	for range 3 {
		for _, c := range []*clientsdk.Client{a, b} {
			if _, err := c.Sync(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.status(a, d2.Record(), "已提交 · 已收到")
	for _, c := range []*clientsdk.Client{a, b} {
		w.sync(c)
		w.value(c, d1.Record(), "situation", "一一")
		w.value(c, d2.Record(), "situation", "二")
	}
	if w.server.Record(d2.Record()) == nil || textAt(w, d1.Record()) != "一一" {
		t.Error("the server did not get back what it acknowledged")
	}
}

func textAt(w *world, id syncproto.RecordID) string {
	return w.server.Record(id).Text("situation").String()
}

// TestCopiedStore: a store is copied and both go on. The second to push learns
// it, enrols again, and its unsent work arrives under the new id.
func TestCopiedStore(t *testing.T) {
	w := newWorld(t, 17)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "共同的")
	w.submit(a, d)
	w.sync(a)
	copied := w.open(store.Clone())

	w.submit(a, w.edit(a, d.Record()).Set("summary", "甲"))
	w.sync(a)
	own := w.visit(copied, "副本写的").Set("geo", map[string]any{"lat": 30.2, "lng": 122.7, "accuracy": 10, "datum": "WGS-84"})
	own.AddItem("follow_up", map[string]any{"what": "回访", "who": personA.String(), "by": "2026-06-01"})
	own.Add("tags", "好做法")
	w.submit(copied, own)
	w.submit(copied, w.edit(copied, d.Record()).Set("met", "未遇").Set("situation", "共同的，补充"))
	if _, err := copied.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, _ := copied.Summary()
	if !s.NeedsNewID {
		t.Fatalf("%+v", s)
	}
	if err := copied.Submit(context.Background(), w.edit(copied, d.Record()).Set("summary", "x")); !errors.Is(err, clientsdk.ErrNeedsNewID) {
		t.Errorf("submitting under a spent id: %v", err)
	}
	before, _ := copied.Identity()
	if err := copied.ReEnrol(context.Background(), "wrong"); err == nil {
		t.Error("a wrong code was taken")
	}
	if err := copied.ReEnrol(context.Background(), w.server.Code(personB)); err == nil || !strings.Contains(err.Error(), "another person") {
		t.Errorf("another person's code: %v", err)
	}
	if err := copied.ReEnrol(context.Background(), w.server.Code(personA)); err != nil {
		t.Fatal(err)
	}
	if after, _ := copied.Identity(); after.Replica == before.Replica {
		t.Error("still the spent id")
	}
	w.value(copied, d.Record(), "met", "未遇")
	w.status(copied, own.Record(), "已提交 · 待上传")
	w.sync(copied)
	w.sync(copied)
	w.status(copied, own.Record(), "已提交 · 已收到")
	rec := w.server.Record(own.Record())
	if rec == nil || rec.Text("situation").String() != "副本写的" || len(rec.List("follow_up")) != 1 || len(rec.Set("tags")) != 1 {
		t.Fatal("the copy's own record did not arrive whole")
	}
	w.value(copied, d.Record(), "summary", "甲")
	w.value(copied, d.Record(), "situation", "共同的，补充")
	if v, _ := copied.Get(own.Record()); v == nil || fmt.Sprint(v.Value("geo")) == fmt.Sprint(clientsdk.Masked{}) {
		t.Error("a sealed value that was issued anew does not open")
	}
	if len(w.server.Keys()) == 0 {
		t.Error("the key of a value issued anew did not reach the server")
	}
}

// TestRestoredDevice: an older copy of the device's own store is put back. It
// notices before it writes under a number that is taken.
func TestRestoredDevice(t *testing.T) {
	w := newWorld(t, 18)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	old := store.Clone()
	lost := w.visit(a, "二")
	w.submit(a, lost)
	w.sync(a)
	a.Close()

	a = w.open(old)
	if _, err := a.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := a.Submit(context.Background(), w.visit(a, "三")); !errors.Is(err, clientsdk.ErrNeedsNewID) {
		t.Fatalf("submit on a store that went back: %v", err)
	}
	if err := a.ReEnrol(context.Background(), w.server.Code(personA)); err != nil {
		t.Fatal(err)
	}
	next := w.visit(a, "三")
	w.submit(a, next)
	w.sync(a)
	w.value(a, lost.Record(), "situation", "二")
	w.value(a, d.Record(), "situation", "一")
	w.status(a, next.Record(), "已提交 · 已收到")
}

// TestCutAnywhere loses requests and answers at random; at the end everything
// is everywhere once.
func TestCutAnywhere(t *testing.T) {
	for seed := byte(20); seed < 30; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { cutAnywhere(t, seed) })
	}
}

func cutAnywhere(t *testing.T, seed byte) {
	w := newWorld(t, seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	w.server.PageEntries = 1 + r.IntN(5)
	w.server.AsStates = r.IntN(3) == 0
	cut := func(*session.Request) error {
		if r.IntN(3) == 0 {
			return fakeserver.ErrCut
		}
		return nil
	}
	a, storeA := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	w.server.OnRequest, w.server.OnAnswer = cut, cut
	var ids []syncproto.RecordID
	for range 40 {
		c := a
		if r.IntN(2) == 0 {
			c = b
		}
		switch n := r.IntN(10); {
		case n < 3:
			d := w.visit(c, fmt.Sprint("记录", len(ids)))
			w.submit(c, d)
			ids = append(ids, d.Record())
		case n < 6 && len(ids) > 0:
			d, err := c.Edit(ids[r.IntN(len(ids))])
			if err != nil {
				continue // not here yet
			}
			w.submit(c, d.Set("summary", fmt.Sprint(r.IntN(5), " ", r.IntN(1000))).Add("tags", fmt.Sprint(r.IntN(9))))
		case n == 9 && c == a:
			a.Close()
			storeA = storeA.Clone()
			a = w.open(storeA)
		default:
			w.clock.add(time.Second)
			c.Sync(context.Background())
		}
	}
	w.server.OnRequest, w.server.OnAnswer = nil, nil
	for range 3 {
		w.sync(a)
		w.sync(b)
	}
	for _, id := range ids {
		va, err := a.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		vb, err := b.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", va) != fmt.Sprintf("%+v", vb) {
			t.Errorf("seed %d: the devices differ:\n%+v\n%+v", seed, va, vb)
		}
		w.status(a, id, "已提交 · 已收到")
	}
	if s, _ := a.Summary(); s.Pending != 0 {
		t.Errorf("seed %d: %+v", seed, s)
	}
}

// TestRefusedPush: a push that is refused does not stop the pull.
func TestRefusedPush(t *testing.T) {
	w := newWorld(t, 40)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(b, "别人的")
	w.submit(b, d)
	w.sync(b)
	w.submit(a, w.visit(a, "自己的"))
	w.server.Refuse = func(q *session.Request) *syncproto.Error {
		if q.Path == "/v1/sync/push" {
			return syncproto.Errorf(syncproto.KindLater, "too busy")
		}
		return nil
	}
	r, err := a.Sync(context.Background())
	if err == nil || syncproto.KindOf(err) != syncproto.KindLater || r.Pull != nil || r.Pushed != 0 {
		t.Errorf("%+v %v", r, err)
	}
	w.value(a, d.Record(), "situation", "别人的")
	w.server.Refuse = nil
	if r := w.sync(a); r.Pushed != 1 {
		t.Errorf("%+v", r)
	}
}

// TestFullDisk: nothing is half saved, and it goes on when there is room.
func TestFullDisk(t *testing.T) {
	w := newWorld(t, 41)
	a, store := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	other := w.visit(b, "别人的")
	w.submit(b, other)
	w.sync(b)
	store.FailWith(func(*localstore.Batch) error { return localstore.ErrFull })
	d := w.visit(a, "满了")
	if err := d.Save(); !errors.Is(err, localstore.ErrFull) {
		t.Fatalf("save: %v", err)
	}
	if err := a.Submit(context.Background(), d); !errors.Is(err, localstore.ErrFull) {
		t.Fatalf("submit: %v", err)
	}
	if _, err := a.Sync(context.Background()); !errors.Is(err, localstore.ErrFull) {
		t.Fatalf("sync: %v", err)
	}
	if _, err := a.Get(other.Record()); !errors.Is(err, clientsdk.ErrNoRecord) {
		t.Errorf("a page was half applied: %v", err)
	}
	if _, err := a.Get(d.Record()); !errors.Is(err, clientsdk.ErrNoRecord) {
		t.Errorf("a submit that failed is shown: %v", err)
	}
	store.FailWith(nil)
	w.submit(a, d)
	w.sync(a)
	w.value(a, other.Record(), "situation", "别人的")
	w.value(a, d.Record(), "local_no", "ZF-330903105-20260518-A7-001")
}

// TestWatch: own saves and pulled changes are told.
func TestWatch(t *testing.T) {
	w := newWorld(t, 42)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	ctx, cancel := context.WithCancel(context.Background())
	changes := b.Watch(ctx)
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	w.sync(b)
	if id := <-changes; id != d.Record() {
		t.Errorf("%s changed, want %s", id, d.Record())
	}
	cancel()
	for range changes {
	}
	closed := a.Watch(context.Background())
	a.Close()
	for range closed {
	}
	if _, ok := <-a.Watch(context.Background()); ok {
		t.Error("a closed client tells changes")
	}
}

// TestClockYearsOff: the device's clock is wrong; claimed times are corrected
// by what was learned, and nothing received raises a clock.
func TestClockYearsOff(t *testing.T) {
	w := newWorld(t, 43)
	wrong := &clock{t: w.clock.now().Add(-3 * 365 * 24 * time.Hour)}
	store := localstore.NewMemory()
	a, err := clientsdk.OpenStore(store, clientsdk.Options{Clock: wrong.now, Random: rand.NewChaCha8([32]byte{43, 9}), Dial: w.server.DialWith(wrong.now)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Enrol(context.Background(), "https://fake.example", w.server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, _ := a.Summary(); !s.ClockOff || !slices.Contains(s.Words(), "设备时间可能不准") {
		t.Errorf("%+v", s)
	}
	d := w.visit(a, "钟慢了三年")
	if err := a.Submit(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	h, err := a.History(d.Record())
	if err != nil || len(h) != 1 || h[0].When.Sub(w.clock.now()).Abs() > time.Second {
		t.Errorf("%+v %v: want %s", h, err, w.clock.now())
	}
}

// TestVoid: voided with a reason, listed on demand, edited unaware elsewhere.
func TestVoid(t *testing.T) {
	w := newWorld(t, 44)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "写错户了")
	id := d.Record()
	w.submit(a, d)
	w.sync(a)
	w.sync(b)
	if err := a.Void(context.Background(), id, ""); err == nil {
		t.Error("voided without a reason")
	}
	if err := a.Void(context.Background(), id, "写错户"); err != nil {
		t.Fatal(err)
	}
	w.status(a, id, "已作废 · 待上传")
	if rows, _ := a.Query(clientsdk.Filter{}); len(rows) != 0 {
		t.Errorf("listed: %+v", rows)
	}
	if rows, _ := a.Query(clientsdk.Filter{Voided: true}); len(rows) != 1 || !rows[0].Voided {
		t.Errorf("%+v", rows)
	}
	w.submit(b, w.edit(b, id).Set("summary", "不知道已作废"))
	w.sync(a)
	w.sync(b)
	v, err := b.Get(id)
	if err != nil || !v.VoidedAndEdited || v.Status != clientsdk.StatusSubmitted || !slices.Equal(v.VoidReasons, []string{"写错户"}) {
		t.Errorf("%+v %v", v, err)
	}
	if err := b.Restore(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	w.sync(b)
	w.sync(a)
	if v, _ := a.Get(id); v.VoidedAndEdited || v.Value("summary") != "不知道已作废" {
		t.Errorf("%+v", v)
	}
}

// Two windows stay open on a record that leaves the device: what both write is
// in it in the end, though the device could show none of it.
func TestTwoFormsOnARecordThatLeft(t *testing.T) {
	w := newWorld(t, 35)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "甲乙")
	w.submit(a, d)
	w.sync(a)
	w.sync(b)
	one, other := w.edit(b, d.Record()).Set("situation", "甲丙乙"), w.edit(b, d.Record()).Set("situation", "甲乙丁")
	w.server.Leave(d.Record())
	w.sync(b)
	if _, err := b.Get(d.Record()); !errors.Is(err, clientsdk.ErrNoRecord) {
		t.Fatalf("the record stayed: %v", err)
	}
	w.submit(b, one)
	w.submit(b, other)
	if r, err := b.Sync(context.Background()); err != nil || r.Held > 0 || textAt(w, d.Record()) != "甲丙乙丁" {
		t.Errorf("the server has %q, %d held: %v", textAt(w, d.Record()), r.Held, err)
	}
}
