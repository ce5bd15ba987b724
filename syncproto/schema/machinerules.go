package schema

import (
	"fmt"
	"slices"
)

func (s *Schema) checkMachine(m *Machine) error {
	k, ok := s.Kinds[m.Kind]
	if !ok {
		return fmt.Errorf("no such kind")
	}
	log, okLog := k.Field(m.Events)
	state, okState := k.Field(m.State)
	if !okLog || !okState || log.MergeClass() != ClassLog || state.From != m.Events {
		return fmt.Errorf("%q is no log, or %q is not computed from it", m.Events, m.State)
	}
	event, ok := log.Item("event")
	if !ok {
		return fmt.Errorf("entries of %s have no event", m.Events)
	}
	inEntry := func(name string) bool { _, ok := log.Item(name); return ok }
	for i, t := range m.Transitions {
		if err := s.checkTransition(k, &t, event, state, inEntry); err != nil {
			return fmt.Errorf("row %d, %s: %w", i+1, t.Event, err)
		}
	}
	for i, r := range m.Rules {
		if !state.hasValue(r.State) {
			return fmt.Errorf("rule %d: %q is no state", i+1, r.State)
		}
		if err := knownNames(r.When, inEntry); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Schema) checkTransition(k *Kind, t *Transition, event, state *Field, inEntry func(string) bool) error {
	if !event.hasValue(t.Event) {
		return fmt.Errorf("no such event")
	}
	for _, name := range append(slices.Clone(t.From), t.To) {
		if name != "" && !state.hasValue(name) {
			return fmt.Errorf("%q is no state", name)
		}
	}
	for _, w := range t.Who {
		if !slices.ContainsFunc(s.Writers, func(x Writer) bool { return x.ID == w }) {
			return fmt.Errorf("nobody is called %q among the writers", w)
		}
	}
	for _, name := range t.Needs {
		if !inEntry(name) {
			return fmt.Errorf("entries have no %q", name)
		}
	}
	for _, name := range t.RecordNeeds {
		if _, ok := k.Field(name); !ok {
			return fmt.Errorf("no field %q", name)
		}
	}
	return knownNames(t.When, inEntry)
}
