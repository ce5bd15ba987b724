package schema_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chuantou/chuantou/syncproto/schema"
)

// oneFile is a folder of kinds with a single file.
func oneFile(text string) fstest.MapFS {
	return fstest.MapFS{"a.json": {Data: []byte(text)}}
}

// TestForbidden: no kind, built in or loaded, has check-ins, rankings,
// points, online time, usage or tracks, under whatever name.
func TestForbidden(t *testing.T) {
	for _, label := range []string{
		"打卡", "每日打卡", "打 卡", "打·卡", "打\u200b卡", "签到", "到岗签到时间", "签退", "考勤", "排行", "走访排行榜", "排名", "积分", "民情积分", "在线时长", "使用时长",
		"登录次数", "活跃度", "轨迹", "走访轨迹", "行踪", "步数",
		"checkin", "check_in", "check-in", "CheckIn", "checkIn", "Check In", "ｃｈｅｃｋｉｎ", "checked in", "clock_in", "sign_in", "signed_in",
		"ranking", "rank", "leaderboard", "points", "total points", "score", "online_time", "onlineTime", "online-duration", "screen time",
		"app_usage", "usage", "login_count", "track", "gps tracks", "trajectory", "tracking",
	} {
		if _, found := schema.Forbidden(label); !found {
			t.Errorf("%q is not recognised", label)
		}
	}
	for _, label := range []string{
		"走访事由", "积案", "签收", "签字", "到会身份", "排序号", "在家情况", "定位", "appointment", "frankly", "tracked_no", "checking", "scoreless", "signing", "走访轨道",
	} {
		if word, found := schema.Forbidden(label); found {
			t.Errorf("%q is refused for %q", label, word)
		}
	}
}

func TestForbiddenFieldsAreRefused(t *testing.T) {
	for _, f := range []string{
		`{"key":"checkin","zh":"到岗","en":"here","type":"datetime"}`,
		`{"key":"here","zh":"打卡","en":"here","type":"bool"}`,
		`{"key":"here","zh":"到岗","en":"Check-in","type":"bool"}`,
		`{"key":"signed_in","zh":"到场","en":"there","type":"bool"}`,
		`{"key":"place_in_list","zh":"排行","en":"place","type":"int"}`,
		`{"key":"points","zh":"得分","en":"marks","type":"int"}`,
		`{"key":"gained","zh":"积分","en":"gained","type":"int"}`,
		`{"key":"online_time","zh":"时长","en":"time","type":"int"}`,
		`{"key":"minutes","zh":"在线时长","en":"minutes","type":"int"}`,
		`{"key":"way","zh":"轨迹","en":"way","type":"data"}`,
		`{"key":"track","zh":"路线","en":"way","type":"data"}`,
		`{"key":"mode","zh":"方式","en":"mode","type":"enum","values":[{"v":"打卡","en":"tap"}]}`,
		`{"key":"mode","zh":"方式","en":"mode","type":"enum","values":[{"v":"x","zh":"签到","en":"tap"}]}`,
		`{"key":"mode","zh":"方式","en":"mode","type":"enum","values":[{"v":"x","en":"ranking"}]}`,
		`{"key":"l","zh":"表","en":"list","type":"list","items":[{"key":"points","zh":"分","en":"p","type":"int"}]}`,
		`{"key":"g","zh":"组","en":"group","type":"group","items":[{"key":"h","zh":"组","en":"group","type":"group","items":[{"key":"x","zh":"打卡","en":"x","type":"bool"}]}]}`,
	} {
		_, err := schema.Builtin().With(oneFile(fmt.Sprintf(`{"id":"XJ","zh":"巡检","en":"round","fields":[%s]}`, f)))
		if err == nil || !strings.Contains(err.Error(), "XJ") || !strings.Contains(err.Error(), "never collects") {
			t.Errorf("%s: %v", f, err)
		}
		_, err = schema.Builtin().With(oneFile(fmt.Sprintf(`{"patch":"ZF","fields":[%s]}`, f)))
		if err == nil || !strings.Contains(err.Error(), "ZF") {
			t.Errorf("patch with %s: %v", f, err)
		}
		_, err = schema.Parse(edit(t, func(root map[string]any) { addFields(root, "RZ", f) }))
		if err == nil || !strings.Contains(err.Error(), "RZ") {
			t.Errorf("parsed with %s: %v", f, err)
		}
	}
	for _, kind := range []string{
		`{"id":"DK","zh":"打卡","en":"daily","fields":[]}`,
		`{"id":"checkin","zh":"每日","en":"daily","fields":[]}`,
		`{"id":"DK","zh":"每日","en":"Ranking","fields":[]}`,
		`{"id":"DK","zh":"每日","en":"daily","sections":[{"key":"a","zh":"积分","en":"a"}],"fields":[]}`,
	} {
		if _, err := schema.Builtin().With(oneFile(kind)); err == nil {
			t.Errorf("%s: accepted", kind)
		}
	}
}

