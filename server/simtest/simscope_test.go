package simtest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

// The two townships of the simulation, and the county they lie in.
const (
	county    = "330903"
	township2 = "330903102"
)

// simPerson is a person with one role.
type simPerson struct {
	id          syncproto.PersonID
	name        string
	role        authz.Role
	place, line string
}

// facts are what decides who reads a record, as the server itself tells them
// to one who may read all of it.
type facts struct {
	kind, place   string
	self          bool // 本人: its writers alone
	named         bool // 限定人员
	level         bool // 本级
	draft         bool
	scenePrivate  bool
	writers, team []string
}

func factsOf(rec *httpapi.Record) (f facts) {
	f.kind = rec.Kind
	for _, field := range rec.Fields {
		switch all := valuesOf(&field); field.Key {
		case "place_code":
			f.place = strings.Join(all, " ")
		case "visibility":
			f.self, f.named = slices.Contains(all, "本人"), slices.Contains(all, "限定人员")
			f.level = slices.Contains(all, "本级")
		case "scene.personal":
			f.scenePrivate = slices.Contains(all, "true")
		case "recorder_id", "recorder_ids", "on_behalf_of", "host_id":
			if field.Key != "host_id" || rec.Kind == "HY" {
				f.writers = append(f.writers, all...)
			}
		case "visitor_ids":
			f.team = append(f.team, all...)
		case "status":
			f.draft = !slices.Contains(all, "已提交") // one 提交 submits it, whoever else still writes
		}
	}
	return f
}

// valuesOf lists what a field of the JSON form holds, as words.
func valuesOf(f *httpapi.Field) (out []string) {
	raws := []json.RawMessage{f.Value}
	for _, v := range f.Values {
		raws = append(raws, v.Value)
	}
	for _, raw := range raws {
		var v any
		if json.Unmarshal(raw, &v) != nil || v == nil {
			continue
		}
		many, ok := v.([]any)
		if !ok {
			many = []any{v}
		}
		for _, x := range many {
			switch x := x.(type) {
			case string:
				out = append(out, x)
			case bool:
				out = append(out, map[bool]string{true: "true", false: "false"}[x])
			}
		}
	}
	return out
}

// may says which fields of a record a person may hold on his devices: the
// roles and kinds of the simulation alone, written down from the rules of
// domain and design, not from the server's code.
func (p *simPerson) may(f *facts, field string) bool {
	ff, ok := followedOf(f.kind, field)
	if !ok {
		return true
	}
	class := ff.who
	if ff.key == "scene" && f.scenePrivate {
		class = syncproto.ForTeam
	}
	return p.reads(f).Has(class)
}

func (p *simPerson) reads(f *facts) syncproto.Audience {
	writer, inPlace := slices.Contains(f.writers, p.id.String()), p.place != "" && strings.HasPrefix(f.place, p.place)
	team := syncproto.ForScope | syncproto.ForTeam
	local := len(p.place) >= syncproto.TownshipDigits
	switch {
	case f.draft || f.self || f.place == "":
		// Fed to its writers alone. Without a place: a meeting of which nothing
		// has come yet but what was written by its code.
		if writer {
			return syncproto.ForAll
		}
		return syncproto.ForNobody
	case !inPlace:
		return syncproto.ForNobody // not fed to him, even if he wrote it
	case writer:
		return syncproto.ForAll
	case slices.Contains(f.team, p.id.String()):
		return team
	case f.level && !local:
		return syncproto.ForNobody
	case p.role == authz.RoleTownship && p.line != "":
		return team
	case f.named:
		if p.role == authz.RoleAdmin {
			return syncproto.ForScope
		}
		return syncproto.ForNobody
	case p.role == authz.RoleAdmin && f.kind == "HY":
		return team
	case f.kind == "HY" && local:
		return team
	}
	return syncproto.ForScope
}
