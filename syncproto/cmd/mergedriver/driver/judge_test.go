package driver_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/chuantou/chuantou/syncproto/cmd/mergedriver/driver"
)

// cmd is one command of the protocol.
type cmd map[string]any

// judge speaks the protocol with a driver.
type judge struct {
	t  testing.TB
	d  interface{ Do(line []byte) []byte }
	id int
}

// newJudge judges a driver in this process.
func newJudge(t testing.TB, replicas ...string) *judge {
	return newJudgeOf(t, driver.New(), replicas...)
}

func newJudgeOf(t testing.TB, d interface{ Do(line []byte) []byte }, replicas ...string) *judge {
	j := &judge{t: t, d: d}
	j.ok(cmd{"op": "reset"})
	for _, r := range replicas {
		j.ok(cmd{"op": "replica", "r": r})
	}
	return j
}

func (j *judge) do(c cmd) map[string]any {
	j.t.Helper()
	j.id++
	c["id"] = j.id
	line, err := json.Marshal(c)
	if err != nil {
		j.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(j.d.Do(line), &out); err != nil {
		j.t.Fatalf("answer is no JSON: %v", err)
	}
	if out["id"] != float64(j.id) {
		j.t.Fatalf("answer to %v has id %v", c, out["id"])
	}
	return out
}

func (j *judge) ok(c cmd) map[string]any {
	j.t.Helper()
	out := j.do(c)
	if out["ok"] != true {
		j.t.Fatalf("%v: %v", c, out)
	}
	return out
}

func (j *judge) refused(code string, c cmd) {
	j.t.Helper()
	before := j.readAll()
	out := j.do(c)
	if out["ok"] != false || out["error"] != code || out["message"] == "" {
		j.t.Fatalf("%v: want %s, got %v", c, code, out)
	}
	if after := j.readAll(); !reflect.DeepEqual(before, after) {
		j.t.Fatalf("%v was refused and changed something", c)
	}
}

func (j *judge) readAll() map[string]any {
	out := map[string]any{}
	for _, r := range []string{"A", "B", "C"} {
		if a := j.do(cmd{"op": "read", "r": r}); a["ok"] == true {
			out[r] = a["records"]
		}
	}
	return out
}

func (j *judge) record(r, rec string) map[string]any {
	j.t.Helper()
	out := j.ok(cmd{"op": "read", "r": r, "rec": rec})
	return out["records"].(map[string]any)[rec].(map[string]any)
}

func (j *judge) field(r, rec, f string) map[string]any {
	j.t.Helper()
	out, ok := j.record(r, rec)["fields"].(map[string]any)[f].(map[string]any)
	if !ok {
		j.t.Fatalf("replica %s shows no field %s of %s", r, f, rec)
	}
	return out
}

func (j *judge) text(r, rec, f string) string {
	j.t.Helper()
	return j.field(r, rec, f)["text"].(string)
}

// items lists the item names, or members, of a list or set field.
func (j *judge) items(r, rec, f string) []string {
	j.t.Helper()
	out := []string{}
	for _, x := range j.field(r, rec, f)["items"].([]any) {
		switch x := x.(type) {
		case string:
			out = append(out, x)
		case map[string]any:
			out = append(out, x["item"].(string))
		}
	}
	return out
}

func (j *judge) same(replicas ...string) {
	j.t.Helper()
	first := j.ok(cmd{"op": "read", "r": replicas[0]})["records"]
	for _, r := range replicas[1:] {
		if other := j.ok(cmd{"op": "read", "r": r})["records"]; !reflect.DeepEqual(first, other) {
			j.t.Fatalf("replicas differ\n%s: %s\n%s: %s", replicas[0], pretty(first), r, pretty(other))
		}
	}
}

func pretty(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (j *judge) want(got, want any) {
	j.t.Helper()
	if !reflect.DeepEqual(got, want) {
		j.t.Fatalf("got %v, want %v", got, want)
	}
}

// Short forms of the commands that stories are made of.

func (j *judge) create(r, rec string) { j.t.Helper(); j.ok(cmd{"op": "create", "r": r, "rec": rec}) }
func (j *judge) delete(r, rec string) { j.t.Helper(); j.ok(cmd{"op": "delete", "r": r, "rec": rec}) }
func (j *judge) restore(r, rec string) {
	j.t.Helper()
	j.ok(cmd{"op": "restore", "r": r, "rec": rec})
}

func (j *judge) ins(r, rec, f string, at int, s string) {
	j.t.Helper()
	j.ok(cmd{"op": "ins", "r": r, "rec": rec, "f": f, "at": at, "text": s})
}

func (j *judge) del(r, rec, f string, at, n int) {
	j.t.Helper()
	j.ok(cmd{"op": "del", "r": r, "rec": rec, "f": f, "at": at, "n": n})
}

func (j *judge) set(r, rec, f string, v any) {
	j.t.Helper()
	j.ok(cmd{"op": "set", "r": r, "rec": rec, "f": f, "value": v})
}

func (j *judge) lins(r, rec, f string, at int, item string, v any) {
	j.t.Helper()
	j.ok(cmd{"op": "lins", "r": r, "rec": rec, "f": f, "at": at, "item": item, "value": v})
}

func (j *judge) take(r, as string) map[string]any {
	j.t.Helper()
	return j.ok(cmd{"op": "take", "r": r, "as": as})
}

// give delivers named changes and returns how many wait.
func (j *judge) give(r string, names ...string) int {
	j.t.Helper()
	return int(j.ok(cmd{"op": "give", "r": r, "changes": names})["pending"].(float64))
}

func (j *judge) sync(a, b string) map[string]any {
	j.t.Helper()
	return j.ok(cmd{"op": "sync", "a": a, "b": b})
}

func (j *judge) pull(from, to string) map[string]any {
	j.t.Helper()
	return j.ok(cmd{"op": "pull", "from": from, "to": to})
}
