package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Facts are the names, beginning with @, that a condition may use beside the
// fields of the record. The caller's get function answers them where it can.
var Facts = map[string]string{
	"@step":              "what is being done to the record: 梳理, 分办, 改派, 接办, 办结, 完成, 审核, 执行, 归档",
	"@alone":             "the record was made alone, not from a visit or meeting",
	"@new_person":        "a person met has not been told yet what the data is for",
	"@sailing_stopped":   "the route is in a 停航 period",
	"@household_visited": "a household was visited, whatever the type",
	"@self_responsible":  "the writer is the household's responsible cadre",
	"@today":             "the date, as 2026-05-18",
	"@same_save":         "the entry before stands in the same save",
	"@all_told":          "every named 反映人 has a feedback entry",
	"@all_rated":         "every feedback is rated, or 未评价 with a reason",
	"@outcome":           "the outcome in force",
	"@redone":            "the demand was done again once already",
	"@by_promiser":       "the entry is the promiser's own",
	"@confirmed":         "the promiser has confirmed",
	"@last_outcome":      "the last of 已兑现 and 无法兑现 among the events",
	"@on_time":           "kept on or before the due date, by judged time",
	"@days_left":         "days from today to the due date, negative when past",
}

// Getter answers what a field holds, in plain Go values (see Field.Check), or
// what a fact of Facts is. ok is false when it is empty, unknown or hidden.
type Getter func(name string) (value any, ok bool)

// Cond is a condition on the fields of a record; see the package comment. The
// nil Cond always holds.
type Cond struct {
	when, unless []test // each: one of its tests must hold; empty is absent
}

type test []predicate // all must hold, sorted by name

type predicate struct {
	name   string
	kind   predicateKind
	values []any   // in
	number float64 // over, ageUnder
	filled bool    // filled
}

type predicateKind uint8

const (
	isIn predicateKind = iota
	isFilled
	isOver
	isRef
	isAgeUnder
)

