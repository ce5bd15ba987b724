package crdt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// blindWriter is a device that may write in a text and a list that it may not
// read, and the server's record.
type blindWriter struct {
	t      *testing.T
	server *crdt.Record
	base   *crdt.Record
	shown  *crdt.Record
	seq    syncproto.Seq
	own    []saved // not in the base
}

func newBlindWriter(t *testing.T) *blindWriter {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("ZF"))
	must(t, e.Replace("t", 0, 0, "hidden"))
	_, err := e.InsertItem("l", 0)
	must(t, err)
	open, err := e.InsertItem("open", 0)
	must(t, err)
	must(t, e.Item("open", open).Replace("t", 0, 0, "hidden"))
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)})
	must(t, err)
	w := &blindWriter{t: t, server: r}
	w.pull()
	return w
}

func isHidden(field, sub string) bool { return field == "t" || field == "l" || sub == "t" }

// pull replaces the base as a page does, and joins what is not in it.
func (w *blindWriter) pull() {
	projection := w.server.Project(func(f string, _ syncproto.ElemID, sub string) bool { return !isHidden(f, sub) })
	base, err := crdt.Decode(projection.AppendBinary(nil))
	must(w.t, err)
	base.KeepCounters(replicaID(2), w.shown)
	state := base.AppendBinary(nil)
	w.base, err = crdt.Decode(state)
	must(w.t, err)
	if !bytes.Equal(w.base.AppendBinary(nil), state) {
		w.t.Fatal("a base encodes to other bytes")
	}
	w.show()
}

func (w *blindWriter) show() {
	w.shown = w.base.Clone()
	var rest []saved
	var missing *crdt.MissingError
	for _, x := range w.own {
		switch err := w.shown.Join(x.h, &x.p, crdt.Options{}); {
		case errors.Is(err, crdt.ErrKnown):
			continue
		case errors.As(err, &missing): // it stands beside words that the base has and does not show
		case err != nil:
			w.t.Fatalf("own change %d is not shown: %v", x.h.Seq, err)
		}
		rest = append(rest, x)
	}
	w.own = rest
	state := w.shown.AppendBinary(nil)
	again, err := crdt.Decode(state)
	must(w.t, err)
	must(w.t, again.Verify())
	if !bytes.Equal(again.AppendBinary(nil), state) {
		w.t.Fatal("what is shown encodes to other bytes")
	}
}

func (w *blindWriter) write() saved {
	e := w.shown.Clone().Edit(replicaID(2), nil)
	must(w.t, e.Replace("t", 0, 0, "ab"))
	_, err := e.InsertItem("l", 0)
	must(w.t, err)
	must(w.t, e.Item("open", e.Record().List("open")[0].ID).Replace("t", 0, 0, "c"))
	p, _ := e.Part()
	p.Prev = w.seq // of all he wrote, shown or not
	w.seq++
	x := saved{syncproto.Header{Replica: replicaID(2), Seq: w.seq, Author: recordID(8)}, p}
	w.own = append(w.own, x)
	w.show()
	return x
}

// push is what the server does with a part of his.
func (w *blindWriter) push(x saved) {
	if err := w.server.Join(x.h, &x.p, crdt.Options{Blind: isHidden}); err != nil {
		w.t.Fatalf("change %d does not fit: %v", x.h.Seq, err)
	}
}

// What somebody writes where he may not read goes on in his own ids, whatever
// of it the server's state has replaced meanwhile.
func TestBlindAuthorWritesOn(t *testing.T) {
	w := newBlindWriter(t)
	for range 3 { // one after the other
		w.push(w.write())
		w.pull()
		w.pull()
	}
	a, b := w.write(), w.write() // two at once, of which the state has the first
	w.push(a)
	w.pull()
	c := w.write()
	w.push(b)
	w.pull()
	w.push(c)
	w.pull()
	w.push(w.write())
	if got := w.server.Text("t").String(); got != "ababababababab"+"hidden" {
		t.Errorf("the text reads %q", got)
	}
	if n := len(w.server.List("l")); n != 8 {
		t.Errorf("%d items", n)
	}
	if got := w.server.List("open")[0].Text("t").String(); got != "ccccccc"+"hidden" {
		t.Errorf("the item's text reads %q", got)
	}
}

// An edit is told of a part that no state on the device has: what it writes in
// the same texts and lists goes on after that.
func TestEditIsToldWhatWasWritten(t *testing.T) {
	w := newBlindWriter(t)
	open := w.server.List("open")[0].ID
	edit := func(e *crdt.Edit, words string) saved {
		must(t, e.Replace("t", 0, 0, words))
		_, err := e.InsertItem("l", 0)
		must(t, err)
		must(t, e.MoveItem("open", open, 0))
		must(t, e.Item("open", open).Replace("t", 0, 0, words))
		p, _ := e.Part()
		p.Prev = w.seq
		w.seq++
		return saved{syncproto.Header{Replica: replicaID(2), Seq: w.seq, Author: recordID(8)}, p}
	}
	first := edit(w.base.Clone().Edit(replicaID(2), nil), "ab")
	e := w.base.Clone().Edit(replicaID(2), nil)
	e.Wrote(&first.p)
	second := edit(e, "cd")
	w.push(first)
	w.push(second)
	if n := len(w.server.List("l")); n != 3 {
		t.Errorf("%d items", n)
	}
	for name, got := range map[string]string{"t": w.server.Text("t").String(), "the item's": w.server.List("open")[0].Text("t").String()} {
		if got != "abcdhidden" && got != "cdabhidden" {
			t.Errorf("%s reads %q", name, got)
		}
	}
}
