package main

import (
	"fmt"
	"strings"

	"github.com/chuantou/chuantou/syncproto/schema"
)

func (a *app) kinds(args []string) error {
	s := a.client.Schema()
	switch len(args) {
	case 0:
		var rows [][]string
		for _, id := range s.KindIDs() {
			rows = append(rows, []string{id, s.Kinds[id].Zh, s.Kinds[id].En})
		}
		if a.json {
			return a.printJSON(map[string]any{"kinds": rows})
		}
		a.table([]string{"KIND", "", ""}, rows)
		return nil
	case 1:
		return a.kindFields(s, args[0])
	}
	return errUsage
}

func (a *app) kindFields(s *schema.Schema, id string) error {
	k, ok := s.Kind(id)
	if !ok {
		return fmt.Errorf("there is no kind %q: see chuantou-device kinds", id)
	}
	var rows [][]string
	for _, f := range k.Fields {
		if f.MergeClass() == schema.ClassNone || f.Companion() {
			continue
		}
		required := map[schema.Required]string{schema.Always: "●", schema.When: "◐"}[f.Required]
		var values []string
		for _, v := range f.Values {
			values = append(values, v.V)
		}
		for _, sub := range f.Items {
			values = append(values, sub.Key)
		}
		rows = append(rows, []string{required, f.Key, f.Zh, string(f.Type), f.MergeClass().String(), strings.Join(values, " / ")})
	}
	if a.json {
		return a.printJSON(map[string]any{"kind": id, "fields": rows})
	}
	a.table([]string{"", "FIELD", "", "type", "class", "values or sub-fields"}, rows)
	return nil
}
