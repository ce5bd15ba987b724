package simtest

import (
	"context"
	"testing"

	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Two devices move one record to two places: until a person has chosen, it
// stays where it was, also after a restart; then it goes.
func TestRecordWithOpenPlaceStays(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.visit(nil)
	a.sync()
	b.sync()
	village := func(code string) func(e *crdt.Edit) {
		return func(e *crdt.Edit) { must(t, e.Set("place_code", value(township+code))) }
	}
	at := func(when, want string) {
		t.Helper()
		rows := w.rows(leader.person, timeline.Query{Limit: 10})
		if len(rows) != 1 || rows[0].Place != township+want {
			t.Errorf("%s: %+v, want it in %s", when, rows, want)
		}
	}
	a.write(id, "", village("902"))
	b.write(id, "", village("903"))
	a.sync()
	at("one moved it", "902")
	b.sync()
	at("the other moved it too", "902")
	w.dir = directory.New()
	must(t, w.dir.Load(context.Background(), w.store))
	w.person("吴例舟", "外勤干部", township, "")
	w.person("乐例红", "外勤干部", township, "")
	w.person("张例桥", "乡镇（街道）领导", township, "民政/帮扶")
	w.reopen()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("再看用水"))) })
	b.sync()
	at("after a restart and another edit", "902")
	a.sync()
	a.write(id, "", village("903"))
	a.sync()
	at("a person chose", "903")
	if a.digests+b.digests > 0 {
		t.Error("digests differ")
	}
}
