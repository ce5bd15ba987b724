package simtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
)

// form is a draft that a device has open: a window on a record as it was when
// it was opened, with what was written into it.
type form struct {
	draft  *clientsdk.Draft
	saved  bool
	opened int
	synced int // the device's last whole sync before that
	acts   []history.Act
	kind   string
	// narrows: it says who else may read the record.
	narrows bool
}

func (d *simDevice) form(draft *clientsdk.Draft, kind string) *form {
	return &form{draft: draft, opened: d.s.steps, synced: d.synced, kind: kind}
}

func (f *form) act(a history.Act) { f.acts = append(f.acts, a) }

// token is a word that nobody wrote before.
func (s *sim) token() string {
	s.tokens++
	return fmt.Sprintf("‹%d›", s.tokens)
}

// runes are code points that nobody wrote into this text before.
func (s *sim) runes(n int, text string) string {
	var b strings.Builder
	for range n {
		i := s.alphabet[text]
		s.alphabet[text]++
		switch {
		case i < 20_000:
			b.WriteRune(rune(0x4e00 + i))
		case i < 60_000:
			b.WriteRune(rune(0x20000 + i - 20_000))
		default:
			s.t.Fatalf("text %s has used up its code points", text)
		}
	}
	return b.String()
}

// visit begins a new visit, sometimes a meeting that others may join.
func (d *simDevice) create() *form {
	kind := "ZF"
	if d.s.chance(8) {
		kind = "HY"
	}
	draft, err := d.client.Create(kind)
	must(d.s.t, err)
	village := d.who.place
	if len(village) < syncproto.TownshipDigits {
		village = []string{township, township2}[d.s.rand.IntN(2)]
	}
	village += fmt.Sprint(901 + d.s.rand.IntN(3))
	f := d.form(draft, kind)
	fill := map[string]any{"place_code": village, "owner_unit": d.s.units[village[:syncproto.TownshipDigits]].String(), "visibility": "本级及上级"}
	if kind == "ZF" {
		for k, v := range map[string]any{"visit_type": "企业走访", "visit_mode": "上门", "met": "未遇", "org_name": "船厂", "notice_given": true} {
			fill[k] = v
		}
		d.setText(f, nil, "scene")
		d.setText(f, nil, "situation")
		if d.s.chance(50) {
			d.setText(f, nil, "impression")
		}
		d.setValue(f, nil, "purpose")
	} else {
		fill["meeting_type"], fill["host_id"] = "道地会", d.who.id.String()
		draft.AddItem("attendees", map[string]any{"person": d.who.id.String(), "role": "出席"})
		draft.Log("session_events", map[string]any{"event": "散会", "at": "2026-05-18T16:00:00+08:00"})
		d.addItem(f, "HY", "statements")
	}
	draft.Fill(fill)
	must(d.s.t, draft.Err())
	return f
}

// edit opens a form on a record and writes something into it; nil when the
// device does not show the record.
func (d *simDevice) edit(id syncproto.RecordID) *form {
	v := d.shown(id)
	if v == nil || followed[v.Kind] == nil || v.Status == clientsdk.StatusVoided {
		return nil
	}
	draft, err := d.client.Edit(id)
	must(d.s.t, err)
	f := d.form(draft, v.Kind)
	for range 1 + d.s.rand.IntN(3) {
		d.someAct(f, v)
	}
	must(d.s.t, draft.Err())
	if len(f.acts) == 0 {
		return nil
	}
	return f
}

// join opens a form on a meeting by its code, shown here or not.
func (d *simDevice) join(code string) *form {
	draft, err := d.client.Join(code)
	must(d.s.t, err)
	v := d.shown(draft.Record())
	if v != nil && (v.Kind != "HY" || v.Status == clientsdk.StatusVoided) {
		return nil
	}
	f := d.form(draft, "HY")
	d.addItem(f, "HY", "statements")
	must(d.s.t, draft.Err())
	return f
}

