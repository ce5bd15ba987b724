package reading

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
)

// maxHistory bounds how many changes one page lists.
const maxHistory = 200

// longReplay is from when on replays wait for each other: a record that was
// changed so often costs a noticeable part of a second each time.
const longReplay = 2_000

// change is one joined part as one viewer may know of it.
type change struct {
	header   syncproto.Header
	received int64
	// hidden is set when the viewer could not have read the record then, or
	// may not now: he is told that there was a change and nothing of it.
	hidden  bool
	what    string
	touched []touch
}

func (c *change) id() syncproto.ChangeID {
	return syncproto.ChangeID{Replica: c.header.Replica, Seq: c.header.Seq}
}

// touch is one field that a change wrote, with the words of a value that it
// took away and of the one it left. A field that the viewer may not read, now
// or as it was then, has only its class.
type touch struct {
	field    string
	masked   syncproto.Audience
	old, new string
}

// replay joins a record's history again for one viewer.
type replay struct {
	g        *Reading
	l        *loaded // the record as it stands now, with what the viewer reads of it now
	viewer   *authz.Viewer
	from, to int // the steps to tell of; the replay ends before to

	changes []change
	live    map[textAt]liveValues // of values, after the last change
	origins origins

	// as of a change: the state that it led to, and for whom fields were at any
	// time since.
	then  *crdt.Record
	since map[textAt]syncproto.Audience
}

// liveValues are the values of a field after a change that set it. told says
// that the viewer could read them then: of others no later line may speak.
type liveValues struct {
	entries []crdt.Entry
	told    bool
}

// replayed fills in the history of a record, up to the step before to (of all
// its steps), and returns the state it leads to. What cannot be joined again
// leaves the page without a history, never without the record.
func (g *Reading) replayed(ctx context.Context, r store.Reader, v *authz.Viewer, l *loaded, to int) (*crdt.Record, error) {
	if l.head.Steps > longReplay {
		g.long.Lock()
		defer g.long.Unlock()
	}
	p := &replay{g: g, l: l, viewer: v, from: max(0, to-maxHistory), to: to, live: map[textAt]liveValues{}, origins: origins{}, since: map[textAt]syncproto.Audience{}}
	rec, err := records.Replay(ctx, r, l.rec.ID, p.visit)
	if p.then != nil {
		rec = p.then
	}
	l.history, l.origins, l.earlier, l.since = p.changes, p.origins, p.from > 0, p.since
	return rec, err
}

func (p *replay) visit(n int, j *records.Joined, rec *crdt.Record) (bool, error) {
	if n >= p.to {
		p.narrowed(j, rec)
		return true, nil
	}
	if err := p.tellOf(n, j, rec); err != nil {
		return false, err
	}
	if n+1 == p.to {
		p.then = rec.Clone() // the rest only tells what was hidden since
	}
	return true, nil
}

// narrowed notes whom a field is for after a change that may have flagged it:
// what was hidden once is not open in what stood before, though it may be open
// again since its words are others.
func (p *replay) narrowed(j *records.Joined, rec *crdt.Record) {
	for i := range j.Content.Ops {
		op := &j.Content.Ops[i]
		if op.Kind != syncproto.OpSet {
			continue
		}
		if item := rec.Item(op.Field, op.Item); item != nil {
			for _, f := range item.Fields() {
				p.since[textAt{op.Field, op.Item, f.Name}] |= view.ClassOf(p.l.schema, rec, op.Field, op.Item, f.Name)
			}
		}
		if field, ok := strings.CutSuffix(op.Field, ".personal"); ok {
			p.since[textAt{field: field}] |= view.ClassOf(p.l.schema, rec, field, syncproto.ElemID{}, "")
		}
	}
}

