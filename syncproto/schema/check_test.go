package schema_test

import (
	"math"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/schema"
)

const recordID = "01890a5d-ac96-774b-bcce-b302099a8057"

func TestCheck(t *testing.T) {
	s := schema.Builtin()
	geo := map[string]any{"lat": 30.203, "lng": 122.689, "accuracy": 12.0, "datum": "WGS-84"}
	for _, c := range []struct {
		path  string
		value any
		ok    bool
	}{
		{"ZF.met", "未遇", true},
		{"ZF.met", "遇到", false},
		{"ZF.met", nil, true},
		{"ZF.met", int64(1), false},
		{"ZF.summary", strings.Repeat("水", 60), true},
		{"ZF.summary", strings.Repeat("水", 61), false},
		{"ZF.summary", "一行\n两行", false},
		{"ZF.situation", "一行\n两行", true},
		{"ZF.situation", strings.Repeat("水", 100_001), false},
		{"ZF.situation", "\xff", false},
		{"ZF.situation.personal", true, true},
		{"ZF.situation.personal", "true", false},
		{"ZF.relief_money", int64(30000), true},
		{"ZF.relief_money", 30000.0, true},
		{"ZF.relief_money", 0.5, false},
		{"ZF.relief_money", int64(-1), false},
		{"ZF.relief_money", math.NaN(), false},
		{"ZF.relief_money", "300", false},
		{"ZF.visitor_ids", []any{recordID}, true},
		{"ZF.visitor_ids", recordID, true}, // one member, as an op carries it
		{"ZF.visitor_ids", []any{"吴例舟"}, false},
		{"ZF.companions", []any{"吴例舟"}, true},
		{"ZF.companions", []any{strings.Repeat("长", 61)}, false},
		{"ZF.place_code", "330903105901", true},
		{"ZF.place_code", "3309", true},
		{"ZF.place_code", "3309031059011", false},
		{"ZF.place_code", recordID, false},
		{"ZF.hamlet", "前岙", true},
		{"ZF.household_id", recordID, true},
		{"ZF.household_id", "H01", false},
		{"SQ.source_ref", recordID + "#0a0b:12", true},
		{"SQ.source_ref", recordID + "#", false},
		{"SQ.source_ref", recordID + "#有", false},
		{"CN.promised_to", "330903105901", true},
		{"ZF.links", []any{map[string]any{"ref": recordID, "relation": "回访"}}, true},
		{"ZF.links", map[string]any{"ref": recordID, "relation": "别的关系"}, true},
		{"ZF.links", map[string]any{"ref": "x", "relation": "回访"}, false},
		{"ZF.geo", geo, true},
		{"ZF.geo", map[string]any{"lat": 91.0, "lng": 0.0, "datum": "WGS-84"}, false},
		{"ZF.geo", map[string]any{"lat": 1.0, "lng": 0.0}, false},
		{"ZF.geo", "30,122", false},
		{"ZF.occurred_at", "2026-05-18T14:20:00+08:00", true},
		{"ZF.occurred_at", "2026-05-18T14:20+08:00", true},
		{"ZF.occurred_at", "2026-05-18", true},
		{"ZF.occurred_at", "2026-05-18 上午", true},
		{"ZF.occurred_at", "2026-05-18 中午", true},
		{"ZF.occurred_at", "2026-05-18 半夜", false},
		{"ZF.occurred_at", "2026-02-30", false},
		{"ZF.occurred_at", "2026-05-18T14:20", false}, // no zone
		{"TY.depart_at", "2026-09-16T12:00:00+08:00", true},
		{"TY.depart_at", "2026-09-16", false},
		{"ZF.next_visit_on", "2026-05-18", true},
		{"ZF.next_visit_on", "2026-5-18", false},
		{"ZF.next_visit_on", "2026", false},
		{"HD.members.birth", map[string]any{"on": "1968", "calendar": "公历"}, true},
		{"HD.members.birth", map[string]any{"on": "1968-02-30", "calendar": "农历"}, true},
		{"HD.members.birth", map[string]any{"on": "1968-02-32"}, false},
		{"HD.members.birth", map[string]any{"on": "1968-13"}, false},
		{"HD.members.birth", map[string]any{"on": "1968", "calendar": "回历"}, false},
		{"HD.members.id_no", "00000019500101001X", true},
		{"HD.members.id_no", "000000195001010011", false},
		{"HD.members.id_no", "123", false},
		{"HD.members.phone", "0580-1234567", true},
		{"HD.members.phone", "电话", false},
		{"HD.members.relation", "0", true},
		{"HD.members.relation", int64(0), false},
		{"HD.members.insured", []any{"医保", "养老"}, true},
		{"HD.causes", []any{"年老", "缺劳力"}, true},
		{"HD.causes", []any{"年老", "年老"}, false},
		{"HD.causes", []any{"年老", "缺劳力", "因病"}, false},
		{"HD.income_year", map[string]any{"year": int64(2025), "wages": int64(100)}, true},
		{"HD.income_year", map[string]any{"year": int64(25)}, false},
		{"HD.housing", map[string]any{"area": 80.5, "danger": "C"}, true},
		{"HD.housing", map[string]any{"danger": "E"}, false},
		{"HD.housing", map[string]any{"of_a_newer_form": "x"}, true},
		{"ZF.weather", map[string]any{"sky": "东北风转阵雨", "wind": int64(7)}, true},
		{"ZF.attachments", map[string]any{"kind": "照片", "sha256": strings.Repeat("0a", 32)}, true},
		{"ZF.attachments", map[string]any{"kind": "照片", "sha256": strings.Repeat("0A", 32)}, false},
		{"HY.session_events", []any{map[string]any{"event": "开会", "at": "2026-05-19T13:30:00+08:00"}}, true},
		{"HY.statements", map[string]any{"text": "x", "type": "骂人"}, false},
		{"HY.headcount", int64(14), true},
		{"HY.headcount", 14.5, false},
		{"HY.signatures", map[string]any{"covers": []any{[]any{"a", []byte{1}}}}, true},
		{"HY.signatures", map[string]any{"covers": struct{}{}}, false},
		{"WT.kinds", []any{"ZF", "HY"}, true},
		{"ZF.tags", []any{strings.Repeat("好", 21)}, false},
	} {
		err := field(t, s, c.path).Check(c.value)
		if (err == nil) != c.ok {
			t.Errorf("%s of %.60v: %v", c.path, c.value, err)
		}
	}
}

