// Command gendict makes a compression dictionary: the words of the schema, the
// rarest first, and then the shape of one change of every kind as it is
// encoded, because what stands last in a dictionary is cheapest to point to.
// The published dictionary (dict1.bin) is final: frames name it, so it is never
// made anew; this is how it was made, and how a next one would be.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendict FILE")
		os.Exit(2)
	}
	s := schema.Builtin()
	out := words(s)
	for _, id := range s.KindIDs() {
		k, _ := s.Kind(id)
		out = append(out, shape(k)...)
	}
	if err := os.WriteFile(os.Args[1], out, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var han = regexp.MustCompile(`\p{Han}{2,}`)

// words lists the runs of Han characters in the schema, commonest last.
func words(s *schema.Schema) []byte {
	var v any
	if err := json.Unmarshal(s.Marshal(), &v); err != nil {
		panic(err) // the schema's own encoding
	}
	count := map[string]int{}
	for _, w := range han.FindAllString(string(s.Marshal()), -1) {
		count[w]++
	}
	list := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	})
	var out []byte
	for _, w := range list {
		out = append(append(out, w...), "，"...)
	}
	return out
}

// shape is one change of a kind with every field that a device writes.
func shape(k *schema.Kind) []byte {
	p := syncproto.Part{Kind: k.ID, Record: syncproto.RecordID{6: 0x70, 8: 0x80}}
	for _, f := range k.Fields {
		op := syncproto.Op{Field: f.Key, Value: sample(f)}
		switch f.MergeClass() {
		case schema.ClassValue:
			op.Kind = syncproto.OpSet
		case schema.ClassText:
			op.Kind = syncproto.OpText
		case schema.ClassSet:
			op.Kind = syncproto.OpAdd
		case schema.ClassLog:
			op.Kind, op.Lamport = syncproto.OpLog, 1
		case schema.ClassList:
			op.Kind, op.Counter = syncproto.OpItemInsert, 1
		default:
			continue
		}
		p.Ops = append(p.Ops, op)
		for _, item := range f.Items {
			if f.MergeClass() == schema.ClassList {
				p.Ops = append(p.Ops, syncproto.Op{Kind: syncproto.OpSet, Field: f.Key, Item: syncproto.ElemID{Counter: 1}, Sub: item.Key, Value: sample(item)})
			}
		}
	}
	return wire.AppendPart(nil, syncproto.ReplicaID{}, &p)
}

// sample is a value a field might hold.
func sample(f *schema.Field) syncproto.Value {
	var v any
	switch {
	case len(f.Values) > 0:
		v = f.Values[0].V
	case f.Type == "bool":
		v = true
	case f.Type == "date":
		v = "2026-05-20"
	case f.Type == "datetime":
		v = "2026-05-20T10:00:00+08:00"
	case f.Type == "money" || f.Type == "int":
		v = 30000
	case f.Type == "ref" || f.Type == "refs":
		v = make([]byte, 16)
	default:
		v = ""
	}
	return wire.Must(wire.EncodeValue(v))
}
