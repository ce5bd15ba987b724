package schema_test

import (
	"fmt"
	"log"
	"testing/fstest"

	"github.com/chuantou/chuantou/syncproto/schema"
)

// What is still to be filled in before a visit can be submitted.
func ExampleKind_Missing() {
	visit, _ := schema.Builtin().Kind("ZF")
	record := map[string]any{
		"local_no": "ZF-330903105-20260518-A7-003", "owner_unit": "…", "place_code": "330903105901", "occurred_at": "2026-05-18",
		"recorder_id": "…", "visibility": "本级及上级",
		"visit_type": "结对走访", "visit_mode": "上门", "met": "未遇", "visitor_ids": []any{"…"},
	}
	for _, f := range visit.Missing(func(name string) (any, bool) { v, ok := record[name]; return v, ok }) {
		fmt.Println(f.Zh)
	}
	// Output: 走访户
}

// A unit adds a kind of its own and turns a field off.
func ExampleSchema_With() {
	s, err := schema.Builtin().With(fstest.MapFS{
		"check.json": {Data: []byte(`{"id":"XJ","zh":"码头巡检","en":"pier check","fields":[
			{"key":"what","zh":"看到什么","en":"what was seen","type":"longtext","required":"always"}]}`)},
		"visit.json": {Data: []byte(`{"patch":"ZF","fields":[{"key":"companions","off":true}]}`)},
	})
	if err != nil {
		log.Fatal(err)
	}
	f, _ := s.Kinds["XJ"].Field("what")
	fmt.Println(f.Zh, f.Merge, f.MergeClass())
	_, err = schema.Builtin().With(fstest.MapFS{
		"visit.json": {Data: []byte(`{"patch":"ZF","fields":[{"key":"hours","zh":"在线时长","en":"hours","type":"int"}]}`)},
	})
	fmt.Println(err)
	// Output:
	// 看到什么 TX text
	// kinds folder: kind ZF: field hours: "在线时长" contains "在线时长": the product never collects check-ins, rankings, points, online time, usage or tracks
}

// What is wrong with a value is said without the value.
func ExampleField_Check() {
	file, _ := schema.Builtin().Kind("HD")
	f, _ := file.Item("members", "id_no")
	fmt.Println(f.Check("330903000000000000"))
	// Output: 身份证号（members.id_no）: is no ID number: 18 characters, the last one a check digit
}