// tellOf takes one change into the history.
func (p *replay) tellOf(n int, j *records.Joined, rec *crdt.Record) error {
	for i := range j.Content.Ops {
		if op := &j.Content.Ops[i]; op.Kind == syncproto.OpText {
			if err := p.origins.note(op, &j.Header); err != nil {
				return err
			}
		}
	}
	if n < p.from {
		p.remember(j, rec, syncproto.ForNobody)
		return nil
	}
	c := change{header: j.Header, received: j.Received}
	facts := p.g.Directory.Facts(rec)
	classes := p.l.classes & p.viewer.Reads(&facts)
	c.what, c.hidden = p.whatOf(n == 0, j, rec), classes == syncproto.ForNobody
	if n > 0 && !c.hidden {
		c.touched = p.touched(j, rec, classes)
	}
	p.remember(j, rec, classes)
	p.changes = append(p.changes, c)
	return nil
}

// remember keeps the live values of the fields that a change set, so that the
// next can tell what it replaced.
func (p *replay) remember(j *records.Joined, rec *crdt.Record, classes syncproto.Audience) {
	for i := range j.Content.Ops {
		if op := &j.Content.Ops[i]; op.Kind == syncproto.OpSet {
			told := classes != syncproto.ForNobody && classes.Has(p.class(rec, op))
			p.live[placeOf(op)] = liveValues{valuesAt(rec, op), told}
		}
	}
}

func placeOf(op *syncproto.Op) textAt { return textAt{op.Field, op.Item, op.Sub} }

// valuesAt lists what is live where an op wrote.
func valuesAt(rec *crdt.Record, op *syncproto.Op) []crdt.Entry {
	if op.Item.IsNone() {
		return rec.Values(op.Field)
	}
	if item := rec.Item(op.Field, op.Item); item != nil {
		return item.Values(op.Sub)
	}
	return nil
}

// class is who the field of an op is for: as it was then, and as it is now.
func (p *replay) class(rec *crdt.Record, op *syncproto.Op) syncproto.Audience {
	return view.ClassOf(p.l.schema, rec, op.Field, op.Item, op.Sub) | p.l.class(op.Field, op.Item, op.Sub)
}

func (p *replay) touched(j *records.Joined, rec *crdt.Record, classes syncproto.Audience) (out []touch) {
	for i := range j.Content.Ops {
		op := &j.Content.Ops[i]
		name := op.Field
		if _, ok := view.CorrectedField(name); ok {
			name = view.CorrectionsField
		}
		known := slices.ContainsFunc(out, func(t touch) bool { return t.field == name })
		if op.Field == "" || op.Field == seal.KeysField || hiddenField(op.Field) || known {
			continue
		}
		t := touch{field: name}
		if class := p.class(rec, op); !classes.Has(class) {
			t.masked = class
		} else {
			p.tell(&t, op, rec)
		}
		out = append(out, t)
	}
	return out
}

// tell puts into words what an op did, as far as a line can hold it.
func (p *replay) tell(t *touch, op *syncproto.Op, rec *crdt.Record) {
	f := p.l.field(op.Field)
	if f != nil && linked(f) {
		return
	}
	switch {
	case op.Kind == syncproto.OpSet && op.Item.IsNone():
		t.new = p.g.unsealedWords(f, view.Plain(op.Value))
		if was := p.live[placeOf(op)]; was.told {
			t.old = p.g.replacedWords(f, was.entries, rec.Values(op.Field), t.new)
		}
	case op.Kind == syncproto.OpAdd:
		t.new = p.g.unsealedWords(f, view.Plain(op.Value))
	case op.Kind == syncproto.OpLog:
		m, _ := view.Plain(op.Value).(map[string]any)
		for _, key := range []string{"event", "result", "what", "as"} {
			if s, ok := m[key].(string); ok && t.new == "" {
				t.new = s
			}
		}
	}
}

// unsealedWords says a value; of a sensitive one nothing.
func (g *Reading) unsealedWords(f *schema.Field, v any) string {
	if sealedWords(v) != "" {
		return ""
	}
	return g.words(f, v)
}

