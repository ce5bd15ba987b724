package driver_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tale is a random story told to a driver, with a model that listens.
type tale struct {
	*judge
	rng     *rand.Rand
	h       *history
	devices []string
	mirrors map[string]*mirror
	named   map[string][]int // edits of each named change
	names   []string
	blobs   map[string]any // of each named change, base64; absent if it was empty
	next    rune           // the next unused code point
	items   int
	drift   map[string]int
}

var tales = []string{"A", "B", "C", "D"}

func newTale(t testing.TB, seed uint64, devices int) *tale {
	return newTaleOf(newJudge(t, tales[:devices]...), seed, devices)
}

func newTaleOf(j *judge, seed uint64, devices int) *tale {
	s := &tale{judge: j, rng: rand.New(rand.NewPCG(seed, 7)), h: newHistory(),
		devices: slices.Clone(tales[:devices]), mirrors: map[string]*mirror{}, named: map[string][]int{}, blobs: map[string]any{}, next: 0x4e00, drift: map[string]int{}}
	for _, r := range s.devices {
		s.mirrors[r] = newMirror()
	}
	return s
}

// TestStories: random stories of local edits, deliveries in any order, syncs
// and restarts, each answer judged by rules 1 to 13 as they are worded.
func TestStories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		s := newTale(rapidTB{t, rt, seed}, seed, rapid.IntRange(1, 4).Draw(rt, "devices"))
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			s.step()
		}
		s.meet()
	})
}

// rapidTB lets the judge fail a rapid check, naming the seed.
type rapidTB struct {
	testing.TB
	rt   *rapid.T
	seed uint64
}

func (t rapidTB) Helper()           {}
func (t rapidTB) Fatal(args ...any) { t.rt.Fatal(append([]any{"seed", t.seed}, args...)...) }
func (t rapidTB) Fatalf(format string, args ...any) {
	t.rt.Fatalf("seed %d: %s", t.seed, fmt.Sprintf(format, args...))
}

func (s *tale) step() {
	r := s.devices[s.rng.IntN(len(s.devices))]
	switch n := s.rng.IntN(22); {
	case n == 20:
		s.damage(r)
	case n == 21:
		s.nonsense(r)
	case n < 12:
		s.edit(r)
	case n < 14:
		s.takeFrom(r)
	case n < 16:
		s.giveTo(r)
	case n < 18:
		other := s.devices[s.rng.IntN(len(s.devices))]
		if s.rng.IntN(2) == 0 {
			s.pull(other, r)
			s.flow(other, r)
		} else {
			s.sync(other, r)
			s.flow(other, r)
			s.flow(r, other)
			if out := s.sync(r, other); out["bytes"].(float64) > 50 || out["roundTrips"].(float64) > 1 {
				s.t.Fatalf("in agreement, and %v", out)
			}
		}
		s.check(other)
	case n == 18 && len(s.devices) < 6:
		r = s.reload(r)
	default:
		s.drift[r] = []int{0, 0, 60000, -86400000, 10 * 365 * 86400000, -10 * 365 * 86400000}[s.rng.IntN(6)]
		s.ok(cmd{"op": "clock", "r": r, "now": 1767225600000 + s.drift[r] + s.rng.IntN(1000000)})
	}
	s.check(r)
}

// flow is what a pull does in the model: everything goes, waiting edits too.
func (s *tale) flow(from, to string) {
	if from == to {
		return
	}
	s.h.depart(s.mirrors[from])
	s.h.deliver(s.mirrors[to], slices.Collect(maps.Keys(s.mirrors[from].has)))
}

func (s *tale) takeFrom(r string) {
	name := fmt.Sprint("c", len(s.names))
	m := s.mirrors[r]
	s.h.depart(m)
	out := s.ok(cmd{"op": "take", "r": r, "as": name, "blob": true})
	s.want(out["empty"], len(m.open) == 0)
	if out["blob"] != nil {
		s.want(float64(len(fromBase64(s.t, out["blob"].(string)))), out["bytes"])
		s.blobs[name] = out["blob"]
	}
	s.names = append(s.names, name)
	s.named[name], m.open = m.open, nil
}

func (s *tale) giveTo(r string) {
	if len(s.names) == 0 {
		return
	}
	var names []string
	m := s.mirrors[r]
	for range 1 + s.rng.IntN(3) {
		name := s.names[s.rng.IntN(len(s.names))]
		names = append(names, name)
		s.h.deliver(m, s.named[name])
	}
	if blob := s.blobs[names[0]]; blob != nil && len(names) == 1 && s.rng.IntN(2) == 0 {
		s.ok(cmd{"op": "give", "r": r, "blob": blob})
		return
	}
	s.give(r, names...)
}

