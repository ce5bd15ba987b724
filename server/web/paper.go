package web

import (
	"slices"
	"strings"
	"time"
)

// paper is a record as it prints: a bordered table and, for a meeting, what
// was said below it. Empty answers print 无, so that nothing can be added by
// hand; boxes for signatures stay blank.
type paper struct {
	Title string
	Left  string
	Right string
	Rows  []paperRow
	Body  []paperPara
	Signs []string
	Notes []string
	Mark  string // watermark
}

type paperRow struct {
	Class string // height of the row, see print.css
	Cells []paperCell
}

type paperCell struct {
	Label string
	Lines []string
	Ref   string // ① when the value is not settled
	Span  bool   // takes the whole row
}

type paperPara struct {
	Class   string
	Speaker string
	Text    string
}

// markers number what is unsettled, as far as there are circled numbers.
var markers = []string{"①", "②", "③", "④", "⑤", "⑥", "⑦", "⑧", "⑨", "⑩"}

// paperMaker builds a paper from a page.
type paperMaker struct {
	page   RecordPage
	fields map[string]Field
	refs   map[string]string // field key -> marker
	notes  []string
}

func newPaper(page RecordPage, v Viewer, now time.Time) paper {
	m := &paperMaker{page: page, fields: map[string]Field{}, refs: map[string]string{}}
	for _, s := range page.Sections {
		for _, f := range s.Fields {
			m.fields[f.Key] = f
		}
	}
	for i, c := range page.Clashes {
		marker := "注"
		if i < len(markers) {
			marker = markers[i]
		}
		m.refs[c.Field] = marker
		m.notes = append(m.notes, marker+" "+clashNote(c))
	}
	var out paper
	switch page.Kind.Code {
	case "ZF":
		out = m.visit()
	case "HY":
		out = m.meeting()
	default:
		out = m.plain()
	}
	out.Left, out.Right = "编号："+orNone(page.Number), "单位："+orNone(page.Unit)
	out.Notes = append(append(m.notes, m.authors()...), m.foot(v, now))
	out.Mark = strings.TrimSpace(v.Name + "　" + v.Unit + "　" + longStamp(now))
	return out
}

// clashNote is 见面情况有不同修改：吴例舟记“见到本人”，乐例红记“见到家属”，尚未裁定，以电子记录为准。
func clashNote(c Clash) string {
	var b strings.Builder
	b.WriteString(c.Label + c.Kind.String() + "：")
	for _, v := range c.Values {
		value := v.Value
		if v.Masked != "" {
			value = "已遮住"
		}
		b.WriteString(v.By.Name + "记“" + value + "”，")
	}
	b.WriteString("尚未裁定，以电子记录为准。")
	return b.String()
}

// authors names who wrote the texts that several wrote in: “问情况”由吴例舟、乐例红
// 先后写成. Ink has no colours to tell their words apart.
func (m *paperMaker) authors() (out []string) {
	for _, s := range m.page.Sections {
		for _, f := range s.Fields {
			var names []string
			for _, p := range f.Passages {
				if p.By.Name != "" && !slices.Contains(names, p.By.Name) {
					names = append(names, p.By.Name)
				}
			}
			if len(names) > 1 {
				out = append(out, "“"+f.Label+"”由"+strings.Join(names, "、")+"先后写成，哪一段是谁写的以电子记录为准。")
			}
		}
	}
	return out
}

func (m *paperMaker) foot(v Viewer, now time.Time) string {
	s := ""
	if late := m.page.Origin.words(0); late != "" {
		s = late + "。"
	}
	if m.page.AsOf != nil {
		s += "本页是" + asOfWords(m.page.AsOf) + "的样子，不是现在的。"
	}
	if m.page.Void != nil {
		s += "本记录" + voidWord(m.page.Void) + "。"
	}
	return s + "打印：" + orNone(v.Name) + "，" + orNone(v.Unit) + "，" + longStamp(now) + "。"
}

func voidWord(v *Void) string {
	if v.Disputed != "" {
		return "作废待裁定"
	}
	return "已作废"
}

func (m *paperMaker) visit() paper {
	return paper{Title: "走访记录表", Rows: []paperRow{
		{Cells: []paperCell{
			{Label: "走访时间", Lines: []string{orNone(m.page.When.Words())}, Ref: m.refs["occurred_at"]},
			{Label: "走访地点", Lines: []string{orNone(m.page.Where.Words())}, Ref: m.refs["place_code"]},
		}},
		{Cells: []paperCell{m.whole("走访干部", "visitor_ids")}},
		{Cells: []paperCell{m.cell("走访对象", "interviewees"), m.cell("见面情况", "met")}},
		{Class: "h3", Cells: []paperCell{m.whole("家庭基本情况", "situation")}},
		{Class: "h4", Cells: []paperCell{m.whole("反映的困难和问题", "problems_heard")}},
		{Class: "h4", Cells: []paperCell{m.whole("诉求与建议", "demands")}},
		{Class: "h3", Cells: []paperCell{m.whole("当场办理情况", "handled_on_spot", "relief_money", "relief_goods")}},
		{Class: "h3", Cells: []paperCell{m.whole("承诺事项及期限", "promises")}},
		{Class: "h3", Cells: []paperCell{m.whole("后续打算", "follow_up")}},
		{Class: "sg", Cells: []paperCell{{Label: "走访对象签字"}, m.cell("记录人", "recorder_id")}},
	}}
}

