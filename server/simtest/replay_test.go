package simtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// replay joins a record's steps again and counts them.
func (w *world) replay(id syncproto.RecordID) (rec *crdt.Record, blind, steps int) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) (err error) {
		blind, steps = 0, 0
		rec, err = records.Replay(context.Background(), r, id, func(_ int, j *records.Joined, at *crdt.Record) (bool, error) {
			blind += len(j.Blind)
			steps++
			if !at.Version.Covers(j.Replica, j.Seq) {
				return false, fmt.Errorf("after step %s the state does not cover it", j.Change())
			}
			return true, nil
		})
		return err
	}))
	return rec, blind, steps
}

func (w *world) stored(id syncproto.RecordID) (records.Record, *crdt.Record) {
	w.t.Helper()
	var out records.Record
	var rec *crdt.Record
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		c, ok, err := records.LoadRecord(r, id)
		if err != nil || !ok {
			return fmt.Errorf("record %s: %v %w", id, ok, err)
		}
		if rec, err = (*records.Frames)(nil).State(r, id, &c); err != nil {
			return err
		}
		if out = c; len(c.State) == 0 {
			out.State = rec.AppendBinary(nil)
		}
		out.State = bytes.Clone(out.State)
		return nil
	}))
	return out, rec
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
	rec, _, _ := w.replay(id)
	kept, _ := w.stored(id)
	if n, m := len(rec.Values("relief_money")), len(rec.Values("met")); n != 2 || m != 1 {
		t.Errorf("%d values of what the author could not read, %d of what he could; want 2 and 1", n, m)
	}
	if !bytes.Equal(rec.AppendBinary(nil), kept.State) {
		t.Error("the log gives another state than the one stored")
	}
}

// What the log says and what the server keeps are the same, whatever came late,
// blind, held or by a browser.
func TestReplayGivesTheStoredState(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			w, a, b, leader := threeDevices(t)
			var ids []syncproto.RecordID
			for i := range 4 {
				ids = append(ids, a.visit(map[string]any{"situation": "隔天来水。", "situation.personal": i%2 == 0}))
			}
			a.sync()
			b.pull()
			leader.pull()
			for range 120 {
				d, id := []*device{a, b, leader}[rng.IntN(3)], ids[rng.IntN(len(ids))]
				switch rng.IntN(8) {
				case 0:
					d.sync()
				case 1:
					d.write(id, "", func(e *crdt.Edit) {
						must(t, e.Set("met", value([]string{"见到本人", "见到家属", "未遇"}[rng.IntN(3)])))
					})
				case 2:
					// b may write the money of a's visit, and may not read it.
					d.write(id, "", func(e *crdt.Edit) { must(t, e.Set("relief_money", value(int64(rng.IntN(9)*10000)))) })
				case 3:
					d.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("scene", fmt.Sprint("看到 ", rng.IntN(100)))) })
				case 4:
					d.write(id, "", func(e *crdt.Edit) { must(t, e.Add("tags", value(fmt.Sprint("标签", rng.IntN(5))))) })
				case 5:
					d.write(id, "", func(e *crdt.Edit) {
						item, err := e.InsertItem("follow_up", 0)
						must(t, err)
						must(t, e.Item("follow_up", item).Set("what", value("再去")))
					})
				case 6:
					d.write(id, "", func(e *crdt.Edit) { must(t, e.Set("situation.personal", value(rng.IntN(2) == 0))) })
				case 7:
					_, now := w.stored(id)
					seen := now.Version[0]
					err := w.ingest.Act(t.Context(), leader.person, id, seen,
						func(_ *crdt.Record, _ *authz.Facts, e *crdt.Edit) error {
							return e.Log("comments", value(map[string]any{"text": "知道了"}))
						})
					must(t, err)
				}
			}
			for _, d := range []*device{a, b, leader, a} {
				d.sync()
			}
			blind := 0
			for _, id := range ids {
				kept, _ := w.stored(id)
				rec, n, steps := w.replay(id)
				blind += n
				if !bytes.Equal(rec.AppendBinary(nil), kept.State) || steps != int(kept.Steps) {
					t.Errorf("seed %d: record %s replayed in %d steps of %d is another", seed, id, steps, kept.Steps)
				}
			}
			if blind == 0 {
				t.Errorf("seed %d: nobody wrote what he may not read: the test has lost its point", seed)
			}
		})
	}
}

// A long record costs what its steps cost. One unit is the whole of a record
// with 10,000 changes, each in a bundle of its own, the worst case.
func BenchmarkReplay(b *testing.B) {
	w, a, _, _ := threeDevices(b)
	id := a.visit(nil)
	for i := range 9_999 {
		a.write(id, "", func(e *crdt.Edit) {
			if i%2 == 0 {
				must(b, e.SetText("scene", fmt.Sprint("看到 ", i)))
			} else {
				must(b, e.Set("met", value(fmt.Sprint(i))))
			}
		})
	}
	for seq := syncproto.Seq(1); seq <= a.seq; seq++ {
		_, err := a.push(a.bundle(seq, seq))
		must(b, err)
	}
	for b.Loop() {
		if _, _, steps := w.replay(id); steps != 10_000 {
			b.Fatal(steps)
		}
	}
}
