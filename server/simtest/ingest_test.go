package simtest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Two field cadres and the township's leader who may read whole households.
func threeDevices(t testing.TB) (w *world, a, b, leader *device) {
	w = newWorld(t)
	a = w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
	b = w.device("B2", w.person("乐例红", "外勤干部", township, ""))
	leader = w.device("L1", w.person("张例桥", "乡镇（街道）领导", township, "民政/帮扶"))
	return w, a, b, leader
}

func (w *world) rows(p syncproto.PersonID, q timeline.Query) []timeline.Row {
	w.t.Helper()
	v := w.dir.Viewer(p)
	page, err := timeline.Read(context.Background(), w.store, &v, q)
	must(w.t, err)
	return page.Rows
}

func (w *world) held() (out []records.Hold) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		return records.EveryHold(r, func(_ records.HeldPart, h records.Hold) (bool, error) {
			out = append(out, h)
			return true, nil
		})
	}))
	return out
}

func text(t testing.TB, rec *crdt.Record, field string) string {
	t.Helper()
	if rec == nil || rec.Text(field) == nil {
		return ""
	}
	return rec.Text(field).String()
}

func TestWhatOneWritesTheOthersRead(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.visit(map[string]any{"situation": "隔天来水。", "situation.personal": false, "purpose": "看用水"})
	a.sync()
	b.pull()
	leader.pull()
	for _, d := range []*device{b, leader} {
		if got := text(t, d.base[id], "situation"); got != "隔天来水。" {
			t.Fatalf("device of %s reads %q", d.person, got)
		}
	}
	b.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "独居老人，隔天来水。")) })
	a.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "隔天来水。水缸要人挑。")) })
	b.sync()
	a.sync()
	b.sync()
	leader.pull()
	for _, d := range []*device{a, b, leader} {
		if got := text(t, d.own[id], "situation"); got != "独居老人，隔天来水。水缸要人挑。" {
			t.Fatalf("after both edits: %q", got)
		}
		if d.digests != 0 {
			t.Fatalf("%d digest mismatches", d.digests)
		}
	}
	if rows := w.rows(leader.person, timeline.Query{}); len(rows) != 1 || rows[0].Summary != "看用水" || rows[0].Record != id {
		t.Fatalf("timeline: %+v", rows)
	}
}

func TestIdlePullIsNothing(t *testing.T) {
	_, a, b, _ := threeDevices(t)
	a.visit(nil)
	a.sync()
	b.pull()
	for _, d := range []*device{a, b} {
		d.pull()
		page, err := d.w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{Cursor: d.cursor})
		if err != nil || page != nil {
			t.Fatalf("idle pull: %+v, %v", page, err)
		}
	}
}

func TestRedeliveryIsRecognised(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	for range 7 {
		a.visit(nil)
	}
	first := a.pushAll(3)
	// The same again, cut otherwise, and twice at once.
	var wg sync.WaitGroup
	for range 4 {
		u := a.bundle(2, 7)
		wg.Go(func() {
			if _, err := a.push(u, u); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	again := a.pushAll(7)
	if first.Received.Prefix() != 7 || again.Received.Prefix() != 7 || len(again.Held) != 0 || again.Forked {
		t.Fatalf("receipts %+v and %+v", first, again)
	}
	if rows := w.rows(leader.person, timeline.Query{}); len(rows) != 7 {
		t.Fatalf("%d rows", len(rows))
	}
	leader.pull()
	if leader.digests != 0 || len(leader.base) != 7 {
		t.Fatalf("%d records, %d mismatches", len(leader.base), leader.digests)
	}
}

func TestGapIsRecordedAndCausalityDecides(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	id := a.visit(map[string]any{"purpose": "一"})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("二"))) })
	other := a.visit(map[string]any{"purpose": "三"})
	c, err := a.push(a.bundle(2, 3))
	must(t, err)
	if c.Received.Prefix() != 0 || !c.Received.Contains(3) || len(c.Held) != 1 || c.Held[0].Reason != syncproto.HoldMissing || c.Held[0].Record != id {
		t.Fatalf("after the gap: %+v", c)
	}
	if rows := w.rows(leader.person, timeline.Query{}); len(rows) != 1 || rows[0].Record != other {
		t.Fatalf("the unaffected record is not in the timeline: %+v", rows)
	}
	c, err = a.push(a.bundle(1, 1))
	must(t, err)
	if c.Received.Prefix() != 3 || len(c.Held) != 0 {
		t.Fatalf("after the gap was filled: %+v", c)
	}
	leader.pull()
	if e, ok := leader.base[id].Value("purpose"); !ok || string(e.Value) != string(value("二")) {
		t.Fatalf("the held edit was not applied: %v", e)
	}
	if leader.digests != 0 {
		t.Fatal("digest mismatch")
	}
}

