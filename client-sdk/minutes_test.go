package clientsdk_test

import (
	"context"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
)

// Minutes read as they were signed off, whatever is written into them
// concurrently or later: that stands beside them as a 更正建议.
func TestMinutesAreFixedBySigningOff(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 23)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d, err := a.Create("HY")
	if err != nil {
		t.Fatal(err)
	}
	id := d.Record()
	d.Fill(map[string]any{"meeting_type": "道地会", "place_code": village, "owner_unit": unitU3.String(), "host_id": personA.String(), "minutes_doc": "月底前修好水泵。"})
	d.AddItem("statements", map[string]any{"speaker": "翁例娥", "mode": "原话", "text": "隔天来水"})
	d.AddItem("attendees", map[string]any{"person": personA.String(), "role": "出席"})
	d.Log("session_events", map[string]any{"event": "散会", "at": "2026-05-18T16:00:00+08:00"})
	w.submit(a, d)
	w.sync(a)
	w.sync(b)
	read := func(c *clientsdk.Client) (words, note string, suggested []clientsdk.Suggestion) {
		t.Helper()
		v, err := c.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := v.Field("minutes_doc")
		words, _ = f.Value.(string)
		for _, n := range f.Notes {
			note += n.Text
		}
		return words, note, v.Suggestions
	}
	if words, note, _ := read(b); words != "月底前修好水泵。" || note != "" {
		t.Fatalf("before they are signed off: %q, %q", words, note)
	}
	// One writes on, unaware, while the host signs off with a last word of his own.
	w.submit(b, w.edit(b, id).Set("minutes_doc", "月底前修好水泵和水管。"))
	w.submit(a, w.edit(a, id).Set("minutes_doc", "五月底前修好水泵。").Log("minutes_doc.state", "已签发"))
	for range 2 {
		w.sync(a)
		w.sync(b)
	}
	for _, c := range []*clientsdk.Client{a, b} {
		words, note, suggested := read(c)
		if words != "五月底前修好水泵。" || note != "已签发" || len(suggested) != 1 || suggested[0].New != "五月底前修好水泵和水管。" || !strings.Contains(suggested[0].Reason, "签发") {
			t.Errorf("signed off: %q, %q, %+v", words, note, suggested)
		}
	}
	// Later and knowingly: the same, and the host takes it.
	w.submit(b, w.edit(b, id).Set("minutes_doc", "五月底前修好水泵和水管，镇里出钱。"))
	w.sync(b)
	w.sync(a)
	words, _, suggested := read(a)
	if words != "五月底前修好水泵。" || len(suggested) != 1 {
		t.Fatalf("written after it: %q, %+v", words, suggested)
	}
	if err := a.Correct(ctx, id, "minutes_doc", suggested[0].New, "会后商定"); err != nil {
		t.Fatal(err)
	}
	w.sync(a)
	w.sync(b)
	if words, note, suggested := read(b); words != "五月底前修好水泵和水管，镇里出钱。" || len(suggested) > 0 || !strings.Contains(note, "更正") {
		t.Errorf("after the correction: %q, %q, %+v", words, note, suggested)
	}
	// What is empty cannot be signed off.
	e, _ := a.Create("HY")
	e.Log("minutes_doc.state", "已签发")
	if err := a.Share(ctx, e); err == nil {
		t.Error("empty minutes are signed off")
	}
}
