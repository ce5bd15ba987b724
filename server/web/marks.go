package web

import "fmt"

// Marks is what the chips of a row or record tell. Chips turns it into words.
type Marks struct {
	New          bool     // arrived since last seen
	Changed      bool     // known before, changed since last seen
	Unsettled    []string // 慰问金待核：两个数, 责任干部待裁定
	VoidDisputed bool     // voided by one, changed by another unaware: 作废待裁定
	Held         int      // parts of it held: 待处理
	Conflicts    int      // fields with 有不同修改
	ToConfirm    bool     // written on a leader's behalf: 待本人确认
	ToComplete   bool     // a required field went missing in a merge: 待补
	Suggestions  int      // 更正建议
	Demands      int
	Promises     int
	Attachments  int
	Lamp         *Lamp // of a problem, demand or promise with a due date
	Signed       bool
	SignedEdited bool // a signed item was changed: 签字后有修改
	SignedAdded  int  // 签字后补入 n 条
	SameAs       string
	Late         bool // 补录
	Personal     bool // 含个人情况
	Extra        []Chip
}

// Lamp is the light of a matter with a due date: its shape goes with its word.
type Lamp struct {
	Tone Tone // Done 正常, Waits 临期, Needs 逾期
	Text string
}

// maxRowChips is how many chips a row shows; the rest stand behind +n.
const maxRowChips = 4

// Chips lists the marks in the order of their weight: 新到, what needs a
// person, what waits for one, counts, 已签字, the rest. What waits stands
// before the counts, so that a clash is never the one hidden behind +n.
func (m Marks) Chips() []Chip {
	var out []Chip
	add := func(when bool, tone Tone, icon, text string) {
		if when {
			out = append(out, Chip{tone, icon, text})
		}
	}
	count := func(n int, tone Tone, icon, word string) {
		add(n > 0, tone, icon, fmt.Sprintf("%s %d", word, n))
	}
	add(m.New, Fresh, "", "新到")
	add(m.Changed && !m.New, Plain, "", "改动")
	for _, u := range m.Unsettled {
		add(true, Needs, "hold", u)
	}
	add(m.VoidDisputed, Needs, "hold", "作废待裁定")
	count(m.Held, Needs, "hold", "待处理")
	count(m.Conflicts, Waits, "diff", "有不同修改")
	add(m.ToConfirm, Waits, "sign", "待本人确认")
	add(m.SignedEdited, Waits, "sign", "签字后有修改")
	add(m.ToComplete, Waits, "draft", "待补")
	count(m.Suggestions, Waits, "draft", "更正建议")
	if m.Lamp != nil {
		add(true, m.Lamp.Tone, lampIcon(m.Lamp.Tone), m.Lamp.Text)
	}
	add(m.SameAs != "", Plain, "link", m.SameAs)
	count(m.Demands, Plain, "demand", "诉求")
	count(m.Promises, Plain, "promise", "承诺")
	count(m.Attachments, Plain, "clip", "附件")
	add(m.Signed && !m.SignedEdited, Done, "sign", "已签字")
	add(m.SignedAdded > 0, Plain, "sign", fmt.Sprintf("签字后补入 %d 条", m.SignedAdded))
	add(m.Late, Plain, "clock", "补录")
	add(m.Personal, Veil, "lock", "含个人情况")
	return append(out, m.Extra...)
}

func lampIcon(t Tone) string {
	switch t {
	case Done:
		return "lamp-ok"
	case Waits:
		return "lamp-warn"
	case Needs:
		return "lamp-late"
	}
	return "clock"
}
