package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// secrets are what the people of erased wrote into fields that are erased.
var secrets = []string{"尿毒症", "一周透析三次", "欠债八万", "收入为零", "两千三", "看病", "说是肾病"}

// erased is a visit with the illness of a villager in a text that two wrote, a
// value that competes, an item, a comment; in one bundle with another record, in
// slices, in a fork, and with work on top of it at sea.
func erased(t *testing.T) (w *world, a, b, leader *device, id, other syncproto.RecordID, admin syncproto.PersonID) {
	w, a, b, leader = threeDevices(t)
	admin = w.person("镇管理员", "管理员", township, "")
	id = a.visit(map[string]any{"situation": "本人尿毒症。", "purpose": "看病", "summary": "屋里说话"})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Add("visitor_ids", value(b.person[:]))) })
	other = a.visit(map[string]any{"situation": "码头的灯坏了。"})
	a.sync()
	for _, d := range []*device{b, leader} {
		d.sync()
	}
	var person syncproto.ElemID
	b.write(id, "", func(e *crdt.Edit) {
		must(t, e.Replace("situation", 0, 0, "一周透析三次，"))
		must(t, e.Set("purpose", value("欠债八万")))
		var err error
		person, err = e.InsertItem("interviewees", 0)
		must(t, err)
		must(t, e.Item("interviewees", person).Set("person", value("例阿公")))
		must(t, e.Item("interviewees", person).Set("relation", value("说是肾病")))
	})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("收入为零"))) })
	a.sync()
	b.sync()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("两千三"))) })
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("收入为零"))) })
	a.sync()
	leader.sync()
	return w, a, b, leader, id, other, admin
}

func erase(t *testing.T, w *world, id syncproto.RecordID, by syncproto.PersonID) []syncproto.ChangeID {
	t.Helper()
	e := ingest.Erasure{Record: id, Fields: []string{"situation", "purpose", "interviewees.relation"}, Basis: "本人要求，个人信息保护法第四十七条", By: by, On: "2026-11-28"}
	seen, err := w.ingest.Erase(context.Background(), e, true)
	must(t, err)
	did, err := w.ingest.Erase(context.Background(), e, false)
	must(t, err)
	if !slices.Equal(seen, did) {
		t.Errorf("the preview names %v, erased was %v", seen, did)
	}
	return did
}

// words lists which secrets stand in what the store holds: every key and value as
// it lies, frames unpacked.
func (w *world) words() (found []string) {
	w.t.Helper()
	look := func(where string, b []byte) {
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				found = append(found, where+": "+s)
			}
		}
	}
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			look(string(k[:1]), slices.Concat(k, v))
			var frame []byte
			var raw int
			switch k[0] {
			case 'b', 'y':
				u, err := records.DecodeBundle(v)
				must(w.t, err)
				frame, raw = u.Frame, u.RawBytes
			case 'f':
				e, err := records.DecodeEntry(v)
				must(w.t, err)
				frame, raw = e.Frame, e.RawBytes
			}
			if len(frame) > 0 {
				plain, err := wire.Decompress(frame, raw)
				must(w.t, err)
				look(string(k[:1])+" unpacked", plain)
			}
			return true, nil
		})
	}))
	return found
}

