package session_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// shelf is a holder whose changes are only numbers.
type shelf struct {
	has session.Holdings
	err error
}

func (s *shelf) Holdings() (session.Holdings, error) { return maps.Clone(s.has), s.err }

func (s *shelf) Pack(changes session.Holdings) (b []byte, err error) {
	for id, rs := range changes {
		for _, r := range rs {
			if !reflect.DeepEqual(syncproto.Ranges{r}.Without(s.has[id]), syncproto.Ranges(nil)) {
				return nil, fmt.Errorf("asked for %v of %s, which is not here", r, id)
			}
			b = wire.AppendUint(wire.AppendUint(wire.AppendBytes(b, id[:]), uint64(r.From)), uint64(r.To))
		}
	}
	return b, nil
}

func (s *shelf) Unpack(packed []byte) error {
	r := wire.NewReader(packed)
	for r.More() {
		var id syncproto.ReplicaID
		r.Fixed(id[:])
		from, to := syncproto.Seq(r.Uint()), syncproto.Seq(r.Uint())
		if r.Err() == nil {
			s.has[id] = s.has[id].Add(from, to)
		}
	}
	return r.Done()
}

// meet runs an exchange and returns what crossed.
func meet(t interface{ Fatal(...any) }, a, b *shelf, both bool) (messages, bytes, waits int) {
	x := session.NewExchange(a, both)
	for msg, wait := x.Next(); msg != nil; msg, wait = x.Next() {
		answer, err := session.Answer(b, msg)
		if err != nil {
			t.Fatal(err)
		}
		messages, bytes = messages+1, bytes+len(msg)+len(answer)
		if wait == (answer == nil) {
			t.Fatal("an answer is waited for that does not come, or the other way round")
		}
		if wait {
			messages, waits = messages+1, waits+1
			if err := x.Handle(answer); err != nil {
				t.Fatal(err)
			}
		}
	}
	if x.Err() != nil {
		t.Fatal(x.Err())
	}
	return messages, bytes, waits
}

func holdings(t *rapid.T, name string) *shelf {
	s := &shelf{has: session.Holdings{}}
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 99), 0, 40).Draw(t, name) {
		id := replicaNumber(n % 5)
		s.has[id] = s.has[id].Add(syncproto.Seq(1+n/5), syncproto.Seq(1+n/5))
	}
	return s
}

func replicaNumber(n int) (id syncproto.ReplicaID) {
	id[0], id[15] = 7, byte(n+1) // ids that begin alike
	return id
}

func TestExchange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := holdings(t, "a"), holdings(t, "b")
		both := rapid.Bool().Draw(t, "both")
		all := session.Holdings{}
		for _, s := range []*shelf{a, b} {
			for id, rs := range s.has {
				for _, r := range rs {
					all[id] = all[id].Add(r.From, r.To)
				}
			}
		}
		was := maps.Clone(b.has)
		_, _, waits := meet(t, a, b, both)
		want := was
		if both {
			want = all
		}
		if !reflect.DeepEqual(a.has, all) || !reflect.DeepEqual(b.has, want) {
			t.Fatalf("%v and %v, want %v and %v", a.has, b.has, all, want)
		}
		if waits > 2 {
			t.Fatalf("%d round trips", waits)
		}
		if both {
			if messages, bytes, waits := meet(t, a, b, true); messages != 2 || bytes > 50 || waits != 1 {
				t.Fatalf("in agreement: %d messages, %d bytes, %d round trips", messages, bytes, waits)
			}
		}
	})
}

// A holder that fails ends the exchange, on either side.
func TestExchangeOfAFailingHolder(t *testing.T) {
	broken := &shelf{err: errors.New("no disk")}
	x := session.NewExchange(broken, true)
	if msg, _ := x.Next(); msg != nil || !errors.Is(x.Err(), broken.err) {
		t.Fatalf("%x %v", msg, x.Err())
	}
	x = session.NewExchange(&shelf{has: session.Holdings{}}, true)
	msg, _ := x.Next()
	if _, err := session.Answer(broken, msg); !errors.Is(err, broken.err) {
		t.Fatal(err)
	}
}

// FuzzExchange: whatever comes in is refused or does no harm, and what is
// accepted can be told again.
func FuzzExchange(f *testing.F) {
	a := &shelf{has: session.Holdings{replicaNumber(1): {{From: 1, To: 9}}, replicaNumber(2): {{From: 3, To: 5}, {From: 8, To: 8}}}}
	b := &shelf{has: session.Holdings{replicaNumber(1): {{From: 2, To: 4}}}}
	x := session.NewExchange(a, true)
	for msg, wait := x.Next(); msg != nil; msg, wait = x.Next() {
		f.Add(msg)
		if reply, err := session.Answer(b, msg); err != nil {
			f.Fatal(err)
		} else if wait {
			f.Add(reply)
			if err := x.Handle(reply); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		holder := func() *shelf {
			return &shelf{has: session.Holdings{replicaNumber(1): {{From: 1, To: 3}}}}
		}
		if out, err := session.Answer(holder(), in); err != nil && out != nil {
			t.Fatal("an answer beside a refusal")
		}
		x := session.NewExchange(holder(), true)
		x.Next()
		if err := x.Handle(in); err != nil && x.Err() == nil {
			t.Fatal("a refusal that is forgotten")
		}
		for i := 0; ; i++ {
			if msg, _ := x.Next(); msg == nil || i > 2 {
				break
			}
		}
	})
}