// someAct writes one thing into the form. Each field is written at most once a
// form: a form has one final content.
func (d *simDevice) someAct(f *form, v *clientsdk.View) {
	all := followed[v.Kind]
	ff := &all[d.s.rand.IntN(len(all))]
	for _, a := range f.acts {
		if field, _, _ := strings.Cut(a.Field, "["); field == ff.key {
			return
		}
	}
	if _, shown := v.Field(ff.key); !shown && ff.class == history.Text && v.Partial {
		return // a text that he is not shown: see blind
	}
	switch ff.class {
	case history.Set:
		d.setValue(f, v, ff.key)
	case history.Text:
		d.setText(f, v, ff.key)
	case history.Add:
		d.changeSet(f, v, ff.key)
	case history.Append:
		w := d.s.token()
		f.draft.Log(ff.key, map[string]any{"leader": d.who.id.String(), "text": w, "at": "2026-05-22T09:00:00+08:00"})
		f.act(history.Act{Kind: history.Append, Field: ff.key, Value: w})
	case history.Insert:
		d.changeList(f, v, ff)
	}
}

func (d *simDevice) setValue(f *form, v *clientsdk.View, field string) {
	w := d.s.token()
	f.draft.Set(field, w)
	a := history.Act{Kind: history.Set, Field: field, Value: w}
	if h := readings(v); h != nil {
		a.Saw = h.Values[field]
	}
	f.act(a)
}

func (d *simDevice) setText(f *form, v *clientsdk.View, field string) {
	var before string
	if h := readings(v); h != nil {
		before = h.Texts[field]
	}
	after := d.rewrite(before, f.draft.Record().String()+field)
	f.draft.Set(field, after)
	f.act(history.Act{Kind: history.Text, Field: field, Before: before, After: after})
}

// rewrite changes a text in one place or in two that lie apart.
func (d *simDevice) rewrite(text, name string) string {
	r := []rune(text)
	at := d.s.rand.IntN(len(r) + 1)
	gone := 0
	if d.s.chance(40) {
		gone = min(d.s.rand.IntN(5), len(r)-at)
	}
	out := string(r[:at]) + d.s.runes(1+d.s.rand.IntN(5), name)
	rest := r[at+gone:]
	if len(rest) > 16 && d.s.chance(20) { // far enough that what lies between is kept as it is
		return out + string(rest[:10]) + d.s.runes(2, name) + string(rest[10:])
	}
	return out + string(rest)
}

func (d *simDevice) changeSet(f *form, v *clientsdk.View, field string) {
	have := readings(v).Sets[field]
	if len(have) > 0 && d.s.chance(40) {
		w := have[d.s.rand.IntN(len(have))]
		f.draft.Remove(field, w)
		f.act(history.Act{Kind: history.Remove, Field: field, Value: w})
	}
	w := d.s.token()
	f.draft.Add(field, w)
	f.act(history.Act{Kind: history.Add, Field: field, Value: w})
}

// changeList adds an item, changes one or strikes one out.
func (d *simDevice) changeList(f *form, v *clientsdk.View, ff *followedField) {
	field, _ := v.Field(ff.key)
	items := asSlice(field.Value)
	if len(items) == 0 || d.s.chance(40) {
		if _, shown := v.Field(ff.key); shown || !v.Partial {
			d.addItem(f, v.Kind, ff.key)
		}
		return
	}
	it := items[d.s.rand.IntN(len(items))]
	ref, name := clientsdk.ItemRef(member(it, "id")), member(it, ff.name)
	if name == "" {
		return
	}
	at := itemField(ff.key, name, ff.sub)
	h := readings(v)
	switch {
	case d.s.chance(20):
		f.draft.RemoveItem(ff.key, ref)
		f.act(history.Act{Kind: history.Strike, Field: ff.key, Value: name})
	case ff.subClass == history.Text:
		a := history.Act{Kind: history.Text, Field: at, Before: h.Texts[at]}
		a.After = d.rewrite(a.Before, f.draft.Record().String()+at)
		f.draft.SetItem(ff.key, ref, map[string]any{ff.sub: a.After})
		f.act(a)
	default:
		w := d.s.token()
		f.draft.SetItem(ff.key, ref, map[string]any{ff.sub: w})
		f.act(history.Act{Kind: history.Set, Field: at, Value: w, Saw: h.Values[at]})
	}
}

