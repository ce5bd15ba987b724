package clientsdk_test

import (
	"context"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

const day = 24 * time.Hour

// holds checks how many own changes are on a device.
func (w *world) holds(c *clientsdk.Client, want int) {
	w.t.Helper()
	s, err := c.Summary()
	if err != nil || s.OwnChanges != want || s.Pending != 0 {
		w.t.Errorf("%d changes kept, %d to be sent, %v: want %d and none", s.OwnChanges, s.Pending, err, want)
	}
}

// TestKeptUntilBackedUp: acknowledged work stays until a verified backup has
// had it for 35 days by the server's clock; then it goes, and nothing else
// changes: what is shown, editing on, another device's view, a restart.
func TestKeptUntilBackedUp(t *testing.T) {
	w := newWorld(t, 31)
	a, store := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "第一次")
	w.submit(a, d)
	w.submit(a, w.edit(a, d.Record()).Set("summary", "改过"))
	w.sync(a)
	w.clock.add(200 * day)
	w.sync(a)
	w.holds(a, 2) // acknowledged for long, in no backup

	w.server.BackUp()
	w.sync(a)
	w.submit(a, w.edit(a, d.Record()).Set("summary", "备份以后")) // in no backup
	w.sync(a)
	w.clock.add(34 * day)
	w.sync(a)
	w.holds(a, 3)
	w.clock.add(2 * day)
	w.sync(a)
	w.holds(a, 1)

	check := func(c *clientsdk.Client, summary string) {
		t.Helper()
		w.value(c, d.Record(), "situation", "第一次")
		w.value(c, d.Record(), "summary", summary)
		w.status(c, d.Record(), "已提交 · 已收到")
	}
	check(a, "备份以后")
	a.Close()
	a = w.open(store.Clone())
	check(a, "备份以后")
	w.holds(a, 1)
	h, err := a.History(d.Record())
	if err != nil || len(h) == 0 || !h[0].Own {
		t.Errorf("history %+v, %v", h, err)
	}

	// Editing goes on from where it was: the chain of the record has no gap.
	w.submit(a, w.edit(a, d.Record()).Set("summary", "接着写"))
	w.sync(a)
	w.holds(a, 2)
	w.sync(b)
	check(b, "接着写")
}

// TestDroppedComesBack: a feed read from its beginning, after a restore of the
// latest backup, brings the dropped work back.
func TestDroppedComesBack(t *testing.T) {
	w := newWorld(t, 32)
	a, _ := w.device(personA, "A7")
	var ids []syncproto.RecordID
	for _, s := range []string{"一", "二", "三"} {
		d := w.visit(a, s)
		ids = append(ids, d.Record())
		w.submit(a, d)
	}
	w.sync(a)
	w.server.BackUp()
	w.sync(a)
	copied := w.server.Copy()
	w.clock.add(36 * day)
	d := w.visit(a, "备份以后")
	w.submit(a, d)
	w.sync(a)
	w.holds(a, 1)
	w.server.PutBack(copied)
	for range 2 {
		w.clock.add(time.Second)
		if _, err := a.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	w.holds(a, 1)
	for i, id := range ids {
		w.value(a, id, "situation", []string{"一", "二", "三"}[i])
	}
	w.status(a, d.Record(), "已提交 · 已收到")
	if w.server.Record(d.Record()) == nil {
		t.Error("what was lost with the server was not pushed again")
	}
	// The new history counts the days anew.
	w.server.BackUp()
	w.sync(a)
	w.clock.add(34 * day)
	w.sync(a)
	w.holds(a, 1)
	w.clock.add(2 * day)
	w.sync(a)
	w.holds(a, 0)
}

// TestHeldIsKept: what the server has and did not apply stays on the device.
func TestHeldIsKept(t *testing.T) {
	w := newWorld(t, 33)
	a, _ := w.device(personA, "A7")
	w.server.Hold = func(*syncproto.Part) syncproto.HoldReason { return syncproto.HoldMissing }
	d := w.visit(a, "收了没用上")
	w.submit(a, d)
	w.sync(a)
	w.server.BackUp()
	w.sync(a)
	w.clock.add(100 * day)
	w.sync(a)
	w.holds(a, 1)
	w.status(a, d.Record(), "已提交 · 待处理")
}
