package simtest

import (
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// A second device of the same person asks for what the first has still to send:
// it has not the first one's key, and nothing is given up.
func TestReissueNeedsTheFormerKey(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	second := w.device("A8", a.person)
	id := a.visit(map[string]any{"purpose": "还没传的"})
	hash := sign.Seal(a.changes[0], a.seed(1), a.links[0]).Hash
	q := syncproto.ReissueRequest{Former: a.replica, Changes: []syncproto.ReissueChange{{Seq: 1, Hash: hash}}}
	for name, key := range map[string]*device{"its own key": second, "another's": w.device("Z9", a.person)} {
		sign.SignReissue(key.key, second.replica, &q)
		if got, err := w.ingest.Reissue(t.Context(), second.replica, q); syncproto.KindOf(err) != syncproto.KindBadSignature {
			t.Errorf("with %s: %+v, %v", name, got, err)
		}
	}
	third := w.device("A9", a.person)
	sign.SignReissue(a.key, second.replica, &q)
	if got, err := w.ingest.Reissue(t.Context(), third.replica, q); syncproto.KindOf(err) != syncproto.KindBadSignature {
		t.Errorf("a signature for another new id: %+v, %v", got, err)
	}
	if r := a.pushAll(5); len(r.Held) != 0 || r.Forked {
		t.Fatalf("the first device's work: %+v", r)
	}
	if rec, _, _ := w.replay(id); len(rec.Version) == 0 {
		t.Error("it is not there")
	}
}
