package clientsdk

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The kinds whose place in the feeds depends on what they are.
const (
	kindHousehold = "HD"
	kindPerson    = "person"
)

func shownPlain(rec *crdt.Record, field string) any {
	e, ok := rec.Value(field)
	if !ok {
		return nil
	}
	return view.Plain(e.Value)
}

func textOf(rec *crdt.Record, field string) string {
	e, _ := rec.Value(field)
	s, _ := wire.TextOf(e.Value)
	return s
}

func refOf(rec *crdt.Record, field string) syncproto.RecordID { return asRef(shownPlain(rec, field)) }

// asRef reads a reference, which may go on with #ITEM.
func asRef(v any) syncproto.RecordID {
	s, _ := v.(string)
	s, _, _ = strings.Cut(s, "#")
	id, err := syncproto.ParseRecordID(s)
	if err != nil {
		return syncproto.RecordID{}
	}
	return id
}

// normalize turns what an app or a JSON decoder passes into the Go values
// that have an encoding: whole numbers are int64, ids are text.
func normalize(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int64, []byte:
		return v, nil
	case int:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		return f, err
	case syncproto.RecordID:
		return v.String(), nil
	case []string:
		return normalizeList(v)
	case []syncproto.RecordID:
		return normalizeList(v)
	case []any:
		return normalizeList(v)
	case []map[string]any:
		return normalizeList(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			n, err := normalize(e)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = n
		}
		return out, nil
	}
	return nil, fmt.Errorf("a value of Go type %T cannot be stored", v)
}

func normalizeList[T any](in []T) (any, error) {
	out := make([]any, len(in))
	for i, e := range in {
		n, err := normalize(e)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		out[i] = n
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
