package main

import (
	"errors"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

func (a *app) show(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	var v *clientsdk.View
	d, err := a.findDraft(args[0])
	if err == nil {
		v, err = d.View()
	} else if errors.Is(err, clientsdk.ErrNoDraft) {
		var id syncproto.RecordID
		if id, err = a.findRecord(args[0]); err == nil {
			v, err = a.client.Get(id)
		}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	a.printView(v)
	return nil
}

func (a *app) printView(v *clientsdk.View) {
	a.printf("%s  %s\n%s  %s · %s\n", v.KindName, v.Number, v.Record, v.Status, v.Sync)
	if v.Code != "" {
		a.printf("joining code %s\n", v.Code)
	}
	for _, r := range v.Reasons {
		a.printf("待处理：%s\n", r)
	}
	if state := strings.TrimSpace(v.State + " " + v.Mark); state != "" {
		a.printf("%s\n", state)
	}
	if len(v.Chips) > 0 {
		a.printf("〔%s〕\n", strings.Join(v.Chips, "〕〔"))
	}
	if !v.MergedInto.IsZero() {
		a.printf("已并入 %s\n", v.MergedInto)
	}
	for _, id := range v.Merged {
		a.printf("并进来的一份 %s\n", id)
	}
	if len(v.Missing) > 0 {
		a.printf("待补：%s\n", strings.Join(v.Missing, "、"))
	}
	for i := range v.Suggestions {
		a.printSuggestion(v, i+1, &v.Suggestions[i])
	}
	if v.VoidedAndEdited {
		a.printf("作废待裁定：%s\n", strings.Join(v.VoidReasons, "；"))
	}
	for _, f := range v.Fields {
		a.printf("\n%s (%s)", f.Label, f.Key)
		if f.Mark != "" {
			a.printf("  〔%s〕", f.Mark)
		}
		a.printf("\n  %s\n", a.fieldText(&f))
		a.printVersions(v, f.Key)
		for _, r := range f.Removed {
			a.printf("  已删除 %s\n", a.plain(r, "    "))
		}
		for _, p := range f.Same {
			a.printf("  疑似重复：第 %d 句与第 %d 句\n", p[0]+1, p[1]+1)
		}
		for _, n := range f.Notes {
			if n.Entry < 0 {
				a.printf("  %s\n", n.Text)
			} else {
				a.printf("  第 %d 条：%s\n", n.Entry+1, n.Text)
			}
		}
	}
}

// printSuggestion says what an edit that does not count would have changed, and
// what a writer can do about the n-th of them.
func (a *app) printSuggestion(v *clientsdk.View, n int, s *clientsdk.Suggestion) {
	a.printf("更正建议（未生效） %s (%s)：%s   %s\n", s.Label, s.Field, a.plain(s.New, "  "), s.Reason)
	if s.New == nil {
		return
	}
	a.printf("  采用：correct %s %s @%d 原因；不采纳：decline %s %s @%d 原因\n", v.Record, s.Field, n, v.Record, s.Field, n)
}

// fieldText prints a field's value; in a text that two people changed at the
// same words it says so after them.
func (a *app) fieldText(f *clientsdk.Field) string {
	if f.Passages == nil {
		return a.plain(f.Value, "  ")
	}
	var b strings.Builder
	for _, p := range f.Passages {
		b.WriteString(p.Text)
		if p.Check {
			b.WriteString("〔两处修改，请核对〕")
		}
	}
	return a.plain(b.String(), "  ")
}

// printVersions numbers the versions of a field in conflict, as resolve takes them.
func (a *app) printVersions(v *clientsdk.View, field string) {
	for _, c := range v.Conflicts() {
		if c.Field != field {
			continue
		}
		if c.Item != "" {
			a.printf("  %s %s\n", c.Item, c.Sub)
		}
		for i, s := range c.Values {
			who := s.Name
			if who == "" {
				who = s.Author.String()
			}
			on := s.Device
			if self, ok := a.client.Identity(); ok && self.Replica == s.Replica {
				on = "本机"
			}
			a.printf("  %d. %s   %s %s %s\n", i+1, a.plain(s.Value, "     "), s.When.In(zone).Format("2006-01-02 15:04"), who, on)
		}
	}
}