// chained checks every hash of a replica's stored bundles against what they hold.
func (w *world) chained(d *device) (withheld int) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		link := sign.ChainStart(d.replica)
		for from := syncproto.Seq(1); from <= d.seq; {
			u, err := records.LoadBundle(r, d.replica, from)
			must(w.t, err)
			raw, err := wire.Decompress(u.Frame, u.RawBytes)
			must(w.t, err)
			changes, err := wire.DecodeFrame(raw, d.replica, from, u.Count)
			must(w.t, err)
			at := 0
			for i := range changes {
				var digests []syncproto.Hash
				for _, p := range changes[i].Parts {
					digest := p.Digest
					if !p.Withheld() {
						digest = sign.PartDigest(u.Salts[at], p.Bytes)
					} else if withheld++; u.Salts[at] != (syncproto.Salt{}) {
						w.t.Errorf("change %d: the salt of what was destroyed is there", changes[i].Seq)
					}
					digests = append(digests, digest)
					at++
				}
				if h := sign.ChangeHash(d.replica, changes[i].Seq, changes[i].HeaderBytes, digests); h != u.Hashes[i] {
					w.t.Errorf("change %d has another hash", changes[i].Seq)
				}
				link = sign.NextLink(link, u.Hashes[i])
			}
			from += syncproto.Seq(u.Count)
		}
		if link != d.links[d.seq] {
			w.t.Error("the chain ends elsewhere")
		}
		return nil
	}))
	return withheld
}

func TestErase(t *testing.T) {
	w, a, b, leader, id, other, admin := erased(t)
	if n := len(w.words()); n < 10 {
		t.Fatalf("only %v are found before: nothing would be proved", w.words())
	}
	atSea := w.device("S5", a.person)
	atSea.sync()
	atSea.write(id, "", func(e *crdt.Edit) {
		must(t, e.Replace("situation", 0, 0, "（后来）"))
		must(t, e.Set("met", value("见到本人")))
	})
	before, _ := w.stored(id)
	changes := erase(t, w, id, admin)
	if len(changes) != 5 {
		t.Errorf("%d changes said it: %v", len(changes), changes)
	}
	if found := w.words(); len(found) > 0 {
		t.Errorf("still there: %v", found)
	}
	if n := w.chained(a) + w.chained(b); n != len(changes) {
		t.Errorf("%d parts are destroyed, want %d", n, len(changes))
	}
	sameAsLog(t, w, id)
	for _, d := range []*device{leader, a, b} {
		d.sync()
		got := d.base[id]
		if s := text(t, got, "situation"); s != "该内容已依法删除（2026-11-28，依据：本人要求，个人信息保护法第四十七条）" || d.digests != 0 {
			t.Errorf("%s: situation reads %q, %d digests differ", d.person, s, d.digests)
		}
		if s := records.Text(got, "purpose"); !strings.HasPrefix(s, "该内容已依法删除") || len(got.Values("purpose")) != 2 {
			t.Errorf("purpose reads %q, %d values compete", s, len(got.Values("purpose")))
		}
		if people := got.List("interviewees"); len(people) != 1 || records.ItemPlain(people[0], "person") != "例阿公" ||
			!strings.HasPrefix(records.ItemPlain(people[0], "relation").(string), "该内容") {
			t.Errorf("%s: %d interviewees, or other words", d.person, len(people))
		}
		if records.Text(got, "summary") != "屋里说话" || d != b && text(t, d.base[other], "situation") != "码头的灯坏了。" {
			t.Error("what was not to go is gone")
		}
		if found := w.inState(got); len(found) > 0 {
			t.Errorf("a device's base still says %v", found)
		}
	}
	if after, _ := w.stored(id); !slices.Equal(before.Atoms, after.Atoms) || before.Number != after.Number {
		t.Errorf("the record lies elsewhere: %+v, was %+v", after, before)
	}

	// What was written on it at sea joins; what said it comes once more and is known.
	if r, err := atSea.push(atSea.bundle(1, atSea.seq)); err != nil || len(r.Held) != 0 {
		t.Errorf("work at sea: %+v, %v", r.Held, err)
	}
	for _, d := range []*device{a, b} {
		if r := d.pushAll(2); len(r.Held) != 0 {
			t.Errorf("brought again: %+v", r.Held)
		}
	}
	if found := w.words(); len(found) > 0 {
		t.Errorf("brought back: %v", found)
	}
	sameAsLog(t, w, id)
	w.reopen()
	if found := w.words(); len(found) > 0 {
		t.Errorf("back after a restart: %v", found)
	}
	leader.pull()
	// What was written at sea and the words are concurrent: either may stand first.
	if s := text(t, leader.base[id], "situation"); !strings.Contains(s, "（后来）") || !strings.Contains(s, "该内容已依法删除（") || leader.digests != 0 {
		t.Errorf("situation reads %q", s)
	}
	for _, row := range w.rows(leader.person, timeline.Query{Limit: 10}) {
		for _, s := range secrets {
			if strings.Contains(row.Summary+row.Title, s) {
				t.Errorf("a row says %q", s)
			}
		}
	}
}

