package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// save is what one person writes in one go on one device: one change.
type save struct {
	Device string `json:"device"`
	At     string `json:"at"` // the device's clock at 提交, +08:00
	// Received is when the sample says it reached the server: saves are brought
	// to port in this order.
	Received string `json:"received"`
	// Join is set when the save writes into a meeting opened by another device
	// whose code was typed in: the meeting's short id.
	Join  string `json:"join,omitempty"`
	Share bool   `json:"share,omitempty"` // open as 共同记录 first
	Parts []part `json:"parts"`
}

// part is one record of a save. Edit names an existing record to change, else
// a new one of Kind is written and known as Key from then on.
type part struct {
	Key    string `json:"key"`
	Kind   string `json:"kind"`
	Edit   bool   `json:"edit,omitempty"`
	Fields row    `json:"fields"`
	Void   string `json:"void,omitempty"`
}

// story turns the sample into saves in the order they were received.
type story struct {
	s       *sample
	place   map[string]string // household -> place code
	hamlet  map[string]string
	demands map[string]row
	texts   map[string][]any // statement id -> its row
}

func newStory(s *sample) *story {
	t := &story{s: s, place: map[string]string{}, hamlet: map[string]string{}, demands: map[string]row{}, texts: map[string][]any{}}
	for _, h := range s.Households {
		t.place[text(h, "id")], t.hamlet[text(h, "id")] = text(h, "place_code"), text(h, "hamlet")
	}
	for _, d := range s.Demands {
		t.demands[text(d, "id")] = d
	}
	return t
}

// roster is what the office enters before anybody leaves port.
func (t *story) roster() []save {
	at := "2026-01-04T09:00"
	one := func(device string, p part) save {
		return save{Device: device, At: at, Received: at, Parts: []part{p}}
	}
	var out []save
	for _, p := range t.s.Places {
		out = append(out, one("OFFICE", part{Key: "P" + text(p, "code"), Kind: "place", Fields: row{
			"code": text(p, "code"), "name": text(p, "name"), "islands": list(p, "islands"), "hamlets": list(p, "hamlets")}}))
	}
	for _, u := range t.s.Units {
		f := row{"name": text(u, "name"), "level": text(u, "level"), "place": text(u, "place"), "line": u["line"], "parent": ref(u["parent"])}
		out = append(out, one("OFFICE", part{Key: text(u, "id"), Kind: "unit", Fields: f}))
	}
	for _, b := range t.s.Boats {
		out = append(out, one("OFFICE", part{Key: text(b, "id") + "-boat", Kind: "boat", Fields: row{"name": text(b, "name"), "home_port": text(b, "home_port"), "note": text(b, "note")}}))
	}
	for _, p := range t.s.People {
		out = append(out, one("OFFICE", t.person(p)))
	}
	for _, h := range t.s.Households {
		head := list(h, "members")[0].([]any)
		out = append(out, one("OFFICE", part{Key: text(h, "id") + "-1", Kind: "person", Fields: row{
			"name": head[0], "name_pinyin": text(h, "head_pinyin"), "place": text(h, "place_code")}}))
		for i, m := range list(h, "members")[1:] {
			out = append(out, one("OFFICE", part{Key: fmt.Sprintf("%s-%d", text(h, "id"), i+2), Kind: "person", Fields: row{
				"name": m.([]any)[0], "place": text(h, "place_code")}}))
		}
	}
	return out
}

func (t *story) person(p row) part {
	f := row{"name": text(p, "name"), "name_pinyin": text(p, "name_pinyin"), "unit": ref(p["unit"]), "rank": p["rank"]}
	if post := text(p, "post"); post != "" {
		f["post"] = []any{row{"title": post}}
	}
	if place := text(p, "place"); place != "" {
		f["place"] = place
	}
	var roles []any
	for _, g := range list(p, "grants") {
		r := row{"role": sub(g)["role"], "place": sub(g)["place"]}
		if line := text(sub(g), "line"); line != "" {
			r["line"] = line
		}
		if text(sub(g), "by_delegation") != "" {
			r["from"], r["to"] = "2026-05-18", "2026-05-24"
		}
		roles = append(roles, r)
	}
	if roles != nil {
		f["roles"] = roles
	}
	return part{Key: text(p, "id"), Kind: "person", Fields: f}
}

