package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// inType lists, per type, the merge codes it may have besides those of one
// whole value. A log and a signature have no others.
var inType = map[Type][]Code{
	Text: {TX, TXFX}, LongText: {TX, TXFX}, Document: {TX, TXFX},
	Enum: nil, Multi: {SU}, Bool: nil, Int: nil, Number: nil, Money: nil, Year: nil, Date: nil, DateTime: nil,
	Ref: nil, Refs: {SU}, Texts: {SU}, List: {SU}, Log: {AP}, Group: nil, Signature: {SG}, Attachments: {SU},
	Geo: nil, Blob: nil, Phone: nil, IDNo: nil, Data: nil,
}

var oneValue = []Code{LW, LWStrict, LWMax, LWHold, LWGroup, FX, EV}

var precisions = []string{"year", "month", "day", "half-day", "minute"}

// Validate reports the first thing that is wrong with the schema as a whole:
// names that point nowhere, merge rules that do not go with a type, sensitive
// fields that are read too widely, and what the product never collects (see
// Forbidden). Parse and With call it.
func (s *Schema) Validate() error {
	for _, id := range s.KindIDs() {
		k := s.Kinds[id]
		for _, f := range k.Fields {
			if err := s.checkField(k, f); err != nil {
				return fmt.Errorf("kind %s, %w", id, err)
			}
		}
		if err := s.checkKind(k); err != nil {
			return fmt.Errorf("kind %s: %w", id, err)
		}
	}
	for _, m := range s.Machines {
		if err := s.checkMachine(m); err != nil {
			return fmt.Errorf("transitions of %s: %w", m.Kind, err)
		}
	}
	return nil
}

func (s *Schema) checkKind(k *Kind) error {
	if err := k.forbidden(); err != nil {
		return err
	}
	if !k.Reference {
		v, ok := k.Field("visibility")
		if !ok || !v.hasValue(k.Visibility) {
			return fmt.Errorf("visibility %q is none of the field's values", k.Visibility)
		}
	}
	for i, sec := range k.Sections {
		if sec.Key == "" || sec.Zh == "" || slices.IndexFunc(k.Sections, func(t Section) bool { return t.Key == sec.Key }) != i {
			return fmt.Errorf("section %q has no key or label, or stands twice", sec.Key)
		}
	}
	if t := k.Timeline; t != nil {
		names := slices.Concat([]string{t.Time}, t.Title, t.Who, t.Where, t.Object, t.Summary, t.Chips)
		if err := k.checkShown(names); err != nil {
			return fmt.Errorf("timeline: %w", err)
		}
	}
	if k.Wide != nil {
		if err := k.checkShown(k.Wide.Fields); err != nil {
			return fmt.Errorf("wide: %w", err)
		}
	}
	return nil
}

// checkShown: what a row shows must be short and readable by all its readers.
func (k *Kind) checkShown(names []string) error {
	for _, name := range names {
		if name == "@kind" {
			continue
		}
		f, ok := k.Field(name)
		if !ok {
			return fmt.Errorf("no field %q", name)
		}
		if f.Audience != syncproto.ForScope || f.Sensitive || f.Flag != "" || f.Type == LongText {
			return fmt.Errorf("field %s is a long text or not for all readers", name)
		}
	}
	return nil
}

