package view

import (
	"crypto/sha256"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// signed lists what a signature field covers: lists item by item, other fields
// whole. Sensitive fields are not covered: nobody could check it without a key.
var signed = map[string][]string{
	"signatures":       {"statements", "resolutions"},
	"receipt":          {"relief_money", "relief_goods"},
	"interviewee_sign": {"situation", "problems_heard", "scene"},
	"household_sign":   {"what", "money", "goods"},
	"household_view":   {"analysis", "goal", "measures"},
}

// besides lists sub-fields that say something about an item without being what
// was signed: an item marked as personal, linked or chosen is no changed one.
var besides = []string{"contains_personal", "same_as", "adopted", "audio_ref", "state"}

// CoversSub is the sub-field of a signature that says what it covers.
const CoversSub = "covers"

// saltBytes is enough that nobody finds a short text by trying.
const saltBytes = 16

// digestBytes of a SHA-256 are kept per item.
const digestBytes = 16

// Covers makes the value that a signature of the field carries: a salt, and
// per item and field what it said, as salted digests. They tell later what was
// signed, and not what it was. nil when there is nothing to cover.
func Covers(k *schema.Kind, rec *crdt.Record, field string, salt [saltBytes]byte) map[string]any {
	of := map[string]any{}
	for _, name := range signed[field] {
		f, ok := k.Field(name)
		if !ok || f.Sensitive {
			continue
		}
		if f.MergeClass() != schema.ClassList {
			if b := contentOf(rec, name, rec.Text(name)); len(b) > 0 {
				of[name] = digestOf(salt[:], b)
			}
			continue
		}
		for _, it := range rec.List(name) {
			of[name+"/"+it.ID.String()] = digestOf(salt[:], itemContent(f, it))
		}
	}
	if len(of) == 0 {
		return nil
	}
	return map[string]any{"salt": salt[:], "of": of}
}

func digestOf(salt, content []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(content)
	return h.Sum(nil)[:digestBytes]
}

// itemContent writes down what an item says, in the schema's order.
func itemContent(f *schema.Field, it *crdt.Item) (b []byte) {
	for _, s := range f.Items {
		if s.Meta || s.Sensitive || slices.Contains(besides, s.Key) {
			continue
		}
		if content := contentOf(it, s.Key, it.Text(s.Key)); len(content) > 0 {
			b = append(wire.AppendText(b, s.Key), content...)
		}
	}
	return b
}

// contentOf writes down every live value of a field, or its text: a value put
// beside the signed one is a change too.
func contentOf(r Values, name string, doc *text.Doc) (b []byte) {
	for _, e := range r.Values(name) {
		b = wire.AppendBytes(b, e.Value)
	}
	if len(b) == 0 && doc != nil && doc.Len() > 0 {
		b = wire.AppendText(b, doc.String())
	}
	return b
}

// Signature is one signature and what became of what it covers.
type Signature struct {
	crdt.Stamp
	By      any // a person's reference, or a name
	Added   []string
	Changed []string // signed and changed or struck out since
}

// Label says it in words, "" while the record still is what was signed.
func (s *Signature) Label() string {
	switch {
	case len(s.Changed) > 0:
		return ChipSignedEdited
	case len(s.Added) > 0:
		return SignedAdded(len(s.Added))
	}
	return ""
}

// Signatures checks the signatures of a field against the record as it stands.
// An item is named LIST/ITEM. What this reader cannot see is taken as
// unchanged. Signatures of a record put into this one stay with what they
// covered there: look at that one.
func (l *Look) Signatures(field string) []Signature {
	var out []Signature
	for _, e := range InForce(l.Record, l.Record.Log(field)) {
		m, _ := Plain(e.Value).(map[string]any)
		s := Signature{Stamp: e.Stamp, By: m["by"]}
		if covers, ok := m[CoversSub].(map[string]any); ok && l.Kind != nil {
			salt, _ := covers["salt"].([]byte)
			of, _ := covers["of"].(map[string]any)
			for _, name := range signed[field] {
				if f := l.def(name); f != nil && !f.Sensitive {
					s.check(l.Record, f, salt, of)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func (s *Signature) check(rec *crdt.Record, f *schema.Field, salt []byte, of map[string]any) {
	if f.MergeClass() != schema.ClassList {
		content := contentOf(rec, f.Key, rec.Text(f.Key))
		was, covered := of[f.Key].([]byte)
		switch {
		case covered && !(rec.Partial && len(content) == 0) && string(was) != string(digestOf(salt, content)):
			s.Changed = append(s.Changed, f.Key)
		case !covered && len(content) > 0:
			s.Added = append(s.Added, f.Key)
		}
		return
	}
	for _, it := range rec.Items(f.Key, true) {
		name := f.Key + "/" + it.ID.String()
		was, covered := of[name].([]byte)
		switch {
		case !covered && !it.Removed:
			s.Added = append(s.Added, name)
		case covered && (it.Removed || !masked(rec, f, it) && string(was) != string(digestOf(salt, itemContent(f, it)))):
			s.Changed = append(s.Changed, name)
		}
	}
}

// masked reports whether this reader has not all that an item says.
func masked(rec *crdt.Record, f *schema.Field, it *crdt.Item) bool {
	if !rec.Partial {
		return false
	}
	return slices.ContainsFunc(f.Items, func(s *schema.Field) bool {
		_, set := it.Value(s.Key)
		return s.Required == schema.Always && !s.Meta && !set && (it.Text(s.Key) == nil || it.Text(s.Key).Len() == 0)
	})
}

// AfterSigning counts what is not as it was signed, by the last signature of
// each signer: items added since, and signed ones changed since.
func (l *Look) AfterSigning() (added, changed int) {
	if l.Kind == nil {
		return 0, 0
	}
	names := map[string]bool{}
	for _, f := range l.Kind.Fields {
		if f.Merge.Code != schema.SG {
			continue
		}
		last := map[any]Signature{}
		for _, s := range l.Signatures(f.Key) {
			last[signer(s.By)] = s
		}
		for _, s := range last {
			for _, n := range s.Added {
				names[n] = names[n] || false
			}
			for _, n := range s.Changed {
				names[n] = true
			}
		}
	}
	for _, edited := range names {
		if edited {
			changed++
		} else {
			added++
		}
	}
	return added, changed
}

func signer(by any) any {
	if id := AsRef(by); !id.IsZero() {
		return id
	}
	s, _ := by.(string)
	return s
}

// SignatureOf finds the check of one entry of a signature field.
func (l *Look) SignatureOf(field string, at syncproto.Dot) (Signature, bool) {
	for _, s := range l.Signatures(field) {
		if s.Dot == at {
			return s, true
		}
	}
	return Signature{}, false
}