// TestCheckNeverEchoes: what was wrong with a value is said without the value.
func TestCheckNeverEchoes(t *testing.T) {
	s := schema.Builtin()
	const secret = "仇例娣透析三趟"
	for _, path := range []string{"HD.members.id_no", "HD.members.health", "HD.members.phone", "HD.members.birth.on", "HD.causes", "ZF.met",
		"ZF.household_id", "ZF.occurred_at", "ZF.relief_money", "HD.members", "ZF.geo", "ZF.attachments.sha256", "ZF.situation.personal"} {
		f := field(t, s, path)
		for _, v := range []any{secret, []any{secret}, map[string]any{"on": secret, "name": []any{secret}, secret: secret}, "110101" + secret} {
			if err := f.Check(v); err != nil && strings.Contains(err.Error(), "例娣") {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	err := field(t, s, "HD.members.id_no").Check("000000195001010011")
	if err == nil || strings.Contains(err.Error(), "1950") || !strings.Contains(err.Error(), "身份证号") {
		t.Errorf("ID number: %v", err)
	}
}

func TestCheckBounds(t *testing.T) {
	s := schema.Builtin()
	var many []any
	for range 2001 {
		many = append(many, recordID)
	}
	if field(t, s, "ZF.visitor_ids").Check(many) == nil {
		t.Error("2001 visitors")
	}
	deep := any("x")
	for range 10 {
		deep = []any{deep}
	}
	if field(t, s, "ZF.receipt").Check(map[string]any{"covers": deep}) == nil {
		t.Error("deep data")
	}
	wide := map[string]any{}
	for _, k := range strings.Split(strings.Repeat("k,", 300), ",") {
		wide[k+string(rune('a'+len(wide)%26))+strings.Repeat("x", len(wide))] = 1
	}
	if len(wide) > 240 && field(t, s, "HD.housing").Check(wide) == nil {
		t.Error("an item of many parts")
	}
}
