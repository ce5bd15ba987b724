package driver_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// golden is one golden merge: commands, and what must be shown after them.
type golden struct {
	ID    int              `yaml:"id"`
	Name  string           `yaml:"name"`
	Ops   []map[string]any `yaml:"ops"`
	Read  map[string]any   `yaml:"read"`
	Rules map[string]any   `yaml:"read_rules"`
}

func TestGoldenMerges(t *testing.T) {
	raw, err := os.ReadFile("../../../crdt/testdata/golden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Merges []golden `yaml:"golden_merges"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Merges) != 14 {
		t.Fatalf("%d golden merges", len(file.Merges))
	}
	for _, g := range file.Merges {
		t.Run(fmt.Sprintf("%02d %s", g.ID, g.Name), func(t *testing.T) { g.run(t) })
	}
}

func (g *golden) run(t *testing.T) {
	j := newJudge(t)
	var replicas []string
	for _, op := range g.Ops {
		if op["op"] == "replica" {
			replicas = append(replicas, op["r"].(string))
		}
		j.ok(cmd(op))
	}
	if g.Read == nil && g.Rules == nil {
		t.Fatal("nothing to judge")
	}
	j.same(replicas...)
	for _, r := range replicas {
		shown := j.ok(cmd{"op": "read", "r": r})["records"].(map[string]any)
		if g.Read != nil {
			match(t, r, jsonOf(t, g.Read), shown)
		}
		for rule, arg := range g.Rules {
			g.judge(t, j, r, rule, jsonOf(t, arg), shown)
		}
	}
}

// jsonOf turns what YAML gave into what JSON gives.
func jsonOf(t *testing.T, v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// match checks that everything wanted is shown; what is not named is not judged.
func match(t *testing.T, at string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Fatalf("%s: shown %v", at, got)
		}
		for k, v := range want {
			if name, unordered := strings.CutSuffix(k, "_unordered"); unordered {
				if !slices.Equal(multiset(v), multiset(m[name])) {
					t.Fatalf("%s.%s: shown %v, want %v in any order", at, name, m[name], v)
				}
				continue
			}
			match(t, at+"."+k, v, m[k])
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			t.Fatalf("%s: shown %v, want %v", at, got, want)
		}
		for i := range want {
			match(t, fmt.Sprintf("%s[%d]", at, i), want[i], l[i])
		}
	default:
		if want != got {
			t.Fatalf("%s: shown %v, want %v", at, got, want)
		}
	}
}

func multiset(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, fmt.Sprintf("%T %v", x, x))
	}
	slices.Sort(out)
	return out
}

// judge checks one rule in words.
func (g *golden) judge(t *testing.T, j *judge, r, rule string, arg any, shown map[string]any) {
	t.Helper()
	each := func(check func(rec, field string, want any)) {
		for k, v := range arg.(map[string]any) {
			rec, field, _ := strings.Cut(k, ".")
			check(rec, field, v)
		}
	}
	strs := func(v any) []string {
		var out []string
		for _, x := range v.([]any) {
			out = append(out, x.(string))
		}
		return out
	}
	entries := func(rec, field string) []string { return strs(j.field(r, rec, field)["entries"]) }
	switch rule {
	case "records":
		for _, rec := range strs(arg) {
			if shown[rec] == nil {
				t.Fatalf("%s: no record %s", r, rec)
			}
		}
	case "deleted":
		each(func(rec, _ string, want any) { j.want(j.record(r, rec)["deleted"], want) })
	case "log":
		each(func(rec, field string, want any) { j.want(entries(rec, field), strs(want)) })
	case "log_first":
		each(func(rec, field string, want any) { j.want(entries(rec, field)[0], want) })
	case "log_unordered":
		each(func(rec, field string, want any) {
			j.want(slices.Sorted(slices.Values(entries(rec, field))), slices.Sorted(slices.Values(strs(want))))
		})
	case "items_in_order":
		each(func(rec, field string, want any) { j.want(j.items(r, rec, field), strs(want)) })
	case "items_unordered":
		each(func(rec, field string, want any) {
			j.want(slices.Sorted(slices.Values(j.items(r, rec, field))), slices.Sorted(slices.Values(strs(want))))
		})
	case "count", "each_once", "order_kept", "values_unchanged":
		g.judgeStatements(t, j, r, rule, arg)
	default:
		t.Fatalf("unknown rule %q", rule)
	}
}

// judgeStatements checks the rules about the one list of a meeting.
func (g *golden) judgeStatements(t *testing.T, j *judge, r, rule string, arg any) {
	t.Helper()
	const rec, field = "M2", "statements"
	items := j.items(r, rec, field)
	switch rule {
	case "count":
		j.want(float64(len(items)), arg)
	case "each_once":
		sorted := slices.Sorted(slices.Values(items))
		j.want(len(slices.Compact(sorted)), len(items))
	case "order_kept":
		for _, run := range arg.([]any) {
			last := -1
			for _, name := range run.([]any) {
				at := slices.Index(items, name.(string))
				if at <= last {
					t.Fatalf("%s: %v out of order in %v", r, name, items)
				}
				last = at
			}
		}
	case "values_unchanged":
		written := map[any]any{}
		for _, op := range g.Ops {
			if op["op"] == "lins" {
				written[op["item"]] = op["value"]
			}
		}
		for _, x := range j.field(r, rec, field)["items"].([]any) {
			it := x.(map[string]any)
			j.want(it["value"], written[it["item"]])
			j.want(it["all"], []any{written[it["item"]]})
		}
	}
}