// ParseCond reads a condition from JSON.
func ParseCond(b []byte) (*Cond, error) {
	v, err := decodeTree(b, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	return readCond(v, "condition", &err), err
}

func readCond(v any, path string, err *error) *Cond {
	r := newReader(v, path, err)
	c := &Cond{when: r.tests("when"), unless: r.tests("unless")}
	if len(c.when)+len(c.unless) == 0 {
		r.fail("neither when nor unless")
	}
	for name := range r.m {
		if name != "when" && name != "unless" {
			r.fail("%q where only when and unless may stand", name)
		}
	}
	if c.size() > maxConditions {
		r.fail("more than %d tests and values", maxConditions)
	}
	if *err != nil {
		return nil
	}
	return c
}

func (r reader) tests(name string) []test {
	v, ok := r.m[name]
	if !ok {
		return nil
	}
	if m, ok := v.(object); ok {
		v = []any{m}
	}
	a, ok := v.([]any)
	if !ok || len(a) == 0 || len(a) > maxConditions {
		r.fail("%s is neither a test nor a short list of tests", name)
		return nil
	}
	var out []test
	for _, e := range a {
		m, ok := e.(object)
		if !ok || len(m) == 0 || len(m) > maxConditions {
			r.fail("%s: a test is an object of field to predicate", name)
			return nil
		}
		var t test
		for _, field := range slices.Sorted(maps.Keys(m)) {
			t = append(t, r.predicate(field, m[field]))
		}
		out = append(out, t)
	}
	return out
}

func (r reader) predicate(name string, v any) predicate {
	p := predicate{name: name}
	switch v := v.(type) {
	case bool:
		p.kind, p.filled = isFilled, v
		return p
	case []any:
		for _, e := range v {
			switch e.(type) {
			case string, bool, json.Number:
				p.values = append(p.values, plain(e))
			default:
				r.fail("%s: values are texts, numbers, true or false", name)
			}
		}
		if len(v) == 0 {
			r.fail("%s: no values", name)
		}
		return p
	case object:
		if len(v) == 1 {
			for word, arg := range v {
				if r.special(&p, word, arg) {
					return p
				}
			}
		}
	}
	r.fail("%s: not a predicate", name)
	return p
}

func (r reader) special(p *predicate, word string, arg any) bool {
	switch word {
	case "over", "age_under":
		n, ok := arg.(json.Number)
		f, err := n.Float64()
		if !ok || err != nil {
			return false
		}
		p.kind, p.number = isOver, f
		if word == "age_under" {
			p.kind = isAgeUnder
			return f > 0 && f <= 200
		}
		return true
	case "ref":
		p.kind = isRef
		a, ok := arg.([]any)
		for _, e := range a {
			s, isText := e.(string)
			ok = ok && isText
			p.values = append(p.values, s)
		}
		return ok && len(a) > 0
	}
	return false
}

func (c *Cond) size() (n int) {
	for _, t := range append(slices.Clone(c.when), c.unless...) {
		for _, p := range t {
			n += 1 + len(p.values)
		}
	}
	return n
}

// Names lists the fields and facts the condition reads, sorted.
func (c *Cond) Names() []string {
	if c == nil {
		return nil
	}
	var out []string
	for _, t := range append(slices.Clone(c.when), c.unless...) {
		for _, p := range t {
			out = append(out, p.name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// String writes the condition for people: "t = a/b and u filled, unless met = 未遇".
func (c *Cond) String() string {
	if c == nil {
		return ""
	}
	var out []string
	if len(c.when) > 0 {
		out = append(out, testsString(c.when))
	}
	if len(c.unless) > 0 {
		out = append(out, "unless "+testsString(c.unless))
	}
	return strings.Join(out, ", ")
}

func testsString(tests []test) string {
	var out []string
	for _, t := range tests {
		var all []string
		for _, p := range t {
			all = append(all, p.String())
		}
		out = append(out, strings.Join(all, " and "))
	}
	return strings.Join(out, " or ")
}

func (p *predicate) String() string {
	var values []string
	for _, v := range p.values {
		values = append(values, fmt.Sprint(v))
	}
	list := strings.Join(values, "/")
	switch p.kind {
	case isFilled:
		if p.filled {
			return p.name + " filled"
		}
		return p.name + " empty"
	case isOver:
		return fmt.Sprintf("%s > %v", p.name, p.number)
	case isRef:
		return p.name + " points to " + list
	case isAgeUnder:
		return fmt.Sprintf("%s: under %v years", p.name, p.number)
	}
	return p.name + " = " + list
}

// Holds evaluates the condition.
func (c *Cond) Holds(get Getter) bool {
	if c == nil {
		return true
	}
	if len(c.when) > 0 && !anyHolds(c.when, get) {
		return false
	}
	return len(c.unless) == 0 || !anyHolds(c.unless, get)
}

func anyHolds(tests []test, get Getter) bool {
	return slices.ContainsFunc(tests, func(t test) bool {
		return !slices.ContainsFunc(t, func(p predicate) bool { return !p.holds(get) })
	})
}

func (p *predicate) holds(get Getter) bool {
	v, ok := get(p.name)
	ok = ok && !Empty(v)
	switch p.kind {
	case isFilled:
		return ok == p.filled
	case isOver:
		f, isNumber := number(v)
		return ok && isNumber && f > p.number
	case isRef:
		return ok && p.refersTo(v)
	case isAgeUnder:
		return ageUnder(v, p.number, get)
	}
	if a, isList := v.([]any); ok && isList {
		return slices.ContainsFunc(a, p.has)
	}
	return ok && p.has(v)
}

func (p *predicate) has(v any) bool {
	return slices.ContainsFunc(p.values, func(w any) bool { return sameScalar(v, w) })
}

// refersTo tells by its form whether v is a place's code; a record's id does
// not say its kind, so for other kinds any id counts.
func (p *predicate) refersTo(v any) bool {
	s, _ := v.(string)
	if isPlaceCode(s) {
		return p.has("place")
	}
	_, err := syncproto.ParseRecordID(s)
	return err == nil && slices.ContainsFunc(p.values, func(w any) bool { return w != "place" })
}

func sameScalar(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case string:
		s, ok := b.(string)
		return ok && a == s
	case bool:
		s, ok := b.(bool)
		return ok && a == s
	}
	return false
}

// Empty reports whether a value counts as not filled: nil, an empty text or
// list or map. false and 0 are values.
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// ageUnder reads a birth ({on, calendar} or a date of any precision). What is
// not known exactly counts as the youngest it may be: unknown birth or date
// of today is under age, a bare year is its last day, a lunar date is two
// months later in the sun's calendar at most.
func ageUnder(v any, years float64, get Getter) bool {
	today, ok := get("@today")
	on, lunar := v, false
	if m, isGroup := v.(map[string]any); isGroup {
		on, lunar = m["on"], m["calendar"] == "农历"
	}
	day, errDay := parseDay(today)
	born, errBorn := parseDay(on)
	if !ok || errDay != nil || errBorn != nil {
		return true
	}
	if lunar {
		born = born.AddDate(0, 2, 0)
	}
	return born.AddDate(int(years), 0, 0).After(day)
}

// parseDay reads 2026, 2026-05 or 2026-05-18 as the last day it may mean.
func parseDay(v any) (time.Time, error) {
	s, _ := v.(string)
	switch len(s) {
	case 4:
		y, err := strconv.Atoi(s)
		if !isDigits(s) {
			err = strconv.ErrSyntax
		}
		return time.Date(y, 12, 31, 0, 0, 0, 0, time.UTC), err
	case 7:
		t, err := time.Parse("2006-01", s)
		return t.AddDate(0, 1, -1), err
	}
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	return parseDate(s)
}

// parseDate reads a full date. The moon has days the sun's months lack
// (2-30), so a day up to 31 is accepted in any month and runs over.
func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err == nil {
		return t, nil
	}
	if len(s) == len(time.DateOnly) && s[7] == '-' {
		if m, errM := time.Parse("2006-01", s[:7]); errM == nil {
			if d, _ := strconv.Atoi(s[8:]); isDigits(s[8:]) && d >= 1 && d <= 31 {
				return m.AddDate(0, 0, d-1), nil
			}
		}
	}
	return time.Time{}, err
}