// TestAllowedWords: the sheet of those present at a meeting may say who has
// signed it; the same name anywhere else, or another word there, may not.
func TestAllowedWords(t *testing.T) {
	k, _ := schema.Builtin().Kind("HY")
	f, ok := k.Item("attendees", "signed_in")
	if !ok || f.Required != schema.Never {
		t.Fatalf("signed_in is %+v", f)
	}
	for _, patch := range []string{
		`{"patch":"HY","fields":[{"key":"attendees","items":[{"key":"signed_in","zh":"打卡"}]}]}`,
		`{"patch":"HY","fields":[{"key":"statements","items":[{"key":"signed_in","zh":"在场","en":"there","type":"bool"}]}]}`,
		`{"patch":"ZF","fields":[{"key":"open_points","zh":"遗留","en":"left","type":"texts"}]}`,
		`{"patch":"unit","fields":[{"key":"rank","zh":"次序","en":"order","type":"int"}]}`,
	} {
		if _, err := schema.Builtin().With(oneFile(patch)); err == nil || !strings.Contains(err.Error(), "never collects") {
			t.Errorf("%s: %v", patch, err)
		}
	}
}

// TestNeverForced: a position, photo or voice may be offered, never required.
func TestNeverForced(t *testing.T) {
	for _, patch := range []string{
		`{"patch":"common","fields":[{"key":"geo","required":"always"}]}`,
		`{"patch":"common","fields":[{"key":"attachments","required":"always"}]}`,
		`{"patch":"ZF","fields":[{"key":"geo","required":"always"}]}`,
		`{"patch":"ZF","fields":[{"key":"geo","required":"when","required_when":{"when":{"visit_mode":["上门"]}}}]}`,
		`{"patch":"ZF","fields":[{"key":"attachments","required":"always"}]}`,
		`{"patch":"HY","fields":[{"key":"statements","items":[{"key":"audio_ref","required":"always"}]}]}`,
		`{"patch":"ZF","fields":[{"key":"receipt","items":[{"key":"image","required":"always"}]}]}`,
		`{"patch":"ZF","fields":[{"key":"door","zh":"门牌照片","en":"door","type":"text","required":"always"}]}`,
		`{"patch":"ZF","fields":[{"key":"gps","zh":"点","en":"spot","type":"text","required":"always"}]}`,
		`{"patch":"ZF","fields":[{"key":"door","zh":"门牌","en":"photo of the door","type":"blob","required":"always"}]}`,
		`{"patch":"ZF","fields":[{"key":"spots","zh":"点","en":"spots","type":"list","items":[{"key":"at","zh":"在","en":"at","type":"geo","required":"always"}]}]}`,
	} {
		if _, err := schema.Builtin().With(oneFile(patch)); err == nil || !strings.Contains(err.Error(), "never required") {
			t.Errorf("%s: %v", patch, err)
		}
	}
	if _, err := schema.Builtin().With(oneFile(`{"patch":"ZF","fields":[{"key":"door","zh":"门牌照片","en":"photo of the door","type":"blob"}]}`)); err != nil {
		t.Errorf("an optional photo is refused: %v", err)
	}
}
