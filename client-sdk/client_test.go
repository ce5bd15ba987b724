package clientsdk_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
)

func TestFirstRecord(t *testing.T) {
	w := newWorld(t, 1)
	a, store := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")

	d := w.visit(a, "户主胃病常年吃药")
	id := d.Record()
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	w.status(a, id, "草稿 · 草稿")
	w.submit(a, d)
	w.status(a, id, "已提交 · 待上传")
	w.value(a, id, "situation", "户主胃病常年吃药")
	w.value(a, id, "local_no", "ZF-330903105-20260518-A7-001")
	w.value(a, id, "recorder_id", personA)
	w.value(a, id, "occurred_at", "2026-05-18T14:20:00+08:00")
	w.value(a, id, "visibility", "本级及上级")
	sum, err := a.Summary()
	if err != nil || sum.Pending != 1 || strings.Join(sum.Words(), "|") != "待上传 1 条，最早 5月18日" {
		t.Errorf("%+v %v %v", sum, sum.Words(), err)
	}
	if ds, _ := a.Drafts(); len(ds) != 0 {
		t.Errorf("%d drafts left", len(ds))
	}

	if r := w.sync(a); r.Pushed != 1 {
		t.Errorf("%+v", r)
	}
	w.status(a, id, "已提交 · 已收到")
	w.sync(b)
	w.value(b, id, "situation", "户主胃病常年吃药")
	w.status(b, id, "已提交 · 已收到")
	rows, err := b.Query(clientsdk.Filter{Kinds: []string{"ZF"}})
	if err != nil || len(rows) != 1 || rows[0].Number != "ZF-330903105-20260518-A7-001" || rows[0].Status != clientsdk.StatusSubmitted {
		t.Errorf("%+v %v", rows, err)
	}

	// After a restart it is all there.
	a2 := w.open(store)
	w.status(a2, id, "已提交 · 已收到")
	w.value(a2, id, "situation", "户主胃病常年吃药")
}

func TestIdleSyncIsOneRequest(t *testing.T) {
	w := newWorld(t, 2)
	a, _ := w.device(personA, "A7")
	w.submit(a, w.visit(a, "无"))
	w.sync(a)
	w.sync(a)
	w.server.Requests()
	if r := w.sync(a); r.Requests != 1 || strings.Join(w.server.Requests(), " ") != "/v1/sync/pull" {
		t.Errorf("%+v", r)
	}
	w.clock.add(20 * time.Minute)
	w.sync(a)
	if got := strings.Join(w.server.Requests(), " "); got != "/v1/sync/session /v1/sync/pull" {
		t.Errorf("with an expired token: %s", got)
	}
}

func TestIncomplete(t *testing.T) {
	w := newWorld(t, 3)
	a, _ := w.device(personA, "A7")
	d, err := a.Create("ZF")
	if err != nil {
		t.Fatal(err)
	}
	d.Set("met", "见到本人")
	if err := d.Save(); err != nil {
		t.Fatal("an incomplete draft cannot be saved:", err)
	}
	err = a.Submit(context.Background(), d)
	var inc *clientsdk.IncompleteError
	if !errors.As(err, &inc) || !strings.Contains(err.Error(), "place_code") {
		t.Fatalf("%v", err)
	}
	w.status(a, d.Record(), "草稿 · 草稿")
}

func TestBadValues(t *testing.T) {
	w := newWorld(t, 4)
	a, _ := w.device(personA, "A7")
	for field, c := range map[string]struct {
		value any
		want  string
	}{
		"met":          {"见到邻居", "none of its"},
		"nothing":      {"x", "no such field"},
		"relief_money": {-1, "relief_money"},
		"occurred_at":  {"yesterday", "occurred_at"},
		"ledger_no":    {"1", ""},
		"purpose":      {strings.Repeat("长", 100), "purpose"},
		"interviewees": {[]any{map[string]any{"nobody": 1}}, "interviewees.nobody"},
		"visitor_ids":  {[]any{"not an id"}, "visitor_ids"},
		"household_id": {make(chan int), "household_id"},
	} {
		d, _ := a.Create("ZF")
		d.Set(field, c.value)
		if field == "ledger_no" {
			continue
		}
		if d.Err() == nil || !strings.Contains(d.Err().Error(), c.want) {
			t.Errorf("%s: %v", field, d.Err())
		}
		if err := a.Submit(context.Background(), d); err == nil {
			t.Errorf("%s: a draft with an error was submitted", field)
		}
	}
}

func TestConcurrentEdits(t *testing.T) {
	w := newWorld(t, 5)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "吃水要挑")
	id := d.Record()
	w.submit(a, d)
	w.sync(a)
	w.sync(b)

	w.submit(a, w.edit(a, id).Set("met", "见到家属").Set("situation", "岛上吃水要挑"))
	w.submit(b, w.edit(b, id).Set("met", "未遇").Set("situation", "吃水要挑三里"))
	w.sync(a)
	w.sync(b)
	w.sync(a)
	for _, c := range []*clientsdk.Client{a, b} {
		v, err := c.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		if v.Value("situation") != "岛上吃水要挑三里" {
			t.Errorf("text: %v", v.Value("situation"))
		}
		f, _ := v.Field("met")
		if f.Value != "未遇" || len(f.All) != 2 || f.Mark != "有不同修改" {
			t.Errorf("met: %+v", f)
		}
	}
	if s, _ := b.Summary(); s.Conflicts != 1 {
		t.Errorf("%+v", s)
	}
	v, err := a.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	c := v.Conflicts()[0]
	self, _ := a.Identity()
	mine := slices.IndexFunc(c.Values, func(s clientsdk.Shown) bool { return s.Replica == self.Replica })
	if len(c.Values) != 2 || mine < 0 || c.Values[mine].Value != "见到家属" || c.Values[1-mine].Author != personB {
		t.Fatalf("the conflict is %+v", c)
	}
	if err := a.Resolve(context.Background(), id, c.Choose(mine)); err != nil {
		t.Fatal(err)
	}
	w.sync(a)
	w.sync(b)
	v, _ = b.Get(id)
	if f, _ := v.Field("met"); f.Value != "见到家属" || len(f.All) != 0 {
		t.Errorf("after 采用此版本: %+v", f)
	}
}

// TestTwoWindows: two drafts of one record on one device are concurrent.
func TestTwoWindows(t *testing.T) {
	w := newWorld(t, 6)
	a, _ := w.device(personA, "A7")
	d := w.visit(a, "一二三")
	id := d.Record()
	w.submit(a, d)
	first, second := w.edit(a, id), w.edit(a, id)
	w.submit(a, first.Set("met", "见到家属").Set("situation", "一二三四"))
	w.submit(a, second.Set("met", "未遇").Set("situation", "零一二三"))
	v, err := a.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := v.Field("met"); len(f.All) != 2 {
		t.Errorf("met: %+v", f)
	}
	if v.Value("situation") != "零一二三四" {
		t.Errorf("situation: %v", v.Value("situation"))
	}
	w.sync(a)
	if len(w.server.Record(id).Values("met")) != 2 {
		t.Error("the server does not see the two values")
	}
}
