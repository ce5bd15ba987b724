package simtest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// bareState is the state as it lies in the store, nil where it is left out.
func (w *world) bareState(id syncproto.RecordID) (state []byte) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		c, ok, err := records.LoadRecord(r, id)
		if err == nil && !ok {
			err = fmt.Errorf("record %s is not in the store", id)
		}
		state = bytes.Clone(c.State)
		return err
	}))
	return state
}

// A record that came with one bundle is kept in that bundle alone, and reads
// the same to everybody: to who gets the bundle, to who gets a projection, on
// the desk; the next bundle lays its state down.
func TestStateIsLeftOutUntilTheNextBundle(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.visit(map[string]any{"met": "见到本人", "situation": "隔天来水。", "relief_money": int64(30000)})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("见到家属"))) })
	want := a.shown(id).AppendBinary(nil)
	a.sync()
	if n := len(w.bareState(id)); n > 0 {
		t.Fatalf("a state of %d bytes beside the bundle it is made of", n)
	}
	for _, d := range []*device{b, leader} {
		d.sync()
		if got, _ := d.base[id].Value("met"); d.base[id] == nil || string(got.Value) != string(value("见到家属")) {
			t.Errorf("device of %s reads %x", d.person, got.Value)
		}
	}
	if len(b.base[id].Values("relief_money")) != 0 || len(leader.base[id].Values("relief_money")) != 1 {
		t.Error("a colleague reads the team's part, or the leader by line of duty does not")
	}
	if _, rec := w.stored(id); !bytes.Equal(rec.AppendBinary(nil), want) {
		t.Error("the bundle gives another state than the author's")
	}
	if p := w.desk().page(leader.person, id, web.RecordView{}); len(p.Sections) == 0 {
		t.Error("the desk reads nothing")
	}

	w.reopen() // without the frames that were kept
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("看看水"))) })
	b.sync()
	if len(w.bareState(id)) == 0 {
		t.Error("two bundles, and no state in the store")
	}
	a.sync()
	rec, _, _ := w.replay(id)
	if got := w.bareState(id); !bytes.Equal(got, rec.AppendBinary(nil)) || !bytes.Equal(got, a.base[id].AppendBinary(nil)) {
		t.Error("the state laid down is not what the log, or the author, has")
	}
}

// A state is left out where it is little work to make it again, and never of
// what the directory reads at every start.
func TestStateStays(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	often := a.visit(nil)
	for i := range records.MaxBareSteps {
		a.write(often, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value(fmt.Sprint("第", i, "次")))) })
	}
	late := a.visit(nil)
	a.sync()
	if len(w.bareState(often)) == 0 {
		t.Errorf("%d parts, and no state in the store", records.MaxBareSteps+1)
	}
	if len(w.bareState(late)) > 0 {
		t.Error("one part, and its state is in the store")
	}
	office := w.device("O1", w.person("镇管理员", "管理员", township, ""))
	boat := office.newID()
	office.write(boat, "boat", func(e *crdt.Edit) { must(t, e.Set("name", value("浙普渔例88"))) })
	office.sync()
	if len(w.bareState(boat)) == 0 {
		t.Error("a boat without a state in the store")
	}
}
