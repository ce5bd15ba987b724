package httpapi

import (
	"encoding/json"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Local is the time in which days begin here. China has one, without summer time.
var Local = time.FixedZone("UTC+8", 8*60*60)

// Order is one of the two orders of the timeline.
type Order string

// The orders, newest first in both.
const (
	ByOccurrence Order = "occurred" // 按发生时间
	ByArrival    Order = "arrived"  // 新到
)

// TimelineQuery is what a reader asked for. Its values are well formed; that
// they exist or lie in the viewer's territory is not said.
type TimelineQuery struct {
	Order  Order
	Places []string // place codes; a record is in it when its code begins so
	Kinds  []string
	Person syncproto.PersonID
	Since  time.Time // first day, at its beginning in Local; zero is open
	Until  time.Time // last day, likewise; the day itself is included
	Only   []string  // conflict, held … as the pages name them; all must hold
	After  string    // Timeline.Next of an earlier page
	Limit  int
}

// Timeline is one page of the merged timeline.
type Timeline struct {
	Rows []Row `json:"rows"`
	// Next continues below the last row; empty at the end.
	Next string `json:"next,omitempty"`
	// LookedTo is set when a filter stopped looking before the page was full.
	LookedTo *time.Time `json:"looked_to,omitempty"`
}

// Row is one line of the timeline. Nothing sensitive ever stands in one.
type Row struct {
	Record   syncproto.RecordID `json:"record"`
	Kind     string             `json:"kind"`
	Label    string             `json:"label,omitempty"` // 走访, 道地会
	Title    string             `json:"title,omitempty"`
	Summary  string             `json:"summary,omitempty"`
	Occurred time.Time          `json:"occurred"`
	DateOnly bool               `json:"date_only,omitempty"` // only the day of Occurred is known
	Received time.Time          `json:"received"`
	Place    string             `json:"place_code,omitempty"`
	Where    string             `json:"where,omitempty"`
	Who      []string           `json:"who,omitempty"`
	Status   string             `json:"status,omitempty"`
	// Conflicts counts the fields whose live values differ; Marks are the
	// chips of the row in words: 有不同修改, 补录.
	Conflicts int      `json:"conflicts,omitempty"`
	Held      int      `json:"held,omitempty"`
	Marks     []string `json:"marks,omitempty"`
}

// Record is one record as one viewer may see it.
type Record struct {
	ID      syncproto.RecordID `json:"record"`
	Kind    string             `json:"kind"`
	Label   string             `json:"label,omitempty"`
	Title   string             `json:"title,omitempty"`
	Number  string             `json:"number,omitempty"`
	Place   string             `json:"place_code,omitempty"`
	Status  string             `json:"status,omitempty"`
	Deleted bool               `json:"deleted,omitempty"`
	// Marks are the record's chips in words, in order of weight: 待裁定, 待核,
	// 作废待裁定, 有不同修改, 签字后有修改, 待补, 更正建议, 签字后补入 n 条.
	Marks []string `json:"marks,omitempty"`
	// State is what the record's events give, StateMark stands beside it: 重办.
	State     string `json:"state,omitempty"`
	StateMark string `json:"state_mark,omitempty"`
	// Missing names the required fields that a merge left empty (待补).
	Missing     []string     `json:"missing,omitempty"`
	Suggestions []Suggestion `json:"suggestions,omitempty"`
	// MergedInto is the record this one was put into (并为一份), Merged are
	// those put into this one: what they say stands among its fields.
	MergedInto string               `json:"merged_into,omitempty"`
	Merged     []syncproto.RecordID `json:"merged,omitempty"`
	// PerhapsSame are records that may tell of the same meeting or visit.
	PerhapsSame []syncproto.RecordID `json:"perhaps_same,omitempty"`
	Fields      []Field              `json:"fields"`
	Held        []HeldPart           `json:"held,omitempty"`
	// Conflicts are the values of which several versions stand, of the record's
	// fields and of its lists' items, as far as the viewer reads them.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	May       Rights     `json:"may"`
	// RowOnly says that the viewer gets what lists show and no more; Opens that
	// a reason opens more: POST /v1/records/{id}/open.
	RowOnly bool `json:"row_only,omitempty"`
	Opens   bool `json:"opens,omitempty"`
	// Latest is the last change this view holds: what a caller does to the
	// record he does having seen that version. AsOf repeats what was asked for.
	Latest syncproto.ChangeID `json:"latest"`
	AsOf   syncproto.ChangeID `json:"as_of,omitzero"`
	// Version is the version vector: replica, then its latest joined change.
	Version map[syncproto.ReplicaID]syncproto.Seq `json:"version,omitempty"`
}

// Field is one field of a record. Of a masked one only the reason is given.
type Field struct {
	Key    string          `json:"key"`
	Label  string          `json:"label,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"` // the one shown first
	Masked string          `json:"masked,omitempty"`
	// Chip says that values differ, and what that means: 有不同修改, or with no
	// value counting until a person has chosen 待核, 待裁定.
	Chip string `json:"chip,omitempty"`
	// Values are all live values, when they differ.
	Values []FieldValue `json:"values,omitempty"`
	// Passages are a long text in runs of one author, when there are several.
	Passages []Passage `json:"passages,omitempty"`
	// Same pairs statements, by their places in Value, that two recorders may
	// have taken of one speech (疑似重复).
	Same  [][2]int `json:"same,omitempty"`
	Notes []Note   `json:"notes,omitempty"`
}

// Note is a remark on a field, or with Entry not negative on that entry of a
// log: 更正, 已确认, 未生效 with its reason, 签字后补入 1 条.
type Note struct {
	Entry int    `json:"entry"`
	Text  string `json:"text"`
}

// Suggestion is a 更正建议: an edit that is kept and does not count.
type Suggestion struct {
	Field  string          `json:"field"`
	New    json.RawMessage `json:"new"`
	By     []string        `json:"by,omitempty"`
	Reason string          `json:"reason"`
}

// Passage is a run of a long text by one author, and when he wrote it by his
// clock, from the first change to the last.
type Passage struct {
	Text string    `json:"text"`
	By   string    `json:"by,omitempty"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// Rights is what the caller may do to a record from a browser's session.
type Rights struct {
	Comment bool `json:"comment"`
	Confirm bool `json:"confirm"` // it was written on his behalf
	Void    bool `json:"void"`    // 作废待裁定: say whether it is void
}

// Conflict is a value of which several versions stand.
type Conflict struct {
	Field string           `json:"field"`
	Item  syncproto.ElemID `json:"item,omitzero"` // with Sub: a field of a list's item
	Sub   string           `json:"sub,omitempty"`
	Label string           `json:"label,omitempty"`
	Mark  string           `json:"mark"` // 有不同修改, 待核, 待裁定
	// MayChoose says that the caller may settle it from a browser's session.
	MayChoose bool         `json:"may_choose"`
	Values    []FieldValue `json:"values"`
}

// FieldValue is one of several live values and where it comes from.
type FieldValue struct {
	Version  syncproto.Dot      `json:"version"` // names it in a choice
	Value    json.RawMessage    `json:"value,omitempty"`
	Masked   string             `json:"masked,omitempty"`
	Author   syncproto.PersonID `json:"author"`
	By       string             `json:"by,omitempty"`
	Device   string             `json:"device,omitempty"`
	Written  time.Time          `json:"written"` // claimed by the author's clock
	Received time.Time          `json:"received"`
	Shown    bool               `json:"shown,omitempty"`
}

// History lists changes joined to a record, in the order they came: the latest,
// or those before the one asked for.
type History struct {
	Entries []HistoryEntry `json:"entries"`
	// Earlier is set when there are changes before these: ask with before.
	Earlier syncproto.ChangeID `json:"earlier,omitzero"`
}

// HistoryEntry is one change of a record.
type HistoryEntry struct {
	Change   syncproto.ChangeID  `json:"change"` // what as_of and before take
	Replica  syncproto.ReplicaID `json:"replica"`
	Seq      syncproto.Seq       `json:"seq"`
	Author   syncproto.PersonID  `json:"author"`
	By       string              `json:"by,omitempty"`
	Device   string              `json:"device,omitempty"`
	Written  time.Time           `json:"written"`   // claimed by the author's clock
	OffsetMS int64               `json:"offset_ms"` // that clock's distance to the server's, as measured before
	Received time.Time           `json:"received"`
	Fields   []string            `json:"fields,omitempty"` // keys it touched, as far as the viewer may see them
	Steps    []HistoryStep       `json:"steps,omitempty"`
	What     string              `json:"what,omitempty"`
	// Hidden: the record, as it stood then, was not for the viewer.
	Hidden bool `json:"hidden,omitempty"`
}

// HistoryStep is what a change did to one field, in words.
type HistoryStep struct {
	Field string `json:"field"`
	Label string `json:"label,omitempty"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// HeldList is what is held in the viewer's territory.
type HeldList struct {
	Parts []HeldPart `json:"parts"`
	More  int        `json:"more,omitempty"` // beyond those listed
}

// HeldPart is one part that is stored whole and not applied.
type HeldPart struct {
	Replica  syncproto.ReplicaID  `json:"replica"`
	Seq      syncproto.Seq        `json:"seq"`
	Record   syncproto.RecordID   `json:"record"`
	Kind     string               `json:"kind,omitempty"`
	Place    string               `json:"place,omitempty"` // code of where the record lies, or would
	By       string               `json:"by,omitempty"`
	Device   string               `json:"device,omitempty"`
	Reason   syncproto.HoldReason `json:"reason"`
	Words    string               `json:"words"` // the reason, in a sentence
	Written  time.Time            `json:"written"`
	Received time.Time            `json:"received"`
}
