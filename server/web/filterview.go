package web

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// chosen lists the filters in force, each with the address without it.
func (d *timelineData) chosen() []chosen {
	var out []chosen
	q := d.Q.after("")
	add := func(text string, without TimelineQuery) {
		out = append(out, chosen{text, without.Address()})
	}
	if words := spanWords(q.Since, q.Until); words != "" {
		w := q
		w.Since, w.Until = Date{}, Date{}
		add(words, w)
	}
	drop := func(values []string, choices []Choice, set func(*TimelineQuery, []string)) {
		for i, v := range values {
			w := q
			set(&w, slices.Delete(slices.Clone(values), i, i+1))
			add(label(choices, v), w)
		}
	}
	drop(q.Places, d.Page.Filters.Places, func(w *TimelineQuery, s []string) { w.Places = s })
	drop(q.Kinds, d.Page.Filters.Kinds, func(w *TimelineQuery, s []string) { w.Kinds = s })
	drop(q.Only, d.Page.Filters.Only, func(w *TimelineQuery, s []string) { w.Only = s })
	if !q.Person.IsZero() {
		w := q
		w.Person = syncproto.PersonID{}
		name := label(d.Page.Filters.Persons, q.Person.String())
		if name == q.Person.String() {
			name = "一位干部" // not in the list any more; an id tells a reader nothing
		}
		add(name, w)
	}
	return out
}

func label(choices []Choice, value string) string {
	for _, c := range choices {
		if c.Value == value {
			return c.Label
		}
	}
	return value
}

// spanWords is 2026年5月18日至24日 with what is common said once.
func spanWords(since, until Date) string {
	switch {
	case since.IsZero() && until.IsZero():
		return ""
	case until.IsZero():
		return since.Words() + "起"
	case since.IsZero():
		return "到" + until.Words()
	case since == until:
		return since.Words()
	case since.Year == until.Year && since.Month == until.Month:
		return fmt.Sprintf("%s至%d日", since.Words(), until.Day)
	}
	return since.Words() + "至" + until.short(since.Year)
}

// Has reports for the template whether a choice is in force.
func (q TimelineQuery) Has(name, value string) bool {
	switch name {
	case "place":
		return slices.Contains(q.Places, value)
	case "kind":
		return slices.Contains(q.Kinds, value)
	case "only":
		return slices.Contains(q.Only, value)
	case "person":
		return !q.Person.IsZero() && q.Person.String() == value
	}
	return false
}

// leadView is a lead with its address.
type leadView struct {
	Lead
	Target string
}

// leads is 先看这几件: what arrived, what the Source says, who is silent.
func leads(page TimelinePage, q TimelineQuery) []leadView {
	out := []leadView{arrivalLead(page, q)}
	for _, l := range page.Leads {
		v := leadView{Lead: l}
		switch {
		case !l.Record.IsZero():
			v.Target = "/r/" + l.Record.String()
		case l.Path != "":
			v.Target = l.Path
		case l.Only != "":
			v.Target = TimelineQuery{Only: []string{l.Only}}.Address()
		}
		out = append(out, v)
	}
	c := page.Complete
	if c.Silent > 0 {
		l := Lead{Icon: "dev", Title: fmt.Sprintf("%d 台设备没联系上", c.Silent)}
		if !c.SilentSince.IsZero() {
			l.Detail = "最早自 " + stamp(c.SilentSince, DateOf(c.AsOf).Year) + " 起。里面有什么还不知道，不等于没有。"
		}
		out = append(out, leadView{Lead: l})
	}
	return out
}

func arrivalLead(page TimelinePage, q TimelineQuery) leadView {
	l := leadView{Lead: Lead{Icon: "anchor", Title: "没有新到的"}}
	if page.NewCount > 0 {
		l.Tone = Waits
		l.Title = fmt.Sprintf("新到 %d 条", page.NewCount)
	}
	year := DateOf(page.Complete.AsOf).Year
	if !q.Seen.At.IsZero() {
		l.Detail = "您上次看是 " + stamp(q.Seen.At, year) + "。"
	}
	if page.NewCount > 0 && !page.EarliestNew.IsZero() {
		l.Detail += "最早的一条发生在 " + page.EarliestNew.Day.short(year) + "。"
	}
	if page.NewCount > 0 && q.Order != ByArrival {
		l.Link, l.Target = "按新到看", q.with(ByArrival).plain().Address()
	}
	return l
}

// empty says in words why there are no rows, and what could still be missing.
func (d *timelineData) empty() *emptyView {
	missing := ""
	if n := d.Page.Complete.Silent; n > 0 {
		missing = fmt.Sprintf("还有 %d 台设备没联系上，到了会在这里说。", n)
	}
	switch {
	case d.Page.Next != "":
		return &emptyView{Icon: "search", Head: "这一段里没有", Text: lookedWords(d.Page.LookedTo) + "再往前也许有。" + missing,
			Link: "再往前", Target: d.Q.after(d.Page.Next).Address()}
	case d.Q.Continue != "":
		return &emptyView{Icon: "cal", Head: "到头了", Text: "再往前没有记录。" + missing,
			Link: "回到最前面", Target: d.Q.after("").Address()}
	case d.Q.Filtered():
		return &emptyView{Icon: "search", Head: "没有合这些条件的记录", Text: "您能看的范围里没有同时合这几样的。" + missing,
			Link: "去掉全部条件", Target: d.Q.plain().Address()}
	case d.Q.Order == ByArrival:
		return &emptyView{Icon: "anchor", Head: "没有新到的", Text: "还没有一条记录传到这里。" + missing}
	}
	return &emptyView{Icon: "anchor", Head: "还没有记录", Text: "干部在岛上记的，回港有了网就会到这里。" + missing}
}

func lookedWords(d Date) string {
	if d.IsZero() {
		return ""
	}
	return "已经找到 " + d.Words() + " 为止。"
}
