package clientsdk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
)

// fork makes a copy of a store and lets both write on, so that the copy's id is
// spent: the next sync of the copy tells.
func (w *world) fork(a *clientsdk.Client, store *localstore.Memory) (*clientsdk.Client, *localstore.Memory) {
	w.t.Helper()
	other := store.Clone()
	copied := w.open(other)
	w.submit(a, w.visit(a, "原来那台写的"))
	w.sync(a)
	return copied, other
}

func (w *world) reEnrol(c *clientsdk.Client) {
	w.t.Helper()
	if _, err := c.Sync(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	if s, _ := c.Summary(); !s.NeedsNewID {
		w.t.Fatalf("%+v", s)
	}
	if err := c.ReEnrol(context.Background(), w.server.Code(personA)); err != nil {
		w.t.Fatal(err)
	}
	w.sync(c)
	w.sync(c)
}

// What others wrote while the copy did not know of it stays beside what is
// issued anew, and each save stays a save of its own, in order.
func TestReissueChangeByChange(t *testing.T) {
	w := newWorld(t, 70)
	a, store := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "甲乙丙")
	w.submit(a, d.Set("summary", "起初"))
	w.sync(a)
	w.sync(b)
	copied, _ := w.fork(a, store)

	w.submit(copied, w.edit(copied, d.Record()).Set("summary", "副本一").Set("situation", "甲乙副丙"))
	w.submit(b, w.edit(b, d.Record()).Set("summary", "乙机").Set("situation", "甲乙丙丁"))
	w.sync(b)
	w.submit(copied, w.edit(copied, d.Record()).Set("summary", "副本二").Set("situation", "甲副本丙").Add("tags", "好做法"))
	w.reEnrol(copied)
	w.sync(b)
	for _, c := range []*clientsdk.Client{copied, b} {
		if got := w.versions(c, d.Record(), "summary"); !slices.Equal(got, []string{"乙机", "副本二"}) {
			t.Errorf("versions of the summary: %q", got)
		}
		w.value(c, d.Record(), "situation", "甲副本丙丁")
	}
	id, _ := copied.Identity()
	saves, err := copied.History(d.Record())
	if err != nil {
		t.Fatal(err)
	}
	var anew []syncproto.Seq
	for _, s := range saves {
		if s.Replica == id.Replica && !s.Replaces.IsZero() {
			anew = append(anew, s.Replaces.Seq)
		}
	}
	if !slices.Equal(anew, []syncproto.Seq{2, 3}) {
		t.Errorf("issued anew are changes %v of the spent id, want 2 and 3 each by itself", anew)
	}
}

func (w *world) versions(c *clientsdk.Client, id syncproto.RecordID, field string) (out []string) {
	w.t.Helper()
	v, err := c.Get(id)
	if err != nil {
		w.t.Fatal(err)
	}
	f, _ := v.Field(field)
	for _, s := range f.All {
		out = append(out, fmt.Sprint(s.Value))
	}
	slices.Sort(out)
	return out
}

// A form that lay open over it is submitted on the version it showed: it
// replaces what it knew, of others and of its own, and nothing else.
func TestReissueUnderOpenForm(t *testing.T) {
	w := newWorld(t, 71)
	a, store := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "一二三")
	w.submit(a, d.Set("summary", "起初"))
	w.sync(a)
	w.sync(b)
	copied, _ := w.fork(a, store)
	own := w.edit(copied, d.Record()).Set("summary", "副本").Set("situation", "一二副三")
	own.AddItem("follow_up", map[string]any{"what": "回访", "who": personA.String(), "by": "2026-06-01"})
	w.submit(copied, own)
	open := w.edit(copied, d.Record())
	v, err := copied.Get(d.Record())
	if err != nil {
		t.Fatal(err)
	}
	item := clientsdk.ItemRef(v.Value("follow_up").([]any)[0].(map[string]any)["id"].(string))
	open.Set("summary", "表单").Set("situation", "一表副三").SetItem("follow_up", item, map[string]any{"what": "再去一次"})
	if err := open.Save(); err != nil {
		t.Fatal(err)
	}
	w.submit(b, w.edit(b, d.Record()).Set("summary", "乙机").Set("situation", "一二三乙"))
	w.sync(b)
	w.reEnrol(copied)
	saved, err := copied.Draft(open.ID())
	if err != nil {
		t.Fatal(err)
	}
	w.submit(copied, saved)
	w.sync(copied)
	w.sync(copied)
	w.sync(b)
	for _, c := range []*clientsdk.Client{copied, b} {
		if got := w.versions(c, d.Record(), "summary"); !slices.Equal(got, []string{"乙机", "表单"}) {
			t.Errorf("versions of the summary: %q", got)
		}
		w.value(c, d.Record(), "situation", "一表副三乙")
	}
	list := w.server.Record(d.Record()).List("follow_up")
	if len(list) != 1 {
		t.Fatalf("%d items", len(list))
	}
	if e, _ := list[0].Value("what"); fmt.Sprint(plainOf(e.Value)) != "再去一次" {
		t.Errorf("the item says %v", plainOf(e.Value))
	}
}

