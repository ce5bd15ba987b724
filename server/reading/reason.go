package reading

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// What is shown for a reason, for one look: the parts that the role matrix
// marks with !, and phones whole.

const maxReasonRunes = 200

var (
	errNoReason  = syncproto.Errorf(syncproto.KindBadRequest, "请写明看的理由，2 到 %d 个字", maxReasonRunes)
	errNotOpened = syncproto.Errorf(syncproto.KindForbidden, "这条记录没有写明理由就能多看的内容")
)

// withReason is the Reading that shows phones, after the reason was noted.
// It shares everything with g.
func (g *Reading) withReason() *Reading {
	return &Reading{Store: g.Store, Directory: g.Directory, Schema: g.Schema, Devices: g.Devices, Frames: g.Frames, Now: g.Now, Note: g.Note, phones: true}
}

// openFor opens a record with what a reason opens besides. Nothing of it may
// be shown unless the error is nil: then the audit log has who, what and why.
func (g *Reading) openFor(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, reason string) (*Reading, *loaded, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if n := utf8.RuneCountInString(reason); n < 2 || n > maxReasonRunes || !utf8.ValidString(reason) {
		return nil, nil, errNoReason
	}
	l, err := g.open(ctx, person, id, when{opened: true})
	if err != nil {
		return nil, nil, err
	}
	if !l.opens() {
		return nil, nil, errNotOpened
	}
	if err := g.Note(ctx, person, "opened with a reason", l.rec.Kind+" "+id.String()+": "+reason); err != nil {
		return nil, nil, err
	}
	return g.withReason(), l, nil
}

// opens reports whether a reason opens anything of the record.
func (l *loaded) opens() bool {
	return l.now == nil && l.may.TapAudience() != syncproto.ForNobody && (l.may.TapAudience() != l.may.Audience() || l.hasPhone())
}

// hasPhone reports whether a phone stands in what the viewer reads.
func (l *loaded) hasPhone() bool {
	if l.kind == nil {
		return false
	}
	for _, f := range l.kind.Fields {
		if f.Type == schema.Phone {
			if _, filled := l.rec.Value(f.Key); filled && l.closedField(f.Key) == syncproto.ForNobody {
				return true
			}
		}
		for _, sub := range f.Items {
			if sub.Type == schema.Phone && l.hasItemPhone(f.Key, sub.Key) {
				return true
			}
		}
	}
	return false
}

func (l *loaded) hasItemPhone(field, sub string) bool {
	for _, rec := range l.look.All() {
		for _, item := range rec.List(field) {
			if _, filled := item.Value(sub); filled && l.closed(rec, field, item.ID, sub) == syncproto.ForNobody {
				return true
			}
		}
	}
	return false
}

// plain is a value as JSON says it: phones masked, unless a reason was given.
func (g *Reading) plain(f *schema.Field, v any) any {
	if s, ok := v.(string); ok && f != nil && f.Type == schema.Phone && !g.phones {
		return maskPhone(s)
	}
	return v
}

// itemPlain is a value of a list's item, likewise.
func (g *Reading) itemPlain(l *loaded, field string, item *crdt.Item, sub string) any {
	var def *schema.Field
	if l.kind != nil {
		def, _ = l.kind.Item(field, sub)
	}
	e, ok := item.Value(sub)
	if !ok {
		return nil
	}
	return g.plain(def, view.Plain(e.Value))
}

// maskPhone keeps what tells two numbers apart at a glance: 138****0000.
func maskPhone(s string) string {
	r := []rune(s)
	if len(r) <= 7 {
		return strings.Repeat("*", len(r))
	}
	return string(r[:3]) + strings.Repeat("*", len(r)-7) + string(r[len(r)-4:])
}
