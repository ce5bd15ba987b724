package simtest

import (
	"bytes"
	"context"
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// replayed joins the parts of all steps of a record anew.
func (w *world) replayed(id syncproto.RecordID) (rec *crdt.Record, stored []byte) {
	w.t.Helper()
	rec = crdt.New(id)
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		c, _, err := records.LoadRecord(r, id)
		must(w.t, err)
		stored = bytes.Clone(c.State)
		steps, err := records.Steps(r, id, 0, 1000)
		must(w.t, err)
		for _, s := range steps {
			u, err := records.LoadBundle(r, s.Replica, s.Bundle)
			must(w.t, err)
			raw, err := wire.Decompress(u.Frame, u.RawBytes)
			must(w.t, err)
			changes, err := wire.DecodeFrame(raw, s.Replica, s.Bundle, u.Count)
			must(w.t, err)
			c := &changes[s.Seq-s.Bundle]
			p, err := wire.DecodePart(s.Replica, c.Parts[s.Part].Bytes)
			must(w.t, err)
			must(w.t, rec.Join(c.Header, &p, s.Options()))
		}
		return nil
	}))
	return rec, stored
}

// What an author could not read he did not replace, and the log says so: the
// state can be made from it again after his rights have changed.
func TestBlindWriteIsReplayedAsItWasJoined(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	office := w.device("O1", w.person("镇管理员", "管理员", township, ""))
	id := a.visit(map[string]any{"met": "见到本人"})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("relief_money", value(int64(30000)))) })
	a.sync()
	office.sync()
	if office.base[id] == nil || len(office.base[id].Values("relief_money")) != 0 {
		t.Fatal("the office sees the visit without its team part")
	}
	office.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("relief_money", value(int64(50000))))
		must(t, e.Set("met", value("见到家属")))
	})
	office.sync()
	rec, stored := w.replayed(id)
	if n, m := len(rec.Values("relief_money")), len(rec.Values("met")); n != 2 || m != 1 {
		t.Errorf("%d values of what the author could not read, %d of what he could; want 2 and 1", n, m)
	}
	if !bytes.Equal(rec.AppendBinary(nil), stored) {
		t.Error("the log gives another state than the one stored")
	}
}
