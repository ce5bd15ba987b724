package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// What a replica wrote reads the same when the last of it is told as another
// replica's, with what others wrote before, between and unknown to it; and so
// does what is written on a form that was opened in the old names.
func TestAnewReadsAlike(t *testing.T) {
	for seed := uint64(1); seed <= 300; seed++ {
		if err := anewReadsAlike(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

var (
	anewOld   = syncproto.ReplicaID{6: 0x40, 15: 1}
	anewNew   = syncproto.ReplicaID{6: 0x40, 15: 2}
	anewOther = syncproto.ReplicaID{6: 0x40, 15: 9}
)

// anewStory is a record as the old replica and another one write it, and once
// more with the old one's changes from some number on told anew.
type anewStory struct {
	rand       *rand.Rand
	was, now   *crdt.Record // as both see it
	anew       *crdt.Anew
	from       syncproto.Seq // the first change told anew
	oldSeq     syncproto.Seq
	newSeq     syncproto.Seq
	otherSeq   syncproto.Seq
	letters    int
	concurrent []func() error // parts of the other's that come later
}

func anewReadsAlike(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 7))
	id := syncproto.RecordID{6: 0x70, 15: 3}
	s := &anewStory{rand: r, was: crdt.New(id), now: crdt.New(id), anew: crdt.NewAnew(anewOld), from: syncproto.Seq(2 + r.IntN(4))}
	if err := s.old(); err != nil {
		return err
	}
	for range 12 {
		var err error
		switch n := r.IntN(10); {
		case n < 6:
			err = s.old()
		case n < 8:
			err = s.other()
		case len(s.concurrent) > 0:
			err, s.concurrent = s.concurrent[0](), s.concurrent[1:]
		}
		if err != nil {
			return err
		}
	}
	if err := s.later(); err != nil {
		return err
	}
	if was, now := readAll(s.was), readAll(s.now); was != now {
		return fmt.Errorf("told anew it reads\n%s\nwant\n%s", now, was)
	}
	return nil
}

func value(v any) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }

func (s *anewStory) letter() string {
	s.letters++
	return string(rune(0x4e00 + s.letters))
}

// change writes something on a state.
func (s *anewStory) change(e *crdt.Edit) error {
	if e.Record().Kind == "" {
		if err := e.Create("ZF"); err != nil {
			return err
		}
	}
	for range 1 + s.rand.IntN(3) {
		var err error
		list := e.Record().List("l")
		switch n := s.rand.IntN(7); {
		case n == 0:
			err = e.Set("v", value(s.letter()))
		case n == 1:
			err = e.Add("s", value(s.letter()))
		case n == 2:
			err = e.Log("g", value(s.letter()))
		case n == 3:
			_, err = e.InsertItem("l", s.rand.IntN(len(list)+1))
		case n == 4 && len(list) > 0:
			err = e.Item("l", list[s.rand.IntN(len(list))].ID).Set("name", value(s.letter()))
		case n == 5 && len(list) > 0:
			err = e.RemoveItem("l", list[s.rand.IntN(len(list))].ID)
		default:
			n := 0
			if doc := e.Record().Text("t"); doc != nil {
				n = doc.Len()
			}
			at := s.rand.IntN(n + 1)
			err = e.Replace("t", at, min(s.rand.IntN(3), n-at), s.letter()+s.letter())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// old writes as the old replica on what both have.
func (s *anewStory) old() error {
	s.oldSeq++
	e := s.was.Clone().Edit(anewOld, nil)
	if err := s.change(e); err != nil {
		return err
	}
	p, _ := e.Part()
	h := syncproto.Header{Replica: anewOld, Seq: s.oldSeq, Wall: int64(s.oldSeq) * 1000}
	if err := s.was.Join(h, &p, crdt.Options{}); err != nil {
		return err
	}
	if s.oldSeq < s.from {
		return s.now.Join(h, &p, crdt.Options{})
	}
	s.newSeq++
	told := s.anew.Part(s.oldSeq, &p, syncproto.ChangeID{Replica: anewNew, Seq: s.newSeq})
	return s.joinAnew(told, h.Wall)
}

func (s *anewStory) joinAnew(p *syncproto.Part, wall int64) error {
	b := wire.AppendPart(nil, anewNew, p)
	again, err := wire.DecodePart(anewNew, b)
	if err != nil {
		return err
	}
	return s.now.Join(syncproto.Header{Replica: anewNew, Seq: s.newSeq, Wall: wall}, &again, crdt.Options{})
}

// other writes as another replica that has not seen the old one's last changes:
// it knows what stood before the first that is told anew.
func (s *anewStory) other() error {
	s.otherSeq++
	h := syncproto.Header{Replica: anewOther, Seq: s.otherSeq, Wall: 500 + int64(s.otherSeq)*1000}
	if s.oldSeq >= s.from {
		return nil
	}
	e := s.was.Clone().Edit(anewOther, nil)
	if err := s.change(e); err != nil {
		return err
	}
	p, _ := e.Part()
	if len(s.concurrent) > 0 || s.rand.IntN(2) == 0 && s.oldSeq+1 < s.from {
		s.concurrent = append(s.concurrent, func() error { return s.both(h, &p) })
		return nil
	}
	return s.both(h, &p)
}

func (s *anewStory) both(h syncproto.Header, p *syncproto.Part) error {
	if h.Seq <= s.was.Version.Of(anewOther) || p.Prev != s.was.Version.Of(anewOther) {
		return nil // another of its parts came first: one form of several
	}
	if err := s.was.Join(h, p, crdt.Options{}); err != nil {
		return err
	}
	return s.now.Join(h, p, crdt.Options{})
}

// later writes on a form in the old names and joins that to both.
func (s *anewStory) later() error {
	form := s.was.Clone().AppendBinary(nil)
	if err := s.old(); err != nil {
		return err
	}
	for i, r := range []*crdt.Record{s.was, s.now} {
		base, err := crdt.Decode(append([]byte(nil), form...))
		if err != nil {
			return err
		}
		author, seq := anewOld, s.oldSeq+1
		if i == 1 {
			author, seq = anewNew, s.newSeq+1
		}
		letters, dice := s.letters, *s.rand
		s.rand = rand.New(rand.NewPCG(uint64(s.oldSeq), 3))
		e := base.Edit(author, r)
		err = s.change(e)
		s.letters, s.rand = letters, &dice
		if err != nil {
			return err
		}
		p, _ := e.Part()
		told := &p
		if i == 1 {
			told = s.anew.Later(anewNew, &p)
		}
		if err := r.Join(syncproto.Header{Replica: author, Seq: seq, Wall: 77_000}, told, crdt.Options{}); err != nil {
			return fmt.Errorf("on the form: %w", err)
		}
	}
	return nil
}

// readAll is what a record reads like, ids aside.
func readAll(r *crdt.Record) string {
	var out string
	for _, e := range r.Values("v") {
		out += fmt.Sprintf("v %x\n", e.Value)
	}
	for _, m := range r.Set("s") {
		out += fmt.Sprintf("s %x\n", m.Value)
	}
	for _, e := range r.Log("g") {
		out += fmt.Sprintf("g %d %x\n", e.Lamport, e.Value)
	}
	if doc := r.Text("t"); doc != nil {
		out += "t " + doc.String() + "\n"
	}
	for _, it := range r.Items("l", true) {
		name, _ := it.Value("name")
		out += fmt.Sprintf("l %x %v %d\n", name.Value, it.Removed, len(it.Values("name")))
	}
	return out
}
