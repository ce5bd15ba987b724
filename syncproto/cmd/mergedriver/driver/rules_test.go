package driver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// One test for each rule of the protocol, in its order.

func TestRule01LocalEffect(t *testing.T) {
	j := newJudge(t, "A")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "码头灯")
	j.ins("A", "m", "t", 2, "的𠮷👨‍👩‍👧")
	j.want(j.text("A", "m", "t"), "码头的𠮷👨‍👩‍👧灯")
	j.del("A", "m", "t", 3, 1)
	j.want(j.text("A", "m", "t"), "码头的👨‍👩‍👧灯")
	j.set("A", "m", "v", 3.5)
	j.want(j.field("A", "m", "v"), map[string]any{"kind": "value", "value": 3.5, "all": []any{3.5}})
	for i, item := range []string{"p0", "p1", "p2"} {
		j.lins("A", "m", "l", i, item, item)
	}
	j.ok(cmd{"op": "lmove", "r": "A", "rec": "m", "f": "l", "item": "p0", "to": 2})
	j.want(j.items("A", "m", "l"), []string{"p1", "p2", "p0"})
	j.ok(cmd{"op": "lmove", "r": "A", "rec": "m", "f": "l", "item": "p0", "to": 1})
	j.want(j.items("A", "m", "l"), []string{"p1", "p0", "p2"})
	j.ok(cmd{"op": "ldel", "r": "A", "rec": "m", "f": "l", "item": "p1"})
	j.lins("A", "m", "l", 1, "p3", nil)
	j.want(j.items("A", "m", "l"), []string{"p0", "p3", "p2"})
	j.ok(cmd{"op": "add", "r": "A", "rec": "m", "f": "s", "value": "x"})
	j.ok(cmd{"op": "remove", "r": "A", "rec": "m", "f": "s", "value": "absent"})
	j.want(j.items("A", "m", "s"), []string{"x"})
	j.delete("A", "m")
	j.want(j.record("A", "m")["deleted"], true)
	j.restore("A", "m")
	j.want(j.text("A", "m", "t"), "码头的👨‍👩‍👧灯")
}

// TestLargeTexts: what is too long for one change is several, and what no text
// can hold is refused whole.
func TestLargeTexts(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	long := strings.Repeat("船a", 300<<10)
	j.ins("A", "m", "t", 0, "[]")
	j.ins("A", "m", "t", 1, long)
	j.want(j.text("A", "m", "t"), "["+long+"]")
	j.sync("A", "B")
	j.same("A", "B")
	j.refused("BAD_REQUEST", cmd{"op": "ins", "r": "A", "rec": "m", "f": "t", "at": 0, "text": strings.Repeat("x", 8<<20)})
	j.refused("BAD_REQUEST", cmd{"op": "replay", "r": "A", "rec": "m", "f": "t", "edits": [][3]any{{0, 0, "x"}, {0, 0, strings.Repeat("x", 8<<20)}}})
	j.refused("BAD_REQUEST", cmd{"op": "set", "r": "A", "rec": "m", "f": "v", "value": strings.Repeat("x", 300<<10)})
}

func TestRule02Convergence(t *testing.T) {
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	j.take("A", "c0")
	for _, r := range []string{"B", "C"} {
		j.give(r, "c0")
	}
	for i, r := range []string{"A", "B", "C"} {
		j.ins(r, "m", "t", 0, fmt.Sprint("run", i))
		j.set(r, "m", "v", i)
		j.take(r, "c"+r)
	}
	j.give("A", "cC", "cB", "cC")
	j.give("B", "cA")
	j.give("B", "cC")
	j.pull("B", "C")
	j.same("A", "B", "C")
}

func TestRule03NothingLostNothingBack(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "abcdef")
	j.sync("A", "B")
	j.del("A", "m", "t", 1, 3)    // bcd
	j.del("B", "m", "t", 2, 3)    // cde
	j.ins("B", "m", "t", 2, "新")  // inside what A deleted
	j.ins("A", "m", "t", 1, "后端") // where A deleted
	j.sync("A", "B")
	j.same("A", "B")
	got := []rune(j.text("A", "m", "t"))
	slices.Sort(got)
	want := []rune("af新后端")
	slices.Sort(want)
	j.want(string(got), string(want))
}

