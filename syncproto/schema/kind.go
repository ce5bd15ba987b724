package schema

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Kind is one kind of record, or of reference object.
type Kind struct {
	ID, Code, Zh, En string
	Reference        bool
	Visibility       string // default of the field visibility
	Purpose          string
	Sections         []Section
	Timeline         *Timeline // nil: no row
	Wide             *Wide     // nil: nothing beyond the record's readers
	Fields           []*Field  // the common ones first, then in form order

	index map[string]*Field
}

// Section is a heading of the form.
type Section struct{ Key, Zh, En string }

// Timeline names the fields a row is made of. Title may hold "@kind", the
// kind's own name. The first of Object and Where that is filled is shown.
type Timeline struct {
	Time    string
	Title   []string
	Who     []string
	Where   []string
	Object  []string
	Summary []string
	Chips   []string
}

// Wide is what readers beyond the record's own readers get of it.
type Wide struct {
	Fields []string
	Note   string
}

// Field finds a field by its key, the companion of a long text included.
func (k *Kind) Field(key string) (*Field, bool) {
	f, ok := k.index[key]
	return f, ok
}

// Item finds a sub-field of a field.
func (k *Kind) Item(field, sub string) (*Field, bool) {
	f, ok := k.index[field]
	if !ok {
		return nil, false
	}
	return f.Item(sub)
}

// Audience is the one class that a field, or with sub a sub-field of it,
// belongs to: readers whose classes contain it may have it. flagged answers
// whether a switch (Field.Flag, for list items that of the item) is on; nil
// means that all are. What the kind does not know is for its writers alone,
// and so are the entries of a AudienceOfField field until the caller asks for
// the field that the entry names.
func (k *Kind) Audience(field, sub string, flagged func(flag string) bool) syncproto.Audience {
	f, ok := k.index[field]
	if !ok {
		return syncproto.ForAuthor
	}
	a := f.audienceWith(flagged)
	if sub == "" {
		return a
	}
	s, ok := f.Item(sub)
	if !ok {
		return syncproto.ForAuthor
	}
	return max(a, s.audienceWith(flagged))
}

// audienceWith: a higher bit is a narrower class.
func (f *Field) audienceWith(flagged func(flag string) bool) syncproto.Audience {
	if f.AudienceOfField {
		return syncproto.ForAuthor
	}
	if f.Flag != "" && (flagged == nil || flagged(f.Flag)) {
		return max(f.Audience, f.Flagged)
	}
	return f.Audience
}

// HasFlags reports whether a switch may narrow the field or a field of its
// items: without any, Audience asks nothing.
func (k *Kind) HasFlags(field string) bool {
	f, ok := k.index[field]
	return ok && (f.Flag != "" || slices.ContainsFunc(f.Items, func(i *Field) bool { return i.Flag != "" }))
}

// FlagFunc answers the switches of one field for Audience, from what get says
// of the record's fields or, for list items, of the item's. A switch nobody
// touched has its default.
func (k *Kind) FlagFunc(field string, get Getter) func(flag string) bool {
	f, ok := k.index[field]
	if !ok {
		return nil
	}
	return func(flag string) bool {
		for _, g := range append([]*Field{f}, f.Items...) {
			if g.Flag != flag {
				continue
			}
			if g.FlagWhen != nil {
				return g.FlagWhen.Holds(get)
			}
			on, ok := get(flag)
			b, isBool := on.(bool)
			return ok && isBool && b || (!ok || !isBool) && g.FlagDefault
		}
		return true
	}
}

// Opened is the class of a field that another field may open (Field.Opens):
// the wider one once that field has the value, else what Audience said.
func (f *Field) Opened(a syncproto.Audience, get Getter) syncproto.Audience {
	if f.Opens == nil {
		return a
	}
	v, _ := get(f.Opens.Field)
	if s, ok := v.(string); ok && slices.Contains(f.Opens.Values, s) {
		return f.Opens.To
	}
	return a
}

// IsSensitive reports whether a value of the field, or sub-field, is sealed.
func (k *Kind) IsSensitive(field, sub string) bool {
	f, ok := k.index[field]
	if !ok {
		return false
	}
	s, _ := f.Item(sub)
	return f.Sensitive || s != nil && s.Sensitive
}

// Keys lists the fields of one audience class in form order.
func (k *Kind) Keys(class syncproto.Audience) []string {
	var out []string
	for _, f := range k.Fields {
		if f.Audience == class && !f.AudienceOfField {
			out = append(out, f.Key)
		}
	}
	return out
}

// ShortForm lists the fields of the 3-minute form.
func (k *Kind) ShortForm() []*Field {
	var out []*Field
	for _, f := range k.Fields {
		if f.Short {
			out = append(out, f)
		}
	}
	return out
}

// Missing lists the required fields that are not filled, in form order, and
// the required sub-fields of items that lack them. get answers fields and
// facts; what the system computes or a form does not offer is not asked for.
func (k *Kind) Missing(get Getter) []*Field {
	var out []*Field
	for _, f := range k.Fields {
		if f.Meta || f.Off || f.Merge.Code == EV && slices.Equal(f.Who, []string{"system"}) {
			continue
		}
		v, ok := get(f.Key)
		filled := ok && !Empty(v)
		if !filled {
			if f.requiredNow(get) {
				out = append(out, f)
			}
			continue
		}
		if f.lacksNeeded(v) && f.requiredNow(get) {
			out = append(out, f)
		}
		out = append(out, f.missingItems(v)...)
	}
	return out
}

func (f *Field) requiredNow(get Getter) bool {
	return f.Required == Always || f.Required == When && f.RequiredWhen.Holds(get)
}

// lacksNeeded reports whether one of the values that Needs names is absent.
func (f *Field) lacksNeeded(v any) bool {
	for sub, needed := range f.Needs {
		for _, want := range needed {
			if !slices.ContainsFunc(itemsOf(v), func(m map[string]any) bool { return m[sub] == want }) {
				return true
			}
		}
	}
	return false
}

func (f *Field) missingItems(v any) []*Field {
	if !f.Type.isItems() {
		return nil
	}
	var out []*Field
	for _, s := range f.Items {
		lacks := func(m map[string]any) bool {
			get := func(name string) (any, bool) { e, ok := m[name]; return e, ok }
			return Empty(m[s.Key]) && s.requiredNow(get)
		}
		if !s.Meta && !s.Off && slices.ContainsFunc(itemsOf(v), lacks) {
			out = append(out, s)
		}
	}
	return out
}

// itemsOf takes the maps out of a list value, or the one map of a group.
func itemsOf(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []map[string]any:
		return v
	case []any:
		var out []map[string]any
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				out = append(out, m)
			}
		}
		return out
	}
	return nil
}