// damage hands in a change or a stored state with one byte changed, cut off,
// or added: refused, and nothing changes.
func (s *tale) damage(r string) {
	s.h.depart(s.mirrors[r])
	c := cmd{"op": "load", "r": "N", "blob": s.ok(cmd{"op": "save", "r": r})["blob"]}
	if len(s.names) > 0 && s.rng.IntN(2) == 0 {
		if blob := s.blobs[s.names[s.rng.IntN(len(s.names))]]; blob != nil {
			c = cmd{"op": "give", "r": r, "blob": blob}
		}
	}
	raw := fromBase64(s.t, c["blob"].(string))
	at := s.rng.IntN(len(raw))
	switch s.rng.IntN(3) {
	case 0:
		raw = raw[:at]
	case 1:
		raw[at] ^= byte(1 + s.rng.IntN(255))
	default:
		raw = slices.Insert(raw, at, byte(s.rng.IntN(256)))
	}
	if c["blob"] == toBase64(raw) {
		return
	}
	c["blob"] = toBase64(raw)
	s.refused("BAD_CHANGE", c)
}

// nonsense asks for what no device can do.
func (s *tale) nonsense(r string) {
	long := strings.Repeat("名", 65)
	cases := []struct {
		code string
		c    cmd
	}{
		{"NO_REPLICA", cmd{"op": "set", "r": "nobody", "rec": "nothing", "f": "v", "value": 1}},
		{"NO_REPLICA", cmd{"op": "pull", "from": "nobody", "to": r}},
		{"NO_REPLICA", cmd{"op": "sync", "a": r, "b": "nobody"}},
		{"NO_RECORD", cmd{"op": "set", "r": r, "rec": "nothing", "f": "v", "value": 1}},
		{"NO_RECORD", cmd{"op": "ldel", "r": r, "rec": "nothing", "f": "l", "item": "never"}},
		{"NO_RECORD", cmd{"op": "read", "r": r, "rec": "nothing"}},
		{"EXISTS", cmd{"op": "replica", "r": r}},
		{"BAD_REQUEST", cmd{"op": "replica", "r": "a name"}},
		{"BAD_REQUEST", cmd{"op": "replica", "r": strings.Repeat("x", 33)}},
		{"BAD_REQUEST", cmd{"op": "create", "r": r, "rec": long}},
		{"BAD_REQUEST", cmd{"op": "create", "r": r, "rec": ""}},
		{"BAD_REQUEST", cmd{"op": "give", "r": r, "changes": []string{"never taken"}}},
		{"BAD_REQUEST", cmd{"op": "give", "r": r, "changes": "c0"}},
		{"BAD_REQUEST", cmd{"op": "replay", "r": r, "rec": "r0", "f": "t", "edits": [][]any{{0, 0}}}},
		{"BAD_CHANGE", cmd{"op": "give", "r": r, "blob": ""}},
		{"BAD_CHANGE", cmd{"op": "give", "r": r, "blob": "no base64!"}},
		{"BAD_CHANGE", cmd{"op": "load", "r": "N", "blob": "AAAA"}},
		{"BAD_REQUEST", cmd{"op": "clock", "r": r, "now": "noon"}},
		{"BAD_REQUEST", cmd{"r": r}},
		{"UNSUPPORTED", cmd{"op": "fly", "r": r}},
	}
	x := cases[s.rng.IntN(len(cases))]
	s.refused(x.code, x.c)
}

// reload stores a device and starts a new one from it.
func (s *tale) reload(r string) string {
	name := fmt.Sprint("L", len(s.devices))
	saved := s.ok(cmd{"op": "save", "r": r})
	s.ok(cmd{"op": "load", "r": name, "blob": saved["blob"]})
	s.devices = append(s.devices, name)
	s.h.depart(s.mirrors[r])
	s.mirrors[name] = s.mirrors[r].copy()
	s.want(s.shown(name), s.shown(r))
	return name
}

func (s *tale) shown(r string) map[string]any {
	return s.ok(cmd{"op": "read", "r": r})["records"].(map[string]any)
}

// did notes a local edit in the model.
func (s *tale) did(r string, a act) {
	m := s.mirrors[r]
	a.id, a.knows = len(s.h.acts), map[int]bool{}
	for id := range m.applied {
		a.knows[id] = true
	}
	s.h.acts = append(s.h.acts, &a)
	m.has[a.id], m.applied[a.id] = true, true
	m.open, m.home = append(m.open, a.id), append(m.home, a.id)
}