func TestRule04OrderIsForEver(t *testing.T) {
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "xy")
	j.sync("A", "B")
	j.sync("A", "C")
	j.ins("A", "m", "t", 1, "1")
	j.ins("B", "m", "t", 1, "2")
	j.ins("C", "m", "t", 1, "3")
	j.sync("A", "B")
	two := order(j.text("A", "m", "t"))
	j.sync("B", "C")
	j.sync("A", "C")
	j.same("A", "B", "C")
	if three := order(j.text("C", "m", "t")); !subsequence(two, three) {
		t.Fatalf("%q, seen before, is not in order in %q", two, three)
	}
}

func order(s string) []rune { return []rune(s) }

func subsequence(a, b []rune) bool {
	for _, c := range b {
		if len(a) > 0 && a[0] == c {
			a = a[1:]
		}
	}
	return len(a) == 0
}

// typeRun types a run at an index, forwards, backwards or from the middle.
func (j *judge) typeRun(r, f string, at int, run string, how int) {
	chars := []rune(run)
	switch how {
	case 0:
		for i, c := range chars {
			j.ins(r, "m", f, at+i, string(c))
		}
	case 1:
		for i := len(chars) - 1; i >= 0; i-- {
			j.ins(r, "m", f, at, string(chars[i]))
		}
	default:
		mid := len(chars) / 2
		for i, c := range chars[mid:] {
			j.ins(r, "m", f, at+i, string(c))
		}
		for i, c := range chars[:mid] {
			j.ins(r, "m", f, at+i, string(c))
		}
	}
}

func TestRule05NoInterleaving(t *testing.T) {
	for how := range 27 {
		j := newJudge(t, "A", "B", "C", "D")
		j.create("A", "m")
		j.ins("A", "m", "t", 0, "[]")
		for _, r := range []string{"B", "C", "D"} {
			j.sync("A", r)
		}
		j.typeRun("A", "t", 1, "aaaa", how%3)
		j.typeRun("B", "t", 1, "bbbb", how/3%3)
		j.typeRun("C", "t", 1, "cccc", how/9)
		j.pull("B", "D") // a second device extends the first one's run
		j.ins("D", "m", "t", 5, "bb")
		for _, r := range []string{"B", "C", "D", "B", "C", "D"} {
			j.sync("A", r)
		}
		j.same("A", "B", "C", "D")
		got := j.text("A", "m", "t")
		for _, run := range []string{"aaaa", "bbbbbb", "cccc"} {
			if !strings.Contains(got, run) {
				t.Fatalf("typed %d: %s is torn in %s", how, run, got)
			}
		}
	}
}

// The place where the runs are typed had words that all have seen deleted, the
// latest of one of the writers among them.
func TestRule05BesideDeletedWords(t *testing.T) {
	for how := range 27 {
		j := newJudge(t, "A", "B", "C", "D")
		j.create("A", "m")
		j.ins("A", "m", "t", 0, "[]")
		j.ins("A", "m", "t", 1, "gone")
		j.del("A", "m", "t", 1, 4)
		for _, r := range []string{"B", "C", "D"} {
			j.sync("A", r)
		}
		j.typeRun("A", "t", 1, "aaaa", how%3)
		j.typeRun("B", "t", 1, "bbbb", how/3%3)
		j.typeRun("C", "t", 1, "cccc", how/9)
		j.pull("A", "D")
		j.ins("D", "m", "t", 1, "aa")
		for _, r := range []string{"B", "C", "D", "B", "C", "D"} {
			j.sync("A", r)
		}
		j.same("A", "B", "C", "D")
		got := j.text("A", "m", "t")
		for _, run := range []string{"aaaaaa", "bbbb", "cccc"} {
			if !strings.Contains(got, run) {
				t.Fatalf("typed %d: %s is torn in %s", how, run, got)
			}
		}
	}
}