func (d *simDevice) addItem(f *form, kind, list string) {
	ff, _ := followedOf(kind, list)
	name := d.s.token()
	at := itemField(list, name, ff.sub)
	values := map[string]any{ff.name: name}
	f.act(history.Act{Kind: history.Insert, Field: list, Value: name})
	if ff.subClass == history.Text {
		values[ff.sub], values["mode"] = d.s.runes(4, f.draft.Record().String()+at), "原话"
		f.act(history.Act{Kind: history.Text, Field: at, After: values[ff.sub].(string)})
	} else {
		values[ff.sub] = d.s.token()
		f.act(history.Act{Kind: history.Set, Field: at, Value: values[ff.sub].(string)})
	}
	f.draft.AddItem(list, values)
}

// control opens a form that changes who may read the record.
func (d *simDevice) control(id syncproto.RecordID) *form {
	v := d.shown(id)
	if v == nil || followed[v.Kind] == nil || v.Status == clientsdk.StatusVoided {
		return nil
	}
	draft, err := d.client.Edit(id)
	must(d.s.t, err)
	f := d.form(draft, v.Kind)
	f.narrows = true
	switch n := d.s.rand.IntN(3); {
	case n == 0 && d == d.s.office: // one hand moves records: a place in conflict is another story
		draft.Set("place_code", []string{township, township2}[d.s.rand.IntN(2)]+"901")
	case n == 1 && v.Kind == "ZF":
		draft.Set("scene.personal", d.s.chance(70))
	default:
		draft.Set("visibility", []string{"本人", "限定人员", "本级", "本级及上级", "本级及上级"}[d.s.rand.IntN(5)])
	}
	must(d.s.t, draft.Err())
	return f
}

// submit makes one change of forms that the device has open.
func (d *simDevice) submit(forms ...*form) {
	var drafts []*clientsdk.Draft
	share := d.s.chance(60)
	for _, f := range forms {
		drafts = append(drafts, f.draft)
		share = share && f.kind == "HY"
	}
	var err error
	if !share {
		err = d.client.Submit(context.Background(), drafts...)
	}
	// A meeting that is known by its code alone cannot be submitted yet.
	var incomplete *clientsdk.IncompleteError
	if share || errors.As(err, &incomplete) && incomplete.Kind == "HY" {
		err = d.client.Share(context.Background(), drafts...)
	}
	switch {
	case err == nil:
		d.s.saves++
		for _, f := range forms {
			d.wrote(d.s.saves, f.draft.Record(), f)
			d.s.know(f.draft.Record(), f.kind)
		}
	case errors.Is(err, localstore.ErrFull), errors.Is(err, errKilled), errors.Is(err, clientsdk.ErrNeedsNewID):
		d.forms = append(d.forms, forms...) // the person tries again later
	case errors.Is(err, clientsdk.ErrUnchanged):
	default:
		d.s.t.Fatalf("seed %d step %d: device %s: submit: %v", d.s.seed, d.s.steps, d.name, err)
	}
}

// void voids a record that its recorder wrote.
func (d *simDevice) void(id syncproto.RecordID) {
	v := d.shown(id)
	if v == nil || followed[v.Kind] == nil || v.Status != clientsdk.StatusSubmitted || v.Value("recorder_id") != d.who.id.String() {
		return
	}
	w := d.s.token()
	f := d.form(nil, v.Kind)
	f.acts = []history.Act{{Kind: history.Void, Value: w}}
	if err := d.client.Void(context.Background(), id, w); err == nil {
		d.s.saves++
		d.wrote(d.s.saves, id, f)
	}
}
