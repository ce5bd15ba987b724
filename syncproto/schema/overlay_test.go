package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// A new kind as small as it gets: the rest has defaults.
const smallKind = `{"id":"XJ","zh":"巡检","en":"check round","fields":[
	{"key":"what","zh":"看到什么","en":"what","type":"longtext","required":"always"},
	{"key":"parts","zh":"部位","en":"parts","type":"list","items":[{"key":"name","zh":"名称","en":"name","type":"text"},{"key":"text","zh":"说明","en":"text","type":"longtext"}]}]}`

func TestWithNewKind(t *testing.T) {
	base := schema.Builtin()
	s, err := base.With(oneFile(smallKind))
	if err != nil {
		t.Fatal(err)
	}
	k, ok := s.Kind("XJ")
	if !ok || k.Visibility != "本级" {
		t.Fatalf("kind %+v", k)
	}
	for key, want := range map[string]schema.Class{"what": schema.ClassText, "what.personal": schema.ClassValue, "parts": schema.ClassList, "place_code": schema.ClassValue, "comments": schema.ClassLog} {
		f, ok := k.Field(key)
		if !ok || f.MergeClass() != want {
			t.Errorf("%s: %v", key, f)
		}
	}
	if c, ok := k.Item("parts", "text.personal"); !ok || c.Path() != "parts.text.personal" {
		t.Error("a long text in an item has no switch")
	}
	if a := k.Audience("what", "", func(string) bool { return true }); a != syncproto.ForTeam {
		t.Errorf("flagged long text is for %v", a)
	}
	if _, ok := base.Kind("XJ"); ok || base.Hash() == s.Hash() {
		t.Error("the base was changed, or the hash was not")
	}
	back, err := schema.Parse(s.Marshal())
	if err != nil || back.Hash() != s.Hash() {
		t.Errorf("round trip: %v", err)
	}
}

