package driver_test

import (
	"fmt"
	"maps"
	"slices"
	"sort"
)

// act is one local edit as a checker sees it: what was done where, and which
// edits the device knew.
type act struct {
	id    int
	op    string
	rec   string
	f     string
	item  string
	value any
	chars []rune // inserted or deleted: every code point is inserted once in a story
	knows map[int]bool
	left  int // which of all departures it left its device with
}

// key names the field, or the item in it, that an edit is about.
func (a *act) key() string { return a.rec + "/" + a.f }

// history is every edit ever made, by id, and what devices have seen in order.
type history struct {
	acts []*act
	// before holds, per field, every pair of elements seen in that order.
	before map[string]map[[2]string]bool
	moved  map[string]bool // items ever moved: rule 4 says nothing of them
	left   int             // how often edits left a device
}

func newHistory() *history {
	return &history{before: map[string]map[[2]string]bool{}, moved: map[string]bool{}}
}

// mirror is what the model knows of a device.
type mirror struct {
	has     map[int]bool // edits delivered
	applied map[int]bool
	waiting [][]int // edits that left at once and whose causes are not all applied
	open    []int   // local edits not taken yet
	home    []int   // those that have not left the device in any way
}

func newMirror() *mirror {
	return &mirror{has: map[int]bool{}, applied: map[int]bool{}}
}

func (m *mirror) copy() *mirror {
	return &mirror{has: maps.Clone(m.has), applied: maps.Clone(m.applied), waiting: slices.Clone(m.waiting)}
}

// depart is what take, pull and save do: what leaves a device at once stays
// together.
func (h *history) depart(m *mirror) {
	h.left++
	for _, id := range m.home {
		h.acts[id].left = h.left
	}
	m.home = nil
}

// deliver takes edits in. What left at once, and is new, is applied at once,
// when all that any of it knows is.
func (h *history) deliver(m *mirror, ids []int) {
	news := map[int][]int{}
	for _, id := range ids {
		if left := h.acts[id].left; !m.has[id] {
			news[left] = append(news[left], id)
			m.has[id] = true
		}
	}
	for _, ids := range news {
		m.waiting = append(m.waiting, ids)
	}
	for progress := true; progress; {
		progress = false
		m.waiting = slices.DeleteFunc(m.waiting, func(ids []int) bool {
			if !h.ready(m, ids) {
				return false
			}
			for _, id := range ids {
				m.applied[id] = true
			}
			progress = true
			return true
		})
	}
}

func (h *history) ready(m *mirror, change []int) bool {
	for _, id := range change {
		for cause := range h.acts[id].knows {
			if !m.applied[cause] && !slices.Contains(change, cause) {
				return false
			}
		}
	}
	return true
}

// on lists a device's applied edits that satisfy is, in order of their ids.
func (h *history) on(m *mirror, is func(a *act) bool) []*act {
	var out []*act
	for id := range m.applied {
		if is(h.acts[id]) {
			out = append(out, h.acts[id])
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}

// survivors are the makers that no remover knows.
func survivors(makers, removers []*act) []*act {
	return slices.DeleteFunc(slices.Clone(makers), func(x *act) bool {
		return slices.ContainsFunc(removers, func(y *act) bool { return y.knows[x.id] })
	})
}

func (h *history) records(m *mirror) []string {
	var out []string
	for _, a := range h.on(m, func(a *act) bool { return a.op == "create" }) {
		if !slices.Contains(out, a.rec) {
			out = append(out, a.rec)
		}
	}
	return out
}

// deleted is rule 10 in its own words: what no delete knows keeps the record,
// and a delete and an edit unaware of one another are in conflict until a
// restore or delete that knows both.
func (h *history) deleted(m *mirror, rec string) (deleted, conflict bool) {
	deletes := h.on(m, func(a *act) bool { return a.rec == rec && a.op == "delete" })
	edits := h.on(m, func(a *act) bool { return a.rec == rec && a.op != "delete" })
	if len(deletes) > 0 && len(survivors(edits, deletes)) == 0 {
		return true, false
	}
	ends := h.on(m, func(a *act) bool { return a.rec == rec && (a.op == "delete" || a.op == "restore") })
	for _, d := range deletes {
		for _, e := range edits {
			both := func(x *act) bool { return x.knows[d.id] && x.knows[e.id] }
			if !d.knows[e.id] && !e.knows[d.id] && !slices.ContainsFunc(ends, both) {
				conflict = true
			}
		}
	}
	return false, conflict
}

// values are the distinct values that rule 6 keeps, and those of them that may
// be shown: in an item that was brought back the new ones (rule 8).
func (h *history) values(m *mirror, key, item string) (all, shown map[string]bool) {
	sets := h.on(m, func(a *act) bool {
		return a.key() == key && a.item == item && (a.op == "set" || a.op == "lset" || a.op == "lins")
	})
	removes := h.on(m, func(a *act) bool { return a.key() == key && a.item == item && a.op == "ldel" })
	kept := survivors(sets, sets)
	fresh := survivors(kept, removes)
	if len(fresh) == 0 {
		fresh = kept
	}
	return distinct(kept), distinct(fresh)
}

func distinct(acts []*act) map[string]bool {
	out := map[string]bool{}
	for _, a := range acts {
		out[fmt.Sprint(a.value)] = true
	}
	return out
}

// members are the values that rule 7 keeps.
func (h *history) members(m *mirror, key string) []string {
	var out []string
	for _, a := range h.on(m, func(a *act) bool { return a.key() == key && a.op == "add" }) {
		ends := h.on(m, func(b *act) bool { return b.key() == key && b.op == "remove" && b.value == a.value })
		if len(survivors([]*act{a}, ends)) > 0 && !slices.Contains(out, a.value.(string)) {
			out = append(out, a.value.(string))
		}
	}
	slices.Sort(out)
	return out
}

// visible lists the items that rule 8 keeps.
func (h *history) visible(m *mirror, key string) []string {
	var out []string
	for _, made := range h.on(m, func(a *act) bool { return a.key() == key && a.op == "lins" }) {
		about := func(ops ...string) []*act {
			return h.on(m, func(a *act) bool { return a.key() == key && a.item == made.item && slices.Contains(ops, a.op) })
		}
		if len(survivors(about("lins", "lset", "lmove"), about("ldel"))) > 0 {
			out = append(out, made.item)
		}
	}
	slices.Sort(out)
	return out
}

// chars is the multiset of code points that rule 3 keeps, sorted.
func (h *history) chars(m *mirror, key string) []rune {
	var out []rune
	gone := map[rune]bool{}
	for _, a := range h.on(m, func(a *act) bool { return a.key() == key }) {
		switch a.op {
		case "ins":
			out = append(out, a.chars...)
		case "del":
			for _, c := range a.chars {
				gone[c] = true
			}
		}
	}
	out = slices.DeleteFunc(out, func(c rune) bool { return gone[c] })
	slices.Sort(out)
	return out
}

// sequence notes the order of a field's elements and reports a pair that was
// seen the other way round.
func (h *history) sequence(key string, elements []string) (a, b string, broken bool) {
	pairs := h.before[key]
	if pairs == nil {
		pairs = map[[2]string]bool{}
		h.before[key] = pairs
	}
	for i, x := range elements {
		for _, y := range elements[i+1:] {
			if h.moved[key+x] || h.moved[key+y] {
				continue
			}
			if pairs[[2]string{y, x}] {
				return x, y, true
			}
			pairs[[2]string{x, y}] = true
		}
	}
	return "", "", false
}
