package view

import (
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// Zone is the time zone of every date: +08:00 without daylight saving.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Progress is the state that the record's events give it; ok is false for a
// kind without a table of states.
func (l *Look) Progress() (Progress, bool) {
	m, ok := l.Schema.Machine(l.Record.Kind)
	if !ok {
		return Progress{}, false
	}
	return run(m, l.Log(m.Events), l.Log(RefusedField), l.facts), true
}

// facts answers the conditions of the table of states, of one entry while it
// is played and, with e nil, of the rules at the end.
func (l *Look) facts(p *Progress, e *crdt.LogEntry, name string) (any, bool) {
	switch name {
	case "@outcome":
		v, ok := p.Facts["outcome"]
		return v, ok
	case "@redone":
		return slices.ContainsFunc(p.Events, func(e Event) bool { return e.InForce && e.Mark == "重办" }), true
	case "@same_save":
		if n := len(p.Events); e != nil && n > 0 {
			last := p.Events[n-1].Dot
			return last.Replica == e.Dot.Replica && last.Seq == e.Dot.Seq, true
		}
		return false, true
	case "@all_told":
		return l.allTold(e), true
	case "@all_rated":
		return l.allRated(e), true
	case "@confirmed":
		return l.own("recorder_id") || slices.ContainsFunc(p.Events, func(e Event) bool { return e.InForce && e.Name == "确认" }), true
	case "@by_promiser":
		return e != nil && AsRef(plainOf(l.Record, "promiser_id")) == e.Author, true
	case "@last_outcome", "@on_time":
		return l.outcome(p, name)
	case "@days_left":
		due, okDue := day(l.due(p))
		today, okToday := day(l.Today)
		return int64(due.Sub(today) / (24 * time.Hour)), okDue && okToday
	}
	return nil, false
}

// own reports whether the promiser stands in a field too: what he typed
// himself he need not confirm.
func (l *Look) own(field string) bool {
	who := AsRef(plainOf(l.Record, "promiser_id"))
	return !who.IsZero() && who == AsRef(plainOf(l.Record, field))
}

// outcome finds the last 已兑现 or 无法兑现, and whether it was in time. The
// judged time is the claimed one, which the device corrected by its clock's
// distance to the server's.
func (l *Look) outcome(p *Progress, name string) (any, bool) {
	for i := len(p.Events) - 1; i >= 0; i-- {
		e := &p.Events[i]
		if !e.InForce || e.Name != "已兑现" && e.Name != "无法兑现" {
			continue
		}
		if name == "@last_outcome" {
			return e.Name, true
		}
		return time.UnixMilli(e.Wall).In(Zone).Format(time.DateOnly) <= l.due(p), true
	}
	return nil, false
}

// due is the date in force: that of the last event that gave one, else the field's.
func (l *Look) due(p *Progress) string {
	s, ok := p.Facts["due_on"].(string)
	if !ok {
		s, _ = plainOf(l.Record, "due_on").(string)
	}
	return s
}

func day(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

func plainOf(r Values, name string) any {
	e, ok := r.Value(name)
	if !ok {
		return nil
	}
	return Plain(e.Value)
}

// told lists the feedback entries that an event can rest on: those before it,
// and those of its own save. Counts of one record order its logs against each
// other.
func (l *Look) told(e *crdt.LogEntry) (out []map[string]any) {
	for _, f := range InForce(l.Record, l.Log("feedback")) {
		if e != nil && f.Lamport > e.Lamport && (f.Dot.Replica != e.Dot.Replica || f.Dot.Seq != e.Dot.Seq) {
			continue
		}
		if m, ok := Plain(f.Value).(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// allTold reports whether every named 反映人 has a feedback entry; 匿名 is told
// in public. Who may not read their names takes the writer's word for it.
func (l *Look) allTold(e *crdt.LogEntry) bool {
	raised := l.Set("raised_by")
	if len(raised) == 0 && l.Partial {
		return true
	}
	told := l.told(e)
	for _, m := range raised {
		who := Plain(m.Value)
		name, _ := who.(string)
		anonymous := strings.HasPrefix(name, "匿名")
		if !slices.ContainsFunc(told, func(f map[string]any) bool {
			return anonymous && (f["mode"] == "张贴" || f["mode"] == "会上") || sameWho(f["to"], who)
		}) {
			return false
		}
	}
	return len(told) > 0
}

func sameWho(a, b any) bool {
	if x, y := AsRef(a), AsRef(b); !x.IsZero() || !y.IsZero() {
		return x == y
	}
	return a != nil && a == b
}

// allRated reports whether everybody who was told is rated, or 未评价 with a
// reason: the last word of each counts.
func (l *Look) allRated(e *crdt.LogEntry) bool {
	told := l.told(e)
	last := map[any]map[string]any{}
	for _, f := range told {
		who := f["to"]
		if id := AsRef(who); !id.IsZero() {
			who = id
		} else if _, ok := who.(string); !ok {
			who = ""
		}
		last[who] = f
	}
	for _, f := range last {
		rating, _ := f["rating"].(string)
		if rating == "" || rating == "未评价" && schema.Empty(f["reason"]) && !l.Partial {
			return false
		}
	}
	return len(told) > 0 || l.Partial
}

// Computed is the value of a field that events give (EV), nil for none: the
// state of the table of states, the last accepted entry's word for outcome, due
// date and the like, the last entry of a log of values, the state of a plan.
func (l *Look) Computed(f *schema.Field) any {
	if f.Merge.Code != schema.EV || f.Meta {
		return nil
	}
	if f.Key == "plan_state" {
		return l.planState()
	}
	if f.From == f.Key {
		entries := InForce(l.Record, l.Record.Log(f.Key))
		if len(entries) == 0 {
			return nil
		}
		return Plain(entries[len(entries)-1].Value)
	}
	p, ok := l.Progress()
	m, _ := l.Schema.Machine(l.Record.Kind)
	switch {
	case !ok || f.From != m.Events:
		return nil
	case f.Key != m.State:
		return p.Facts[f.Key]
	case p.State == "":
		return nil
	}
	return p.State
}

// presences are the changes of a household that say where a member is.
var presences = map[string]string{"死亡": "死亡", "迁出": "迁出", "外出": "外出", "返回": "在家", "出生": "在家"}

// Presence is where a household's member is, by the last of the household's
// changes that names him.
func (l *Look) Presence(member syncproto.ElemID) string {
	out := "在家"
	for _, e := range InForce(l.Record, l.Log("changes")) {
		m, _ := Plain(e.Value).(map[string]any)
		what, _ := m["what"].(string)
		if at, ok := presences[what]; ok && m["member"] == member.String() {
			out = at
		}
	}
	return out
}

// EntryNote says what there is to say of one entry of a log: that it is 未生效
// and why, or what became of what a signature covers; "" for nothing.
func (l *Look) EntryNote(field string, at syncproto.Dot) string {
	if m, ok := l.Schema.Machine(l.Record.Kind); ok && m.Events == field {
		p, _ := l.Progress()
		for _, e := range p.Events {
			if e.Dot == at && !e.InForce {
				return "未生效：" + e.Why
			}
		}
		return ""
	}
	if f := l.def(field); f != nil && f.Merge.Code == schema.SG {
		s, _ := l.SignatureOf(field, at)
		return s.Label()
	}
	return ""
}