func TestWhatIsNotWellSignedIsRefusedWhole(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	a.visit(nil)
	b.visit(nil)
	good := a.bundle(1, 1)
	foreign := b.bundle(1, 1)
	foreign.Replica = a.replica
	flipped := good
	flipped.Sig[0] ^= 1
	broken := good
	broken.Frame = bytes.Clone(good.Frame)
	broken.Frame[len(broken.Frame)/2] ^= 0x40
	relinked := good
	relinked.PrevLink[5] ^= 1
	for name, u := range map[string]syncproto.Bundle{"another device's": foreign, "flipped": flipped, "damaged": broken, "relinked": relinked} {
		if _, err := a.push(u); err == nil {
			t.Errorf("a bundle with %s signature was taken", name)
		} else if k := syncproto.KindOf(err); k != syncproto.KindBadSignature && k != syncproto.KindBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := w.device("X9", leader.person)
	stranger.visit(nil)
	u := stranger.bundle(1, 1)
	delete(w.devices, stranger.replica)
	if _, err := a.push(u); syncproto.KindOf(err) != syncproto.KindUnauthorized {
		t.Errorf("an unknown device: %v", err)
	}
	if rows := w.rows(leader.person, timeline.Query{}); len(rows) != 0 {
		t.Fatalf("something was applied: %+v", rows)
	}
	if _, err := a.push(good); err != nil {
		t.Fatalf("the good one afterwards: %v", err)
	}
}

func TestForkIsHeldWholeAndTold(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	clone := w.device("A7", a.person) // the same key and replica id: a copied device
	mine := a.visit(map[string]any{"purpose": "本机"})
	theirs := clone.visit(map[string]any{"purpose": "克隆"})
	clone.visit(map[string]any{"purpose": "克隆二"})
	a.pushAll(10)
	c, err := clone.push(clone.bundle(1, 2))
	must(t, err)
	if !c.Forked || len(c.Held) != 2 || c.Held[0].Reason != syncproto.HoldFork || c.Received.Prefix() != 1 {
		t.Fatalf("receipt of the clone: %+v", c)
	}
	leader.pull()
	if leader.base[mine] == nil || leader.base[theirs] != nil {
		t.Fatal("the fork was applied, or the first was not")
	}
	// Told again it is still one fork.
	c, err = clone.push(clone.bundle(1, 2))
	must(t, err)
	if len(c.Held) != 2 {
		t.Fatalf("held twice: %+v", c.Held)
	}
	if len(w.held()) != 2 {
		t.Fatalf("%d held parts", len(w.held()))
	}
}

func TestOutOfScopeIsHeldAndNotShown(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	other := w.device("Z1", w.person("外镇干部", "外勤干部", "330903102", ""))
	id := other.visit(map[string]any{"place_code": township + "902"})
	c := other.pushAll(5)
	if len(c.Held) != 1 || c.Held[0].Reason != syncproto.HoldScope || !strings.Contains(c.Held[0].Reason.Words(), "管理员") {
		t.Fatalf("receipt: %+v", c)
	}
	leader.pull()
	a.pull()
	if leader.base[id] != nil || a.base[id] != nil || len(w.rows(leader.person, timeline.Query{})) != 0 {
		t.Fatal("a held record is shown")
	}
}

func TestSeenBeyondWhatExistsIsHeldInBoundedWork(t *testing.T) {
	_, a, _, _ := threeDevices(t)
	id := a.visit(nil)
	rec := a.own[id]
	h := syncproto.VectorOf(syncproto.ChangeID{Replica: a.replica, Seq: 1}, syncproto.ChangeID{Replica: syncproto.ReplicaID{9}, Seq: 1 << 62})
	a.seq++
	head := syncproto.Header{Replica: a.replica, Seq: a.seq, Author: a.person}
	part := syncproto.Part{Record: rec.ID, Prev: 1, Seen: h, Ops: []syncproto.Op{{Kind: syncproto.OpSet, Field: "purpose", Value: value("x")}}}
	c := wire.RawChange{Header: head, HeaderBytes: wire.AppendHeader(nil, &head), Parts: []wire.RawPart{{Bytes: wire.AppendPart(nil, a.replica, &part)}}}
	a.changes, a.parts = append(a.changes, c), append(a.parts, nil)
	a.link = sign.Seal(c, a.seed(a.seq), a.link).Link
	a.links = append(a.links, a.link)
	r := a.pushAll(5)
	if len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldMissing {
		t.Fatalf("receipt: %+v", r)
	}
}

func TestTwoWindowsOfOneDeviceAreConcurrent(t *testing.T) {
	_, a, _, leader := threeDevices(t)
	id := a.visit(map[string]any{"met": "见到本人"})
	before := a.own[id].Clone()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	second := before.Edit(a.replica, a.own[id])
	must(t, second.Set("met", value("见到家属")))
	part, _ := second.Part()
	a.save(part)
	a.sync()
	leader.pull()
	if got := len(leader.base[id].Values("met")); got != 2 {
		t.Fatalf("%d values, want both windows'", got)
	}
}

func TestAuthorPartReachesNobodyElse(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	secret := "只给自己看的体会"
	id := a.visit(map[string]any{"impression": secret, "purpose": "走访"})
	a.sync()
	for _, d := range []*device{b, leader} {
		page, err := w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{})
		must(t, err)
		if leaks(t, page, secret) {
			t.Fatal("the author's part is in a page for somebody else")
		}
		d.apply(page)
		if d.base[id] == nil || text(t, d.base[id], "impression") != "" {
			t.Fatal("record missing, or with the author's part")
		}
		if d.digests != 0 {
			t.Fatal("digest mismatch")
		}
	}
	a.pull()
	if text(t, a.base[id], "impression") != secret {
		t.Fatal("the author lost his own part")
	}
}

