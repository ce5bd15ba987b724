package webtest

import (
	"fmt"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// islandRecords has a page for every row, the rich ones written out.
func islandRecords(rows []row) map[syncproto.RecordID]web.RecordPage {
	out := map[syncproto.RecordID]web.RecordPage{}
	for _, r := range rows {
		out[r.ID] = plainRecord(r)
	}
	for name, fill := range map[string]func(*web.RecordPage){
		"V01": voidedVisit, "V04": writtenByTwo, "V05": twoAnswers, "V06": twoSums, "M2": courtyardMeeting,
	} {
		p := out[ID(name)]
		fill(&p)
		out[ID(name)] = p
	}
	for _, p := range demandRecords() {
		out[p.ID] = p
	}
	for _, hd := range []web.RecordPage{householdRecord(), householdRow()} {
		out[hd.ID] = hd
	}
	for id, p := range out {
		if len(p.History) > 0 {
			numbered(&p)
			out[id] = p
		}
	}
	return out
}

func plainRecord(r row) web.RecordPage {
	p := web.RecordPage{
		ID: r.ID, Kind: r.Kind, Title: r.Title + r.Kind.Label, Number: "东极〔2026〕" + r.Kind.Label + "号", Unit: "东极镇",
		When: r.When, Where: r.Where, Status: r.Status, Sync: r.Sync, Marks: r.Marks, Origin: r.Origin,
		Devices: "这条记录来自 1 部手机，已收到。",
	}
	if r.Kind.Code == "HY" {
		p.Title = r.Title
	}
	p.Sections = []web.Section{{Label: "谁和哪里", Fields: []web.Field{
		{Key: "occurred_at", Label: "开始时间", Text: r.When.Words()},
		{Key: "place_code", Label: "所在村（社区）", Text: r.Where.Words()},
		{Key: "purpose", Label: "走访事由", Text: r.Summary},
	}}}
	p.History = []web.HistoryEntry{{Received: r.Received, Written: r.Received, By: short(c5), Device: r.From, What: "提交"}}
	return p
}

func visitSections(r *web.RecordPage, met, kind string, visitors, who string, situation []web.Passage) []web.Section {
	return []web.Section{
		{Label: "谁和哪里", Fields: []web.Field{
			{Key: "visit_type", Label: "走访类型", Text: kind},
			{Key: "visit_mode", Label: "走访方式", Text: "上门"},
			{Key: "met", Label: "见面情况", Text: met},
			{Key: "occurred_at", Label: "开始时间", Text: r.When.Words()},
			{Key: "visitor_ids", Label: "走访干部", Text: visitors, Wide: true},
			{Key: "interviewees", Label: "走访对象", Text: who},
			{Key: "recorder_id", Label: "记录人", Text: "吴例舟"},
		}},
		{Label: "情况", Fields: []web.Field{
			{Key: "situation", Label: "问情况", Passages: situation},
			{Key: "problems_heard", Label: "听问题"},
			{Key: "scene", Label: "看现场"},
		}},
		{Label: "诉求与承诺", Fields: []web.Field{{Key: "demands", Label: "诉求"}, {Key: "promises", Label: "承诺"}}},
	}
}

func voidedVisit(p *web.RecordPage) {
	p.Sections = visitSections(p, "见到本人", "结对走访", "吴例舟（东极镇驻村干部）", "", nil)
	p.Sections[0].Fields[5].Masked = "走访对象只有户组能看"
	p.Sections[1].Fields[0].Masked = "含个人情况，户组能看；点开需写明理由，会留痕"
	p.Void = &web.Void{By: c6, At: clock("2026-05-21 08:20"), Reason: "和另一条重复", Disputed: "吴例舟不知道作废，5月21日 09:05 又补写了情况。"}
	p.History = []web.HistoryEntry{
		{Received: clock("2026-05-22 17:31"), Written: clock("2026-05-21 08:20"), By: c6, Device: "乐例红的手机", What: "作废"},
		{Received: clock(docked), Written: clock("2026-05-21 09:05"), By: short(c5), Device: phone5, What: "修改", Steps: []web.Step{{Label: "问情况", Masked: "含个人情况"}}},
		{Received: clock(docked), Written: clock("2026-05-18 14:45"), By: c5, Device: phone5, What: "提交", How: "前岙现场记录，回港补传"},
	}
}

func writtenByTwo(p *web.RecordPage) {
	p.Number, p.Authors = "东极〔2026〕走访4号", []web.Person{short(c5), short(c6)}
	p.Sections = visitSections(p, "见到本人", "结对走访", "吴例舟（东极镇驻村干部）、乐例红（石屋岙村党支部书记）", "翁例娥（户主）",
		[]web.Passage{{Text: "独居老人，", Author: 2, By: short(c6), From: clock("2026-05-20 12:40"), To: clock("2026-05-20 12:40")}, {Text: "隔天来水。"},
			{Text: "水缸要人挑。", Author: 1, By: short(c5), From: clock("2026-05-20 10:30"), To: clock("2026-05-21 08:05")}})
	p.Sections[1].Fields[1].Passages = []web.Passage{{Text: "隔天来水，水缸要人挑。\n水管接口漏。", Author: 1, Check: true}}
	p.Devices = "这条记录来自 2 部手机，都已收到。"
	p.Links = []web.Ref{{ID: ID("L01"), Kind: web.Kind{Code: "RZ", Label: "帮扶"}, Relation: "帮扶日志", Text: "查看用水，5月20日"}, {ID: ID("H05"), Relation: "户档", Text: "翁例娥户"}}
	p.History = []web.HistoryEntry{
		{Received: clock("2026-05-22 17:31"), Written: clock("2026-05-20 12:40"), By: c6, Device: "乐例红的手机", What: "修改",
			Steps: []web.Step{{Label: "问情况", New: "独居老人，"}}},
		{Received: clock(docked), Written: clock("2026-05-20 10:30"), By: c5, Device: phone5, What: "提交", How: "石屋岙现场记录，回港补传", Clock: "手机钟与服务器差 2 秒"},
	}
}

func twoAnswers(p *web.RecordPage) {
	p.Number = "东极〔2026〕走访5号"
	p.Sections = visitSections(p, "见到家属", "蹲点走访", "陈例山（区级领导）、吴例舟（东极镇驻村干部）", "郭例昌（配偶）",
		[]web.Passage{{Text: "就医要坐船，怕停航。"}})
	p.Clashes = []web.Clash{{Field: "met", Label: "见面情况", Kind: web.Differs, Values: []web.Version{
		{Value: "见到家属", By: c6, Device: "乐例红的手机", Written: clock("2026-05-20 16:20"), Received: clock("2026-05-22 17:31"), How: "补传", Shown: true},
		{Value: "见到本人", By: c5, Device: phone5, Written: clock("2026-05-20 16:10"), Received: clock(docked), How: "回港补传"},
	}}}
	p.Held = []web.HeldPart{{By: c5, Device: "石屋岙村公用平板", Written: clock("2026-05-20 16:40"), Received: clock("2026-05-23 08:00"),
		What: "改了“问情况”", Reason: syncproto.HoldMissing.Words()}}
}

// opensForReason is the strip over what a stated reason opens.
const opensForReason = "已遮住，点开需写明理由，会留痕"

func twoSums(p *web.RecordPage) {
	p.Opens = true
	p.Number, p.Authors = "东极〔2026〕走访6号", []web.Person{short(c5), short(c6)}
	p.Title = "林例福户走访"
	p.Devices = "这条记录来自 2 部手机，都已收到。"
	p.Sections = visitSections(p, "见到本人", "慰问走访", "吴例舟（东极镇驻村干部）", "林例福（户主）",
		[]web.Passage{{Text: "一人独居，身体还好。", Author: 1}, {Text: "水缸是满的。", Author: 2}})
	p.Sections = append(p.Sections, web.Section{Label: "办理与慰问", Fields: []web.Field{
		{Key: "relief_money", Label: "慰问金"},
		{Key: "receipt", Label: "签收", Text: "林例福 5月22日 09:20 口头确认（见证人吴例舟），签的是“300.00元”", Notes: []string{"签收以后慰问金有修改，需重新确认。"}},
		{Key: "household_type", Label: "困难类型", Masked: opensForReason},
	}})
	p.Clashes = []web.Clash{{Field: "relief_money", Label: "慰问金", Kind: web.ToVerify, Note: "两部手机记了两个数。定下来以前，统计一个也不算。", Values: []web.Version{
		{Value: "300.00元", Detail: "叁佰元整，有户主签收", By: c5, Device: phone5, Written: clock("2026-05-22 09:12"), Received: clock(docked), How: "回港补传"},
		{Value: "500.00元", Detail: "伍佰元整，没有签收", By: c6, Device: "乐例红的手机", Written: clock("2026-05-22 12:40"), Clock: "手机钟快 7 分钟，已校", Received: clock("2026-05-22 17:31")},
	}}}
	p.History = []web.HistoryEntry{
		{Received: clock("2026-05-22 17:31"), Written: clock("2026-05-22 12:40"), By: c6, Device: "乐例红的手机", What: "改",
			Steps: []web.Step{{Label: "慰问金", Old: "300.00元", New: "500.00元"}, {Label: "问情况", New: "水缸是满的。"}}, Clock: "手机钟快 7 分钟，已校"},
		{Received: clock(docked), Written: clock("2026-05-22 09:25"), By: c5, Device: phone5, What: "提交", How: "灯塔湾现场记录，回港补传", Clock: "手机钟与服务器差 2 秒"},
		{Written: clock("2026-05-22 17:05"), By: web.Person{Name: "服务器"}, What: "给出", Steps: []web.Step{{Label: "台账编号", New: "东极〔2026〕走访6号"}}},
	}
	p.Comments = []web.Comment{{By: c3, At: clock("2026-05-23 09:20"), Text: "先核清楚再报。"}}
}

func courtyardMeeting(p *web.RecordPage) {
	p.Number, p.Until = "东极〔2026〕会议2号", web.At(clock("2026-05-21 20:00"))
	p.Authors = []web.Person{short(c5), short(c6)}
	p.Devices = "这条记录来自 2 部手机，都已收到。"
	p.Sections = []web.Section{
		{Label: "会议", Fields: []web.Field{
			{Key: "meeting_type", Label: "会议形式", Text: "道地会"},
			{Key: "host_id", Label: "主持人", Text: "张例桥（东极镇党委书记）"},
			{Key: "recorder_ids", Label: "记录人", Text: "吴例舟、乐例红"},
			{Key: "headcount", Label: "群众人数", Text: "11 人"},
			{Key: "place_text", Label: "具体地点", Text: "翁例娥家道地"},
			{Key: "agenda", Label: "议题"},
			{Key: "attendees", Label: "出席 / 列席 / 请假", Table: attendees()},
		}},
		{Label: "发言", Fields: []web.Field{{Key: "statements", Label: "发言", Statements: statements()}}},
		{Label: "诉求与承诺", Fields: []web.Field{
			{Key: "demands", Label: "诉求", Refs: meetingDemands()},
			{Key: "promises", Label: "承诺", Refs: []web.Ref{
				{ID: ID("P4"), Kind: web.Kind{Code: "CN", Label: "承诺"}, Text: "张例桥：6月5日前修好水泵", State: "已兑现", Tone: web.Done},
				{Kind: web.Kind{Code: "CN", Label: "承诺"}, Text: "张例桥：6月10日前就备药一事回复群众", State: "已兑现", Tone: web.Done},
			}},
		}},
		{Label: "进程和签字", Fields: []web.Field{
			{Key: "session_events", Label: "会议进程", Events: []web.Event{
				{At: clock("2026-05-21 18:30"), What: "开会", By: short(c5)}, {At: clock("2026-05-21 20:00"), What: "散会", By: short(c5), Device: phone5, Received: clock(docked)},
			}},
			{Key: "signatures", Label: "签字", Events: []web.Event{
				{At: clock("2026-05-21 20:05"), What: "主持人签字", By: c3, Text: "屏幕手写，签的是 10 条发言", Notes: []string{"签字后补入 10 条", "签字后有修改：第 3 条，需重新确认"}},
			}},
		}},
	}
}

func attendees() *web.Table {
	t := &web.Table{Columns: []string{"姓名", "单位职务", "身份", "说明"}}
	for _, a := range [][3]string{{"张例桥", "东极镇党委书记", "出席"}, {"吴例舟", "东极镇驻村干部", "出席"}, {"乐例红", "石屋岙村党支部书记", "出席"}, {"翁例娥", "", "群众代表"}, {"仇例娣", "", "群众代表"}} {
		t.Rows = append(t.Rows, web.TableRow{Cells: []web.Cell{{Text: a[0]}, {Text: a[1]}, {Text: a[2]}, {}}})
	}
	t.Rows = append(t.Rows, web.TableRow{Cells: []web.Cell{{Text: "盛例国"}, {}, {Text: "群众代表"}, {Masked: "原因含个人情况"}}, Struck: true, Note: "乐例红删去，吴例舟可恢复"})
	return t
}

// statements are ten that two people wrote down, each pair side by side.
func statements() []web.Statement {
	said := []struct{ who, mode, kind, a, b, at string }{
		{"张例桥", "摘要", "发言", "今天就在阿娘家道地里坐坐，先讲吃水", "今天在阿娘道地里坐坐，先讲吃水", "18:31"},
		{"翁例娥", "原话", "发言", "隔天来水，我挑不动，只好等后生回来", "隔天来水，挑不动，等后生回来", "18:34"},
		{"仇例娣", "原话", "发言", "", "", "18:39"},
		{"乐例红", "摘要", "发言", "两台水泵坏了一台，零件岛上配不到", "水泵两台坏一台，岛上配不到零件", "18:46"},
		{"张例桥", "摘要", "答复", "零件这周随船带来，6月5日前修好水泵", "零件这周随船来，水泵6月5日前修好", "18:52"},
		{"解例生", "原话", "发言", "路灯一半不亮，夜里走石阶要跌跤", "路灯一半不亮，走石阶要跌跤", "19:01"},
		{"盛例国", "原话", "插话", "老屋漏雨，台风前能不能派人来看看", "老屋漏雨，台风前派人看看", "19:10"},
		{"吴例舟", "摘要", "答复", "明天起挨户看老屋，先登记", "明天起挨户看老屋，登记", "19:18"},
		{"", "原话", "发言", "停航辰光，药能不能先备一点在村里", "停航时药先备一点在村里", "19:27"},
		{"张例桥", "摘要", "总结", "备药的事我去同卫生院商量，6月10日前回大家", "备药同卫生院商量，6月10日前回话", "19:40"},
	}
	var out []web.Statement
	for i, s := range said {
		a := web.Statement{Number: 2*i + 1, Speaker: web.Person{Name: s.who}, Mode: s.mode, Type: s.kind, At: web.At(clock("2026-05-21 " + s.at)), Text: s.a, Recorder: 1}
		b := a
		b.Number, b.Text, b.Recorder, b.Duplicate = 2*i+2, s.b, 2, fmt.Sprintf("疑似重复：与第 %d 句", 2*i+1)
		if s.a == "" {
			a.Masked, b.Masked = "含个人情况，只有记录人和主持人能看", "含个人情况，只有记录人和主持人能看"
		}
		if i == 0 {
			b.Duplicate, b.NotUsed = "已定是同一句，用吴例舟的；这句留着", true
		}
		if i == 1 {
			a.Refs = meetingDemands()[:1]
		}
		out = append(out, a, b)
	}
	return out
}

func meetingDemands() []web.Ref {
	var out []web.Ref
	for _, p := range demandRecords() {
		out = append(out, web.Ref{ID: p.ID, Kind: p.Kind, Text: p.Title, State: p.Marks.Lamp.Text, Tone: p.Marks.Lamp.Tone})
	}
	return out
}

func demandRecords() []web.RecordPage {
	sq := web.Kind{Code: "SQ", Label: "诉求"}
	base := func(name, title, number string, lamp web.Lamp) web.RecordPage {
		return web.RecordPage{ID: ID(name), Kind: sq, Title: title, Number: number, Unit: "东极镇", When: web.At(clock("2026-05-21 20:20")),
			Where: shiwuao, Status: "已提交", Sync: "已收到", Marks: web.Marks{Lamp: &lamp}, Devices: "这条记录来自 1 部手机，已收到。",
			Links: []web.Ref{{ID: ID("M2"), Relation: "来源", Text: "石屋岙村道地会（2026年5月21日）"}}}
	}
	d07 := base("D07", "路灯一半不亮，夜间走石阶危险", "东极〔2026〕诉求7号", web.Lamp{Tone: web.Done, Text: "办理中，还有 15 天"})
	d07.Sections = []web.Section{{Label: "诉求", Fields: []web.Field{
		{Key: "content", Label: "诉求内容（原话）", Text: "路灯一半不亮，夜里走石阶要跌跤", Voice: true, Wide: true},
		{Key: "category", Label: "类别", Text: "供电"}, {Key: "urgency", Label: "紧急程度", Text: "一般"},
		{Key: "raised_by", Label: "反映人", Masked: "反映人只有诉求组能看"},
		{Key: "events", Label: "流转记录", Events: []web.Event{
			{At: clock("2026-05-26 09:50"), What: "分办", By: web.Person{Name: "竺例敏"}, Text: "给石屋岙村，6月20日前"},
			{At: clock("2026-06-18 17:00"), What: "办结", By: short(c6), Text: "逐盏检查，已修复，三盏待灯具"},
			{At: clock("2026-06-20 10:05"), What: "评价不满意", By: short(c6), Text: "三盏仍不亮", Notes: []string{"重办第 1 次"}},
			{On: day("2026-07-08"), What: "延期", By: web.Person{Name: "竺例敏"}, Text: "到 8月15日，灯具待航班运到"},
		}},
	}}}
	d08 := base("D08", "老屋漏雨，希望台风前派人查看", "东极〔2026〕诉求8号", web.Lamp{Tone: web.Needs, Text: "逾期 16 天"})
	return []web.RecordPage{
		base("D05", "隔天来水，老人挑不动水", "东极〔2026〕诉求5号", web.Lamp{Tone: web.Done, Text: "已归档"}), d07, d08,
	}
}

func householdRecord() web.RecordPage {
	return web.RecordPage{
		ID: ID("H05"), Kind: web.Kind{Code: "HD", Label: "户档"}, Title: "翁例娥户", Number: "东极户5号", Unit: "东极镇", Where: shiwuao,
		Status: "已提交", Sync: "已收到", Devices: "都已收到。",
		Sections: []web.Section{{Label: "基本情况", Fields: []web.Field{
			{Key: "head_person_id", Label: "户主", Text: "翁例娥"},
			{Key: "household_type", Label: "困难类型", Masked: "已遮住，户组能看"},
			{Key: "members", Label: "家庭成员", Table: &web.Table{Columns: []string{"姓名", "与户主关系", "出生"}, Rows: []web.TableRow{
				{Cells: []web.Cell{{Text: "翁例娥"}, {Text: "本人或户主"}, {Masked: "已遮住"}}},
			}}},
		}}},
	}
}

// householdRow is a household of which the viewer sees the row alone.
func householdRow() web.RecordPage {
	return web.RecordPage{ID: ID("H06"), RowOnly: true, Kind: web.Kind{Code: "HD", Label: "户档"}, Title: "仇某某户档", Unit: "东极镇", Where: shiwuao,
		Status: "已提交", Sync: "已收到", Sections: []web.Section{{Fields: []web.Field{
			{Key: "household_no", Label: "户编号", Text: "东极户6号"}, {Key: "place_code", Label: "所在村（社区）", Text: "石屋岙村"}, {Key: "file_state", Label: "在册状态", Text: "在帮"},
		}}}}
}

func islandHeld() []web.HeldRow {
	return []web.HeldRow{
		{HeldPart: web.HeldPart{By: c5, Device: "石屋岙村公用平板", Written: clock("2026-05-20 16:40"), Received: clock("2026-05-23 08:00"),
			What: "改了“问情况”", Reason: web.HoldWords(syncproto.HoldMissing)},
			Parts: 3, Record: ID("V05"), Kind: web.Kind{Code: "ZF", Label: "走访"}, Title: "仇某某户走访",
			Waits:  web.HeldWork{Replica: syncproto.ReplicaID{6, 6: 0x40, 8: 0x80}, Record: ID("V05")},
			Advice: "等公用平板的第 12 号改动；平板 5月20日 08:05 起没联系上。", Others: []string{"同一次保存的诉求 1 条已收到"}},
		{HeldPart: web.HeldPart{By: web.Person{Name: "郑例涛"}, Device: "认不出的设备", Received: clock("2026-05-24 11:12"),
			What: "新建走访一条", Reason: web.HoldWords(syncproto.HoldScope)},
			Work: web.HeldWork{Replica: syncproto.ReplicaID{5, 6: 0x40, 8: 0x80}, Record: ID("V09")}, Whole: true, Parts: 2, Advice: "核对后可以放行，或请本人找有权的人代记。"},
	}
}
