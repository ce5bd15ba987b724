package clientsdk_test

import (
	"slices"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
)

// The history names long texts: the saves of one's own that wrote in them, and
// other devices, of which a text tells no more than that they did.
func TestHistoryTellsTexts(t *testing.T) {
	w := newWorld(t, 29)
	a, _ := w.device(personA, "A7")
	b, _ := w.device(personB, "B2")
	d := w.visit(a, "隔天来水。")
	id := d.Record()
	w.submit(a, d)
	w.submit(a, w.edit(a, id).Set("summary", "用水"))
	w.sync(a)
	w.sync(b)
	w.submit(b, w.edit(b, id).Set("situation", "隔天来水。水缸要人挑。"))
	w.sync(b)
	w.sync(a)
	h, err := a.History(id)
	if err != nil {
		t.Fatal(err)
	}
	var first, second, texts []clientsdk.Contribution
	for _, s := range h {
		switch {
		case s.Texts:
			texts = append(texts, s)
		case s.Own && slices.Contains(s.Fields, "situation"):
			first = append(first, s)
		case s.Own:
			second = append(second, s)
		}
	}
	if len(first) != 1 || first[0].Seq != 1 || len(second) != 1 || len(texts) != 1 || !slices.Equal(texts[0].Fields, []string{"situation"}) || texts[0].Own {
		t.Errorf("%+v", h)
	}
	h, err = b.History(id)
	if err != nil || !slices.ContainsFunc(h, func(s clientsdk.Contribution) bool { return s.Own && slices.Contains(s.Fields, "situation") }) {
		t.Errorf("who wrote on: %+v, %v", h, err)
	}
}