// leaks reports whether any frame of a page holds the words.
func leaks(t testing.TB, page *syncproto.Page, words string) bool {
	t.Helper()
	for i := range page.Entries {
		e := &page.Entries[i]
		if len(e.Frame) == 0 {
			continue
		}
		raw, err := wire.Decompress(e.Frame, e.RawBytes)
		must(t, err)
		if bytes.Contains(raw, []byte(words)) {
			return true
		}
	}
	return false
}

func TestNarrowedAfterwardsIsNotPassedOnAnyMore(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	words := "欠款三万"
	id := a.visit(map[string]any{"purpose": words})
	a.sync()
	leader.pull()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("visibility", value("本人"))) })
	a.sync()
	leader.pull()
	if leader.base[id] != nil {
		t.Fatal("the record stayed on a device that may no longer read it")
	}
	late := w.device("L2", leader.person)
	page, err := w.feed.Pull(context.Background(), late.replica, late.person, syncproto.PullRequest{})
	must(t, err)
	if leaks(t, page, words) {
		t.Fatal("a first sync hands out the bytes of what was narrowed")
	}
	if rows := w.rows(leader.person, timeline.Query{}); len(rows) != 0 {
		t.Fatalf("timeline still shows %+v", rows)
	}
}

// One page tells of a change to the record and then of its narrowing: the
// reader is not shown the change, and the record is taken away.
func TestChangedAndNarrowedInOnePage(t *testing.T) {
	_, a, b, _ := threeDevices(t)
	id := a.visit(map[string]any{"purpose": "一"})
	a.sync()
	b.pull()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("二"))) })
	a.sync()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("visibility", value("限定人员"))) })
	a.sync()
	b.pull()
	if b.base[id] != nil {
		t.Fatal("the record stayed on a device that may no longer read it")
	}
}

