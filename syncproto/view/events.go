package view

import (
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// Event is one entry of a log of events, and whether it took effect.
type Event struct {
	crdt.Stamp
	Name    string
	Entry   map[string]any
	InForce bool   // false: 未生效, kept in the history
	Why     string // why it is not in force, in words
	State   string // after it
	Mark    string
}

// Progress is the state of a record that its events give.
type Progress struct {
	State  string
	Mark   string // shown beside the state: 重办, 已变更
	Events []Event
	Facts  map[string]any // last accepted value of each sub-field of the events: outcome, due_on …
}

// run plays entries through a table of states, in their order. facts answers
// what the conditions ask beside the entry (names with @), given what was
// played so far and the entry, nil for the rules at the end. Entries that do
// not fit, or are named in refused, stay in the list, not in force.
func run(m *schema.Machine, entries, refused []crdt.LogEntry, facts func(p *Progress, e *crdt.LogEntry, name string) (any, bool)) Progress {
	p := Progress{Facts: map[string]any{}}
	for i := range entries {
		p.play(m, &entries[i], isRefused(refused, entries[i].Dot.Change()), facts)
	}
	if s := m.Rule(func(name string) (any, bool) { return facts(&p, nil, name) }); s != "" {
		p.State = s
	}
	return p
}

func (p *Progress) play(m *schema.Machine, e *crdt.LogEntry, refused bool, facts func(*Progress, *crdt.LogEntry, string) (any, bool)) {
	entry, _ := Plain(e.Value).(map[string]any)
	ev := Event{Stamp: e.Stamp, Entry: entry}
	ev.Name, _ = entry["event"].(string)
	t, ok := m.Step(p.State, ev.Name, func(name string) (any, bool) {
		if v, ok := entry[name]; ok {
			return v, true
		}
		return facts(p, e, name)
	})
	switch {
	case refused:
		ev.Why = "管理员没有采纳"
	case ok:
		ev.InForce, ev.Mark = true, t.Mark
		if t.Mark != "" || t.To != "" && t.To != p.State {
			p.Mark = t.Mark
		}
		if t.To != "" {
			p.State = t.To
		}
		for k, v := range entry {
			p.Facts[k] = v
		}
	default:
		ev.Why = misfit(m, p.State, ev.Name)
	}
	ev.State = p.State
	p.Events = append(p.Events, ev)
}

// misfit says why an event is not in force.
func misfit(m *schema.Machine, state, event string) string {
	known := false
	for _, t := range m.Transitions {
		if t.Event != event {
			continue
		}
		known = true
		for _, from := range t.From {
			if from == state {
				return "当时是“" + state + "”，条件还不够"
			}
		}
	}
	switch {
	case !known:
		return "没有这个环节"
	case state == "" || len(m.Rules) > 0:
		return "条件还不够"
	}
	return "当时已是“" + state + "”"
}
