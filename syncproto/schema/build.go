package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// build makes the typed view of a tree, which it takes over, and validates it.
func build(tree object) (*Schema, error) {
	var err error
	r := newReader(tree, "schema", &err)
	s := &Schema{ID: r.str("id"), Version: r.count("version", 1<<30), Kinds: map[string]*Kind{}, tree: tree}
	if s.ID == "" || s.Version == 0 {
		r.fail("no id or no version")
	}
	for _, v := range r.list("writers", 100) {
		w := newReader(v, "writers", &err)
		s.Writers = append(s.Writers, Writer{w.str("id"), w.str("letter"), w.str("zh"), w.str("en")})
	}
	for _, v := range r.list("reserved", 100) {
		w := newReader(v, "reserved", &err)
		s.Reserved = append(s.Reserved, Value{w.str("id"), w.str("zh"), w.str("en")})
	}
	common := object{}
	if v, ok := tree["common"]; ok {
		common = newReader(v, "common", &err).m
	}
	s.Common = readKind(object{"id": "common", "zh": "公共字段", "en": "common fields", "reference": true,
		"sections": listOf(common["sections"]), "fields": listOf(common["fields"])}, nil, &err)
	for _, v := range sortedKinds(r, tree) {
		k := readKind(v, common, &err)
		if err != nil {
			return nil, err
		}
		if _, twice := s.Kinds[k.ID]; twice {
			return nil, fmt.Errorf("kind %s stands twice", k.ID)
		}
		s.Kinds[k.ID] = k
	}
	if len(s.Kinds) == 0 && err == nil {
		return nil, errors.New("no kinds")
	}
	if v, ok := tree["transitions"]; ok {
		s.Machines = readMachines(v, &err)
	}
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		return nil, err
	}
	if s.encoded = encodeTree(tree); len(s.encoded) > MaxBytes {
		return nil, fmt.Errorf("%d bytes over the limit %d", len(s.encoded), MaxBytes)
	}
	return s, nil
}

// listOf is v, or an empty list where nothing is given.
func listOf(v any) any {
	if v == nil {
		return []any{}
	}
	return v
}

// sortedKinds puts the kinds of the tree in the order of their ids, so that
// the encoding does not depend on the order of files.
func sortedKinds(r reader, tree object) []any {
	kinds := r.list("kinds", maxKinds)
	id := func(v any) string {
		m, _ := v.(object)
		s, _ := m["id"].(string)
		return s
	}
	kinds = slices.Clone(kinds)
	slices.SortStableFunc(kinds, func(a, b any) int { return strings.Compare(id(a), id(b)) })
	tree["kinds"] = kinds
	return kinds
}

func readKind(v any, common object, err *error) *Kind {
	r := newReader(v, "kind", err)
	k := &Kind{ID: r.str("id"), index: map[string]*Field{}}
	if !isKindID(k.ID) {
		r.fail("id %q is not letters, digits and _, at most %d", k.ID, syncproto.MaxKindBytes)
		return k
	}
	r.path = "kind " + k.ID
	k.Code, k.Zh, k.En = r.str("code"), r.str("zh"), r.str("en")
	k.Reference, k.Purpose = r.boolean("reference"), r.str("purpose")
	k.Visibility = r.str("visibility")
	if k.Zh == "" || k.En == "" {
		r.fail("no zh or no en label")
	}
	own := r.fieldTrees()
	if !k.Reference {
		k.Visibility = r.strOr("visibility", "本级")
		own = withCommon(own, newReader(common, "common", err).fieldTrees(), err)
	}
	k.Sections = r.sections()
	if !k.Reference {
		for _, s := range newReader(common, "common", err).sections() {
			if !slices.ContainsFunc(k.Sections, func(t Section) bool { return t.Key == s.Key }) {
				k.Sections = append(k.Sections, s)
			}
		}
	}
	if len(k.Sections) == 0 {
		k.Sections = []Section{{Key: "form", Zh: k.Zh, En: k.En}}
	}
	for _, t := range own {
		k.add(readField(t, k, nil, err), r)
	}
	k.Timeline, k.Wide = r.timeline(), r.wide()
	return k
}

func (k *Kind) add(f *Field, r reader) {
	if _, twice := k.index[f.Key]; twice {
		r.fail("field %s stands twice", f.Key)
	}
	k.Fields = append(k.Fields, f)
	k.index[f.Key] = f
	if f.hasPersonalSwitch() {
		c := f.personalSwitch()
		k.Fields = append(k.Fields, c)
		k.index[c.Key] = c
	}
}

// personal is what the key of a long text's companion ends in.
const personal = ".personal"

