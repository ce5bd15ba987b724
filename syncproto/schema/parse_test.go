package schema_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/schema"
)

// edit changes the built-in schema's JSON as a generic value.
func edit(t testing.TB, change func(root map[string]any)) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(schema.Builtin().Marshal(), &root); err != nil {
		t.Fatal(err)
	}
	change(root)
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func kindIn(root map[string]any, id string) map[string]any {
	for _, v := range root["kinds"].([]any) {
		if k := v.(map[string]any); k["id"] == id {
			return k
		}
	}
	panic(id)
}

func fieldIn(root map[string]any, kind, key string) map[string]any {
	for _, v := range kindIn(root, kind)["fields"].([]any) {
		if f := v.(map[string]any); f["key"] == key {
			return f
		}
	}
	panic(kind + "." + key)
}

func TestRoundTrip(t *testing.T) {
	s := schema.Builtin()
	back, err := schema.Parse(s.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Marshal(), s.Marshal()) || back.Hash() != s.Hash() {
		t.Error("the schema does not come back as it went")
	}
	if !slices.Equal(back.KindIDs(), s.KindIDs()) {
		t.Errorf("kinds %v", back.KindIDs())
	}
}

func TestHashIgnoresOrderAndSpace(t *testing.T) {
	s := schema.Builtin()
	r := rand.New(rand.NewPCG(1, 2))
	b := edit(t, func(root map[string]any) {
		kinds := root["kinds"].([]any)
		r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	})
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, b, " ", "\t"); err != nil {
		t.Fatal(err)
	}
	back, err := schema.Parse(spaced.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != s.Hash() {
		t.Error("order of kinds or white space changes the hash")
	}
}

func TestHashSeesEveryChange(t *testing.T) {
	b := edit(t, func(root map[string]any) { fieldIn(root, "ZF", "met")["zh"] = "见面" })
	back, err := schema.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() == schema.Builtin().Hash() {
		t.Error("a changed label leaves the hash as it was")
	}
}

func TestUnknownMembersAreKept(t *testing.T) {
	b := edit(t, func(root map[string]any) {
		root["future"] = map[string]any{"deep": []any{1.5, "x", nil, true}}
		kindIn(root, "HY")["colour"] = "<蓝>"
		fieldIn(root, "ZF", "met")["widget"] = map[string]any{"columns": 2}
		root["common"].(map[string]any)["hint"] = "h"
		item := fieldIn(root, "HD", "members")["items"].([]any)[0].(map[string]any)
		item["icon"] = "person"
	})
	s, err := schema.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := schema.Parse(s.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Marshal(), again.Marshal()) {
		t.Fatal("not stable")
	}
	var root map[string]any
	if err := json.Unmarshal(again.Marshal(), &root); err != nil {
		t.Fatal(err)
	}
	if len(root["future"].(map[string]any)["deep"].([]any)) != 4 || kindIn(root, "HY")["colour"] != "<蓝>" ||
		fieldIn(root, "ZF", "met")["widget"].(map[string]any)["columns"] != 2.0 ||
		fieldIn(root, "HD", "members")["items"].([]any)[0].(map[string]any)["icon"] != "person" ||
		root["common"].(map[string]any)["hint"] != "h" {
		t.Error("a member was lost")
	}
}

