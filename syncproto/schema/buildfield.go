package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// Sources are the words a default may begin with @ from, and what they mean.
var Sources = map[string]string{
	"@self":             "the writer",
	"@unit":             "the writer's unit; on behalf of or in a stationing: the leader's",
	"@now":              "the device's clock",
	"@last":             "the writer's last record of this kind",
	"@same_day":         "the writer's last record of this kind of the same day",
	"@household":        "the household the record is about",
	"@stationing":       "the stationing",
	"@trip":             "the planned trip",
	"@source":           "the statement or record it is made from",
	"@kind":             "the kind's own default",
	"@auto":             "made by the program from other fields",
	"@cadre":            "the cadre's reference object",
	"@last_plan":        "last year's plan",
	"@keywords":         "suggested by keywords of the text",
	"@consent":          "the household's consent entries",
	"@owner_unit_place": "the place of the owner unit",
}

var audiences = map[string]syncproto.Audience{
	"scope": syncproto.ForScope, "team": syncproto.ForTeam, "author": syncproto.ForAuthor,
}

// readField reads a field, or with parent a sub-field of it.
func readField(m object, k *Kind, parent *Field, err *error) *Field {
	path := "kind " + k.ID + ", field "
	if parent != nil {
		path += parent.Path() + "."
	}
	r := reader{m: m, path: path + "?", err: err}
	f := &Field{Key: r.str("key"), parent: parent}
	if !isKey(f.Key) {
		r.fail("key %q is not lower-case letters, digits, _ and ., at most %d", f.Key, maxKey)
		return f
	}
	r.path = path + f.Key
	f.Zh, f.En, f.Note = r.str("zh"), r.str("en"), r.str("note")
	if f.Zh == "" || f.En == "" {
		r.fail("no zh or no en label")
	}
	f.Type = Type(r.str("type"))
	if _, known := inType[f.Type]; !known {
		r.fail("type %q is not known", f.Type)
	}
	r.readValues(f)
	r.readMerge(f)
	r.readRequired(f)
	r.readAudience(f)
	r.readForm(f, k)
	depth := 0
	for p := f; p != nil; p = p.parent {
		depth++
	}
	for _, v := range r.list("items", maxItems) {
		if depth > 3 {
			r.fail("items nested too deeply")
			break
		}
		sub := newReader(v, r.path+", items", err)
		if *err != nil {
			break
		}
		f.Items = append(f.Items, readField(sub.m, k, f, err))
		if last := f.Items[len(f.Items)-1]; last.hasPersonalSwitch() {
			f.Items = append(f.Items, last.personalSwitch())
		}
	}
	return f
}

func (r reader) readValues(f *Field) {
	for _, v := range r.list("values", maxValues) {
		x := newReader(v, r.path+", values", r.err)
		w := Value{V: x.str("v"), En: x.str("en")}
		w.Zh = x.strOr("zh", w.V)
		f.Values = append(f.Values, w)
	}
	for _, v := range r.list("order", maxValues) {
		f.Order = append(f.Order, plain(v))
	}
	f.Open, f.OrText, f.Ordered = r.boolean("open"), r.boolean("or_text"), r.boolean("ordered")
	f.Targets, f.Same = r.strs("target", 20), r.strs("same", 10)
	f.Precision, f.Unit = r.strs("precision", 5), r.str("unit")
	f.Max, f.MaxItems = r.count("max", maxTextChars), r.count("max_items", maxMany)
	f.NoNames, f.Sensitive, f.Off = r.boolean("no_names"), r.boolean("sensitive"), r.boolean("off")
}

// typeMerge is the merge rule of a field that names none.
func typeMerge(t Type) string {
	switch t {
	case LongText, Document:
		return "TX"
	case List, Attachments, Refs, Texts:
		return "SU"
	case Log:
		return "AP"
	case Signature:
		return "SG"
	}
	return "LW"
}

func (r reader) readMerge(f *Field) {
	f.From, f.Meta = r.str("from"), r.boolean("meta")
	if f.parent != nil && !f.parent.hasItemsOfItsOwn() {
		if _, ok := r.m["merge"]; ok {
			r.fail("a part of one value has no merge rule of its own")
		}
		return
	}
	code, arg, found := strings.Cut(r.strOr("merge", typeMerge(f.Type)), "(")
	f.Merge = Merge{Code: Code(code)}
	if found {
		var closed bool
		if f.Merge.Arg, closed = strings.CutSuffix(arg, ")"); !closed || f.Merge.Arg == "" {
			r.fail("merge %q is not CODE(ARGUMENT)", r.str("merge"))
		}
	}
	wantsArg := f.Merge.Code == LWHold || f.Merge.Code == LWGroup || f.Merge.Code == TXFX
	switch f.Merge.Code {
	case LW, LWStrict, LWMax, LWHold, LWGroup, TX, TXFX, SU, AP, FX, EV, SG:
	default:
		r.fail("merge code %q is not known", code)
	}
	if wantsArg != (f.Merge.Arg != "") {
		r.fail("merge %q has no argument, or one too many", f.Merge)
	}
}

