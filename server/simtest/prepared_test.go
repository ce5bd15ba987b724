package simtest

import (
	"context"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// between is a store on which something happens after an update was prepared
// and before it runs.
type between struct {
	store.Store
	first func()
	runs  int // of update functions
}

func (s *between) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	return s.Store.Update(ctx, guards, func(r store.Reader) (store.Batch, error) {
		s.runs++
		return fn(r)
	})
}

// What was prepared before the update must not count when the record, or the
// rights it was judged by, changed in between.
func TestChangedSincePrepared(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(w *world, b *device, id syncproto.RecordID)
	}{
		{"another edits the record", func(_ *world, b *device, id syncproto.RecordID) {
			b.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "独居老人，隔天来水。")) })
			b.pushAll(20)
		}},
		{"the directory changes", func(w *world, _ *device, _ syncproto.RecordID) {
			w.person("新来的", "外勤干部", township, "")
		}},
		{"nothing", func(*world, *device, syncproto.RecordID) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &between{Store: memstore.New()}
			w := newWorldOn(t, s)
			a := w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
			b := w.device("B2", w.person("乐例红", "外勤干部", township, ""))
			id := a.visit(map[string]any{"situation": "隔天来水。", "situation.personal": false})
			a.sync()
			b.pull()
			a.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "隔天来水。水缸要人挑。")) })
			s.first = func() { c.then(w, b, id) }
			a.pushAll(20)
			for range 2 {
				a.pull()
				b.pull()
			}
			if x, y := text(t, a.own[id], "situation"), text(t, b.own[id], "situation"); x != y {
				t.Errorf("one reads %q, the other %q", x, y)
			}
			if a.digests+b.digests > 0 {
				t.Errorf("%d digests differ from the server's", a.digests+b.digests)
			}
			if h := w.held(); len(h) > 0 {
				t.Errorf("held: %+v", h)
			}
		})
	}
}

// A device's first push knows its guards from what was prepared: its update
// runs once.
func TestUpdateRunsOnce(t *testing.T) {
	s := &between{Store: memstore.New()}
	w := newWorldOn(t, s)
	a := w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
	for range 5 {
		a.visit(nil)
	}
	a.pushAll(20)
	if s.runs != 1 {
		t.Errorf("the update ran %d times", s.runs)
	}
}