// replacedWords says the values that were live and are no more, other than the
// one that took their place.
func (g *Reading) replacedWords(f *schema.Field, was, is []crdt.Entry, now string) string {
	var words []string
	for _, e := range was {
		if slices.ContainsFunc(is, func(o crdt.Entry) bool { return o.Dot == e.Dot }) {
			continue
		}
		if s := g.unsealedWords(f, view.Plain(e.Value)); s != "" && s != now && !slices.Contains(words, s) {
			words = append(words, s)
		}
	}
	return strings.Join(words, "；")
}

func (p *replay) whatOf(first bool, j *records.Joined, rec *crdt.Record) string {
	if first {
		return "提交"
	}
	if j.Part == records.StandInPart {
		return "前文缺失：这里的改动没有到"
	}
	if j.Header.Author == view.System {
		return "过了修改时间，不生效"
	}
	for i := range j.Content.Ops {
		switch op := &j.Content.Ops[i]; {
		case op.Kind == syncproto.OpDelete:
			return "作废"
		case op.Kind == syncproto.OpRestore:
			return "恢复"
		case op.Kind == syncproto.OpLog && op.Field == "comments":
			return "阅示"
		case op.Kind == syncproto.OpLog && op.Field == "confirmed":
			return "本人确认"
		case op.Kind == syncproto.OpLog && op.Field == crdt.LostField && j.Replica.IsPen():
			return "声明前文丢失"
		case op.Kind == syncproto.OpSet && (op.Field == "place_code" || op.Field == "recorder_id") && j.Replica.IsPen():
			return "改派"
		case op.Kind == syncproto.OpSet && len(crdt.Distinct(p.live[placeOf(op)].entries)) > 1 && len(valuesAt(rec, op)) == 1:
			return "采用此版本"
		}
	}
	switch {
	case j.Replica.IsPen():
		return "退回" // what a browser does besides: held work is not taken
	case j.Content.Kind != "":
		return "写入同一条记录"
	}
	return "修改"
}

// stepsUntil is how many steps of a record lead to a change, that one included.
func stepsUntil(r store.Reader, id syncproto.RecordID, last syncproto.ChangeID) (int, error) {
	const stride = 1024
	for n := 0; n < records.MaxReplay; n += stride {
		steps, err := records.Steps(r, id, uint32(n), stride)
		if err != nil {
			return 0, err
		}
		for i := range steps {
			if steps[i].Change() == last {
				return n + i + 1, nil
			}
		}
		if len(steps) < stride {
			break
		}
	}
	return 0, errNoChange
}

// cannotReplay reports an error that leaves a record readable without its
// history.
func cannotReplay(err error) bool {
	return errors.Is(err, records.ErrDestroyed) || syncproto.KindOf(err) == syncproto.KindTooLarge
}

// clockWarning is the distance from which a clock is said to be wrong.
const clockWarning = 5 * time.Minute

func (g *Reading) historyEntry(l *loaded, c *change) web.HistoryEntry {
	_, device := g.Devices.DeviceName(c.header.Replica)
	out := web.HistoryEntry{Received: time.UnixMilli(c.received).In(timeline.Zone), Written: time.UnixMilli(c.header.Wall).In(timeline.Zone),
		By: g.person(c.header.Author), Device: device, What: c.what}
	if c.header.Author == view.System {
		out.Device = ""
	}
	if c.header.Replica.IsPen() {
		out.Written = time.Time{} // the server's own clock: the same moment twice
	}
	if d := time.Duration(c.header.Offset) * time.Millisecond; d > clockWarning || d < -clockWarning {
		out.Clock = "设备时间可能不准"
	}
	if !out.Written.IsZero() && out.Received.Sub(out.Written) > lateAfter {
		out.How = "回港补传"
	}
	if c.hidden {
		out.What = "改过，那时的内容不归您看"
		return out
	}
	out.Change = c.id()
	for _, t := range c.touched {
		step := web.Step{Label: t.field, Old: t.old, New: t.new}
		if f := l.field(t.field); f != nil {
			step.Label = f.Zh
		}
		if t.masked != 0 {
			step.Masked = maskedWords(t.masked)
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}