// hasItemsOfItsOwn: the items of a list merge by field, what is one value
// does not.
func (f *Field) hasItemsOfItsOwn() bool {
	return f.MergeClass() == ClassList
}

func (r reader) readRequired(f *Field) {
	f.Required = Required(r.oneOf("required", string(Never), string(Never), string(Always), string(When)))
	f.RequiredWhen = r.cond("required_when")
	if (f.Required == When) != (f.RequiredWhen != nil) {
		if f.Required == When || r.m["required_when"] != nil {
			r.fail("required %q does not go with its required_when", f.Required)
		}
	}
	v, ok := r.m["needs"]
	if !ok {
		return
	}
	needs := newReader(v, r.path+", needs", r.err)
	f.Needs = make(map[string][]string, len(needs.m))
	for _, sub := range slices.Sorted(maps.Keys(needs.m)) {
		f.Needs[sub] = needs.strs(sub, 20)
	}
}

func (r reader) readAudience(f *Field) {
	inherited := "scope"
	if f.parent != nil {
		inherited = audienceName(f.parent.Audience)
	}
	word := r.oneOf("audience", inherited, "scope", "team", "author", "field")
	if f.AudienceOfField = word == "field"; f.AudienceOfField {
		word = "scope"
	}
	f.Audience = audiences[word]
	f.FlagWhen = r.cond("flag_when")
	// A long text has a switch of its own, unless it names another or is part
	// of one value.
	automatic := ""
	if f.Type == LongText && (f.parent == nil || f.parent.hasItemsOfItsOwn()) {
		automatic = f.Key + personal
	}
	f.Flag = r.strOr("flag", automatic)
	f.FlagDefault = r.boolean("flag_default")
	f.Flagged = f.Audience
	if f.Flag != "" {
		f.Flagged = max(f.Audience, audiences[r.oneOf("flagged", "team", "scope", "team", "author")])
		if named, ok := r.m["flagged"].(string); ok && audiences[named] < f.Audience {
			r.fail("flagged %q is wider than the field's own class", named)
		}
	}
	if v, ok := r.m["opens"]; ok {
		o := newReader(v, r.path+", opens", r.err)
		f.Opens = &Opens{Field: o.str("field"), Values: o.strs("values", 20), To: audiences[o.oneOf("audience", "", "scope", "team")]}
	}
}

func (r reader) readForm(f *Field, k *Kind) {
	f.Who, f.AnyTime = r.strs("who", 12), r.boolean("any_time")
	f.Section, f.Short, f.Purpose = r.str("section"), r.boolean("short"), r.str("purpose")
	f.Since = r.count("since", 1<<30)
	if f.Since == 0 {
		f.Since = 1
	}
	if f.parent != nil {
		f.Who, f.Section = f.parent.Who, f.parent.Section
		if f.Purpose == "" {
			f.Purpose = f.parent.Purpose
		}
	}
	if f.Who == nil {
		f.Who = []string{"recorder"}
	}
	if f.Section == "" {
		f.Section = k.Sections[0].Key
	}
	if f.Purpose == "" {
		f.Purpose = k.Purpose
	}
	for _, v := range r.list("default", 8) {
		f.Defaults = append(f.Defaults, r.readDefault(v))
	}
}

// readDefault: a text with @ is a source, an object of only value, from,
// field and when is one with a condition, everything else a literal.
func (r reader) readDefault(v any) Default {
	if s, ok := v.(string); ok && strings.HasPrefix(s, "@") {
		return Default{From: s}
	}
	m, ok := v.(object)
	if !ok {
		return Default{Value: plain(v)}
	}
	ways := 0
	for name := range m {
		switch name {
		case "value", "from", "field":
			ways++
		case "when":
		default:
			return Default{Value: plain(v)}
		}
	}
	x := reader{m: m, path: r.path + ", default", err: r.err}
	if ways != 1 {
		x.fail("wants one of value, from and field")
	}
	return Default{From: x.str("from"), Field: x.str("field"), Value: plain(m["value"]), When: x.cond("when")}
}

func audienceName(a syncproto.Audience) string {
	for name, b := range audiences {
		if a == b {
			return name
		}
	}
	return "author"
}
