package reading

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// words says a value as a person reads it: labels for enums, names for
// references, 300.00元 for fen, 2026年5月18日 for dates.
func (g *Reading) words(f *schema.Field, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "是"
		}
		return "否"
	case int64:
		return g.number64(f, v)
	case float64:
		return fmt.Sprint(v) + unitOf(f)
	case string:
		return g.textWords(f, v)
	case []byte:
		return g.refWords(records.AsRef(v))
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, g.words(f, x))
		}
		return strings.Join(parts, "、")
	case map[string]any:
		return g.groupWords(f, v)
	case syncproto.Sealed:
		return "（敏感信息）"
	}
	return fmt.Sprint(v)
}

func unitOf(f *schema.Field) string {
	if f == nil {
		return ""
	}
	return f.Unit
}

func (g *Reading) number64(f *schema.Field, n int64) string {
	if f != nil && f.Type == "money" {
		sign := ""
		if n < 0 {
			sign, n = "-", -n
		}
		return fmt.Sprintf("%s%d.%02d元", sign, n/100, n%100)
	}
	return fmt.Sprint(n) + unitOf(f)
}

func (g *Reading) textWords(f *schema.Field, s string) string {
	if id, err := syncproto.ParseRecordID(s); err == nil {
		return g.refWords(id)
	}
	if f == nil {
		return s
	}
	if f.Type == schema.Phone && !g.phones {
		return maskPhone(s)
	}
	for _, v := range f.Values {
		if v.V == s && v.Zh != "" {
			return v.Zh
		}
	}
	if slices.Contains(f.Targets, "place") {
		return shortPlace(g.Directory.PlaceName(s))
	}
	if f.Type == "date" || f.Type == "datetime" {
		if at, day, ok := timeline.ParseTime(s); ok {
			if day {
				return web.OnDay(web.DateOf(at)).Words()
			}
			return web.At(at.In(timeline.Zone)).Words()
		}
	}
	return s
}

// refWords names what a reference points to.
func (g *Reading) refWords(id syncproto.RecordID) string {
	if p := g.Directory.Person(id); p.Name != "" {
		return p.Name
	}
	if u := g.Directory.Unit(id); u.Name != "" {
		return u.Name
	}
	if b := g.Directory.BoatName(id); b != "" {
		return b
	}
	return "（另一条记录）"
}

func (g *Reading) groupWords(f *schema.Field, m map[string]any) string {
	var parts []string
	if f != nil {
		for _, s := range f.Items {
			if x, ok := m[s.Key]; ok && x != nil {
				parts = append(parts, s.Zh+" "+g.words(s, x))
			}
		}
	}
	if parts == nil {
		for _, k := range slices.Sorted(mapKeys(m)) {
			parts = append(parts, g.words(nil, m[k]))
		}
	}
	return strings.Join(parts, "，")
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
