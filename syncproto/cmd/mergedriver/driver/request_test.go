package driver

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParse: what is read in one pass is what encoding/json reads.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		`{"id":7,"op":"ins","r":"A","rec":"m","f":"t","at":0,"text":"船\n\"头\""}`,
		`{"op":"give","r":"A","changes":["a","b"],"blob":"AAAA"} `,
		`{"op":"replay","edits":[[0,1,"x"],[ 2 , 0 , "" ]]}`,
		`{"op":"set","value":-0.5e3,"value":null}`,
		`{"op":"set","value":"\ud800","n":-1,"to":"B"}`,
		`{"OP":"x","unknown":[{}]}`, `{"at":00}`, `{"at":99999999999999999999}`, `{,}`, `{"op":"a"`, "{\"op\":\"\x01\"}", "{\"op\":\"\xff\"}", `null`, `{"id":"x\`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		s := scanner{b: line, plain: true}
		var got, want request
		if s.command(&got); !s.plain {
			return
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%q is read, but %v", line, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as %+v, not %+v", line, got, want)
		}
	})
}
