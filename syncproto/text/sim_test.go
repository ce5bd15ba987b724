package text_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"pgregory.net/rapid"
)

// sent is an edit on its way, with what its author had when making it.
type sent struct {
	from   int // device
	seq    int
	known  []int // per device: how many of its edits were known
	edit   text.Edit
	binary []byte
}

// device is a replica with what it has received.
type device struct {
	id    syncproto.ReplicaID
	doc   *text.Doc
	model *model
	known []int
	caret int
	old   *text.Doc // a second window, which shows what the text was when it was opened
}

// sim is some devices that write one text. Edits arrive in any causal order.
type sim struct {
	t       *rapid.T
	devices []*device
	log     []sent
	seen    [][]syncproto.ElemID // visible elements at some moments
}

func newSim(t *rapid.T, n int) *sim {
	s := &sim{t: t}
	for i := range n {
		s.devices = append(s.devices, &device{id: replica(i), doc: text.New(), model: newModel(), known: make([]int, n)})
	}
	return s
}

// snippets are what people type: more than one script, composed characters,
// characters outside the basic plane, and a mark that combines with its neighbour.
var snippets = []string{"a", "bc", "船", "头会", "👍🏽", "e\u0301", "𠮷", "\n", "hello ", "三月十五日"}

// write makes one random local edit and checks its local effect.
func (s *sim) write(i int) {
	dev := s.devices[i]
	before := []rune(dev.doc.String())
	at, del, ins := s.choose(dev, len(before))
	edit, err := dev.doc.Replace(dev.id, at, del, ins)
	if err != nil {
		s.t.Fatalf("replace %d at %d by %q in %q: %v", del, at, ins, string(before), err)
	}
	want := string(before[:at]) + ins + string(before[at+del:])
	if got := dev.doc.String(); got != want {
		s.t.Fatalf("device %d shows %q, want %q", i, got, want)
	}
	dev.caret = at + len([]rune(ins))
	s.send(i, edit)
}

// writeOld makes an edit in the second window.
func (s *sim) writeOld(i int) {
	dev := s.devices[i]
	if dev.old == nil || rapid.Bool().Draw(s.t, "open") {
		dev.old = dev.doc.Clone()
		return
	}
	before := []rune(dev.old.String())
	at, del, ins := s.choose(dev, len(before))
	edit, err := dev.old.ReplaceFrom(dev.id, 1, dev.doc.Highest(dev.id)+1, at, del, ins)
	if err != nil {
		s.t.Fatalf("replace %d at %d by %q in %q: %v", del, at, ins, string(before), err)
	}
	if got, want := dev.old.String(), string(before[:at])+ins+string(before[at+del:]); got != want {
		s.t.Fatalf("window of device %d shows %q, want %q", i, got, want)
	}
	if err := dev.doc.Apply(dev.id, edit); err != nil {
		s.t.Fatalf("device %d, edit in the second window: %v", i, err)
	}
	s.send(i, edit)
}

func (s *sim) send(i int, edit text.Edit) {
	dev := s.devices[i]
	dev.model.apply(dev.id, edit)
	dev.known[i]++
	s.log = append(s.log, sent{from: i, seq: dev.known[i], known: slices.Clone(dev.known), edit: edit, binary: edit.AppendBinary(dev.id, nil)})
}

func (s *sim) choose(dev *device, n int) (at, del int, ins string) {
	caret := min(dev.caret, n)
	switch rapid.IntRange(0, 9).Draw(s.t, "kind") {
	case 0, 1, 2: // types on
		return caret, 0, rapid.SampledFrom(snippets).Draw(s.t, "text")
	case 3: // backspace
		if caret > 0 {
			return caret - 1, 1, ""
		}
	case 4: // types backwards
		dev.caret = caret
		return max(0, caret-1), 0, rapid.SampledFrom(snippets).Draw(s.t, "text")
	case 5: // deletes forwards
		if caret < n {
			return caret, 1, ""
		}
	case 6, 7: // replaces
		at = rapid.IntRange(0, n).Draw(s.t, "at")
		return at, rapid.IntRange(0, min(n-at, 6)).Draw(s.t, "del"), rapid.SampledFrom(snippets).Draw(s.t, "text")
	}
	return rapid.IntRange(0, n).Draw(s.t, "at"), 0, rapid.SampledFrom(snippets).Draw(s.t, "text")
}

// deliver brings one edit to device i that it can take, if there is one.
func (s *sim) deliver(i int) bool {
	dev := s.devices[i]
	var ready []int
	for k := range s.log {
		if s.ready(dev, &s.log[k]) {
			ready = append(ready, k)
		}
	}
	if len(ready) == 0 {
		return false
	}
	m := &s.log[rapid.SampledFrom(ready).Draw(s.t, "deliver")]
	author := s.devices[m.from].id
	edit, err := edit.Decode(author, m.binary)
	if err != nil {
		s.t.Fatal(err)
	}
	if again := edit.AppendBinary(author, nil); !bytes.Equal(again, m.binary) {
		s.t.Fatalf("edit re-encodes to %x, was %x", again, m.binary)
	}
	if err := dev.doc.Apply(author, edit); err != nil {
		s.t.Fatalf("device %d, edit %d of %d: %v", i, m.seq, m.from, err)
	}
	dev.model.apply(author, m.edit)
	dev.known[m.from]++
	return true
}