// TestParseRefuses: each edit must be refused with an error that names where.
func TestParseRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(root map[string]any)
		want   []string
	}{
		"unknown type":        {func(r map[string]any) { fieldIn(r, "ZF", "met")["type"] = "emum" }, []string{"ZF", "met", "emum"}},
		"unknown merge":       {func(r map[string]any) { fieldIn(r, "ZF", "met")["merge"] = "LWW" }, []string{"ZF", "met", "LWW"}},
		"merge of a type":     {func(r map[string]any) { fieldIn(r, "ZF", "met")["merge"] = "TX" }, []string{"ZF", "met", "TX"}},
		"merge argument":      {func(r map[string]any) { fieldIn(r, "ZF", "relief_money")["merge"] = "LW-hold" }, []string{"relief_money", "argument"}},
		"merge bracket":       {func(r map[string]any) { fieldIn(r, "ZF", "relief_money")["merge"] = "LW-hold(x" }, []string{"relief_money"}},
		"label missing":       {func(r map[string]any) { delete(fieldIn(r, "ZF", "met"), "zh") }, []string{"ZF", "met", "zh"}},
		"label not text":      {func(r map[string]any) { fieldIn(r, "ZF", "met")["zh"] = 7 }, []string{"ZF", "met", "zh"}},
		"required word":       {func(r map[string]any) { fieldIn(r, "ZF", "met")["required"] = "sometimes" }, []string{"ZF", "met", "sometimes"}},
		"when without":        {func(r map[string]any) { fieldIn(r, "ZF", "met")["required"] = "when" }, []string{"ZF", "met", "required_when"}},
		"condition field":     {func(r map[string]any) { cond(r, `{"when":{"nothing":true}}`) }, []string{"ZF", "met", "nothing"}},
		"condition fact":      {func(r map[string]any) { cond(r, `{"when":{"@moon":true}}`) }, []string{"ZF", "met", "fact", "@moon"}},
		"audience word":       {func(r map[string]any) { fieldIn(r, "ZF", "met")["audience"] = "everyone" }, []string{"ZF", "met", "everyone"}},
		"sensitive too wide":  {func(r map[string]any) { fieldIn(r, "HD", "causes")["audience"] = "scope" }, []string{"HD", "causes", "sensitive"}},
		"flagged wider":       {func(r map[string]any) { fieldIn(r, "RZ", "what")["flagged"] = "scope" }, []string{"RZ", "what", "wider"}},
		"item wider":          {func(r map[string]any) { sub(r, "HY", "statements", 1)["audience"] = "scope" }, []string{"HY", "statements.speaker", "wider"}},
		"enum without values": {func(r map[string]any) { delete(fieldIn(r, "ZF", "met"), "values") }, []string{"ZF", "met", "values"}},
		"enum value twice":    {func(r map[string]any) { twice(fieldIn(r, "ZF", "met"), "values") }, []string{"ZF", "met", "twice"}},
		"order incomplete":    {func(r map[string]any) { fieldIn(r, "SQ", "urgency")["order"] = []any{"紧急"} }, []string{"SQ", "urgency", "order"}},
		"target":              {func(r map[string]any) { fieldIn(r, "ZF", "boat_id")["target"] = []any{"ship"} }, []string{"ZF", "boat_id", "ship"}},
		"writer":              {func(r map[string]any) { fieldIn(r, "ZF", "met")["who"] = []any{"nobody"} }, []string{"ZF", "met", "nobody"}},
		"section":             {func(r map[string]any) { fieldIn(r, "ZF", "met")["section"] = "cellar" }, []string{"ZF", "met", "cellar"}},
		"field twice":         {func(r map[string]any) { twice(kindIn(r, "ZF"), "fields") }, []string{"ZF", "visit_type", "twice"}},
		"common field twice":  {func(r map[string]any) { addFields(r, "ZF", `{"key":"geo"}`, `{"key":"geo"}`) }, []string{"ZF", "geo"}},
		"key":                 {func(r map[string]any) { fieldIn(r, "ZF", "met")["key"] = "Met" }, []string{"ZF", "Met"}},
		"program's key":       {func(r map[string]any) { fieldIn(r, "ZF", "scene")["key"] = "sealing_keys" }, []string{"ZF", "sealing_keys"}},
		"kind twice":          {func(r map[string]any) { twice(r, "kinds") }, []string{"CN", "twice"}},
		"kind id":             {func(r map[string]any) { kindIn(r, "ZF")["id"] = "Z F" }, []string{"Z F"}},
		"timeline long text":  {func(r map[string]any) { timeline(r, "situation") }, []string{"ZF", "timeline", "situation"}},
		"timeline nothing":    {func(r map[string]any) { timeline(r, "nothing") }, []string{"ZF", "timeline", "nothing"}},
		"default source":      {func(r map[string]any) { fieldIn(r, "ZF", "met")["default"] = []any{"@guess"} }, []string{"ZF", "met", "@guess"}},
		"default literal":     {func(r map[string]any) { fieldIn(r, "ZF", "met")["default"] = []any{"见到"} }, []string{"ZF", "met", "default"}},
		"part with merge":     {func(r map[string]any) { sub(r, "ZF", "weather", 0)["merge"] = "LW" }, []string{"ZF", "weather.sky", "merge"}},
		"list in a list":      {func(r map[string]any) { sub(r, "HY", "agenda", 1)["type"] = "list" }, []string{"HY", "agenda", "text"}},
		"needs": {func(r map[string]any) {
			fieldIn(r, "HY", "attendees")["needs"] = map[string]any{"role": []any{"主席"}}
		}, []string{"HY", "attendees", "role"}},
		"group alone":           {func(r map[string]any) { fieldIn(r, "ZF", "household_mask")["merge"] = "LW" }, []string{"ZF", "household"}},
		"computed from nothing": {func(r map[string]any) { fieldIn(r, "SQ", "state")["from"] = "moon" }, []string{"SQ", "state", "moon"}},
		"visibility":            {func(r map[string]any) { kindIn(r, "ZF")["visibility"] = "全国" }, []string{"ZF", "全国"}},
		"transition state":      {func(r map[string]any) { transition(r)["to"] = "飞走" }, []string{"SQ", "飞走"}},
		"transition event":      {func(r map[string]any) { transition(r)["event"] = "飞走" }, []string{"SQ", "飞走"}},
		"no version":            {func(r map[string]any) { delete(r, "version") }, []string{"version"}},
		"too many fields":       {func(r map[string]any) { addFields(r, "ZF", slices.Repeat([]string{`{}`}, 500)...) }, []string{"ZF", "fields", "400"}},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		s, err := schema.Parse(edit(t, c.change))
		if err == nil || s != nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not name %q", name, err, w)
			}
		}
	}
}