func TestWithPatch(t *testing.T) {
	base := schema.Builtin()
	before := base.Hash()
	s, err := base.With(fstest.MapFS{
		"10-visit.json": {Data: []byte(`{"patch":"ZF","en":"call","fields":[
			{"key":"met","zh":"见到谁","values":[{"v":"见到本人","en":"the person"},{"v":"未遇","en":"nobody"},{"v":"见到邻居","en":"a neighbour"}]},
			{"key":"companions","off":true},
			{"key":"geo","off":true},
			{"key":"ferry","zh":"船班","en":"ferry","type":"text","after":"weather"},
			{"key":"interviewees","items":[{"key":"phone","off":true},{"key":"age_group","zh":"年龄段","en":"age group","type":"text"}]}]}`)},
		"20-visit.json":    {Data: []byte(`{"patch":"ZF","fields":[{"key":"met","note":null,"short":null}]}`)},
		"30-common.json":   {Data: []byte(`{"patch":"common","fields":[{"key":"tags","max":10}]}`)},
		"notes.txt":        {Data: []byte(`not read`)},
		".hidden.json":     {Data: []byte(`not read`)},
		"sub/ignored.json": {Data: []byte(`not read`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	k, _ := s.Kind("ZF")
	met, _ := k.Field("met")
	if k.En != "call" || met.Zh != "见到谁" || len(met.Values) != 3 || met.Short || met.Merge.Code != schema.LW {
		t.Errorf("met is %+v", met)
	}
	for _, key := range []string{"companions", "geo"} {
		if f, _ := k.Field(key); !f.Off {
			t.Errorf("%s is not off", key)
		}
	}
	at := slices.IndexFunc(k.Fields, func(f *schema.Field) bool { return f.Key == "ferry" })
	if at < 1 || k.Fields[at-1].Key != "weather" {
		t.Errorf("ferry stands at %d", at)
	}
	if p, _ := k.Item("interviewees", "phone"); !p.Off || p.Type != schema.Phone {
		t.Errorf("phone is %+v", p)
	}
	if _, ok := k.Item("interviewees", "age_group"); !ok {
		t.Error("no age_group")
	}
	for _, id := range []string{"ZF", "RZ"} {
		if f, _ := s.Kinds[id].Field("tags"); f.Max != 10 {
			t.Errorf("%s tags: max %d", id, f.Max)
		}
	}
	if g, _ := s.Kinds["HY"].Field("geo"); g.Off {
		t.Error("a patch of one kind reached another")
	}
	if base.Hash() != before {
		t.Error("the base was changed")
	}
	if old, _ := base.Kinds["ZF"].Field("met"); old.Zh != "见面情况" {
		t.Error("the base was changed")
	}
}

func TestWithWholeKind(t *testing.T) {
	s, err := schema.Builtin().With(oneFile(`{"id":"boat","zh":"船只","en":"vessel","reference":true,"fields":[
		{"key":"name","zh":"船名","en":"name","type":"text","who":["admin"],"required":"always"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if k := s.Kinds["boat"]; k.Zh != "船只" || len(k.Fields) != 1 {
		t.Errorf("boat is %+v", k)
	}
	if s, err = s.With(fstest.MapFS{}); err != nil || s.Kinds["boat"].Zh != "船只" {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestWithRefuses: what stored records rely on cannot be overridden, and the
// error names kind, field and file.
func TestWithRefuses(t *testing.T) {
	cases := []struct{ text, want string }{
		{`{"patch":"ZF","fields":[{"key":"met","merge":"LW-hold(待核)"}]}`, "kind ZF, field met: merge rule LW cannot become LW-hold(待核)"},
		{`{"patch":"ZF","fields":[{"key":"scene","merge":"LW"}]}`, "kind ZF, field scene: merge rule TX"},
		{`{"patch":"ZF","fields":[{"key":"visitor_ids","type":"list","target":null,"items":[{"key":"p","zh":"人","en":"p","type":"text"}]}]}`, "kind ZF, field visitor_ids: merge rule SU"},
		{`{"patch":"HY","fields":[{"key":"statements","items":[{"key":"text","merge":"LW"}]}]}`, "kind HY, field statements.text: merge rule TX"},
		{`{"patch":"common","fields":[{"key":"visibility","merge":"LW"}]}`, "field visibility: merge rule LW-strict"},
		{`{"patch":"CN","fields":[{"key":"visibility","merge":"LW"}]}`, "kind CN, field visibility: merge rule LW-strict"},
		{`{"id":"boat","zh":"船","en":"boat","reference":true,"fields":[{"key":"name","zh":"船名","en":"name","type":"text","merge":"FX","who":["admin"]}]}`, "kind boat, field name: merge rule LW cannot become FX"},
		{`{"patch":"HD","fields":[{"key":"causes","sensitive":null}]}`, "kind HD, field causes: what was sensitive stays sensitive"},
		{`{"patch":"HD","fields":[{"key":"members","items":[{"key":"id_no","sensitive":false}]}]}`, "kind HD, field members.id_no"},
		{`{"patch":"HD","fields":[{"key":"causes","audience":"scope"}]}`, "kind HD, field causes: sensitive"},
		{`{"patch":"ZF","reference":true,"visibility":null}`, "kind ZF"},
		{`{"id":"ZF","zh":"走访","en":"visit","reference":true,"fields":[]}`, "kind ZF: a record cannot become a reference object"},
		{`{"patch":"QQ","fields":[]}`, `"QQ": no such kind`},
		{`{"patch":"ZF","id":"ZG"}`, "cannot change the id"},
		{`{"patch":"ZF","fields":{"met":1}}`, "fields is not a list"},
		{`{"patch":"ZF","fields":[{"zh":"x"}]}`, "without a key"},
		{`{"patch":"ZF","fields":[{"key":"x","zh":"x","en":"x","type":"text","after":"nowhere"}]}`, "nowhere"},
		{`{"zh":"x"}`, "neither a kind"},
		{`{"id":5}`, "neither a kind"},
		{`[]`, "not an object"},
		{`{"id":"X"`, "a.json: JSON ends early"},
		{`{"id":"XJ","zh":"x","en":"x","fields":[{"key":"a","zh":"a","en":"a","type":"text","who":["king"]}]}`, "kind XJ, field a: nobody is called \"king\""},
		{strings.Repeat(" ", 300<<10), "over the limit"},
	}
	for _, c := range cases {
		s, err := schema.Builtin().With(oneFile(c.text))
		if err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %v, want %s", c.text, err, c.want)
		}
	}
	tooMany := fstest.MapFS{}
	for i := range 201 {
		tooMany[fmt.Sprintf("%03d.json", i)] = &fstest.MapFile{Data: []byte(`{}`)}
	}
	if _, err := schema.Builtin().With(tooMany); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("201 files: %v", err)
	}
}