func TestRule06ValueFields(t *testing.T) {
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	j.sync("A", "B")
	j.sync("A", "C")
	j.set("A", "m", "v", "一")
	j.set("A", "m", "v", "二")
	j.set("B", "m", "v", "三")
	j.set("C", "m", "v", "三")
	j.sync("A", "B")
	j.sync("B", "C")
	j.sync("A", "C")
	j.same("A", "B", "C")
	got := j.field("A", "m", "v")
	j.want(len(got["all"].([]any)), 2)
	if !slices.Contains(got["all"].([]any), got["value"]) {
		t.Fatalf("the value is none of all: %v", got)
	}
	j.set("B", "m", "v", "定")
	j.sync("A", "B")
	j.want(j.field("A", "m", "v"), map[string]any{"kind": "value", "value": "定", "all": []any{"定"}})
}

func TestRule07Sets(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.ok(cmd{"op": "add", "r": "A", "rec": "m", "f": "s", "value": "x"})
	j.sync("A", "B")
	j.ok(cmd{"op": "add", "r": "B", "rec": "m", "f": "s", "value": "x"})
	j.ok(cmd{"op": "remove", "r": "A", "rec": "m", "f": "s", "value": "x"})
	j.sync("A", "B")
	j.want(j.items("A", "m", "s"), []string{"x"})
	j.ok(cmd{"op": "remove", "r": "A", "rec": "m", "f": "s", "value": "x"})
	j.sync("A", "B")
	j.same("A", "B")
	j.want(j.items("B", "m", "s"), []string{})
}

func TestRule08Lists(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.lins("A", "m", "l", 0, "p1", "x")
	j.lins("A", "m", "l", 1, "p2", "y")
	j.sync("A", "B")
	j.ok(cmd{"op": "ldel", "r": "A", "rec": "m", "f": "l", "item": "p1"})
	j.ok(cmd{"op": "lset", "r": "B", "rec": "m", "f": "l", "item": "p1", "value": "z"})
	j.ok(cmd{"op": "ldel", "r": "A", "rec": "m", "f": "l", "item": "p2"})
	j.sync("A", "B")
	j.same("A", "B")
	j.want(j.field("A", "m", "l")["items"], []any{map[string]any{"item": "p1", "value": "z", "all": []any{"z"}}})
	for i := range 4 {
		j.lins("A", "m", "l", i, fmt.Sprint("a", i), i)
		j.lins("B", "m", "l", 0, fmt.Sprint("b", i), i)
	}
	j.sync("A", "B")
	j.same("A", "B")
	all := strings.Join(j.items("A", "m", "l"), " ")
	if !strings.Contains(all, "a0 a1 a2 a3") || !strings.Contains(all, "b3 b2 b1 b0") {
		t.Fatalf("runs of items are torn: %s", all)
	}
}

func TestRule09Logs(t *testing.T) {
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	log := func(r, e string) { j.ok(cmd{"op": "log", "r": r, "rec": "m", "f": "log", "entry": e}) }
	log("A", "1")
	j.sync("A", "B")
	j.sync("A", "C")
	log("B", "2b")
	log("C", "2c")
	log("C", "3c")
	j.sync("B", "A")
	log("A", "4")
	j.sync("A", "C")
	j.sync("A", "B")
	j.same("A", "B", "C")
	entries := j.field("A", "m", "log")["entries"].([]any)
	at := func(e string) int { return slices.Index(entries, any(e)) }
	if len(entries) != 5 || at("1") != 0 || at("2b") > at("4") || at("2c") > at("3c") {
		t.Fatalf("entries %v", entries)
	}
}

