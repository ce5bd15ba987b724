package reading

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// undecided is the block of a record that waits with others of its household
// for an administrator: what each of them says, who wrote it and when. The
// household's file is not opened by it.
func (g *Reading) undecided(l *loaded) []web.Clash {
	if !l.look.Undecided() {
		return nil
	}
	out := web.Clash{Field: "household_id", Label: g.kindLabel(l.rec.Kind), Kind: web.ToDecide}
	field := "cadre_id"
	if l.rec.Kind == "FA" {
		field, out.Note = "year", "这一户这一年有几份方案，都等审核；由管理员选一份，或者并成一份。"
	} else if duty := l.look.Duty(); duty.Holder != nil {
		out.Note = "定下来以前，仍由" + g.person(duty.Holder.Cadre).Name + "负责，要求和期限不变；新写的几个人还看不到这户的档案。"
	} else {
		out.Note = "定下来以前，谁也不算责任人，也看不到这户的档案。"
	}
	for _, rec := range append([]*crdt.Record{l.rec}, l.look.Siblings...) {
		other := view.Of(l.schema, rec, l.look.Today)
		other.Siblings = append(slices.Clone(l.look.Siblings), l.rec)
		other.Siblings = slices.DeleteFunc(other.Siblings, func(o *crdt.Record) bool { return o == rec })
		if shown := other.Field(field); other.Undecided() && len(shown.All) > 0 {
			out.Values = append(out.Values, g.version(l, l.field(field), shown.All[0]))
		}
	}
	return []web.Clash{out}
}

// readable lists the clashes that the viewer may read.
func (g *Reading) readable(l *loaded) []view.Clash {
	return slices.DeleteFunc(l.look.Clashes(), func(c view.Clash) bool {
		return !l.classes.Has(l.class(c.Field, c.Item, c.Sub))
	})
}

// clashes lists the fields with several values that the viewer may read, with
// what he needs to choose one where he may.
func (g *Reading) clashes(l *loaded, decides bool) (out []web.Clash) {
	for _, c := range g.readable(l) {
		out = append(out, g.clash(l, &c, decides))
	}
	return out
}

func (g *Reading) clash(l *loaded, c *view.Clash, decides bool) web.Clash {
	out := web.Clash{Field: c.Field, Item: c.Item, Sub: c.Sub, Label: c.Field, Kind: clashKind(c.Chip), Choose: decides}
	if f := l.field(c.Field); f != nil {
		out.Label = f.Zh
	}
	if !c.Item.IsNone() && c.Def != nil {
		out.Label += "·" + c.Def.Zh
	}
	for _, v := range c.All {
		w := g.version(l, c.Def, v)
		out.Values = append(out.Values, w)
		// What is not shown here, or stands in another record, cannot be chosen here.
		out.Choose = out.Choose && w.Masked == "" && v.Raw != nil && v.Record == l.rec.ID
	}
	if !out.Choose && l.now == nil {
		out.Who = whoChooses(decides)
	}
	return out
}

// whoChooses says how a clash is settled that the viewer cannot settle here.
func whoChooses(decides bool) string {
	if decides {
		return "网页上不显示的内容，请在手机上定。"
	}
	return "要定下来，请写的人在手机上选，或者请分管领导、管理员在网页上选。"
}

func clashKind(chip string) web.ClashKind {
	switch chip {
	case view.ChipVerify:
		return web.ToVerify
	case view.ChipDecide:
		return web.ToDecide
	}
	return web.Differs
}

func (g *Reading) version(l *loaded, f *schema.Field, v view.Version) web.Version {
	_, device := g.Devices.DeviceName(v.Dot.Replica)
	out := web.Version{By: g.person(v.Author), Device: device, Written: time.UnixMilli(v.Wall).In(timeline.Zone), Shown: v.Shown, Dot: v.Dot}
	if masked := sealedWords(v.Value); masked != "" {
		out.Masked = masked
	} else {
		out.Value = g.words(f, v.Value)
	}
	for i := range l.history {
		if l.history[i].id() == v.Dot.Change() {
			out.Received = time.UnixMilli(l.history[i].received).In(timeline.Zone)
		}
	}
	return out
}