func (w *world) inState(rec *crdt.Record) (found []string) {
	b := rec.AppendBinary(nil)
	for _, s := range secrets {
		if bytes.Contains(b, []byte(s)) {
			found = append(found, s)
		}
	}
	return found
}

// A record that was folded: neither its folded nor its unfolded state says it, and
// what was written on the fold joins.
func TestEraseFolded(t *testing.T) {
	w, a, b, leader, id, _, admin := erased(t)
	for i := range 150 {
		b.typed(id, i%6, 0, "尿毒症")
		b.typed(id, (i*5)%7, 2, "")
	}
	b.sync()
	w.fold(id)
	if found := w.words(); !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "u") }) {
		t.Fatalf("not in the unfolded state: %v", found)
	}
	a.sync()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Replace("situation", 2, 0, "（补）")) })
	erase(t, w, id, admin)
	if found := w.words(); len(found) > 0 {
		t.Errorf("still there: %v", found)
	}
	sameAsLog(t, w, id)
	if r, err := a.push(a.bundle(a.seq, a.seq)); err != nil || len(r.Held) != 0 {
		t.Errorf("written on the fold: %+v, %v", r.Held, err)
	}
	leader.sync()
	if s := text(t, leader.base[id], "situation"); !strings.Contains(s, "（补）") || !strings.Contains(s, "已依法删除") || leader.digests != 0 {
		t.Errorf("situation reads %q, %d digests differ", s, leader.digests)
	}
}

func TestEraseRefuses(t *testing.T) {
	w, a, _, _, id, _, admin := erased(t)
	was := w.words()
	try := func(what string, e ingest.Erasure, want syncproto.ErrorKind) {
		t.Helper()
		if _, err := w.ingest.Erase(context.Background(), e, false); syncproto.KindOf(err) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	good := ingest.Erasure{Record: id, Fields: []string{"situation"}, Basis: "依据", By: admin, On: "2026-11-28"}
	with := func(fn func(e *ingest.Erasure)) ingest.Erasure { e := good; fn(&e); return e }
	try("no record", with(func(e *ingest.Erasure) { e.Record = syncproto.RecordID{} }), syncproto.KindBadRequest)
	try("no fields", with(func(e *ingest.Erasure) { e.Fields = nil }), syncproto.KindBadRequest)
	try("no basis", with(func(e *ingest.Erasure) { e.Basis = "" }), syncproto.KindBadRequest)
	try("a day that is none", with(func(e *ingest.Erasure) { e.On = "28.11." }), syncproto.KindBadRequest)
	try("an unknown record", with(func(e *ingest.Erasure) { e.Record = a.newID() }), syncproto.KindNotFound)
	try("a field that says nothing", with(func(e *ingest.Erasure) { e.Fields = []string{"scene"} }), syncproto.KindNotFound)
	try("the place", with(func(e *ingest.Erasure) { e.Fields = []string{"place_code"} }), syncproto.KindConflict)
	try("the recorder", with(func(e *ingest.Erasure) { e.Fields = []string{"recorder_id"} }), syncproto.KindConflict)
	if got := w.words(); !slices.Equal(got, was) {
		t.Error("a refused erasure wrote")
	}
	erase(t, w, id, admin)
	if _, err := w.ingest.Erase(context.Background(), good, false); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("again: %v", err)
	}
}