func (m *paperMaker) meeting() paper {
	p := paper{Title: "会议记录", Rows: []paperRow{
		{Cells: []paperCell{{Label: "会议名称", Lines: []string{orNone(m.page.Title)}, Span: true}}},
		{Cells: []paperCell{
			{Label: "时间", Lines: []string{orNone(spanOfTime(m.page.When, m.page.Until))}, Span: true, Ref: m.refs["occurred_at"]},
		}},
		{Cells: []paperCell{{Label: "地点", Lines: []string{orNone(m.page.Where.Words())}, Span: true, Ref: m.refs["place_code"]}}},
		{Cells: []paperCell{m.cell("主持人", "host_id"), m.cell("记录人", "recorder_ids")}},
		{Cells: []paperCell{m.whole("出席、列席、请假", "attendees")}},
		{Cells: []paperCell{m.cell("群众人数", "headcount"), m.cell("议题", "agenda")}},
	}}
	for _, s := range m.fields["statements"].Statements {
		if !s.Struck && !s.NotUsed {
			p.Body = append(p.Body, paperStatement(s))
		}
	}
	if masked := m.fields["statements"].Masked; masked != "" {
		p.Body = append(p.Body, paperPara{Text: "（发言已遮住）"})
	}
	for _, f := range []struct{ head, key string }{{"议定事项", "resolutions"}, {"遗留问题", "open_points"}} {
		lines := fieldLines(m.fields[f.key])
		if len(lines) == 0 {
			continue
		}
		p.Body = append(p.Body, paperPara{Class: "head", Text: f.head})
		for _, l := range lines {
			p.Body = append(p.Body, paperPara{Text: l})
		}
	}
	p.Body = append(p.Body, paperPara{Text: "散会"})
	p.Signs = []string{"主持人（签字）：", "记录人（签字）："}
	return p
}

func paperStatement(s Statement) paperPara {
	speaker := s.Speaker.Name
	if s.Speaker.Post != "" {
		speaker += "（" + s.Speaker.Post + "）"
	}
	if speaker == "" {
		speaker = "匿名群众"
	}
	text := s.Text
	if len(s.Passages) > 0 {
		text = passageText(s.Passages)
	}
	if s.Masked != "" {
		text = "（已遮住）"
	}
	return paperPara{Speaker: speaker + "：", Text: text}
}

// spanOfTime is 2026年5月21日晚上6时30分至8时: the part of the day once.
func spanOfTime(from, to When) string {
	if from.IsZero() {
		return ""
	}
	s := from.Day.Words() + from.Said()
	switch {
	case to.IsZero():
		return s
	case to.Day != from.Day:
		return s + "至" + to.Day.short(from.Day.Year) + to.Said()
	case from.Precision == PrecisionMinute && to.Precision == PrecisionMinute && partOfDay(from.Minute) == partOfDay(to.Minute):
		return s + "至" + strings.TrimPrefix(to.Said(), partOfDay(to.Minute))
	}
	return s + "至" + to.Said()
}

func (m *paperMaker) plain() paper {
	p := paper{Title: m.page.Kind.Label + "记录", Rows: []paperRow{
		{Cells: []paperCell{{Label: "名称", Lines: []string{orNone(m.page.Title)}, Span: true}}},
	}}
	for _, s := range m.page.Sections {
		for _, f := range s.Fields {
			p.Rows = append(p.Rows, paperRow{Cells: []paperCell{m.whole(f.Label, f.Key)}})
		}
	}
	return p
}

// cell prints the fields of the given keys under one label.
func (m *paperMaker) cell(label string, keys ...string) paperCell {
	c := paperCell{Label: label}
	for i, k := range keys {
		f, ok := m.fields[k]
		lines := fieldLines(f)
		if i > 0 && ok && len(lines) > 0 {
			lines[0] = f.Label + "：" + lines[0]
		}
		c.Lines = append(c.Lines, lines...)
		if ref := m.refs[k]; ref != "" {
			if len(lines) == 0 {
				c.Lines = append(c.Lines, f.Label+"未定")
			}
			c.Ref += ref
		}
	}
	if len(c.Lines) == 0 {
		c.Lines = []string{"无"}
	}
	return c
}

func (m *paperMaker) whole(label string, keys ...string) paperCell {
	c := m.cell(label, keys...)
	c.Span = true
	return c
}

// fieldLines is a field in plain lines; none when it is empty.
func fieldLines(f Field) []string {
	if f.Masked != "" {
		return []string{"已遮住"}
	}
	var out []string
	if len(f.Passages) > 0 {
		out = append(out, passageText(f.Passages))
	}
	for _, s := range f.Statements {
		p := paperStatement(s)
		out = append(out, p.Speaker+p.Text)
	}
	if f.Table != nil {
		out = append(out, tableLines(f.Table)...)
	}
	for _, r := range f.Refs {
		out = append(out, joinWords("，", r.Text, r.State))
	}
	for _, e := range f.Events {
		at := longStamp(e.At)
		if e.At.IsZero() && !e.On.IsZero() {
			at = e.On.Words()
		}
		text := e.Text
		if e.Masked != "" {
			text = "已遮住"
		}
		out = append(out, joinWords(" ", at, e.By.Name, joinWords("：", e.What, text)))
	}
	if len(out) == 0 && f.Text != "" {
		out = append(out, f.Text)
	}
	return out
}

func tableLines(t *Table) []string {
	var out []string
	for _, r := range t.Rows {
		if r.Struck {
			continue
		}
		var cells []string
		for _, c := range r.Cells {
			if c.Masked != "" {
				c.Text = "已遮住"
			}
			cells = append(cells, c.Text)
		}
		if line := joinWords("，", cells...); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func passageText(ps []Passage) string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.Text)
		if p.Check {
			b.WriteString("〔两处修改，请核对〕")
		}
	}
	return b.String()
}

func joinWords(sep string, words ...string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, sep)
}

func orNone(s string) string {
	if s == "" {
		return "无"
	}
	return s
}
