package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

type listed struct {
	Record   syncproto.RecordID     `json:"record"`
	Draft    clientsdk.DraftID      `json:"draft,omitempty"`
	Kind     string                 `json:"kind"`
	Number   string                 `json:"number,omitempty"`
	When     string                 `json:"when,omitempty"`
	Place    string                 `json:"place,omitempty"`
	Title    string                 `json:"title,omitempty"`
	Status   clientsdk.RecordStatus `json:"status,omitempty"`
	Sync     clientsdk.SyncState    `json:"sync"`
	Conflict bool                   `json:"conflict,omitempty"`
}

func (a *app) list(args []string) error {
	f, err := listFilter(args)
	if err != nil {
		return err
	}
	rows, err := a.client.Query(f)
	if err != nil {
		return err
	}
	out := []listed{}
	if f.From.IsZero() && f.To.IsZero() && f.Text == "" && !f.Conflicts && f.Place == "" {
		if out, err = a.listDrafts(f); err != nil {
			return err
		}
	}
	for _, r := range rows {
		s, err := a.client.Status(r.Record)
		if err != nil {
			return err
		}
		out = append(out, listed{Record: r.Record, Kind: r.Kind, Number: r.Number, When: r.When, Place: r.Place, Title: r.Title, Status: s.Record, Sync: s.Sync, Conflict: r.Conflict})
	}
	if a.json {
		return a.printJSON(map[string]any{"records": out})
	}
	var cells [][]string
	for _, r := range out {
		mark, id := "", r.Record.String()
		if r.Conflict {
			mark = "有不同修改"
		}
		if r.Draft != "" {
			mark, id = "draft "+string(r.Draft), ""
		}
		cells = append(cells, []string{shortTime(r.When), r.Title, r.Number, strings.Trim(string(r.Status)+" · "+string(r.Sync), " ·"), mark, id})
	}
	a.table([]string{"时间", "内容", "编号", "状态", "", "id"}, cells)
	return nil
}

func (a *app) listDrafts(f clientsdk.Filter) ([]listed, error) {
	out := []listed{}
	ds, err := a.client.Drafts()
	if err != nil {
		return nil, err
	}
	for _, d := range ds {
		if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, d.Kind()) {
			continue
		}
		v, err := d.View()
		if err != nil {
			return nil, err
		}
		when, _ := v.Value("occurred_at").(string)
		out = append(out, listed{Record: d.Record(), Draft: d.ID(), Kind: d.Kind(), When: when, Title: v.Title, Sync: clientsdk.SyncDraft})
	}
	return out, nil
}

func listFilter(args []string) (f clientsdk.Filter, err error) {
	flags := flag.NewFlagSet("list", flag.ContinueOnError)
	kind := flags.String("kind", "", "")
	from, to := flags.String("from", "", ""), flags.String("to", "", "")
	flags.StringVar(&f.Place, "place", "", "")
	flags.StringVar(&f.Text, "text", "", "")
	flags.BoolVar(&f.Voided, "voided", false, "")
	flags.BoolVar(&f.Conflicts, "conflicts", false, "")
	rest, err := parse(flags, args)
	if err != nil || len(rest) > 0 {
		return f, errUsage
	}
	if *kind != "" {
		f.Kinds = strings.Split(*kind, ",")
	}
	for text, t := range map[*string]*time.Time{from: &f.From, to: &f.To} {
		if *text != "" {
			if *t, err = time.Parse(time.DateOnly, *text); err != nil {
				return f, fmt.Errorf("%q is no day: write it as 2026-05-18", *text)
			}
		}
	}
	return f, nil
}

// zone is the one the records are written in, whatever the machine's is.
var zone = time.FixedZone("+08:00", 8*3600)

func shortTime(when string) string {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, when); err == nil {
			return t.In(zone).Format("2006-01-02 15:04")
		}
	}
	return when
}