// files are the household files, assignments and plans, entered by the
// township's administrator.
func (t *story) files() []save {
	at := "2026-01-05T10:00"
	var out []save
	add := func(p part) { out = append(out, save{Device: "A1", At: at, Received: at, Parts: []part{p}}) }
	for _, h := range t.s.Households {
		add(t.household(h))
	}
	for _, a := range t.s.Assignments {
		cadre := text(a, "cadre_id")
		unit := ""
		for _, p := range t.s.People {
			if text(p, "id") == cadre {
				unit = text(p, "unit")
			}
		}
		add(part{Key: text(a, "id"), Kind: "GB", Fields: row{"household_id": ref(a["household_id"]), "cadre_id": ref(cadre), "unit": ref(unit),
			"unit_level": sub(t.s.AssignmentDefault["unit_level"])[cadre], "phone": t.s.AssignmentDefault["phone"],
			"from_on": t.s.AssignmentDefault["from_on"], "cycle": t.s.AssignmentDefault["cycle"],
			"place_code": t.place[text(a, "household_id")], "owner_unit": "@U3", "occurred_at": at}})
	}
	for _, d := range t.s.Stationings {
		add(part{Key: text(d, "id"), Kind: "DD", Fields: row{"leader_id": ref(d["leader_id"]), "members": refs(list(d, "members")),
			"place_code": d["place_code"], "from_on": d["from_on"], "to_on": d["to_on"], "topic": d["topic"], "owner_unit": ref(d["owner_unit"]), "occurred_at": at}})
	}
	return out
}

// delegations are what leaders give on their own devices before they leave.
func (t *story) delegations() []save {
	at := "2026-05-17T12:00"
	var out []save
	for _, d := range t.s.Delegations {
		out = append(out, save{Device: device(text(d, "leader")), At: at, Received: at, Parts: []part{{Key: text(d, "id"), Kind: "WT", Fields: row{
			"leader": ref(d["leader"]), "clerk": ref(d["clerk"]), "kinds": list(d, "kinds"), "from_on": d["from_on"], "ends": []any{row{"to_on": d["to_on"]}}}}}})
	}
	return out
}

func (t *story) household(h row) part {
	id := text(h, "id")
	var members, types []any
	for i, raw := range list(h, "members") {
		m := raw.([]any)
		item := row{"name": m[0], "relation": fmt.Sprint(m[1]), "sex": fmt.Sprint(m[2]), "birth": row{"date": fmt.Sprint(m[3]), "precision": "year", "calendar": "公历"}}
		if i == 0 {
			item["name_pinyin"] = text(h, "head_pinyin")
		}
		if len(m) > 4 {
			for k, v := range sub(m[4]) {
				if k != "presence" {
					item[k] = v
				}
			}
		}
		members = append(members, item)
	}
	for _, k := range list(h, "household_type") {
		types = append(types, row{"type": k, "from_on": t.s.HouseholdDefaults["household_type_from"]})
	}
	var consent []any
	for _, c := range list(t.s.HouseholdDefaults, "consent") {
		consent = append(consent, row{"on": sub(c)["on"], "text_version": sub(c)["text_version"], "who": ref(sub(c)["who"]), "mode": sub(c)["mode"]})
	}
	return part{Key: id, Kind: "HD", Fields: row{"head_person_id": "@" + id + "-1", "household_no": "东极-" + id, "place_code": h["place_code"], "hamlet": h["hamlet"],
		"address": h["address"], "household_type": types, "causes": list(h, "causes"), "members": members, "consent": consent,
		"owner_unit": "@U3", "occurred_at": "2026-01-05T10:00"}}
}

// mask is the masked name that scope readers get: the head's surname and 某某户.
// cadre is who answers for a household.
func (t *story) cadre(household string) string {
	for _, a := range t.s.Assignments {
		if text(a, "household_id") == household {
			return text(a, "cadre_id")
		}
	}
	return ""
}

