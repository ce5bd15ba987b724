// Package view turns a record's state into what people are shown, by the merge
// codes of the schema (domain.md 2.0): which of several concurrent values
// counts, which chip says that there are several, in what order statements
// stand, what a signature still covers, what state a demand or promise is in.
// It is pure and the same on device and server; package crdt keeps everything,
// this package only reads. Start with Look.
package view

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The chips a field can carry.
const (
	ChipDiffers  = "有不同修改"
	ChipVerify   = "待核"
	ChipDecide   = "待裁定"
	ChipVoidOpen = "作废待裁定"
)

// The chips that only a whole record can carry, beside those.
const (
	ChipComplete     = "待补"
	ChipSuggested    = "更正建议"
	ChipSignedEdited = "签字后有修改"
)

// Version is one live value and where it comes from.
type Version struct {
	crdt.Stamp
	Record syncproto.RecordID // which it stands in: this one, or one put into it
	Value  any                // plain Go, or syncproto.Sealed
	Raw    syncproto.Value
	Shown  bool
}

// Shown is a value field as it is shown.
type Shown struct {
	// Value counts and is shown; nil when no value counts until a person has
	// chosen (Chip is then 待核 or 待裁定), or when the field is empty.
	Value any
	Chip  string // "" while there is one value
	All   []Version
	// Corrected is the 更正 that Value comes from, nil for none.
	Corrected *Correction
}

// Counts reports whether the field has a value that figures may use.
func (s Shown) Counts() bool { return s.Value != nil && s.Chip != ChipVerify && s.Chip != ChipDecide }

// First is the version that is shown, nil when none is.
func (s *Shown) First() *Version {
	for i := range s.All {
		if s.All[i].Shown {
			return &s.All[i]
		}
	}
	return nil
}

// Values is what Field needs of a record or a list item.
type Values interface {
	Value(name string) (crdt.Entry, bool)
	Values(name string) []crdt.Entry
}

// Field shows one value field of a record or list item. f may be nil for a
// field the schema does not know: it is shown as LW.
func Field(r Values, name string, f *schema.Field) Shown {
	first, ok := r.Value(name)
	if !ok {
		return Shown{}
	}
	out := Shown{Value: Plain(first.Value)}
	for _, e := range r.Values(name) {
		out.All = append(out.All, Version{Stamp: e.Stamp, Value: Plain(e.Value), Raw: e.Value, Shown: e.Dot == first.Dot})
	}
	if !out.differ() {
		return out
	}
	out.Chip = ChipDiffers
	if f != nil {
		out.settle(f)
	}
	return out
}

// differ reports whether there are two distinct values. Two people who wrote
// the same agree, whatever they knew of each other.
func (s *Shown) differ() bool {
	for i := range s.All {
		if string(s.All[i].Raw) != string(s.All[0].Raw) {
			return true
		}
	}
	return false
}

func (s *Shown) settle(f *schema.Field) {
	switch f.Merge.Code {
	case schema.LWStrict, schema.LWMax:
		var values []any
		for _, v := range s.All {
			values = append(values, v.Value)
		}
		if v, ok := f.Strongest(values); ok {
			s.Value = v
			for i := range s.All {
				s.All[i].Shown = s.All[i].Value == v
			}
		}
	case schema.LWHold:
		s.hold(f.Merge.Arg)
	case schema.FX:
		s.hold(ChipDecide)
	}
}

// hold shows no value: a person has to choose.
func (s *Shown) hold(chip string) {
	s.Value, s.Chip = nil, chip
	for i := range s.All {
		s.All[i].Shown = false
	}
}

// Plain reads a value as plain Go; nil for null and for what does not decode.
func Plain(v syncproto.Value) any {
	out, err := wire.DecodeValue(v)
	if err != nil {
		return nil
	}
	return out
}