func (s *Schema) checkField(k *Kind, f *Field) error {
	checks := []func(*Kind, *Field) error{s.checkNames, s.checkType, checkMerge, checkAudience, checkConditions, neverAsked}
	for _, check := range checks {
		if err := check(k, f); err != nil {
			return fmt.Errorf("field %s: %w", f.Path(), err)
		}
	}
	for i, sub := range f.Items {
		if slices.IndexFunc(f.Items, func(o *Field) bool { return o.Key == sub.Key }) != i {
			return fmt.Errorf("field %s stands twice", sub.Path())
		}
		if err := s.checkField(k, sub); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkNames(k *Kind, f *Field) error {
	for _, w := range f.Who {
		if !slices.ContainsFunc(s.Writers, func(x Writer) bool { return x.ID == w }) {
			return fmt.Errorf("nobody is called %q among the writers", w)
		}
	}
	if !slices.ContainsFunc(k.Sections, func(x Section) bool { return x.Key == f.Section }) {
		return fmt.Errorf("no section %q", f.Section)
	}
	for _, t := range f.Targets {
		known := slices.ContainsFunc(s.Reserved, func(v Value) bool { return v.V == t })
		if _, isKind := s.Kinds[t]; !isKind && !known && t != "*" {
			return fmt.Errorf("target %q is no kind", t)
		}
	}
	if f.Key == "sealing_keys" { // seal.KeysField
		return fmt.Errorf("the key is used by the program itself")
	}
	for _, d := range f.Defaults {
		if _, known := Sources[d.From]; d.From != "" && !known {
			return fmt.Errorf("default source %q is not known", d.From)
		}
		if _, ok := k.Field(d.Field); d.Field != "" && !ok {
			return fmt.Errorf("default from field %q, which is not there", d.Field)
		}
		if d.Value != nil {
			if err := f.Check(d.Value); err != nil {
				return fmt.Errorf("default: %w", err)
			}
		}
	}
	return nil
}

func (s *Schema) checkType(_ *Kind, f *Field) error {
	hasValues, hasItems := f.Type == Enum || f.Type == Multi, f.Type.isItems()
	switch {
	case hasValues != (len(f.Values) > 0):
		return fmt.Errorf("type %s with %d values", f.Type, len(f.Values))
	case hasItems != (len(f.Items) > 0):
		return fmt.Errorf("type %s with %d items", f.Type, len(f.Items))
	case (f.Type == Ref || f.Type == Refs) != (len(f.Targets) > 0):
		return fmt.Errorf("type %s with %d targets", f.Type, len(f.Targets))
	case f.parent != nil && f.parent.hasItemsOfItsOwn() && f.MergeClass() == ClassList:
		return fmt.Errorf("a list inside the items of a list")
	case f.parent != nil && f.parent.hasItemsOfItsOwn() && f.Type == Attachments:
		return fmt.Errorf("attachments inside the items of a list")
	}
	for i, v := range f.Values {
		if v.V == "" || v.Zh == "" || v.En == "" {
			return fmt.Errorf("value %d has no label", i+1)
		}
		if slices.IndexFunc(f.Values, func(w Value) bool { return w.V == v.V }) != i {
			return fmt.Errorf("value %q stands twice", v.V)
		}
	}
	for _, p := range f.Precision {
		if !slices.Contains(precisions, p) || f.Type != Date && f.Type != DateTime {
			return fmt.Errorf("precision %q of a %s", p, f.Type)
		}
	}
	for _, sub := range f.Same {
		if _, ok := f.Item(sub); !ok {
			return fmt.Errorf("same names %q, which is no sub-field", sub)
		}
	}
	for sub, values := range f.Needs {
		i, ok := f.Item(sub)
		if !ok || slices.ContainsFunc(values, func(v string) bool { return !i.hasValue(v) }) {
			return fmt.Errorf("needs %q, which is no sub-field with these values", sub)
		}
	}
	return nil
}

func (f *Field) hasValue(v string) bool {
	return slices.ContainsFunc(f.Values, func(w Value) bool { return w.V == v })
}

func checkMerge(k *Kind, f *Field) error {
	if f.parent != nil && !f.parent.hasItemsOfItsOwn() {
		return nil
	}
	whole := f.Type != Log && f.Type != Signature && slices.Contains(oneValue, f.Merge.Code)
	if !whole && !slices.Contains(inType[f.Type], f.Merge.Code) {
		return fmt.Errorf("merge %s of a %s", f.Merge, f.Type)
	}
	switch f.Merge.Code {
	case LWStrict, LWMax:
		if err := f.checkOrder(); err != nil {
			return err
		}
	case LWGroup:
		for _, key := range f.Group() {
			g, ok := k.Field(key)
			if !ok || f.parent != nil || g.Merge != f.Merge {
				return fmt.Errorf("merge %s: %q is not a field of the same group", f.Merge, key)
			}
		}
		if !slices.Contains(f.Group(), f.Key) {
			return fmt.Errorf("merge %s does not name the field itself", f.Merge)
		}
	case EV:
		_, inRecord := k.Field(f.From)
		if !inRecord && (f.parent == nil || f.From != f.Key) {
			return fmt.Errorf("computed from %q, which is not there", f.From)
		}
	}
	if f.Merge.Code != EV && f.From != "" {
		return fmt.Errorf("from %q, but the merge is %s", f.From, f.Merge)
	}
	return nil
}

func (f *Field) checkOrder() error {
	want := []any{true, false}
	if f.Type == Enum {
		want = nil
		for _, v := range f.Values {
			want = append(want, v.V)
		}
	}
	if len(f.Order) != len(want) {
		return fmt.Errorf("merge %s wants an order of all %d values", f.Merge, len(want))
	}
	for _, w := range want {
		if !slices.Contains(f.Order, w) {
			return fmt.Errorf("merge %s: the order leaves out %v", f.Merge, w)
		}
	}
	return nil
}

func checkAudience(k *Kind, f *Field) error {
	if f.Sensitive && f.Audience == syncproto.ForScope {
		return fmt.Errorf("sensitive, but read by all readers of the record")
	}
	if f.parent != nil && f.Audience < f.parent.Audience {
		return fmt.Errorf("wider than the field it stands in")
	}
	if f.Flag != "" && f.FlagWhen == nil {
		flag, ok := k.Field(f.Flag)
		if f.parent != nil {
			flag, ok = f.parent.Item(f.Flag)
		} else if f.MergeClass() == ClassList {
			flag, ok = f.Item(f.Flag)
		}
		if !ok || flag.Type != Bool || flag.Merge.Code != LWStrict {
			return fmt.Errorf("flag %q is no true-or-false field with merge LW-strict", f.Flag)
		}
	}
	if f.Opens != nil {
		o, ok := k.Field(f.Opens.Field)
		if !ok || slices.ContainsFunc(f.Opens.Values, func(v string) bool { return !o.hasValue(v) }) || f.Opens.To >= f.Audience {
			return fmt.Errorf("opens names no field with these values, or no wider class")
		}
	}
	return nil
}

func checkConditions(k *Kind, f *Field) error {
	siblings := func(name string) bool { _, ok := k.Field(name); return ok }
	if f.parent != nil {
		siblings = func(name string) bool { _, ok := f.parent.Item(name); return ok }
	}
	inside := siblings
	if f.MergeClass() == ClassList {
		inside = func(name string) bool { _, ok := f.Item(name); return ok }
	}
	if err := knownNames(f.RequiredWhen, siblings); err != nil {
		return fmt.Errorf("required_when: %w", err)
	}
	if err := knownNames(f.FlagWhen, inside); err != nil {
		return fmt.Errorf("flag_when: %w", err)
	}
	for _, d := range f.Defaults {
		if err := knownNames(d.When, siblings); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	return nil
}

func knownNames(c *Cond, known func(name string) bool) error {
	for _, name := range c.Names() {
		if _, isFact := Facts[name]; !isFact && !known(name) {
			what := "field"
			if strings.HasPrefix(name, "@") {
				what = "fact"
			}
			return fmt.Errorf("no %s %q", what, name)
		}
	}
	return nil
}