func TestRule10DeleteAgainstEdit(t *testing.T) {
	edits := map[string]cmd{
		"text":   {"op": "ins", "f": "t", "at": 0, "text": "y"},
		"value":  {"op": "set", "f": "v", "value": 2},
		"set":    {"op": "add", "f": "s", "value": "y"},
		"list":   {"op": "lset", "f": "l", "item": "p1", "value": 2},
		"log":    {"op": "log", "f": "log", "entry": "y"},
		"remove": {"op": "remove", "f": "s", "value": "x"},
	}
	for name, edit := range edits {
		for _, knows := range []string{"restore", "delete"} {
			t.Run(name+" "+knows, func(t *testing.T) { deleteAgainstEdit(newJudge(t, "A", "B"), edit, knows) })
		}
	}
	t.Run("restore", func(t *testing.T) {
		j := newJudge(t, "A", "B")
		j.create("A", "m")
		j.ins("A", "m", "t", 0, "x")
		j.delete("A", "m")
		j.sync("A", "B")
		j.restore("B", "m")
		j.delete("A", "m")
		j.sync("A", "B")
		j.same("A", "B")
		j.want(j.record("A", "m")["conflict"], "delete-edit")
	})
	// A record is made by an edit like any other: who makes it under a name that
	// another made and deleted, unaware of both, has it, and is told.
	for _, again := range []string{"never heard of it", "heard of it deleted"} {
		t.Run("create, "+again, func(t *testing.T) {
			j := newJudge(t, "A", "B", "C")
			j.create("A", "m")
			j.set("A", "m", "v", 1)
			j.sync("A", "C")
			j.delete("A", "m")
			if again == "heard of it deleted" {
				j.sync("A", "B")
				j.delete("C", "m") // concurrent with B's create, which lifts A's delete only
			}
			j.create("B", "m")
			for _, r := range []string{"B", "C", "B"} {
				j.sync("A", r)
			}
			j.same("A", "B", "C")
			j.want(j.record("A", "m")["deleted"], false)
			j.want(j.record("A", "m")["conflict"], "delete-edit")
			j.want(j.field("A", "m", "v")["value"], 1.0)
			j.delete("C", "m")
			j.sync("A", "C")
			j.want(j.record("A", "m")["deleted"], true)
		})
	}
	t.Run("two deletes", func(t *testing.T) {
		j := newJudge(t, "A", "B")
		j.create("A", "m")
		j.sync("A", "B")
		j.delete("A", "m")
		j.delete("B", "m")
		j.sync("A", "B")
		j.same("A", "B")
		j.want(j.record("A", "m")["deleted"], true)
		j.refused("DELETED", cmd{"op": "set", "r": "A", "rec": "m", "f": "v", "value": 1})
		j.restore("A", "m")
		j.sync("A", "B")
		j.want(j.record("B", "m")["deleted"], false)
		j.want(j.record("B", "m")["conflict"], nil)
	})
}

func deleteAgainstEdit(j *judge, edit cmd, knows string) {
	j.t.Helper()
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "x")
	j.set("A", "m", "v", 1)
	j.ok(cmd{"op": "add", "r": "A", "rec": "m", "f": "s", "value": "x"})
	j.lins("A", "m", "l", 0, "p1", 1)
	j.sync("A", "B")
	j.delete("A", "m")
	edit["r"], edit["rec"] = "B", "m"
	j.ok(edit)
	want := j.record("B", "m")["fields"]
	j.sync("A", "B")
	j.same("A", "B")
	got := j.record("A", "m")
	j.want(got["deleted"], false)
	j.want(got["conflict"], "delete-edit")
	j.want(got["fields"], want)
	if knows == "delete" {
		j.delete("B", "m")
		j.sync("A", "B")
		j.want(j.record("A", "m")["deleted"], true)
	}
	j.restore("B", "m")
	j.sync("A", "B")
	j.same("A", "B")
	j.want(j.record("A", "m")["conflict"], nil)
	j.want(j.record("A", "m")["fields"], want)
}