func cond(r map[string]any, text string) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	f := fieldIn(r, "ZF", "met")
	f["required"], f["required_when"] = "when", v
}

func sub(r map[string]any, kind, key string, i int) map[string]any {
	return fieldIn(r, kind, key)["items"].([]any)[i].(map[string]any)
}

func twice(m map[string]any, list string) {
	a := m[list].([]any)
	m[list] = append(a, a[0])
}

func addFields(r map[string]any, kind string, fields ...string) {
	k := kindIn(r, kind)
	for _, text := range fields {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		k["fields"] = append(k["fields"].([]any), v)
	}
}

func timeline(r map[string]any, field string) {
	kindIn(r, "ZF")["timeline"].(map[string]any)["summary"] = []any{field}
}

func transition(r map[string]any) map[string]any {
	return r["transitions"].(map[string]any)["SQ"].(map[string]any)["transitions"].([]any)[5].(map[string]any)
}

func TestParseRefusesBytes(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, text := range map[string]string{
		"empty":          ``,
		"not an object":  `[]`,
		"cut":            `{"id":"x","version":1,"kinds":[`,
		"trailing":       string(schema.Builtin().Marshal()) + ` {}`,
		"twice":          `{"id":"x","id":"y","version":1}`,
		"deep":           `{"id":"x","version":1,"future":` + deep + `}`,
		"not UTF-8":      "{\"id\":\"\xff\",\"version\":1}",
		"long text":      `{"id":"` + strings.Repeat("x", 5000) + `","version":1}`,
		"long number":    `{"id":"x","version":1,"n":` + strings.Repeat("9", 50) + `}`,
		"fraction":       `{"id":"x","version":1.5}`,
		"comma":          `{"id":"x","version":1,}`,
		"member name":    `{1:2}`,
		"kinds no list":  `{"id":"x","version":1,"kinds":{}}`,
		"kind no object": `{"id":"x","version":1,"kinds":[3]}`,
	} {
		if _, err := schema.Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := schema.Parse(bytes.Repeat([]byte(" "), schema.MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("oversize: %v", err)
	}
}

// TestParseTruncated: no prefix of a schema is a schema.
func TestParseTruncated(t *testing.T) {
	b := schema.Builtin().Marshal()
	for n := 0; n < len(b); n += 1 + n/20 {
		if _, err := schema.Parse(b[:n]); err == nil {
			t.Fatalf("the first %d bytes of %d are accepted", n, len(b))
		}
	}
}

func FuzzParse(f *testing.F) {
	seed := func(b []byte) {
		if _, err := schema.Parse(b); err != nil {
			f.Fatalf("a seed is refused: %v", err)
		}
		f.Add(b)
	}
	// small seeds: the whole schema is covered by the tests above
	seed(edit(f, func(root map[string]any) {
		root["kinds"] = []any{kindIn(root, "CN")}
		root["reserved"] = append(root["reserved"].([]any), reserved("SQ", "ZF", "HY", "TY", "HD", "DD", "person", "place", "unit")...)
		root["transitions"] = map[string]any{"CN": root["transitions"].(map[string]any)["CN"]}
	}))
	seed([]byte(`{"id":"x","version":1,"writers":[{"id":"recorder","letter":"记"}],"kinds":[{"id":"XJ","zh":"巡检","en":"round","reference":true,"fields":[{"key":"what","zh":"内容","en":"what","type":"longtext"}]}]}`))
	seed([]byte(`{"id":"x","version":1,"kinds":[{"id":"A","zh":"a","en":"a","reference":true,"fields":[{"key":"l","zh":"l","en":"l","type":"list","items":[{"key":"t","zh":"t","en":"t","type":"longtext"}]}]}],"writers":[{"id":"recorder"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := schema.Parse(b)
		if err != nil {
			if s != nil {
				t.Fatal("an error and a schema")
			}
			return
		}
		again, err := schema.Parse(s.Marshal())
		if err != nil {
			t.Fatalf("what was accepted is refused once marshalled: %v", err)
		}
		if !bytes.Equal(again.Marshal(), s.Marshal()) {
			t.Fatal("marshalling is not stable")
		}
		nothing := func(string) (any, bool) { return nil, false }
		for _, k := range s.Kinds {
			k.Missing(nothing)
			for _, f := range k.Fields {
				k.Audience(f.Key, "", k.FlagFunc(f.Key, nothing))
				_ = f.Check("x")
			}
		}
	})
}

func reserved(ids ...string) []any {
	var out []any
	for _, id := range ids {
		out = append(out, map[string]any{"id": id, "zh": id, "en": id})
	}
	return out
}

func BenchmarkParse(b *testing.B) {
	text := schema.Builtin().Marshal()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := schema.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