func (f *Field) hasPersonalSwitch() bool {
	return f.Type == LongText && f.Flag == f.Key+personal && f.FlagWhen == nil
}

// personalSwitch is the companion flag of a long text: 含个人敏感信息.
func (f *Field) personalSwitch() *Field {
	return &Field{
		Key: f.Key + personal, Zh: f.Zh + "：含个人敏感信息", En: f.En + ": tells of a named person's health or money",
		Type: Bool, Order: []any{true, false}, Merge: Merge{Code: LWStrict}, Required: Never, Who: f.Who,
		Audience: f.Audience, Defaults: []Default{{Value: f.FlagDefault}}, Section: f.Section, Short: f.Short,
		Purpose: f.Purpose, Since: f.Since, parent: f.parent, companion: true,
	}
}

func (r reader) fieldTrees() []object {
	var out []object
	for _, v := range r.list("fields", maxFields) {
		m, ok := v.(object)
		if !ok {
			r.fail("fields holds something that is not an object")
			return nil
		}
		out = append(out, m)
	}
	return out
}

// withCommon puts the common fields before the kind's own. An own field with
// a common key changes the members it names.
func withCommon(own, common []object, err *error) []object {
	if *err != nil {
		return nil
	}
	var out []object
	taken := map[string]bool{}
	for _, c := range common {
		key, _ := c["key"].(string)
		i := slices.IndexFunc(own, func(o object) bool { return o["key"] == key })
		if i >= 0 {
			taken[key] = true
			c = maps.Clone(c)
			maps.Copy(c, own[i])
		}
		out = append(out, c)
	}
	for _, o := range own {
		// a second entry of a taken key goes on, to be found standing twice
		if key, _ := o["key"].(string); taken[key] {
			taken[key] = false
			continue
		}
		out = append(out, o)
	}
	return out
}

func (r reader) sections() []Section {
	var out []Section
	for _, v := range r.list("sections", 50) {
		s := newReader(v, r.path+", sections", r.err)
		out = append(out, Section{s.str("key"), s.str("zh"), s.str("en")})
	}
	return out
}

func (r reader) timeline() *Timeline {
	v, ok := r.m["timeline"]
	if !ok {
		return nil
	}
	t := newReader(v, r.path+", timeline", r.err)
	return &Timeline{Time: t.str("time"), Title: t.strs("title", 8), Who: t.strs("who", 8), Where: t.strs("where", 8),
		Object: t.strs("object", 8), Summary: t.strs("summary", 8), Chips: t.strs("chips", 8)}
}

func (r reader) wide() *Wide {
	v, ok := r.m["wide"]
	if !ok {
		return nil
	}
	w := newReader(v, r.path+", wide", r.err)
	return &Wide{Fields: w.strs("fields", 50), Note: w.str("note")}
}

func isKindID(s string) bool {
	if s == "" || len(s) > syncproto.MaxKindBytes {
		return false
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// maxKey leaves room for ".personal" under the wire's limit on field names.
const maxKey = 64

func isKey(s string) bool {
	for _, word := range strings.Split(s, ".") {
		for i, c := range []byte(word) {
			if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
				return false
			}
		}
		if word == "" {
			return false
		}
	}
	return len(s) <= maxKey
}

func readMachines(v any, err *error) []*Machine {
	r := newReader(v, "transitions", err)
	if len(r.m) > maxKinds {
		*err = errors.Join(*err, fmt.Errorf("transitions of more than %d kinds", maxKinds))
		return nil
	}
	var out []*Machine
	for _, id := range slices.Sorted(maps.Keys(r.m)) {
		t := newReader(r.m[id], "transitions of "+id, err)
		m := &Machine{Kind: id, Events: t.str("events"), State: t.str("state")}
		for _, v := range t.list("transitions", 200) {
			x := newReader(v, t.path, err)
			m.Transitions = append(m.Transitions, Transition{From: x.strs("from", 50), Event: x.str("event"), When: x.cond("when"),
				To: x.str("to"), Mark: x.str("mark"), Who: x.strs("who", 20), Needs: x.strs("needs", 20),
				RecordNeeds: x.strs("record_needs", 20), Offline: x.boolean("offline"), Note: x.str("note")})
		}
		for _, v := range t.list("rules", 50) {
			x := newReader(v, t.path, err)
			m.Rules = append(m.Rules, Rule{State: x.str("state"), When: x.cond("when")})
		}
		out = append(out, m)
	}
	return out
}

func (r reader) cond(name string) *Cond {
	v, ok := r.m[name]
	if !ok {
		return nil
	}
	return readCond(v, r.path+", "+name, r.err)
}
