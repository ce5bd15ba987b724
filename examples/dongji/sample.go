package main

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
)

// The sample island: every person, boat and village in it is invented.
//
//go:embed dongji.yaml
var sampleFile []byte

// row is one object of the sample, keyed as the schema names its fields.
type row = map[string]any

// sample is the part of the file that the story plays.
type sample struct {
	Places            []row `yaml:"places"`
	Units             []row `yaml:"units"`
	People            []row `yaml:"people"`
	Devices           []row `yaml:"devices"`
	Delegations       []row `yaml:"delegations"`
	Boats             []row `yaml:"boats"`
	Households        []row `yaml:"households"`
	HouseholdDefaults row   `yaml:"household_defaults"`
	Assignments       []row `yaml:"assignments"`
	AssignmentDefault row   `yaml:"assignment_defaults"`
	Stationings       []row `yaml:"stationings"`
	Plans             []row `yaml:"plans"`
	Visits            []row `yaml:"visits"`
	Meetings          []row `yaml:"meetings"`
	Demands           []row `yaml:"demands"`
	Promises          []row `yaml:"promises"`
	Logs              []row `yaml:"logs"`
	Notes             []row `yaml:"field_notes"`
	Experiences       []row `yaml:"experiences"`
	Golden            struct {
		ByOccurrence []string `yaml:"timeline_by_occurrence"`
		ByArrival    []string `yaml:"timeline_by_arrival"`
		// Demands lists demands by state, Promises the state of each promise.
		Demands  map[string][]string `yaml:"demand_states"`
		Promises map[string]string   `yaml:"promise_states"`
	} `yaml:"golden_figures"`
}

func loadSample() (*sample, error) {
	var s sample
	if err := yaml.Unmarshal(sampleFile, &s); err != nil {
		return nil, fmt.Errorf("sample island: %w", err)
	}
	return &s, nil
}

func text(r row, key string) string {
	s, _ := r[key].(string)
	return s
}

// list reads a YAML list as is.
func list(r row, key string) []any {
	l, _ := r[key].([]any)
	return l
}

func sub(v any) row {
	m, _ := v.(map[string]any)
	return m
}

// ref turns the sample's short id into a placeholder that is replaced by the
// record's id when the save is played.
func ref(id any) any {
	if s, ok := id.(string); ok && s != "" {
		return "@" + s
	}
	return nil
}

func refs(l []any) []any {
	out := make([]any, 0, len(l))
	for _, id := range l {
		out = append(out, ref(id))
	}
	return out
}

// zoned writes a time of the sample, which is local, with its zone; a date
// stays a date.
func zoned(v any) any {
	s, ok := v.(string)
	if ok && len(s) == len("2006-01-02T15:04") && s[10] == 'T' {
		return s + "+08:00"
	}
	return v
}
