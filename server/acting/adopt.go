package acting

import (
	"context"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

var (
	errNoDecision = syncproto.Errorf(syncproto.KindForbidden, "这一处不归您定：走访和会议由参加的、分管的领导或管理员来定")
	errMismatch   = syncproto.Errorf(syncproto.KindBadRequest, "选的版本和页面上列出的对不上，请回到记录重新选")
	errOneValue   = syncproto.Errorf(syncproto.KindBadRequest, "这一处只有一个版本，没有要定的")
	errSealed     = syncproto.Errorf(syncproto.KindForbidden, "这一处是敏感信息，网页上不显示，请在设备上定")

	// ErrSettled is returned, wrapped or plain, when the versions of the value
	// are no longer those the person was shown: somebody settled it, or one
	// more came. Show him what stands now.
	ErrSettled = syncproto.Errorf(syncproto.KindConflict, "您打开这一页以后，这一处又有了变化，您的选择没有写入。请看现在的内容再定")
)

// Adopt (采用此版本) makes the chosen version the one value, as seen on the
// version of the record that the page showed. Of a value that several fields
// make together (LW-group) the others follow, from the same writer.
func (a *Acting) Adopt(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, ch syncproto.Choice) error {
	if err := ch.Check(); err != nil {
		return err
	}
	return a.act(ctx, person, id, seen, func(x *act) error {
		if !x.viewer.Decides(x.facts) {
			return errNoDecision
		}
		if !x.classes.Has(view.ClassOf(x.schema, x.now, ch.Field, ch.Item, ch.Sub)) {
			return errNotFound
		}
		return x.adopt(&ch)
	})
}

func (x *act) adopt(ch *syncproto.Choice) error {
	shown, dots := versions(x.edit.Record(), ch)
	_, standing := versions(x.now, ch)
	switch {
	case !ch.Names(dots):
		return errMismatch
	case !ch.Names(standing):
		return ErrSettled
	case len(crdt.Distinct(shown)) < 2 && len(x.groupOf(ch)) == 0:
		return errOneValue
	}
	chosen := shown[slices.IndexFunc(shown, func(e crdt.Entry) bool { return e.Dot == ch.Chosen })]
	if wire.IsSealed(chosen.Value) {
		return errSealed
	}
	if !ch.Item.IsNone() {
		return x.edit.Item(ch.Field, ch.Item).Set(ch.Sub, chosen.Value)
	}
	if err := x.edit.Set(ch.Field, chosen.Value); err != nil {
		return err
	}
	return x.group(ch)
}

// versions lists what stands at the choice's place in one state of the record.
func versions(rec *crdt.Record, ch *syncproto.Choice) (live []crdt.Entry, dots []syncproto.Dot) {
	if ch.Item.IsNone() {
		live = rec.Values(ch.Field)
	} else if item := rec.Item(ch.Field, ch.Item); item != nil {
		live = item.Values(ch.Sub)
	}
	for _, e := range live {
		dots = append(dots, e.Dot)
	}
	return live, dots
}

// group takes the other keys of the value from the change that made the chosen
// one: they are never mixed.
func (x *act) group(ch *syncproto.Choice) error {
	for _, other := range x.groupOf(ch) {
		for _, e := range x.edit.Record().Values(other) {
			if e.Dot.Change() == ch.Chosen.Change() && !wire.IsSealed(e.Value) {
				if err := x.edit.Set(other, e.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// groupOf lists the other keys of a value that several make together (LW-group).
func (x *act) groupOf(ch *syncproto.Choice) []string {
	k, ok := x.schema.Kind(x.now.Kind)
	if !ok {
		return nil
	}
	f, ok := k.Field(ch.Field)
	if !ok || !ch.Item.IsNone() {
		return nil
	}
	return slices.DeleteFunc(f.Group(), func(key string) bool { return key == ch.Field })
}
