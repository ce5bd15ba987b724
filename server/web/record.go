package web

import (
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// RecordView says which part of a record's history is asked for; the zero value
// is the record as it stands, with its latest changes.
type RecordView struct {
	AsOf   syncproto.ChangeID // the record as it stood after this change
	Before syncproto.ChangeID // the changes before this one, instead of the latest
}

// AsOf tells that a page shows an earlier state.
type AsOf struct {
	Entry  HistoryEntry       // the last change that it holds
	Before syncproto.ChangeID // the change before that, zero when there is none to see
}

// Rights is what the viewer may do to the record from here.
type Rights struct {
	Comment bool
	Confirm bool // it was written on his behalf
	Void    bool // 作废待裁定: say whether it is void
}

// RecordPage is one record as one viewer may see it.
type RecordPage struct {
	ID syncproto.RecordID
	// Seen is the last change that the page shows: what the viewer does here he
	// does having seen that version.
	Seen syncproto.ChangeID
	AsOf *AsOf // nil for the record as it stands
	May  Rights
	// RowOnly says that the viewer sees what lists show and no more. Opens says
	// that a reason opens something besides, Opened that it was given.
	RowOnly, Opens, Opened bool
	Kind                   Kind
	Title                  string
	Number                 string // 台账编号, else 临时编号
	Unit                   string // 归属单位
	When                   When
	Until                  When
	Where                  Where
	Status                 string
	Sync                   string
	Marks                  Marks
	Origin                 Provenance
	// Devices says where it came from: 这条记录来自 2 部手机，都已收到。
	Devices  string
	Complete Completeness
	Void     *Void
	Clashes  []Clash
	Sections []Section
	Authors  []Person           // of passages and statements, in order of first words
	History  []HistoryEntry     // newest first
	Earlier  syncproto.ChangeID // what History ends with, when there are more before it
	Held     []HeldPart
	Comments []Comment
	Links    []Ref
}

// Void tells why a record is 作废, or that this is not settled.
type Void struct {
	By       Person
	At       time.Time
	Reason   string
	Disputed string // who changed it unaware, in words; then it is 作废待裁定
}

// ClashKind is what a field with several live values counts as.
type ClashKind uint8

// The kinds of clash: the first shows one value, the others count none until
// a person has chosen.
const (
	Differs  ClashKind = iota // 有不同修改
	ToVerify                  // 待核
	ToDecide                  // 待裁定
)

func (k ClashKind) String() string {
	switch k {
	case ToVerify:
		return "待核"
	case ToDecide:
		return "待裁定"
	}
	return "有不同修改"
}

// Clash is a field whose live values differ. All of them are here.
type Clash struct {
	Field  string           // its key, which links the block to the field
	Item   syncproto.ElemID // with Sub: a field of a list's item
	Sub    string
	Choose bool   // the viewer may settle it: 采用此版本
	Who    string // who may, in words, when the viewer may not
	Label  string
	Kind   ClashKind
	Note   string // a sentence; empty takes the usual one of the kind
	Values []Version
}

// Version is one live value and where it comes from.
type Version struct {
	Value    string
	Detail   string // 叁佰元整, 有户主签收
	Masked   string
	By       Person
	Device   string
	Written  time.Time // claimed by the author's clock
	Clock    string    // what is known of that clock: 手机钟慢 3 小时
	Received time.Time
	How      string // 回港补传
	Shown    bool   // the one that stands in the record meanwhile
	Dot      syncproto.Dot
}

// Section is a heading of the form and its fields.
type Section struct {
	Label  string
	Fields []Field
}

// Field is one field in words. Of the forms it can have, whichever is filled
// is shown, in this order: Masked, Passages, Statements, Table, Refs, Events,
// Text. With none of them it was left empty.
type Field struct {
	Key   string
	Label string
	Text  string
	// Voice says that Text is a person's own words.
	Voice bool
	// Wide gives a short value the whole line; long ones have it anyhow.
	Wide       bool
	Masked     string // why it is not shown, and who may open it
	Passages   []Passage
	Statements []Statement
	Table      *Table
	Refs       []Ref
	Events     []Event
	Notes      []string // under the value: 更正：…, 未生效：…, 已删除 1 项
}

// Passage is a run of text by one author. Author counts from 1 into
// RecordPage.Authors; 0 is everybody's. By, From and To are who wrote it and
// when, by his clock; unset with Author 0.
type Passage struct {
	Text   string
	Author int
	By     Person
	From   time.Time
	To     time.Time
	Check  bool // two people replaced the same words: 〔两处修改，请核对〕 is drawn after it
}

// Statement is what one person said in a meeting, as one recorder wrote it.
type Statement struct {
	Number    int
	Speaker   Person
	Mode      string // 原话, 摘要
	Type      string // 发言, 插话, 答复, 总结
	At        When
	Text      string
	Passages  []Passage // instead of Text when several wrote in it
	Recorder  int       // into RecordPage.Authors, 0 when there is one recorder
	Masked    string
	Struck    bool   // struck out, still readable
	Duplicate string // 疑似重复：与第 2 句; 已定是同一句
	NotUsed   bool   // settled as a duplicate of another: kept, not printed
	Notes     []string
	Refs      []Ref // the demands and promises it gave rise to
}

// Table is a list of items with the same few cells: members, attendees.
type Table struct {
	Columns []string
	Rows    []TableRow
}

// TableRow is one item.
type TableRow struct {
	Cells  []Cell
	Struck bool
	Note   string
}

// Cell is one value of an item.
type Cell struct {
	Text   string
	Masked string
}

// Ref is a link to another record.
type Ref struct {
	ID       syncproto.RecordID // zero when the viewer may not open it
	Kind     Kind
	Relation string // 同一次走访, 回访
	Text     string
	State    string
	Tone     Tone
}

// Event is an entry of an append-only field.
type Event struct {
	At       time.Time
	On       Date // instead of At when only the day is known
	What     string
	By       Person
	Text     string
	Masked   string
	Device   string
	Received time.Time
	Notes    []string // 更正：…, 未生效：…
}

// HistoryEntry is one change to the record.
type HistoryEntry struct {
	Change   syncproto.ChangeID // to see the record as it stood then; zero when that is not for the viewer
	Received time.Time          // zero for what the server wrote itself
	Written  time.Time          // claimed by the author's clock
	By       Person
	Device   string
	Clock    string // 手机钟与服务器差 2 秒, 设备时间可能不准
	How      string // 灯塔湾现场记录，回港补传
	What     string // 提交, 新建, 修改, 作废
	Steps    []Step
	Held     string // why it is held; then it changed nothing yet
}

// Step is what a change did to one field. With neither Old nor New only the
// field is named.
type Step struct {
	Label  string // 慰问金
	Old    string
	New    string
	Masked string
}

// Comment is an 阅示 or 批示.
type Comment struct {
	By   Person
	At   time.Time
	Text string
	Via  string // 网页登录, when it was not written on a device
}
