package web

import (
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// TimelinePage is one page of the merged timeline.
type TimelinePage struct {
	Rows     []TimelineRow
	Complete Completeness
	Filters  Filters
	// NewCount is how many records arrived or changed since TimelineQuery.Seen
	// in the viewer's territory, whatever the filters are.
	NewCount int
	// EarliestNew is when the earliest of them happened, for "最早的一条发生在".
	EarliestNew When
	// Mark is the newest arrival this page was made from: what MarkSeen gets.
	Mark string
	// Next continues below the last row; empty at the end.
	Next string
	// LookedTo is set when a filter stopped looking before the page was full:
	// the day it looked back to. Next is then set too.
	LookedTo Date
	Leads    []Lead // 先看这几件, besides arrivals and silent devices
}

// Completeness says how much of the truth a page can hold. What a silent
// device has is unknown, not zero.
type Completeness struct {
	AsOf        time.Time
	Silent      int       // devices with unsent work or without contact for too long
	SilentSince time.Time // the earliest last contact among them
	Away        []Away    // devices on a planned trip
	ToConfirm   int       // counted records that await 本人确认
	Unsettled   int       // records left out of figures because of 待核
	Held        int       // changes that are stored and not applied
}

// Away is a device off the island on a planned trip.
type Away struct {
	Owner string
	Until Date // zero when not planned
}

// Filters are the choices the page offers. The chosen ones are taken from the
// query; a list left empty is not offered.
type Filters struct {
	Places  []Choice // values are place codes, in order of code
	Kinds   []Choice // values are kind codes
	Persons []Choice // values are person record ids, in order of 姓名拼音
	Only    []Choice // 只看: conflict, demand … as the Source names them
}

// Choice is one value of a filter.
type Choice struct {
	Value string
	Label string
	Count int // negative is unknown
}

// Lead is one line of 先看这几件: work that waits, never a person.
type Lead struct {
	Tone   Tone
	Icon   string // name of a symbol, see icons.svg
	Title  string
	Detail string
	Link   string // the words of the link
	Record syncproto.RecordID
	Only   string // or: the timeline with this 只看
	Path   string // or: another page
}

// TimelineRow is one record, or one event of a demand or promise, as a line
// of the timeline. It holds only what the viewer may see.
type TimelineRow struct {
	ID    syncproto.RecordID
	Kind  Kind
	Event string // what happened, when the row is an event: 反馈, 已兑现
	When  When
	Title string
	Who   []Person
	Where Where
	// Object is whom or what it was about, when the title does not say it:
	// a head of household or 仇某某户 as the viewer's rights have it, 户编号.
	Object  string
	Facts   []string // short words: 见到本人, 群众 11 人
	Summary string   // purpose or the author's one line; never cut from a long text
	Masked  string   // why there is no summary: 含个人情况，不在时间轴显示
	// Versions are the summaries of records that tell of the same visit or
	// meeting, side by side; empty when there is one.
	Versions []RowVersion
	Marks    Marks
	Status   string // record status: 草稿 已提交 已归档 已作废
	Sync     string // sync state: 草稿 待上传 已收到 待处理
	Void     string // why it is 作废; empty when it is not
	Comment  string // the latest 阅示
	Received time.Time
	From     string // whose device brought it: 乐例红的手机
	Origin   Provenance
	Change   string // in order of arrival: what a change to a known record did
}

// Kind is what a record is: its code (ZF, HY …) and its word, which for a
// meeting is the finer 道地会.
type Kind struct {
	Code  string
	Label string
}

// Person is somebody by name and, on first mention, post.
type Person struct {
	Name string
	Post string
	Role string // the part taken: 主持
}

// Words is 张例桥（东极镇党委书记）主持. What a post explains in brackets of its
// own is left out: 市级领导（联系东极镇） is 市级领导 here.
func (p Person) Words() string {
	s := p.Name
	if post, _, _ := strings.Cut(p.Post, "（"); post != "" {
		s += "（" + post + "）"
	}
	return s + p.Role
}

// Where is the place a record is about; never where a person or phone was.
type Where struct {
	Village string // 石屋岙村
	Hamlet  string // 石屋岙
	Island  string // 青浜岛
	Boat    string // 浙普渔00001（示例）
	Text    string // 庙子湖码头
}

// Words is 石屋岙村·石屋岙 / 青浜岛 or 浙普渔00001 / 庙子湖码头.
func (w Where) Words() string {
	s := w.Village
	switch {
	case s == "":
		s = w.Hamlet
	case w.Hamlet != "":
		s += "·" + w.Hamlet
	}
	for _, part := range []string{w.Island, w.Boat, w.Text} {
		if part == "" {
			continue
		}
		if s != "" {
			s += " / "
		}
		s += part
	}
	return s
}

// RowVersion is one telling of a visit or meeting that was written twice.
type RowVersion struct {
	By     Person
	Text   string
	Masked string
}

// Provenance tells of a late row how it came: Recorded，time How. The zero
// value is a record that arrived as it was made.
type Provenance struct {
	Recorded string      // 石屋岙现场记录, 海上记录
	Received []time.Time // each arrival that brought a part of it
	How      string      // 回港补传, 补录（纸上先记）
}

// Tone is one of the four meanings of colour; each has its own icon and word.
type Tone string

// The tones. Plain has no meaning besides its word.
const (
	Plain Tone = ""
	Waits Tone = "wait" // 待上传, 有不同修改, 待本人确认
	Needs Tone = "need" // a person must act: 待核, 待裁定, 待处理, 逾期
	Done  Tone = "done" // 已收到, 已签字, 已兑现
	Veil  Tone = "veil" // held back: 含个人情况
	Fresh Tone = "new"  // 新到
)

// Chip is a mark in a few words.
type Chip struct {
	Tone Tone
	Icon string
	Text string
}
