package schema

import (
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// Type says what a field holds and in which plain Go value it is passed.
type Type string

// The types. A date is "2026-05-18" (with precision also "2026-05", "2026");
// a datetime "2026-05-18T14:20:00+08:00" (with precision also "2026-05-18 上午"
// or the bare date); money whole fen; a ref the text of a RecordID, a place's
// code when the target is a place, either followed by #ITEM for one item of
// that record.
const (
	Text        Type = "text"        // string, one line
	LongText    Type = "longtext"    // string, many lines; has a companion KEY.personal
	Document    Type = "document"    // string: a text made from the record, edited afterwards
	Enum        Type = "enum"        // string: one of Values
	Multi       Type = "multi"       // []any of strings: some of Values
	Bool        Type = "bool"        // bool
	Int         Type = "int"         // int64
	Number      Type = "number"      // int64 or float64
	Money       Type = "money"       // int64, fen, not negative
	Year        Type = "year"        // int64
	Date        Type = "date"        // string
	DateTime    Type = "datetime"    // string
	Ref         Type = "ref"         // string
	Refs        Type = "refs"        // []any of strings
	Texts       Type = "texts"       // []any of strings
	List        Type = "list"        // []any of map[string]any, by Items
	Log         Type = "log"         // []any of map[string]any, by Items: append only
	Group       Type = "group"       // map[string]any, by Items: one value
	Signature   Type = "signature"   // []any of map[string]any, by Items: append only
	Attachments Type = "attachments" // []any of map[string]any, by Items
	Geo         Type = "geo"         // map[string]any: lat, lng, accuracy, datum
	Blob        Type = "blob"        // string: SHA-256 in lower-case hex
	Phone       Type = "phone"       // string
	IDNo        Type = "idno"        // string: 18 characters with the check digit of GB 11643
	Data        Type = "data"        // anything: made and read by the program alone
)

// isItems reports whether values of the type are items made of sub-fields.
func (t Type) isItems() bool {
	switch t {
	case List, Log, Group, Signature, Attachments:
		return true
	}
	return false
}

// isMany reports whether a value of the type is a list.
func (t Type) isMany() bool {
	switch t {
	case List, Log, Signature, Attachments, Multi, Refs, Texts:
		return true
	}
	return false
}

// Code is the merge rule of two edits of which neither knew the other.
type Code string

// The merge codes. An edit always replaces what it had seen, whatever the
// code: they say what people are shown of concurrent values.
const (
	LW       Code = "LW"        // both stay, the one with the later claimed time is shown first
	LWStrict Code = "LW-strict" // the stricter counts: first in Order
	LWMax    Code = "LW-max"    // the higher counts: first in Order
	LWHold   Code = "LW-hold"   // none counts until a person chooses; Arg is the chip
	LWGroup  Code = "LW-group"  // the keys in Arg are taken together from one writer
	TX       Code = "TX"        // text merge
	TXFX     Code = "TX-FX"     // text merge until the event Arg, then fixed
	SU       Code = "SU"        // union of members or items
	AP       Code = "AP"        // append only
	FX       Code = "FX"        // fixed at first submission
	EV       Code = "EV"        // computed from events
	SG       Code = "SG"        // signatures over what the signer saw
)

// Merge is a merge code with its argument: written LW-hold(待核).
type Merge struct {
	Code Code
	Arg  string
}

func (m Merge) String() string {
	if m.Arg == "" {
		return string(m.Code)
	}
	return string(m.Code) + "(" + m.Arg + ")"
}

// Class is the class of an engine's field: which ops work on it.
type Class uint8

// The classes.
const (
	ClassNone  Class = iota // no ops: computed, or carried by the change itself
	ClassValue              // syncproto.OpSet
	ClassText               // syncproto.OpText
	ClassSet                // syncproto.OpAdd, OpRemove
	ClassList               // syncproto.OpItemInsert, OpItemRemove, OpItemMove
	ClassLog                // syncproto.OpLog
)

func (c Class) String() string {
	return [...]string{"none", "value", "text", "set", "list", "log"}[c]
}

// Value is one value of an enum: V is stored, Zh and En are its labels.
type Value struct{ V, Zh, En string }

// Default is one way of prefilling a field. Ways are tried in order until one
// whose When holds gives something.
type Default struct {
	From  string // one of Sources, with its @
	Field string // the value of another field of the same record
	Value any    // a literal; neither From nor Field is set
	When  *Cond
}

// Opens makes a field wider once another has one of the values.
type Opens struct {
	Field  string
	Values []string
	To     syncproto.Audience
}

// Required says when a field must be filled for a record to be submitted, or
// to take the step its condition names.
type Required string

// The three ways.
const (
	Never  Required = "never"
	Always Required = "always"
	When   Required = "when"
)

// Field is one field of a kind, or a sub-field: of a list item, a log entry,
// a signature, a part of a group.
type Field struct {
	Key, Zh, En string
	Type        Type
	Values      []Value
	Open        bool  // other texts than Values may be written
	Order       []any // LW-strict, LW-max: the value that counts before all others first
	Targets     []string
	OrText      bool     // a plain name may stand instead of a reference
	Items       []*Field // sub-fields
	Same        []string // sub-fields that make two items look like one
	Ordered     bool
	Precision   []string // of dates: year, month, day, half-day, minute
	Unit        string   // of numbers, as printed
	Max         int      // characters; 0: the type's own limit
	MaxItems    int      // 0: no limit of its own
	NoNames     bool     // must not name a private person

	Required     Required
	RequiredWhen *Cond
	Needs        map[string][]string // sub-field -> values that must each occur

	Who []string // ids of Schema.Writers
	// AnyTime: becomes known, or is kept up, after the record was submitted.
	AnyTime bool
	Merge   Merge  // zero for parts of a group, an entry or a signature
	From    string // EV: the field with the events; its own key: a log of values
	Meta    bool   // carried by the change, not by ops

	Audience        syncproto.Audience // widest class that reads it; see Kind.Audience
	AudienceOfField bool               // each entry has the class of the field it names
	Flag            string             // key of the switch that narrows it; "" for none
	FlagDefault     bool               // where the switch was never touched
	FlagWhen        *Cond              // the switch is computed, not stored
	Flagged         syncproto.Audience // class while the switch is on
	Opens           *Opens
	Sensitive       bool // sealed by the device before it enters the history
	Off             bool // forms do not offer it until an installation switches it on

	Defaults []Default
	Section  string
	Short    bool
	Purpose  string
	Since    int
	Note     string

	parent    *Field
	companion bool // made for a long text, not written in a file
}

// Path is the key, or LIST.SUB for a sub-field.
func (f *Field) Path() string {
	if f.parent == nil {
		return f.Key
	}
	return f.parent.Path() + "." + f.Key
}

// MergeClass is the class of the ops that work on the field.
func (f *Field) MergeClass() Class {
	if f.Meta {
		return ClassNone
	}
	switch f.Merge.Code {
	case LW, LWStrict, LWMax, LWHold, LWGroup, FX:
		return ClassValue
	case TX, TXFX:
		return ClassText
	case AP, SG:
		return ClassLog
	case SU:
		if f.Type.isItems() {
			return ClassList
		}
		return ClassSet
	case EV:
		if f.From == f.Key {
			return ClassLog
		}
	}
	return ClassNone
}

// Group lists the keys that are one value with this field, itself included;
// nil when the field stands alone. A save writes all of them; a reader shows
// all of them from the change whose value of this field is shown first.
func (f *Field) Group() []string {
	if f.Merge.Code != LWGroup {
		return nil
	}
	return strings.Split(f.Merge.Arg, ",")
}

// Strongest picks, of several concurrent values, the one that counts under
// LW-strict or LW-max. Values that Order does not name are not considered.
func (f *Field) Strongest(values []any) (any, bool) {
	for _, o := range f.Order {
		if slices.ContainsFunc(values, func(v any) bool { return sameScalar(v, o) }) {
			return o, true
		}
	}
	return nil, false
}

// Item finds a sub-field.
func (f *Field) Item(sub string) (*Field, bool) {
	for _, s := range f.Items {
		if s.Key == sub {
			return s, true
		}
	}
	return nil, false
}

// Settles reports whether the field is settled a day after its record was
// submitted: it says what happened, and only those who wrote the record down
// (recorder, visitor) fill it in. Not settled are what others keep up beside
// them, switches of privacy, which may always be turned on, what events
// compute, and logs, whose entries have their own rules.
func (f *Field) Settles() bool {
	written := false
	for _, who := range f.Who {
		switch who {
		case "recorder", "visitor":
			written = true
		case "system":
		default:
			return false
		}
	}
	switch f.MergeClass() {
	case ClassNone, ClassLog:
		return false
	}
	return written && !f.AnyTime && f.Merge.Code != LWStrict
}

// Companion reports whether the field is the switch of a long text, made with
// it and not written in a file.
func (f *Field) Companion() bool { return f.companion }
