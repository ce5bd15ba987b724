package schema_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/schema"
)

// TestDemandStories plays events through the table: "event key=value…", and
// after each the state.
func TestDemandStories(t *testing.T) {
	m, ok := schema.Builtin().Machine("SQ")
	if !ok {
		t.Fatal("no machine")
	}
	for name, story := range map[string]string{
		"handled":         "登记 > 待梳理; 分办 outcome=直接办理 > 待接办; 接办 > 办理中; 进展 > 办理中; 延期 > 办理中; 办结 > 待反馈; 反馈 @all_told=false > 待反馈; 反馈 @all_told=true > 已反馈; 评价满意 > 已反馈; 归档 @all_rated=true > 已归档; 重开 > 待梳理",
		"on the spot":     "当场办结 outcome=政策解释 @all_told=true > 已反馈; 退回梳理 > 待梳理",
		"spot, told none": "当场办结 outcome=当场解决 > 待反馈",
		"spot after 登记":   "登记 > 待梳理; 当场办结 outcome=当场解决 @same_save=true @all_told=true > 已反馈",
		"problem":         "登记 > 待梳理; 转难题 outcome=转入难题台账 > 随难题; 难题审核通过 > 待反馈; 反馈 @all_told=true > 已反馈",
		"problem refused": "登记 > 待梳理; 转难题 outcome=并入已有难题 > 随难题; 难题不予立项 > 待梳理",
		"passed on":       "登记 > 待梳理; 转出 outcome=转其他渠道 > 待反馈",
		"not taken":       "登记 > 待梳理; 不办 outcome=暂不具备条件 > 待反馈",
		"declined":        "登记 > 待梳理; 分办 outcome=政策解释 > 待接办; 退办 > 待梳理; 分办 outcome=直接办理 > 待接办; 改派 > 待接办",
		"redone": "登记 > 待梳理; 分办 outcome=直接办理 > 待接办; 接办 > 办理中; 办结 > 待反馈; 反馈 @all_told=true > 已反馈; 评价不满意 @outcome=直接办理 @redone=false > 办理中; " +
			"办结 > 待反馈; 反馈 @all_told=true > 已反馈; 评价不满意 @outcome=直接办理 @redone=true > 待复核; 裁定维持 > 已反馈; 评价不满意 @outcome=政策解释 @redone=false > 待复核; 裁定重办 > 待接办",
		"does not fit": "登记 > 待梳理; 接办 > !; 办结 > !; 分办 outcome=转其他渠道 > !; 登记 > !; 归档 @all_rated=true > !; 当场办结 outcome=当场解决 > !",
	} {
		state := ""
		for _, step := range strings.Split(story, "; ") {
			what, want, _ := strings.Cut(step, " > ")
			words := strings.Fields(what)
			values := map[string]any{}
			for _, w := range words[1:] {
				key, v, _ := strings.Cut(w, "=")
				values[key] = v
				if v == "true" || v == "false" {
					values[key] = v == "true"
				}
			}
			row, ok := m.Step(state, words[0], getter(values))
			if !ok {
				if want != "!" {
					t.Errorf("%s: %s from %q does not fit", name, what, state)
				}
				continue
			}
			if row.To != "" {
				state = row.To
			}
			if state != want {
				t.Errorf("%s: %s leads to %s, want %s", name, what, state, want)
			}
		}
	}
}

// TestDemandTable: each state is entered by some
// row, each event of the log has a row, and offline events are those that a
// device may queue with effect.
func TestDemandTable(t *testing.T) {
	s := schema.Builtin()
	m, _ := s.Machine("SQ")
	offline := map[string]bool{"登记": true, "当场办结": true, "接办": true, "进展": true, "办结": true, "反馈": true,
		"评价满意": true, "评价基本满意": true, "评价不满意": true, "未评价": true}
	entered, seen := map[string]bool{}, map[string]bool{}
	for _, row := range m.Transitions {
		entered[row.To], seen[row.Event] = true, true
		if row.Offline != offline[row.Event] {
			t.Errorf("%s: offline %v", row.Event, row.Offline)
		}
	}
	for _, v := range field(t, s, "SQ.state").Values {
		if !entered[v.V] {
			t.Errorf("nothing leads to %s", v.V)
		}
	}
	for _, v := range field(t, s, "SQ.events.event").Values {
		if !seen[v.V] {
			t.Errorf("%s is in no row", v.V)
		}
	}
}

func TestPromiseStates(t *testing.T) {
	s := schema.Builtin()
	m, ok := s.Machine("CN")
	if !ok {
		t.Fatal("no machine")
	}
	for _, c := range []struct {
		facts map[string]any
		want  string
	}{
		{nil, "待确认"},
		{map[string]any{"@last_outcome": "已兑现", "@on_time": true}, "待确认"},
		{map[string]any{"@confirmed": true, "@days_left": int64(30)}, "未到期"},
		{map[string]any{"@confirmed": true, "@days_left": int64(8)}, "未到期"},
		{map[string]any{"@confirmed": true, "@days_left": int64(7)}, "即将到期"},
		{map[string]any{"@confirmed": true, "@days_left": int64(0)}, "即将到期"},
		{map[string]any{"@confirmed": true, "@days_left": int64(-1)}, "逾期未兑现"},
		{map[string]any{"@confirmed": true, "@days_left": int64(-5), "@last_outcome": "已兑现", "@on_time": false}, "逾期兑现"},
		{map[string]any{"@confirmed": true, "@days_left": int64(-5), "@last_outcome": "已兑现", "@on_time": true}, "已兑现"},
		{map[string]any{"@confirmed": true, "@days_left": int64(30), "@last_outcome": "无法兑现"}, "无法兑现"},
	} {
		if got := m.Rule(getter(c.facts)); got != c.want {
			t.Errorf("%v: %s, want %s", c.facts, got, c.want)
		}
	}
	row, ok := m.Step("未到期", "变更", getter(nil))
	if !ok || row.Mark != "已变更" || row.To != "" {
		t.Errorf("变更: %+v", row)
	}
}