func (s *sim) ready(dev *device, m *sent) bool {
	if dev.known[m.from] != m.seq-1 {
		return false
	}
	for j, n := range m.known {
		if j != m.from && dev.known[j] < n {
			return false
		}
	}
	return true
}

// look notes what a device shows.
func (s *sim) look(i int) {
	var ids []syncproto.ElemID
	for _, p := range s.devices[i].doc.Passages() {
		id := p.First
		for range p.Text {
			ids = append(ids, id)
			id.Counter++
		}
	}
	s.seen = append(s.seen, ids)
}

// step does one thing on one device.
func (s *sim) step() {
	i := rapid.IntRange(0, len(s.devices)-1).Draw(s.t, "device")
	s.devices[0].doc.Search(true) // as if every place were crowded
	switch rapid.IntRange(0, 13).Draw(s.t, "step") {
	case 0, 1, 2, 3, 4:
		s.write(i)
	case 5: // stored and loaded
		s.devices[i].doc = s.reload(s.devices[i].doc)
	case 6:
		s.devices[i].doc = s.devices[i].doc.Clone()
	case 7:
		s.look(i)
	case 8, 9:
		s.writeOld(i)
	default:
		s.deliver(i)
	}
}

func (s *sim) reload(d *text.Doc) *text.Doc {
	b := d.AppendBinary(nil)
	out, err := text.Decode(b)
	if err != nil {
		s.t.Fatalf("own state refused: %v", err)
	}
	if out.String() != d.String() || out.Len() != d.Len() {
		s.t.Fatalf("loaded %q, saved %q", out.String(), d.String())
	}
	if rapid.IntRange(0, 3).Draw(s.t, "search") == 0 {
		out.Search(true)
	}
	return out
}

func (s *sim) settle() {
	for i := range s.devices {
		for s.deliver(i) {
		}
	}
}

func (s *sim) check() {
	for i, dev := range s.devices {
		if err := dev.doc.DbgCheck(); err != nil {
			s.t.Fatalf("device %d: %v", i, err)
		}
	}
}

func TestConvergence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t, rapid.IntRange(1, 5).Draw(t, "devices"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s.step()
		}
		s.check()
		s.settle()
		s.check()
		first := s.devices[0].doc
		for i, dev := range s.devices {
			if err := dev.model.differs(dev.doc); err != nil {
				t.Fatalf("device %d: %v", i, err)
			}
			if got, want := dev.doc.AppendBinary(nil), first.AppendBinary(nil); !bytes.Equal(got, want) {
				t.Fatalf("device %d stores %x, device 0 %x", i, got, want)
			}
			loaded := s.reload(dev.doc)
			loaded.Open()
			if err := dev.model.differs(loaded); err != nil {
				t.Fatalf("device %d loaded: %v", i, err)
			}
			if err := loaded.DbgCheck(); err != nil {
				t.Fatalf("device %d loaded: %v", i, err)
			}
			if got, want := loaded.AppendBinary(nil), first.AppendBinary(nil); !bytes.Equal(got, want) {
				t.Fatalf("device %d stores %x, after loading %x", i, want, got)
			}
		}
		s.checkStory(first)
	})
}

// checkStory checks rules 3 and 4 of the text over everything that was seen.
func (s *sim) checkStory(end *text.Doc) {
	place := map[syncproto.ElemID]int{}
	visible := map[syncproto.ElemID]bool{}
	for i, e := range end.Elements() {
		if place[e.ID] != 0 {
			s.t.Fatalf("element %s is there twice", e.ID)
		}
		place[e.ID], visible[e.ID] = i+1, e.Visible
	}
	inserted, deleted := map[syncproto.ElemID]bool{}, map[syncproto.ElemID]bool{}
	for _, m := range s.log {
		for _, ins := range m.edit.Inserts {
			id := syncproto.ElemID{Replica: s.devices[m.from].id, Counter: ins.Counter}
			for range ins.Text {
				inserted[id] = true
				id.Counter++
			}
		}
		for _, del := range m.edit.Deletes {
			for k := range del.N {
				deleted[syncproto.ElemID{Replica: del.First.Replica, Counter: del.First.Counter + uint64(k)}] = true
			}
		}
	}
	for id := range inserted {
		if visible[id] == deleted[id] {
			s.t.Fatalf("element %s: visible %v, deleted %v", id, visible[id], deleted[id])
		}
	}
	if len(inserted) != len(place) {
		s.t.Fatalf("%d elements, %d inserted", len(place), len(inserted))
	}
	for _, ids := range s.seen {
		if !slices.IsSortedFunc(ids, func(a, b syncproto.ElemID) int { return place[a] - place[b] }) {
			s.t.Fatalf("elements seen as %v stand in another order now", ids)
		}
	}
}
