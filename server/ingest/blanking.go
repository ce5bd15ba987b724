package ingest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// blanking is what an erasure takes out of the parts of its record: what its
// fields said, and what entries of others' copied out of them.
type blanking struct {
	fields []string // FIELD, with all its items say, or FIELD.SUB
	words  string
	secret [32]byte // tells values apart; forgotten with the act
	kind   *schema.Kind
}

func newBlanking(fields []string, words string, kind *schema.Kind) *blanking {
	b := &blanking{fields: fields, words: words, kind: kind}
	rand.Read(b.secret[:]) // never fails, see crypto/rand
	return b
}

// of is what goes of a part of a replica's.
func (b *blanking) of(replica syncproto.ReplicaID) crdt.Blanking {
	return crdt.Blanking{Value: b.value, Text: func(op *syncproto.Op) bool {
		return b.takes(op.Field, op.Sub) && !(replica.IsPen() && saysErased(replica, op.Edit))
	}}
}

// saysErased reports whether an edit is one of inWords: it says what was done.
func saysErased(pen syncproto.ReplicaID, encoded []byte) bool {
	e, err := edit.Decode(pen, encoded)
	return err == nil && len(e.Inserts) == 1 && strings.HasPrefix(e.Inserts[0].Text, erasedWords)
}

// erasedWords is how the words begin.
const erasedWords = "该内容已依法删除"

func (b *blanking) takes(field, sub string) bool {
	for _, f := range b.fields {
		name, of, _ := strings.Cut(f, ".")
		if f == field || name == field && (of == "" || of == sub) {
			return true
		}
	}
	return false
}

func (b *blanking) value(op *syncproto.Op) syncproto.Value {
	if b.takes(op.Field, op.Sub) {
		return b.instead(op.Value)
	}
	if op.Kind != syncproto.OpLog {
		return op.Value
	}
	entry, ok := view.Plain(op.Value).(map[string]any)
	if !ok {
		return op.Value
	}
	changed := false
	for _, sub := range b.copies(op.Field, entry) {
		if _, ok := entry[sub]; ok {
			entry[sub], changed = b.words, true
		}
	}
	if !changed {
		return op.Value
	}
	return wire.Must(wire.EncodeValue(entry)) // it was decoded from one
}

// copies names the members of a log's entry that hold what an erased field said:
// a correction its words before and after, an event the words that it fixes.
func (b *blanking) copies(log string, entry map[string]any) []string {
	if of, ok := view.CorrectedField(log); ok {
		return when(b.touches(of), "old", "new")
	}
	if of, ok := strings.CutSuffix(log, view.FixedOf("")); ok {
		return when(b.touches(of), view.FixedSub)
	}
	if b.kind == nil {
		return nil
	}
	for _, f := range b.kind.Fields {
		if f.Merge.Code == schema.TXFX && entry["event"] == f.Merge.Arg && b.touches(f.Key) {
			return []string{view.FixedSub}
		}
	}
	return nil
}

func when(is bool, names ...string) []string {
	if is {
		return names
	}
	return nil
}

// touches reports whether anything of a field goes.
func (b *blanking) touches(field string) bool {
	return slices.ContainsFunc(b.fields, func(f string) bool { return f == field || strings.HasPrefix(f, field+".") })
}

// instead is what stands for a value: the words, and a number that tells it from others.
func (b *blanking) instead(v syncproto.Value) syncproto.Value {
	m := hmac.New(sha256.New, b.secret[:])
	m.Write(v)
	return wire.Must(wire.EncodeValue(fmt.Sprintf("%s %x", b.words, m.Sum(nil)[:4])))
}
