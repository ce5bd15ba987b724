package main

import (
	"fmt"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

func (a *app) history(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err != nil {
		return err
	}
	h, err := a.client.History(id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"history": h})
	}
	var rows [][]string
	for _, s := range h {
		when, device := s.When.In(zone).Format("2006-01-02 15:04:05"), fmt.Sprintf("%s/%d", s.Replica.String()[:8], s.Seq)
		if s.Texts {
			when, device = "（文字，时间见 past）", s.Replica.String()[:8]
		}
		who := "（不详）"
		if !s.Author.IsZero() {
			who = a.named(s.Author.String())
		}
		rows = append(rows, []string{when, who, device, string(s.Sync), strings.Join(s.Fields, " ")})
	}
	a.table([]string{"时间", "谁", "设备/序号", "状态", "内容"}, rows)
	return nil
}

func (a *app) past(args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err != nil {
		return err
	}
	if len(args) == 2 {
		return a.asOf(id, args[1])
	}
	list, earlier, err := a.client.Changes(a.ctx, id, syncproto.ChangeID{})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"changes": list, "earlier": earlier})
	}
	var rows [][]string
	for _, c := range list {
		var steps []string
		for _, s := range c.Steps {
			steps = append(steps, strings.TrimSpace(s.Label+" "+s.Old+" → "+s.New))
		}
		rows = append(rows, []string{c.Received.Format("2006-01-02 15:04"), c.By, c.Device, c.What, strings.Join(steps, "；"), c.Change.String()})
	}
	a.table([]string{"收到", "谁", "设备", "做了什么", "内容", "改动"}, rows)
	return nil
}

func (a *app) asOf(id syncproto.RecordID, change string) error {
	c, err := syncproto.ParseChangeID(change)
	if err != nil {
		return err
	}
	p, err := a.client.AsOf(a.ctx, id, c)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	a.printf("%s  %s\n%s  %s  %s 之后\n", p.Label, p.Number, p.Record, p.Status, p.AsOf)
	for _, f := range p.Fields {
		if f.Masked != "" {
			f.Value = "〔" + f.Masked + "〕"
		}
		a.printf("\n%s (%s)\n  %s\n", f.Label, f.Key, a.plain(f.Value, "  "))
		for _, s := range f.Passages {
			a.printf("  - %s   %s %s\n", s.Text, s.By, s.From.Format("2006-01-02"))
		}
	}
	return nil
}
