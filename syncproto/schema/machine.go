package schema

// Machine says which states a kind goes through and which entries of its log
// of events move it. A kind without Rules is in the state that the last
// accepted entry led to; with Rules it is in the first state whose condition
// holds, and its transitions only say who may write which entry.
type Machine struct {
	Kind        string
	Events      string // the log field; its entries have a sub-field event
	State       string // the computed field; its values are the states
	Transitions []Transition
	Rules       []Rule
}

// Transition is one row of the table of states. The first row of the event
// that fits the state and whose condition holds is the one taken; an entry
// that fits none stays in the history as 未生效.
type Transition struct {
	From        []string // states it may start in; empty: the record's first entry, or any state of a machine with Rules
	Event       string
	When        *Cond    // on the entry's sub-fields and on facts
	To          string   // "": the state stays
	Mark        string   // shown beside the state
	Who         []string // ids of Schema.Writers
	Needs       []string // sub-fields of the entry that must be filled
	RecordNeeds []string // fields of the record that must be filled
	Offline     bool     // counts when received; else it takes effect when the server accepts it
	Note        string
}

// Rule gives a state while its condition holds.
type Rule struct {
	State string
	When  *Cond
}

// Step finds the transition that an event makes from a state; "" is the state
// before the first entry.
func (m *Machine) Step(state, event string, get Getter) (*Transition, bool) {
	for i := range m.Transitions {
		t := &m.Transitions[i]
		if t.Event == event && t.startsIn(state, len(m.Rules) > 0) && t.When.Holds(get) {
			return t, true
		}
	}
	return nil, false
}

func (t *Transition) startsIn(state string, anywhere bool) bool {
	if len(t.From) == 0 {
		return anywhere || state == ""
	}
	for _, s := range t.From {
		if s == state {
			return true
		}
	}
	return false
}

// Rule finds the state that the rules give; "" when the machine has none.
func (m *Machine) Rule(get Getter) string {
	for _, r := range m.Rules {
		if r.When.Holds(get) {
			return r.State
		}
	}
	return ""
}