// The store is put back to before, and a device brings what it had not: all that is
// listed is erased again, and what was written since the act stays.
func TestErasedComesAgain(t *testing.T) {
	w, a, b, leader, id, _, admin := erased(t)
	older := w.store.(*memstore.Store).Clone()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("又说收入为零，看病"))) })
	a.sync()
	act := ingest.Erasure{Record: id, Fields: []string{"situation", "purpose", "interviewees.relation"}, Basis: "依据", By: admin, On: "2026-11-28"}
	act.Parts = erase(t, w, id, admin)

	w.store = older
	_, err := w.store.RaiseEpoch(context.Background())
	must(t, err)
	w.reopen()
	if len(w.words()) == 0 {
		t.Fatal("the older store does not say it: nothing would be proved")
	}
	w.ingest.List(act)
	must(t, w.ingest.EraseListed(context.Background()))
	if found := w.words(); len(found) > 0 {
		t.Errorf("after the restore: %v", found)
	}
	for _, d := range []*device{a, b} {
		if r := d.pushAll(2); len(r.Held) != 0 {
			t.Errorf("brought again: %+v", r.Held)
		}
		if found := w.words(); len(found) > 0 {
			t.Errorf("brought back: %v", found)
		}
	}
	sameAsLog(t, w, id)
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("送药上门"))) })
	b.sync()
	must(t, w.ingest.EraseListed(context.Background()))
	leader.sync()
	if !slices.ContainsFunc(leader.base[id].Values("purpose"), func(e crdt.Entry) bool { return string(e.Value) == string(value("送药上门")) }) || leader.digests != 0 {
		t.Errorf("what was written since is gone, or %d digests differ", leader.digests)
	}
}

// A copied device has the same words in a bundle that contradicts the chain.
func TestEraseInForks(t *testing.T) {
	w, a, _, _, id, _, admin := erased(t)
	twin := w.device("A7", a.person)
	twin.write(id, "ZF", func(e *crdt.Edit) { must(t, e.SetText("situation", "本人尿毒症，欠债八万")) })
	if _, err := twin.push(twin.bundle(1, 1)); err != nil {
		t.Fatal(err)
	}
	if found := w.words(); !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "y") }) {
		t.Fatalf("no fork says it: %v", found)
	}
	erase(t, w, id, admin)
	if found := w.words(); len(found) > 0 {
		t.Errorf("still there: %v", found)
	}
}

// What decides who reads a record is not erased, and that is found out before the
// act is listed; nor is a list in the way of a record that grew long since.
func TestEraseRefusesWhatDecides(t *testing.T) {
	w, a, _, _, id, _, admin := erased(t)
	demand := a.newID()
	a.write(demand, "SQ", func(e *crdt.Edit) {
		must(t, e.Set("place_code", value(township+"901")))
		must(t, e.Set("recorder_id", value(a.person[:])))
		must(t, e.Add("about_person_ids", value(admin[:])))
	})
	a.sync()
	for field, of := range map[string]syncproto.RecordID{"recorder_id": id, "place_code": id, "about_person_ids": demand} {
		e := ingest.Erasure{Record: of, Fields: []string{field}, Basis: "本人要求", By: admin, On: "2026-11-28"}
		if _, err := w.ingest.Erase(t.Context(), e, true); syncproto.KindOf(err) != syncproto.KindConflict {
			t.Errorf("the preview of erasing %s: %v", field, err)
		}
	}
	parts := erase(t, w, id, admin)
	w.ingest.List(ingest.Erasure{Record: id, Fields: []string{"situation"}, Basis: "本人要求", By: admin, On: "2026-11-28", Parts: parts})
	a.pull()
	a.own[id] = a.base[id].Clone()
	for i := range 2001 {
		a.write(id, "", func(e *crdt.Edit) { must(t, e.Add("tags", value(fmt.Sprint("标签", i)))) })
	}
	a.sync()
	must(t, w.ingest.EraseListed(t.Context()))
	if found := w.words(); len(found) > 0 {
		t.Errorf("the store says %q", found)
	}
}
