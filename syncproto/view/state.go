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
	State   string // after it
	Mark    string
}

// Progress is the state of a record that its events give.
type Progress struct {
	State  string
	Mark   string
	Events []Event
	Facts  map[string]any // last accepted value of each sub-field of the events: outcome, due_on …
}

// Run plays a record's events through its kind's table of states. facts
// answers what the conditions ask beside the entry (names with @); nil knows
// nothing. Entries that do not fit stay in the list, not in force.
func Run(m *schema.Machine, rec *crdt.Record, facts schema.Getter) Progress {
	p := Progress{Facts: map[string]any{}}
	for _, e := range rec.Log(m.Events) {
		entry, _ := Plain(e.Value).(map[string]any)
		name, _ := entry["event"].(string)
		ev := Event{Stamp: e.Stamp, Name: name, Entry: entry}
		get := func(key string) (any, bool) {
			if v, ok := entry[key]; ok {
				return v, true
			}
			if v, ok := p.Facts[key]; ok {
				return v, true
			}
			if facts != nil {
				return facts(key)
			}
			return nil, false
		}
		if t, ok := m.Step(p.State, name, get); ok {
			ev.InForce = true
			if t.To != "" {
				p.State = t.To
			}
			p.Mark, ev.Mark = t.Mark, t.Mark
			for k, v := range entry {
				p.Facts[k] = v
			}
		}
		ev.State = p.State
		p.Events = append(p.Events, ev)
	}
	if s := m.Rule(func(key string) (any, bool) {
		if facts != nil {
			return facts(key)
		}
		return nil, false
	}); s != "" {
		p.State = s
	}
	return p
}
