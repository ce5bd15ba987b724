package clientsdk_test

import (
	"context"
	"errors"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// apart lets two devices change one visit without knowing of each other.
func apart(t *testing.T, seed byte, mine, theirs func(d *clientsdk.Draft)) (w *world, a, b *clientsdk.Client, id syncproto.RecordID) {
	w = newWorld(t, seed)
	a, _ = w.device(personA, "A7")
	b, _ = w.device(personB, "B2")
	d := w.visit(a, "吃水要挑")
	id = d.Record()
	w.submit(a, d)
	w.sync(a)
	w.sync(b)
	da, db := w.edit(a, id), w.edit(b, id)
	mine(da)
	theirs(db)
	w.submit(a, da)
	w.submit(b, db)
	w.sync(a)
	w.sync(b)
	w.sync(a)
	return w, a, b, id
}

func conflicts(t *testing.T, c *clientsdk.Client, id syncproto.RecordID) []clientsdk.Conflict {
	t.Helper()
	v, err := c.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return v.Conflicts()
}

func TestResolutionSettlesWhatWasShownAndNoMore(t *testing.T) {
	ctx := context.Background()
	w, a, b, id := apart(t, 31, func(d *clientsdk.Draft) { d.Set("met", "见到家属") }, func(d *clientsdk.Draft) { d.Set("met", "未遇") })
	stale := conflicts(t, a, id)[0]
	opened := w.edit(a, id) // a form that stays open
	w.submit(b, w.edit(b, id).Set("met", "仅电话联系"))
	w.sync(b)
	w.sync(a)
	if err := a.Resolve(ctx, id, stale.Choose(0)); !errors.Is(err, clientsdk.ErrSettled) {
		t.Fatalf("a choice of what no longer stands: %v", err)
	}
	for what, change := range map[string]func(r *clientsdk.Resolution){
		"no versions":          func(r *clientsdk.Resolution) { r.Settles = nil },
		"none of the versions": func(r *clientsdk.Resolution) { r.Chosen.Op++ },
		"no field":             func(r *clientsdk.Resolution) { r.Field = "" },
		"a text":               func(r *clientsdk.Resolution) { r.Field = "situation" },
	} {
		r := stale.Choose(0)
		change(&r)
		if err := a.Resolve(ctx, id, r); err == nil || errors.Is(err, clientsdk.ErrSettled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// On the form that stayed open the choice is made on what it showed, and
	// stands beside what came meanwhile.
	w.submit(a, opened.Resolve(stale.Choose(0)))
	c := conflicts(t, a, id)
	if len(c) != 1 || len(c[0].Values) != 2 {
		t.Fatalf("two who settle at once must both stay visible: %+v", c)
	}
	if err := a.Resolve(ctx, id, c[0].Write("见到本人")); err != nil {
		t.Fatal(err)
	}
	w.sync(a)
	w.sync(b)
	if v, _ := b.Get(id); v.Value("met") != "见到本人" || len(v.Conflicts()) != 0 {
		t.Errorf("after 另写: %v, %+v", v.Value("met"), v.Conflicts())
	}
}

// The keys that are one value are taken from one writer, whichever is shown.
func TestResolutionDoesNotMixAGroup(t *testing.T) {
	first, second := syncproto.NewRecordID(exampleClock()).String(), syncproto.NewRecordID(exampleClock()).String()
	_, a, _, id := apart(t, 32, func(d *clientsdk.Draft) { d.Set("household_id", first).Set("household_mask", "翁某某户") },
		func(d *clientsdk.Draft) { d.Set("household_id", second).Set("household_mask", "林某某户") })
	for _, c := range conflicts(t, a, id) {
		if c.Field != "household_id" {
			continue
		}
		for i, s := range c.Values {
			if s.Value != first {
				continue
			}
			if err := a.Resolve(context.Background(), id, c.Choose(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	v, _ := a.Get(id)
	if v.Value("household_id") != first || v.Value("household_mask") != "翁某某户" || len(v.Conflicts()) != 0 {
		t.Errorf("%v with %v, %d conflicts", v.Value("household_id"), v.Value("household_mask"), len(v.Conflicts()))
	}
}

// A sealed version is opened and sealed anew under the dot of the choice.
func TestResolutionOfASensitiveValue(t *testing.T) {
	w, a, _, id := apart(t, 33, func(d *clientsdk.Draft) { d.Set("geo", map[string]any{"lat": 30.19, "lng": 122.68, "datum": "WGS-84"}) },
		func(d *clientsdk.Draft) { d.Set("geo", map[string]any{"lat": 30.20, "lng": 122.70, "datum": "WGS-84"}) })
	c := conflicts(t, a, id)
	if len(c) != 1 {
		t.Fatalf("conflicts %+v", c)
	}
	self, _ := a.Identity()
	mine := 0
	if c[0].Values[0].Replica != self.Replica {
		mine = 1
	}
	want := c[0].Values[mine].Value
	if err := a.Resolve(context.Background(), id, c[0].Choose(mine)); err != nil {
		t.Fatal(err)
	}
	w.sync(a)
	v, _ := a.Get(id)
	got, ok := v.Value("geo").(map[string]any)
	if !ok || got["lat"] != want.(map[string]any)["lat"] || len(v.Conflicts()) != 0 {
		t.Errorf("reads %v, want %v; %d conflicts", v.Value("geo"), want, len(v.Conflicts()))
	}
}