func (t *story) mask(household string) string {
	for _, h := range t.s.Households {
		if text(h, "id") == household {
			name := []rune(list(h, "members")[0].([]any)[0].(string))
			return string(name[:1]) + "某某户"
		}
	}
	return ""
}

// plain copies the named fields that the row has.
func plain(dst, src row, keys ...string) {
	for _, k := range keys {
		if v, ok := src[k]; ok {
			dst[k] = v
		}
	}
}

func (t *story) unit(r row) any {
	if u := text(r, "owner_unit"); u != "" {
		return ref(u)
	}
	return "@U3"
}

func (t *story) atHousehold(f row, household string) {
	if household != "" {
		f["household_id"], f["household_mask"] = "@"+household, t.mask(household)
		f["place_code"], f["hamlet"] = t.place[household], t.hamlet[household]
	}
}

func (t *story) visit(v row) save {
	f := row{"owner_unit": t.unit(v), "recorder_id": ref(v["recorder_id"]), "visitor_ids": refs(list(v, "visitor_ids"))}
	t.atHousehold(f, text(v, "household_id"))
	plain(f, v, "occurred_at", "visit_type", "visit_mode", "met", "purpose", "situation", "scene", "relief_money", "sailing_note", "notice_given")
	for _, k := range []string{"situation", "scene"} {
		if on, ok := v[k+"_personal"]; ok {
			f[k+".personal"] = on
		}
	}
	for _, k := range []string{"on_behalf_of", "stationing_id", "revisit_of"} {
		if id := ref(v[k]); id != nil {
			f[k] = id
		}
	}
	var met []any
	for _, id := range list(v, "interviewees") {
		met = append(met, row{"person": ref(id)})
	}
	if met != nil {
		f["interviewees"] = met
	}
	if r := sub(v["receipt"]); r != nil {
		f["receipt"] = []any{row{"by": ref(r["by"]), "mode": r["mode"], "witness": ref(r["witness"]), "at": r["at"]}}
	}
	return save{Device: text(v, "device"), At: text(v, "submitted"), Received: text(v, "received"), Parts: []part{{Key: text(v, "id"), Kind: "ZF", Fields: f}}}
}

func (t *story) log(l row) save {
	f := row{"cadre_id": ref(l["cadre_id"]), "owner_unit": "@U3"}
	t.atHousehold(f, text(l, "household_id"))
	plain(f, l, "on", "mode", "what", "summary")
	f["occurred_at"] = l["on"]
	f["what.personal"] = l["what_personal"]
	if id := ref(l["visit_id"]); id != nil {
		f["visit_id"] = []any{id}
	}
	if id := text(l, "measure_id"); id != "" {
		f["measure_id"] = []any{"@" + strings.Split(id, "-")[0]}
	}
	if late := sub(l["entered_late"]); late != nil {
		f["entered_late"] = row{"late": true, "reason": late["reason"]}
	}
	return save{Device: text(l, "device"), At: text(l, "submitted"), Received: text(l, "received"), Parts: []part{{Key: text(l, "id"), Kind: "RZ", Fields: f}}}
}