func TestRule11Clocks(t *testing.T) {
	const year, now = 365 * 86400000, 1767225600000
	t.Run("causality first", func(t *testing.T) {
		j := newJudge(t, "A", "B")
		j.create("A", "m")
		j.ok(cmd{"op": "clock", "r": "A", "now": now + 10*year})
		j.set("A", "m", "v", "future")
		j.sync("A", "B")
		j.set("B", "m", "v", "present")
		j.sync("A", "B")
		j.want(j.field("A", "m", "v")["all"], []any{"present"})
	})
	for name, vary := range map[string]func(i int) (record, field string, ahead int){
		"record": func(i int) (string, string, int) { return fmt.Sprint("m", i), "v", 10 * year },
		"field":  func(i int) (string, string, int) { return "m", fmt.Sprint("v", i), 10 * year },
		"clock":  func(i int) (string, string, int) { return "m", "v", 10*year + i },
	} {
		t.Run("far ahead in worlds that differ by "+name, func(t *testing.T) {
			wins := 0
			for i := range 64 {
				rec, field, ahead := vary(i)
				j := newJudge(t, "A", "B")
				j.create("A", rec)
				j.sync("A", "B")
				j.ok(cmd{"op": "clock", "r": "B", "now": now + ahead})
				j.set("A", rec, field, "a")
				j.set("B", rec, field, "b")
				j.sync("A", "B")
				if j.field("A", rec, field)["value"] == "b" {
					wins++
				}
			}
			if wins < 16 || wins > 48 {
				t.Errorf("the clock far ahead wins %d of 64", wins)
			}
		})
	}
	for name, shift := range map[string]int{"ahead": 10 * year, "behind": -10 * year} {
		t.Run("far "+name, func(t *testing.T) {
			j := newJudge(t, "A", "B")
			j.create("A", "m")
			j.sync("A", "B")
			j.ok(cmd{"op": "clock", "r": "B", "now": now + shift})
			wins := 0
			for i := range 64 {
				f := fmt.Sprint("v", i)
				j.set("A", "m", f, "a")
				j.set("B", "m", f, "b")
				j.sync("A", "B")
				if j.field("A", "m", f)["value"] == "b" {
					wins++
				}
			}
			j.same("A", "B")
			if wins == 0 || wins == 64 {
				t.Fatalf("the wrong clock won %d of 64", wins)
			}
		})
	}
	for name, shifts := range map[string][]int{
		"one of three far ahead":  {0, 1000, 10 * year},
		"one of three far behind": {0, 1000, -10 * year},
		"each years apart":        {0, 5 * year, -10 * year},
	} {
		t.Run(name, func(t *testing.T) {
			devices := []string{"A", "B", "C"}
			j := newJudge(t, devices...)
			j.create("A", "m")
			wins := map[any]int{}
			for i := range 64 {
				f := fmt.Sprint("v", i)
				for k, r := range devices {
					j.sync("A", r)
					j.ok(cmd{"op": "clock", "r": r, "now": now + shifts[k] + i})
				}
				for _, r := range devices {
					j.set(r, "m", f, r)
				}
				for _, r := range []string{"B", "C", "B"} {
					j.sync("A", r)
				}
				j.same(devices...)
				wins[j.field("A", "m", f)["value"]]++
			}
			if far := wins["C"]; far == 0 || far == 64 {
				t.Fatalf("the wrong clock won %d of 64", far)
			}
			t.Log(wins)
		})
	}
	t.Run("near clocks", func(t *testing.T) {
		j := newJudge(t, "A", "B")
		j.create("A", "m")
		j.sync("A", "B")
		for i := range 20 {
			f := fmt.Sprint("v", i)
			first, second := "A", "B"
			if i%2 == 1 {
				first, second = second, first
			}
			j.ok(cmd{"op": "clock", "r": first, "now": now + 60000*i})
			j.ok(cmd{"op": "clock", "r": second, "now": now + 60000*i + 1000})
			j.set(first, "m", f, "earlier")
			j.set(second, "m", f, "later")
			j.sync("A", "B")
			j.want(j.field("A", "m", f)["value"], "later")
		}
	})
}