func TestRecordThatMovesLeavesAndEnters(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	office := w.device("O1", w.person("区管理员", "管理员", "330903", ""))
	elsewhere := w.device("L9", w.person("虾峙领导", "乡镇（街道）领导", "330903102", "民政/帮扶"))
	id := a.visit(map[string]any{"purpose": "搬家的户"})
	a.sync()
	leader.pull()
	elsewhere.pull()
	office.pull()
	if elsewhere.base[id] != nil || leader.base[id] == nil || office.base[id] == nil {
		t.Fatal("before the move")
	}
	office.write(id, "", func(e *crdt.Edit) { must(t, e.Set("place_code", value("330903102901"))) })
	office.sync()
	leader.pull()
	elsewhere.pull()
	if leader.base[id] != nil || elsewhere.base[id] == nil {
		t.Fatalf("after the move: left %v, entered %v", leader.base[id] == nil, elsewhere.base[id] != nil)
	}
	if leader.digests+elsewhere.digests != 0 {
		t.Fatal("digest mismatch")
	}
	if rows := w.rows(elsewhere.person, timeline.Query{}); len(rows) != 1 {
		t.Fatalf("%d rows where it moved to", len(rows))
	}
}

// One bundle holds visits and a note of one's own: each atom tells of its own
// changes alone.
func TestOwnChangesAreToldExactly(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	a.visit(nil)
	a.visit(map[string]any{"visibility": "本人"})
	a.visit(nil)
	a.pushAll(3)
	page, err := w.feed.Pull(context.Background(), a.replica, a.person, syncproto.PullRequest{})
	must(t, err)
	got := map[syncproto.Atom]syncproto.Ranges{}
	for _, e := range page.Entries {
		if e.Kind == syncproto.EntryOwn {
			got[e.Atom] = got[e.Atom].Add(e.From, e.To)
		}
	}
	mine, town := got[syncproto.PersonAtom(a.person)], got[syncproto.TownshipAtom(township)]
	if !mine.Contains(2) || mine.Contains(1) || mine.Contains(3) || town.Contains(2) || !town.Contains(1) || !town.Contains(3) {
		t.Fatalf("told: %v", got)
	}
}

// A first page tells of a record that left the township and came back to it.
func TestRecordThatCameBackInOnePage(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	office := w.device("O1", w.person("区管理员", "管理员", "330903", ""))
	id := a.visit(map[string]any{"purpose": "搬出搬回"})
	a.sync()
	office.pull()
	for _, place := range []string{"330903102901", township + "901"} {
		office.write(id, "", func(e *crdt.Edit) { must(t, e.Set("place_code", value(place))) })
		office.sync()
	}
	late := w.device("F9", w.person("后来人", "外勤干部", township, ""))
	late.pull()
	if late.base[id] == nil {
		t.Fatal("the record is back and the newcomer does not get it")
	}
}

func TestOlderCopyOfTheStoreIsNoticed(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	a.visit(map[string]any{"purpose": "旧"})
	a.sync()
	leader.pull()
	copyOf := w.snapshot()
	id := b.visit(map[string]any{"purpose": "新"})
	b.sync()
	leader.pull()
	before, err := w.store.Epoch(context.Background())
	must(t, err)
	w.restore(copyOf)
	// A device that has seen the lost work comes: the epoch is raised.
	leader.pull()
	after, err := w.store.Epoch(context.Background())
	must(t, err)
	if before == after {
		t.Fatal("the rollback went unnoticed")
	}
	// The leader keeps what the store lost, so the digests differ until it is back.
	if leader.base[id] == nil {
		t.Fatal("a base that the new epoch does not cover was dropped")
	}
	leader.digests = 0
	// The author comes: its receipt shows what is missing, it pushes again.
	c, err := w.ingest.Receipt(context.Background(), b.replica)
	must(t, err)
	if c.Received.Contains(1) {
		t.Fatal("the receipt claims what was lost")
	}
	b.sync()
	leader.pull()
	if leader.base[id] == nil || leader.digests != 0 {
		t.Fatalf("lost: %v, mismatches %d", leader.base[id] == nil, leader.digests)
	}
}

