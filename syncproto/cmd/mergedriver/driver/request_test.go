package driver

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzParse: a line is read if encoding/json reads it as an object, and its
// members are what that reads; but half a surrogate pair and what is not UTF-8
// are refused.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		`{"id":7,"op":"ins","r":"A","rec":"m","f":"t","at":0,"text":"船\n\"头\""}`,
		`{"op":"give","r":"A","changes":["a","b"],"blob":"AAAA"} `,
		`{"op":"replay","edits":[[0,1,"x"],[ 2 , 0 , "" ]]}`,
		`{"op":"set","value":-0.5e3,"value":null}`, `{"op":"ins","at":5.0,"n":1e3,"now":"noon","at":-2E+1}`,
		`{"op":"set","value":"\ud83d\udc4d\ud800","n":-1,"to":"B"}`, `{"\u006fp":"\u0061\/\b\f\r\t","r":{"a":[true,false]}}`,
		`{"OP":"x","unknown":[{}]}`, `{"at":00}`, `{"at":99999999999999999999}`, `{,}`, `{"op":"a"`, "{\"op\":\"\x01\"}", "{\"op\":\"\xff\"}", `null`, `{"id":"x\`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var q request
		var want map[string]json.RawMessage
		err, wantErr := q.read(line), json.Unmarshal(line, &want)
		plain := utf8.Valid(line) && !bytes.Contains(line, []byte(`\u`)) && bytes.Count(line, []byte(`[`))+bytes.Count(line, []byte(`{`)) < maxDepth
		switch {
		case err == nil && (wantErr != nil || want == nil):
			t.Fatalf("%q is read, but %v", line, wantErr)
		case err != nil && wantErr == nil && want != nil && plain:
			t.Fatalf("%q is not read", line)
		case err != nil:
			return
		}
		for name, raw := range want {
			if k := keyOf([]byte(name)); k < keyCount {
				checkMember(t, &q, k, raw)
			}
		}
	})
}

func checkMember(t *testing.T, q *request, k key, raw json.RawMessage) {
	if !bytes.Equal(q.members[k], raw) {
		t.Fatalf("member %d is %q, not %q", k, q.members[k], raw)
	}
	var text *string
	wrong := json.Unmarshal(raw, &text)
	if got, ok := q.text(k); ok != (wrong == nil && text != nil) || ok && got != *text {
		t.Fatalf("%q is the string %q", raw, got)
	}
	var n *float64
	wrong = json.Unmarshal(raw, &n)
	const exact = 1 << 53
	got, ok := q.int(k)
	if n == nil || wrong != nil {
		if ok {
			t.Fatalf("%q is the number %d", raw, got)
		}
		return
	}
	if whole := *n == float64(int64(*n)); *n < exact && *n > -exact && (ok != whole || ok && float64(got) != *n) {
		t.Fatalf("%q is the number %d: %v", raw, got, ok)
	}
}

func TestEditsAndChanges(t *testing.T) {
	var q request
	if err := q.read([]byte(`{"edits":[[0,1,"x"],[ 2.0 , 0 , "\u8239" ]],"changes":["a","\u0062"]}`)); err != nil {
		t.Fatal(err)
	}
	if got, ok := q.edits(); !ok || !reflect.DeepEqual(got, []triple{{0, 1, "x"}, {2, 0, "船"}}) {
		t.Fatalf("%+v %v", got, ok)
	}
	var names string
	if ok := q.changes(func(name []byte) { names += string(name) + "." }); !ok || names != "a.b." {
		t.Fatalf("%q %v", names, ok)
	}
	for _, bad := range []string{`[[0,0]]`, `[[0,0,"x",1]]`, `[[0,0.5,"x"]]`, `[[0,0,1]]`, `[0]`, `"x"`, `{}`, `null`} {
		if err := q.read([]byte(`{"edits":` + bad + `}`)); err != nil {
			t.Fatal(err)
		}
		if _, ok := q.edits(); ok {
			t.Errorf("%s are edits", bad)
		}
	}
	for _, bad := range []string{`[1]`, `"c0"`, `{}`, `[null]`} {
		if err := q.read([]byte(`{"changes":` + bad + `}`)); err != nil {
			t.Fatal(err)
		}
		if q.changes(func([]byte) {}) {
			t.Errorf("%s are changes", bad)
		}
	}
}