// Work that the server has, and whose receipt was lost before the other copy
// was heard of, is not issued twice.
func TestReissueAfterLostReceipt(t *testing.T) {
	w := newWorld(t, 72)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	copied := w.open(store.Clone())
	w.submit(copied, w.edit(copied, d.Record()).Set("situation", "一二"))
	w.server.OnAnswer = func(q *session.Request) error {
		if q.Path == "/v1/sync/push" {
			return fakeserver.ErrCut
		}
		return nil
	}
	if _, err := copied.Sync(context.Background()); !errors.Is(err, fakeserver.ErrCut) {
		t.Fatal(err)
	}
	w.server.OnAnswer = nil
	w.submit(a, w.edit(a, d.Record()).Set("summary", "原来那台"))
	w.reEnrol(a)
	w.submit(copied, w.edit(copied, d.Record()).Set("situation", "一二三"))
	w.reEnrol(copied)
	w.sync(a)
	for _, c := range []*clientsdk.Client{a, copied} {
		w.value(c, d.Record(), "situation", "一二三")
		w.value(c, d.Record(), "summary", "原来那台")
	}
}

// A receipt that comes with a page is about the other copy's changes: what has
// the same numbers here is not taken for received.
func TestReceiptOfTheOtherCopy(t *testing.T) {
	w := newWorld(t, 73)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	copied, _ := w.fork(a, store)
	w.submit(copied, w.edit(copied, d.Record()).Set("summary", "副本"))
	w.server.OnRequest = func(q *session.Request) error {
		if q.Path == "/v1/sync/push" {
			return fakeserver.ErrCut
		}
		return nil
	}
	copied.Sync(context.Background())
	w.server.OnRequest = nil
	w.status(copied, d.Record(), "已提交 · 待上传")
	w.reEnrol(copied)
	w.status(copied, d.Record(), "已提交 · 已收到")
	w.reEnrol(a)
	w.value(a, d.Record(), "summary", "副本")
}

// The server is put back and loses a change; its store, which exists twice, takes
// a new id and writes the change anew. The base from before does not show it a
// second time under its old name.
func TestReissueOfWhatThePutBackServerLost(t *testing.T) {
	w := newWorld(t, 76)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	old, copied := w.server.Copy(), w.open(store.Clone())
	second := w.edit(a, d.Record()).Set("situation", "一二")
	second.AddItem("follow_up", map[string]any{"what": "回访", "who": personA.String(), "by": "2026-06-01"})
	w.submit(a, second)
	w.sync(a)
	w.server.PutBack(old)
	w.submit(copied, w.visit(copied, "副本写的"))
	w.sync(copied)
	w.submit(a, w.visit(a, "原来那台写的"))
	w.reEnrol(a)
	w.value(a, d.Record(), "situation", "一二")
	v, err := a.Get(d.Record())
	if err != nil {
		t.Fatal(err)
	}
	if items, _ := v.Value("follow_up").([]any); len(items) != 1 || textAt(w, d.Record()) != "一二" {
		t.Errorf("%d items, and the server has %q", len(items), textAt(w, d.Record()))
	}
}

// Three stores of one line: what two of them have unsent is issued anew by the
// one that asks first, and the other builds on that.
func TestReissueByOneOfTwo(t *testing.T) {
	w := newWorld(t, 74)
	a, store := w.device(personA, "A7")
	d := w.visit(a, "一")
	w.submit(a, d)
	w.sync(a)
	second, secondStore := w.fork(a, store)
	w.submit(second, w.edit(second, d.Record()).Set("situation", "一二"))
	third := w.open(secondStore.Clone())
	w.submit(third, w.edit(third, d.Record()).Set("situation", "一二三"))
	w.reEnrol(second)
	w.reEnrol(third)
	w.sync(second)
	w.reEnrol(a)
	for _, c := range []*clientsdk.Client{a, second, third} {
		w.value(c, d.Record(), "situation", "一二三")
	}
}

// The way to the server breaks while the id is changed: called again it goes on
// where it was, and nothing is issued twice.
func TestReEnrolBroken(t *testing.T) {
	for _, path := range []string{"/v1/enrol", "/v1/sync/session", "/v1/sync/reissue"} {
		w := newWorld(t, 75)
		a, store := w.device(personA, "A7")
		d := w.visit(a, "一")
		w.submit(a, d)
		w.sync(a)
		copied, _ := w.fork(a, store)
		w.submit(copied, w.edit(copied, d.Record()).Set("situation", "一二"))
		if _, err := copied.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		cut := true
		w.server.OnAnswer = func(q *session.Request) error {
			if cut && q.Path == path {
				cut = false
				return fakeserver.ErrCut
			}
			return nil
		}
		code := w.server.Code(personA)
		if err := copied.ReEnrol(context.Background(), code); !errors.Is(err, fakeserver.ErrCut) {
			t.Fatalf("%s: %v", path, err)
		}
		if err := copied.ReEnrol(context.Background(), code); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		w.sync(copied)
		w.sync(copied)
		w.value(copied, d.Record(), "situation", "一二")
		if s, _ := copied.Summary(); s.Pending != 0 || s.NeedsNewID {
			t.Errorf("%s: %+v", path, s)
		}
	}
}