// edit makes one local edit and checks its effect on what was shown.
func (s *tale) edit(r string) {
	rec := fmt.Sprint("m", s.rng.IntN(2))
	m := s.mirrors[r]
	deleted, _ := s.h.deleted(m, rec)
	switch {
	case !slices.Contains(s.h.records(m), rec):
		s.refused("NO_RECORD", cmd{"op": "delete", "r": r, "rec": rec})
		s.create(r, rec)
		s.did(r, act{op: "create", rec: rec})
		return
	case deleted:
		s.refused("DELETED", cmd{"op": "log", "r": r, "rec": rec, "f": "log", "entry": "x"})
		if s.rng.IntN(3) > 0 {
			s.restore(r, rec)
			s.did(r, act{op: "restore", rec: rec})
		}
		return
	}
	s.refused("EXISTS", cmd{"op": "create", "r": r, "rec": rec})
	fields := s.record(r, rec)["fields"].(map[string]any)
	switch s.rng.IntN(12) {
	case 0:
		s.delete(r, rec)
		s.did(r, act{op: "delete", rec: rec})
	case 1:
		s.restore(r, rec)
		s.did(r, act{op: "restore", rec: rec})
	case 2:
		v := []any{"x", "y", 1.0, 2.5, true, nil}[s.rng.IntN(6)]
		s.set(r, rec, "v", v)
		s.did(r, act{op: "set", rec: rec, f: "v", value: v})
	case 3, 4:
		op, v := []string{"add", "remove"}[s.rng.IntN(2)], string(rune('a'+s.rng.IntN(3)))
		s.ok(cmd{"op": op, "r": r, "rec": rec, "f": "s", "value": v})
		if op == "add" || slices.Contains(s.h.members(m, rec+"/s"), v) { // removing an absent value does nothing
			s.did(r, act{op: op, rec: rec, f: "s", value: v})
		}
	case 5:
		v := fmt.Sprint("e", len(s.h.acts))
		s.ok(cmd{"op": "log", "r": r, "rec": rec, "f": "log", "entry": v})
		s.did(r, act{op: "log", rec: rec, f: "log", value: v})
	case 6, 7, 8:
		s.typeText(r, rec, fields)
	default:
		s.editList(r, rec, fields)
	}
}

// typeText inserts code points that were never used, or deletes some.
func (s *tale) typeText(r, rec string, fields map[string]any) {
	var was []rune
	if f, ok := fields["t"].(map[string]any); ok {
		was = []rune(f["text"].(string))
	}
	at := s.rng.IntN(len(was) + 1)
	s.refused("RANGE", cmd{"op": "ins", "r": r, "rec": rec, "f": "t", "at": len(was) + 1, "text": "x"})
	if n := min(1+s.rng.IntN(3), len(was)-at); n > 0 && s.rng.IntN(3) == 0 {
		s.del(r, rec, "t", at, n)
		s.did(r, act{op: "del", rec: rec, f: "t", chars: slices.Clone(was[at : at+n])})
		s.want(s.text(r, rec, "t"), string(slices.Delete(was, at, at+n)))
		return
	}
	var chars []rune
	for range 1 + s.rng.IntN(3) {
		chars = append(chars, s.next)
		if s.next++; s.next == 0x9f00 {
			s.next = 0x20000 // beyond the first plane too
		}
	}
	if s.rng.IntN(4) == 0 { // key by key
		var edits [][3]any
		for i, c := range chars {
			edits = append(edits, [3]any{at + i, 0, string(c)})
		}
		s.ok(cmd{"op": "replay", "r": r, "rec": rec, "f": "t", "edits": edits})
	} else {
		s.ins(r, rec, "t", at, string(chars))
	}
	s.did(r, act{op: "ins", rec: rec, f: "t", chars: chars})
	s.want(s.text(r, rec, "t"), string(slices.Insert(was, at, chars...)))
}

func (s *tale) editList(r, rec string, fields map[string]any) {
	was := []string{}
	if fields["l"] != nil {
		was = s.judge.items(r, rec, "l")
	}
	c := cmd{"r": r, "rec": rec, "f": "l"}
	a := act{rec: rec, f: "l", value: float64(s.rng.IntN(3))}
	if len(was) == 0 || s.rng.IntN(2) == 0 {
		s.items++
		at := s.rng.IntN(len(was) + 1)
		a.op, a.item = "lins", fmt.Sprint("i", s.items)
		c["at"], c["value"] = at, a.value
		was = slices.Insert(was, at, a.item)
	} else {
		at := s.rng.IntN(len(was))
		a.item = was[at]
		switch s.rng.IntN(3) {
		case 0:
			a.op, c["value"] = "lset", a.value
		case 1:
			a.op = "ldel"
			was = slices.Delete(was, at, at+1)
		default:
			to := s.rng.IntN(len(was))
			a.op, c["to"] = "lmove", to
			was = slices.Insert(slices.Delete(was, at, at+1), to, a.item)
			s.h.moved[a.key()+a.item] = true
		}
	}
	c["op"], c["item"] = a.op, a.item
	s.refused("NO_ITEM", cmd{"op": "ldel", "r": r, "rec": rec, "f": "l", "item": "never"})
	s.ok(c)
	s.did(r, a)
	s.want(s.judge.items(r, rec, "l"), was)
}