// meeting is one save with the demands and promises heard at it.
func (t *story) meeting(m row) save {
	f := row{"owner_unit": t.unit(m), "recorder_id": ref(m["recorder_id"]), "recorder_ids": []any{ref(m["recorder_id"])}, "host_id": ref(m["host_id"]),
		"demands": refs(list(m, "demands")), "promises": refs(list(m, "promises"))}
	plain(f, m, "meeting_type", "title", "place_code", "island", "hamlet", "place_text", "mooring", "occurred_at", "ended_at", "headcount")
	if b := text(m, "boat_id"); b != "" {
		f["boat_id"] = "@" + b + "-boat"
	}
	var people, said, course, signed []any
	for _, a := range list(m, "attendees") {
		people = append(people, row{"person": ref(sub(a)["person"]), "role": sub(a)["role"]})
	}
	for i, raw := range list(m, "statements") {
		st := raw.([]any)
		item := row{"said_at": saidAt(text(m, "occurred_at"), i), "speaker": ref(st[1]), "mode": st[2], "type": st[3], "text": st[4], "recorder_id": ref(m["recorder_id"])}
		if len(st) > 5 {
			item["contains_personal"] = sub(st[5])["contains_personal"]
		}
		said = append(said, item)
		t.texts[fmt.Sprint(st[0])] = st
	}
	for _, raw := range list(m, "session_events") {
		e := raw.([]any)
		course = append(course, row{"event": e[0], "at": e[1]})
	}
	for _, raw := range list(m, "signatures") {
		g := sub(raw)
		signed = append(signed, row{"by": ref(g["by"]), "as": g["as"], "mode": g["mode"], "at": g["at"], "witness": ref(g["witness"])})
	}
	f["attendees"], f["statements"], f["session_events"], f["signatures"] = people, said, course, signed
	id := text(m, "id")
	out := save{Device: text(m, "device"), At: text(m, "submitted"), Received: text(m, "received"), Share: len(list(m, "recorder_ids")) > 1,
		Parts: []part{{Key: id, Kind: "HY", Fields: f}}}
	for _, d := range list(m, "demands") {
		out.Parts = append(out.Parts, t.demand(t.demands[d.(string)], m))
	}
	for _, p := range t.s.Promises {
		if slices.Contains(list(m, "promises"), p["id"]) {
			out.Parts = append(out.Parts, t.promise(p, m))
		}
	}
	return out
}

// spoken is when the statements of a meeting were said, in minutes from its
// beginning: the sample leaves it open.
var spoken = []int{1, 4, 9, 16, 22, 31, 40, 48, 57, 70}

func saidAt(begun string, i int) string {
	at, err := parseClock(begun)
	if err != nil {
		return begun
	}
	return at.Add(time.Duration(spoken[i%len(spoken)]) * time.Minute).Format("2006-01-02T15:04")
}

func (t *story) demand(d, meeting row) part {
	st := t.texts[text(d, "source_ref")]
	f := row{"content": st[4], "owner_unit": "@U3", "source_ref": ref(meeting["id"]), "source_channel": d["source_channel"],
		"category": d["category"], "urgency": d["urgency"], "summary": d["summary"], "raised_by": refs(list(d, "raised_by")),
		"place_code": meeting["place_code"], "occurred_at": meeting["occurred_at"], "recorder_id": ref(meeting["recorder_id"])}
	if h := text(d, "household_id"); h != "" {
		f["household_id"], f["household_mask"] = "@"+h, t.mask(h)
	}
	if on, ok := d["content_personal"]; ok {
		f["content.personal"] = on
	}
	f["events"] = []any{row{"event": "登记", "at": meeting["submitted"], "by": ref(meeting["recorder_id"])}}
	return part{Key: text(d, "id"), Kind: "SQ", Fields: f}
}

func (t *story) promise(p, meeting row) part {
	f := row{"promiser_id": ref(p["promiser_id"]), "text": p["text"], "due_on": p["due_on"], "public": p["public"], "owner_unit": "@U3",
		"origin_ref": ref(meeting["id"]), "demand_ids": refs(list(p, "demand_ids")), "promised_to": p["promised_to"],
		"place_code": meeting["place_code"], "occurred_at": meeting["occurred_at"], "recorder_id": ref(meeting["recorder_id"])}
	return part{Key: text(p, "id"), Kind: "CN", Fields: f}
}

// events are what happened to demands and promises later, each a save of its
// own by the person who did it.
func (t *story) events() []save {
	var out []save
	for _, d := range t.s.Demands {
		for _, raw := range list(d, "events") {
			e := raw.([]any)
			out = append(out, t.demandEvent(d, e))
		}
	}
	for _, p := range t.s.Promises {
		for _, raw := range list(p, "events") {
			e := raw.([]any)
			at := e[1].(string)
			out = append(out, save{Device: e[2].(string), At: at, Received: at, Parts: []part{{Key: text(p, "id"), Kind: "CN", Edit: true,
				Fields: row{"events": []any{row{"event": e[0], "at": at, "by": ref(e[2])}}}}}})
		}
	}
	return out
}

