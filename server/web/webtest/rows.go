package webtest

import (
	"time"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// Occurrence and Arrival are the rows of the leader's timeline in both orders,
// newest first.
var (
	Occurrence = []string{"TY1", "V10", "L05", "L04", "V09", "L03", "V08", "V07", "V06", "L02", "M2", "V05", "V04", "L01", "M1", "V03", "V02", "V01"}
	Arrival    = []string{"TY1", "V10", "L05", "L04", "V09", "L03", "V08", "L01", "V07", "V06", "L02", "M2", "V05", "V04", "M1", "V03", "V02", "V01"}
)

var (
	c1 = web.Person{Name: "方例远", Post: "市级领导（联系东极镇）"}
	c2 = web.Person{Name: "陈例山", Post: "区级领导"}
	c3 = web.Person{Name: "张例桥", Post: "东极镇党委书记"}
	c5 = web.Person{Name: "吴例舟", Post: "东极镇驻村干部"}
	c6 = web.Person{Name: "乐例红", Post: "石屋岙村党支部书记"}

	wangchao  = web.Where{Village: "望潮村", Hamlet: "前岙", Island: "庙子湖岛"}
	houao     = web.Where{Village: "望潮村", Hamlet: "后岙", Island: "庙子湖岛"}
	shiwuao   = web.Where{Village: "石屋岙村", Hamlet: "石屋岙", Island: "青浜岛"}
	dengtawan = web.Where{Village: "灯塔湾村", Hamlet: "灯塔湾", Island: "东福山岛"}
)

const (
	village1 = "330903105901"
	village2 = "330903105902"
	village3 = "330903105903"

	phone5 = "吴例舟的手机"
	phone2 = "陈例山的手机"
)

// short is a person at a later mention.
func short(p web.Person) web.Person { return web.Person{Name: p.Name} }

// islandRows lists the rows by occurrence and numbers their arrivals.
func islandRows() []row {
	all := append(append(visitsOfMay(), restOfMay()...), summerRows()...)
	byName := map[syncproto.RecordID]row{}
	for _, r := range all {
		byName[r.ID] = r
	}
	for i, name := range Arrival {
		r := byName[ID(name)]
		r.arrival = len(Arrival) - i
		byName[ID(name)] = r
	}
	var out []row
	for _, name := range Occurrence {
		r := byName[ID(name)]
		r.Status, r.Sync = "已提交", "已收到"
		out = append(out, r)
	}
	return out
}

func visit(name, at, title string, where web.Where, place string, met, purpose string, people ...web.Person) row {
	return row{place: place, TimelineRow: web.TimelineRow{
		ID: ID(name), Kind: web.Kind{Code: "ZF", Label: "走访"}, When: web.At(clock(at)), Title: title,
		Who: people, Where: where, Facts: []string{met}, Summary: purpose,
	}}
}

// late says that a row came home by boat.
func (r row) late(recorded, received, from string) row {
	r.Received, r.From = clock(received), from
	r.Origin = web.Provenance{Recorded: recorded + "现场记录", Received: []time.Time{clock(received)}, How: "回港补传"}
	return r
}

func (r row) direct(received, from string) row {
	r.Received, r.From = clock(received), from
	return r
}

func (r row) by(people ...string) row {
	r.people = people
	return r
}

func (r row) marked(m web.Marks, flags ...string) row {
	r.Marks, r.flags = m, flags
	return r
}

const docked = "2026-05-22 17:05"

func visitsOfMay() []row {
	return []row{
		visit("V01", "2026-05-18 14:20", "曾某某户", wangchao, village1, "见到本人", "季度结对走访", short(c5)).
			late("前岙", docked, phone5).by("C5").marked(web.Marks{VoidDisputed: true, Personal: true}),
		visit("V02", "2026-05-18 16:00", "单某某户", wangchao, village1, "未遇", "季度结对走访", short(c5)).
			late("前岙", docked, phone5).by("C5"),
		visit("V03", "2026-05-19 09:10", "王例财户", houao, village1, "见到本人", "了解转产打算", c3, short(c5)).
			late("后岙", docked, phone5).by("C3", "C5").marked(web.Marks{Extra: []web.Chip{{Text: "您的结对户"}}}),
		visit("V04", "2026-05-20 10:00", "翁某某户", shiwuao, village2, "见到本人", "看用水", short(c5), c6).
			late("石屋岙", docked, phone5).by("C5", "C6").marked(web.Marks{SameAs: "同一次走访，2 份"}).
			versions(web.RowVersion{By: short(c5), Text: "看用水"}, web.RowVersion{By: c6, Text: "看用水，问身体"}),
		visit("V05", "2026-05-20 15:30", "仇某某户", shiwuao, village2, "见到家属", "了解出行和用水", c2, short(c5)).
			late("石屋岙", docked, phone5).by("C2", "C5").
			marked(web.Marks{ToConfirm: true, Conflicts: 1}, "conflict", "confirm"),
		visit("V06", "2026-05-22 09:00", "林某某户", dengtawan, village3, "见到本人", "慰问走访", short(c5)).
			late("灯塔湾", docked, phone5).by("C5").
			marked(web.Marks{Unsettled: []string{"慰问金待核：两个数"}, Signed: true, Attachments: 3, Personal: true}),
		visit("V07", "2026-05-22 10:30", "陈某某户", dengtawan, village3, "见到本人", "市级领导结对走访", c1, short(c5)).
			late("灯塔湾", docked, phone5).by("C1", "C5"),
	}
}

func (r row) versions(v ...web.RowVersion) row {
	r.Versions, r.Summary = v, ""
	return r
}

func restOfMay() []row {
	m1 := row{place: village1, TimelineRow: web.TimelineRow{
		ID: ID("M1"), Kind: web.Kind{Code: "HY", Label: "船头会"}, When: web.At(clock("2026-05-19 13:30")),
		Title: "庙子湖码头船头会（2026年5月19日）", Who: []web.Person{{Name: c2.Name, Post: c2.Post, Role: "主持"}},
		Where: web.Where{Village: "望潮村", Island: "庙子湖岛", Boat: "浙普渔00001（示例）", Text: "庙子湖码头"},
		Facts: []string{"群众 14 人", "发言 9 条"},
	}}.late("庙子湖码头", docked, phone5).by("C2", "C5").marked(web.Marks{Demands: 4, Promises: 3, Signed: true}, "demand")
	m2 := row{place: village2, TimelineRow: web.TimelineRow{
		ID: ID("M2"), Kind: web.Kind{Code: "HY", Label: "道地会"}, When: web.At(clock("2026-05-21 18:30")),
		Title: "石屋岙村道地会（2026年5月21日）", Who: []web.Person{{Name: c3.Name, Post: c3.Post, Role: "主持"}},
		Where: shiwuao, Facts: []string{"群众 11 人", "发言 20 条"},
	}}.late("石屋岙", docked, phone5).by("C3", "C5", "C6").
		marked(web.Marks{Demands: 6, Promises: 2, SignedEdited: true, SignedAdded: 10, Conflicts: 1}, "demand", "conflict")
	m2.Origin.Received = append(m2.Origin.Received, clock("2026-05-22 17:31"))
	m2.Comment = "四件事逐件回音，名单给我。"
	l01 := helpLog("L01", "2026-05-20", "翁某某户", shiwuao, village2, "查看用水", short(c5)).direct("2026-05-27 09:00", phone5).by("C5")
	l01.Marks.Late = true
	l01.Origin = web.Provenance{Recorded: "纸上先记", Received: []time.Time{clock("2026-05-27 09:00")}, How: "补录"}
	l02 := helpLog("L02", "2026-05-22", "林某某户", dengtawan, village3, "慰问走访", short(c5)).late("灯塔湾", docked, phone5).by("C5")
	return []row{m1, m2, l01, l02}
}

func helpLog(name, on, title string, where web.Where, place, summary string, who web.Person) row {
	return row{place: place, TimelineRow: web.TimelineRow{
		ID: ID(name), Kind: web.Kind{Code: "RZ", Label: "帮扶"}, When: web.OnDay(day(on)), Title: title,
		Who: []web.Person{who}, Where: where, Summary: summary,
	}}
}

func summerRows() []row {
	v08 := visit("V08", "2026-06-16 10:00", "仇某某户", shiwuao, village2, "仅电话联系", "停航期间电话询问", c2).
		direct("2026-06-16 10:12", phone2).by("C2")
	v08.Facts = append(v08.Facts, "大风停航")
	l05 := helpLog("L05", "2026-07-10", "仇某某户", shiwuao, village2, "", c2).direct("2026-07-10 20:15", phone2).by("C2")
	l05.Masked = "含个人情况，不在时间轴显示"
	return []row{
		v08, l05,
		helpLog("L03", "2026-06-17", "仇某某户", shiwuao, village2, "协调停航期间安排", c2).direct("2026-06-17 17:00", phone2).by("C2"),
		visit("V09", "2026-06-25 15:00", "单某某户", wangchao, village1, "见到本人", "补上次未遇", short(c5)).
			late("前岙", "2026-06-25 18:20", phone5).by("C5"),
		helpLog("L04", "2026-06-26", "单某某户", wangchao, village1, "代办事项", short(c5)).late("前岙", "2026-06-26 18:00", phone5).by("C5"),
		visit("V10", "2026-07-10 09:40", "仇某某户", shiwuao, village2, "见到本人", "查看停航期间安排", c2).
			late("石屋岙", "2026-07-10 20:15", phone2).by("C2"),
		experience(),
	}
}

func experience() row {
	return row{place: "330903105", TimelineRow: web.TimelineRow{
		ID: ID("TY1"), Kind: web.Kind{Code: "TY", Label: "体验"}, When: web.At(clock("2026-09-16 12:00")), Title: "跟船出海",
		Who: []web.Person{short(c5)}, Where: web.Where{Village: "海上", Boat: "浙普渔00001（示例）"},
		Facts: []string{"9月18日 05:30 回沈家门渔港"}, Summary: "理网、分拣",
		Origin: web.Provenance{Recorded: "海上记录", Received: []time.Time{clock("2026-09-18 06:30")}, How: "回港补传"},
	}}.direct("2026-09-18 06:30", phone5).by("C5")
}

func islandLeads() []web.Lead {
	return []web.Lead{
		{Tone: web.Needs, Icon: "hold", Title: "要您定 1 处", Detail: "林某某户慰问金，两部手机记的数不一样。", Link: "去看", Record: ID("V06")},
		{Tone: web.Waits, Icon: "diff", Title: "有不同修改 2 条", Detail: "两人改了同一处，两个都留着。", Link: "只看这些", Only: "conflict"},
	}
}
