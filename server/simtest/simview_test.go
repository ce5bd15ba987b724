package simtest

import (
	"fmt"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
)

// followed are the fields that the simulation writes and the history checker
// follows, by kind, with the audience class that the schema gives each. The
// list is written here a second time on purpose: it is what the system is
// judged by.
var followed = map[string][]followedField{
	"ZF": {
		{key: "purpose", class: history.Set, who: syncproto.ForScope},
		{key: "summary", class: history.Set, who: syncproto.ForScope},
		{key: "scene", class: history.Text, who: syncproto.ForScope}, // the team's when scene.personal is on
		{key: "situation", class: history.Text, who: syncproto.ForTeam},
		{key: "impression", class: history.Text, who: syncproto.ForAuthor},
		{key: "tags", class: history.Add, who: syncproto.ForScope},
		{key: "comments", class: history.Append, name: "text", who: syncproto.ForScope},
		{key: "policy_explained", class: history.Insert, name: "topic", sub: "text", subClass: history.Set, who: syncproto.ForScope},
	},
	"HY": {
		{key: "summary", class: history.Set, who: syncproto.ForScope},
		{key: "tags", class: history.Add, who: syncproto.ForScope},
		{key: "comments", class: history.Append, name: "text", who: syncproto.ForScope},
		{key: "statements", class: history.Insert, name: "speaker", sub: "text", subClass: history.Text, who: syncproto.ForTeam},
	},
}

type followedField struct {
	key   string
	class history.Kind
	// name is the member of an item or entry that tells it apart, sub the
	// member of an item that is edited.
	name, sub string
	subClass  history.Kind
	who       syncproto.Audience
}

func followedOf(kind, field string) (followedField, bool) {
	field, _, _ = strings.Cut(field, "[")
	for _, f := range followed[kind] {
		if f.key == field {
			return f, true
		}
	}
	return followedField{}, false
}

func itemField(list, name, sub string) string { return list + "[" + name + "]." + sub }

// readings turns what a device shows of a record into what the checker reads.
func readings(v *clientsdk.View) *history.View {
	if v == nil {
		return nil
	}
	out := &history.View{Values: map[string][]string{}, Texts: map[string]string{}, Sets: map[string][]string{}, Logs: map[string][]string{},
		Items: map[string][]history.Item{}, Voided: v.Status == clientsdk.StatusVoided, Contested: v.VoidedAndEdited}
	for _, f := range followed[v.Kind] {
		shown, ok := v.Field(f.key)
		if !ok {
			continue
		}
		switch f.class {
		case history.Set:
			out.Values[f.key] = standing(shown.Value, shown.All, "", "")
		case history.Text:
			out.Texts[f.key], _ = shown.Value.(string)
		case history.Add:
			out.Sets[f.key] = memberWords(shown.Value)
		case history.Append:
			for _, e := range asSlice(shown.Value) {
				out.Logs[f.key] = append(out.Logs[f.key], member(e, f.name))
			}
		case history.Insert:
			items(out, &f, &shown)
		}
	}
	return out
}

func items(out *history.View, f *followedField, shown *clientsdk.Field) {
	take := func(list []any, struck bool) {
		for _, it := range list {
			name := member(it, f.name)
			out.Items[f.key] = append(out.Items[f.key], history.Item{Name: name, Struck: struck})
			at := itemField(f.key, name, f.sub)
			m, _ := it.(map[string]any)
			if f.subClass == history.Text {
				out.Texts[at], _ = m[f.sub].(string)
			} else {
				out.Values[at] = standing(m[f.sub], shown.All, member(it, "id"), f.sub)
			}
		}
	}
	take(asSlice(shown.Value), false)
	take(shown.Removed, true)
}

// standing lists all values that stand: the choices of a conflict, else the one.
func standing(value any, all []clientsdk.Shown, item, sub string) (out []string) {
	for _, s := range all {
		if string(s.Item) == item && s.Sub == sub {
			out = append(out, fmt.Sprint(s.Value))
		}
	}
	if len(out) == 0 && value != nil {
		out = append(out, fmt.Sprint(value))
	}
	return out
}

func asSlice(v any) []any {
	s, _ := v.([]any)
	return s
}

func memberWords(v any) (out []string) {
	for _, m := range asSlice(v) {
		out = append(out, fmt.Sprint(m))
	}
	return out
}

func member(v any, key string) string {
	m, _ := v.(map[string]any)
	s, _ := m[key].(string)
	return s
}