// check compares everything a device shows with the rules.
func (s *tale) check(r string) {
	m := s.mirrors[r]
	shown := s.shown(r)
	s.want(len(shown), len(s.h.records(m)))
	for _, rec := range s.h.records(m) {
		got := shown[rec].(map[string]any)
		deleted, conflict := s.h.deleted(m, rec)
		s.want(got["deleted"], deleted)
		s.want(got["conflict"] == "delete-edit", conflict)
		if !deleted {
			s.checkFields(m, rec, got["fields"].(map[string]any))
		}
	}
	s.want(s.give(r), len(m.waiting))
	for _, other := range s.devices {
		if other != r && reflect.DeepEqual(s.mirrors[other].applied, m.applied) {
			s.want(s.shown(other), shown)
		}
	}
}

func (s *tale) checkFields(m *mirror, rec string, fields map[string]any) {
	for name, f := range fields {
		f := f.(map[string]any)
		key := rec + "/" + name
		switch f["kind"] {
		case "value":
			s.checkValues(m, key, "", f)
		case "set":
			got := []string{}
			for _, x := range f["items"].([]any) {
				got = append(got, x.(string))
			}
			s.want(got, append([]string{}, s.h.members(m, key)...))
		case "log":
			s.checkLog(m, key, f["entries"].([]any))
		case "text":
			s.checkText(m, key, []rune(f["text"].(string)))
		case "list":
			s.checkList(m, key, f["items"].([]any))
		}
	}
	values, _ := s.h.values(m, rec+"/v", "")
	if len(s.h.chars(m, rec+"/t")) > 0 && fields["t"] == nil || len(s.h.visible(m, rec+"/l")) > 0 && fields["l"] == nil ||
		fields["v"] == nil && len(values) > 0 || len(s.h.members(m, rec+"/s")) > 0 && fields["s"] == nil {
		s.t.Fatalf("a field of %s is not shown", rec)
	}
}

func (s *tale) checkValues(m *mirror, key, item string, f map[string]any) {
	want, first := s.h.values(m, key, item)
	got := map[string]bool{}
	for _, v := range f["all"].([]any) {
		got[fmt.Sprint(v)] = true
	}
	s.want(got, want)
	s.want(len(f["all"].([]any)), len(want))
	if !first[fmt.Sprint(f["value"])] {
		s.t.Fatalf("shown value is none of %v: %v", first, f)
	}
}

func (s *tale) checkLog(m *mirror, key string, entries []any) {
	all := s.h.on(m, func(a *act) bool { return a.key() == key && a.op == "log" })
	s.want(len(entries), len(all))
	for _, a := range all {
		at := slices.Index(entries, a.value)
		for _, b := range all {
			if a.knows[b.id] && slices.Index(entries, b.value) > at || at < 0 {
				s.t.Fatalf("entry %v stands before %v, which it knew, in %v", a.value, b.value, entries)
			}
		}
	}
}

func (s *tale) checkText(m *mirror, key string, got []rune) {
	sorted := slices.Clone(got)
	slices.Sort(sorted)
	s.want(string(sorted), string(s.h.chars(m, key)))
	elements := make([]string, len(got))
	for i, c := range got {
		elements[i] = string(c)
	}
	s.checkOrder(key, elements)
}

func (s *tale) checkOrder(key string, elements []string) {
	if a, b, broken := s.h.sequence(key, elements); broken {
		s.t.Fatalf("%s and %s of %s were seen the other way round", a, b, key)
	}
}

func (s *tale) checkList(m *mirror, key string, items []any) {
	var names []string
	for _, x := range items {
		it := x.(map[string]any)
		names = append(names, it["item"].(string))
		s.checkValues(m, key, it["item"].(string), it)
	}
	s.checkOrder(key, names)
	slices.Sort(names)
	s.want(names, s.h.visible(m, key))
}

// meet lets all devices hear everything: all show the same and nothing waits.
func (s *tale) meet() {
	for range 2 {
		for _, r := range s.devices[1:] {
			s.sync(s.devices[0], r)
			s.flow(s.devices[0], r)
			s.flow(r, s.devices[0])
		}
	}
	for _, r := range s.devices {
		s.check(r)
		s.want(s.give(r), 0)
	}
	s.same(s.devices...)
}