// The older copy is put back and others write to it before a device that has
// seen more comes: its numbers are not ahead any more, and yet it notices.
func TestOlderCopyWrittenToAgainIsNoticed(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	a.visit(map[string]any{"purpose": "旧"})
	a.sync()
	leader.pull()
	copyOf := w.snapshot()
	b.visit(map[string]any{"purpose": "丢"})
	b.sync()
	leader.pull()
	w.restore(copyOf)
	id := a.visit(map[string]any{"purpose": "又写"})
	a.pushAll(20)
	a.visit(map[string]any{"purpose": "再写"})
	a.pushAll(20)
	leader.pull()
	if leader.base[id] == nil {
		t.Fatal("what was written after the copy was put back passes the leader by")
	}
}

func TestUnknownFieldsAndKindsAreKept(t *testing.T) {
	_, a, _, leader := threeDevices(t)
	id := a.newID()
	a.write(id, "NEW", func(e *crdt.Edit) {
		must(t, e.Set("place_code", value(township)))
		must(t, e.Set("recorder_id", value(a.person[:])))
		must(t, e.Set("from_the_future", value("x")))
	})
	c := a.pushAll(1)
	if len(c.Held) != 0 {
		t.Fatalf("held: %+v", c.Held)
	}
	leader.pull()
	if rec := leader.base[id]; rec != nil {
		if _, ok := rec.Value("from_the_future"); ok {
			t.Fatal("a field nobody classified reached somebody else")
		}
	}
	a.pull()
	if e, ok := a.base[id].Value("from_the_future"); !ok || string(e.Value) != string(value("x")) {
		t.Fatal("the author lost it")
	}
}

func TestReferenceDataNeedsAnAdministrator(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	admin := w.device("O1", w.person("镇管理员", "管理员", township, ""))
	write := func(d *device, place string) syncproto.Receipt {
		d.write(d.newID(), "person", func(e *crdt.Edit) {
			must(t, e.Set("name", value("新人")))
			item, err := e.InsertItem("roles", 0)
			must(t, err)
			must(t, e.Item("roles", item).Set("role", value(string(authz.RoleCity))))
			must(t, e.Item("roles", item).Set("place", value(place)))
		})
		return d.pushAll(50)
	}
	if c := write(a, township); len(c.Held) != 1 {
		t.Fatal("a field cadre made a person")
	}
	if c := write(admin, township+"901"); len(c.Held) != 0 {
		t.Fatalf("an administrator in his own territory: %+v", c.Held)
	}
	if c := write(admin, "3309"); len(c.Held) != 1 {
		t.Fatal("an administrator granted himself a wider place")
	}
}

func TestDiskFullRefusesAndLosesNothing(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	a.visit(nil)
	full := &fullStore{Store: w.store, full: true}
	w.store = full
	w.reopen()
	if _, err := a.push(a.bundle(1, 1)); syncproto.KindOf(err) != syncproto.KindFull {
		t.Fatalf("on a full disk: %v", err)
	}
	full.full = false
	a.sync()
	leader.pull()
	if len(leader.base) != 1 {
		t.Fatal("lost after room was made")
	}
}

type fullStore struct {
	store.Store
	full bool
}

func (f *fullStore) Update(ctx context.Context, g []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	if f.full {
		return 0, store.ErrFull
	}
	return f.Store.Update(ctx, g, fn)
}