func (t *story) demandEvent(d row, e []any) save {
	name, at, by := e[0].(string), e[1].(string), e[2].(string)
	entry := row{"event": name, "at": at, "by": "@" + by}
	if len(e) > 3 {
		for k, v := range sub(e[3]) {
			entry[k] = v
		}
	}
	switch name {
	case "分办":
		entry["outcome"], entry["lead_unit"], entry["handler_id"] = d["outcome"], ref(d["lead_unit"]), ref(d["handler_id"])
		if entry["due_on"] == nil {
			entry["due_on"] = d["due_on"]
		}
	case "转难题":
		entry["outcome"], entry["text"] = d["outcome"], d["problem_title"]
	case "办结":
		entry["result"] = d["result"]
	}
	f := row{"events": []any{entry}}
	if name == "反馈" {
		for _, raw := range list(d, "feedback") {
			b := sub(raw)
			if b["at"] == at {
				f["feedback"] = []any{row{"at": at, "by": ref(b["by"]), "mode": b["mode"], "to": ref(b["to"]), "rating": b["rating"], "reason": b["reason"]}}
			}
		}
	}
	return save{Device: by, At: at, Received: at, Parts: []part{{Key: text(d, "id"), Kind: "SQ", Edit: true, Fields: f}}}
}

// plans, notes and trips.
func (t *story) others() []save {
	var out []save
	for _, p := range t.s.Plans { // written by who answers for the household
		h := text(p, "household_id")
		f := row{"household_id": "@" + h, "year": p["year"], "analysis": p["analysis"], "goal": p["goal"], "place_code": t.place[h], "owner_unit": "@U3", "occurred_at": "2026-05-25T09:00"}
		var measures, review []any
		for _, m := range list(p, "measures") {
			item := row{}
			plain(item, sub(m), "class", "content", "start", "due")
			item["unit"], item["person"] = ref(sub(m)["unit"]), ref(sub(m)["person"])
			measures = append(measures, item)
		}
		for _, r := range list(p, "review") {
			review = append(review, row{"unit": ref(sub(r)["unit"]), "by": ref(sub(r)["by"]), "on": sub(r)["on"], "result": sub(r)["result"]})
		}
		f["measures"], f["review"] = measures, review
		out = append(out, save{Device: device(t.cadre(h)), At: "2026-05-28T09:00", Received: "2026-05-28T09:00", Parts: []part{{Key: text(p, "id"), Kind: "FA", Fields: f}}})
	}
	for _, n := range t.s.Notes {
		f := row{"stationing_id": ref(n["stationing_id"]), "visibility": "本人", "owner_unit": "@U2", "place_code": "330903105902", "occurred_at": n["on"]}
		plain(f, n, "on", "day_no", "heard", "self_check")
		out = append(out, save{Device: text(n, "device"), At: text(n, "submitted"), Received: text(n, "received"), Parts: []part{{Key: text(n, "id"), Kind: "SJ", Fields: f}}})
	}
	for _, x := range t.s.Experiences {
		f := row{"owner_unit": ref(x["owner_unit"]), "cadre_ids": refs(list(x, "cadre_ids")), "recorder_id": ref(x["recorder_id"]), "boat_id": "@" + text(x, "boat_id") + "-boat", "occurred_at": x["depart_at"]}
		plain(f, x, "form", "skipper", "at_sea", "place_code", "depart_port", "depart_at", "return_port", "return_at", "work_done", "safety")
		out = append(out, save{Device: text(x, "device"), At: text(x, "submitted"), Received: text(x, "received"), Parts: []part{{Key: text(x, "id"), Kind: "TY", Fields: f}}})
	}
	return out
}

// all lists every save after the roster, by the time the server received it
// and, of those that came together, by the time they were written.
func (t *story) all() []save {
	var out []save
	for _, m := range t.s.Meetings {
		out = append(out, t.meeting(m))
	}
	for _, v := range t.s.Visits {
		out = append(out, t.visit(v))
	}
	for _, l := range t.s.Logs {
		out = append(out, t.log(l))
	}
	out = append(out, t.events()...)
	out = append(out, t.others()...)
	slices.SortStableFunc(out, func(a, b save) int {
		if c := strings.Compare(a.Received, b.Received); c != 0 {
			return c
		}
		return strings.Compare(a.At, b.At)
	})
	return out
}
