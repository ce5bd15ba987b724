package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// printJSON prints one object on one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows in columns; Chinese characters are two columns wide.
func (a *app) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], columns(cell))
		}
	}
	for _, row := range append([][]string{head}, rows...) {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-columns(cell)+2))
			}
		}
		a.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

func columns(s string) (n int) {
	for _, r := range s {
		if n++; r >= 0x1100 {
			n++
		}
	}
	return n
}

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

// named puts before an id what the record is called, where this device has it.
func (a *app) named(s string) string {
	id, err := syncproto.ParseRecordID(s)
	if err != nil {
		return s
	}
	if v, err := a.client.Get(id); err == nil && v.Title != "" {
		return v.Title + " " + s
	}
	return s
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

// plain prints a value for people.
func (a *app) plain(v any, indent string) string {
	switch v := v.(type) {
	case nil:
		return "—"
	case string:
		return strings.ReplaceAll(a.named(v), "\n", "\n"+indent)
	case bool:
		if v {
			return "是"
		}
		return "否"
	case []any:
		var lines []string
		for _, e := range v {
			lines = append(lines, a.plain(e, indent+"  "))
		}
		return strings.Join(lines, "\n"+indent)
	case map[string]any:
		var parts []string
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			parts = append(parts, k+"="+a.plain(v[k], indent))
		}
		return strings.Join(parts, "  ")
	}
	return fmt.Sprint(v)
}

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

func (a *app) sync(args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	r, err := a.client.Sync(a.ctx)
	if errors.Is(err, clientsdk.ErrNotEnrolled) {
		return err
	}
	if r.Wiped && !a.json {
		a.printf("%v\n", clientsdk.ErrWiped)
		return nil
	}
	if a.json {
		out := map[string]any{"ok": err == nil, "pushed": r.Pushed, "refused": r.Refused, "pulled": r.Pulled, "requests": r.Requests, "conflicts": r.Conflicts,
			"held": r.Held, "mismatches": r.Mismatches, "bytes_up": r.BytesUp, "bytes_down": r.BytesDown, "ms": r.Millis, "needs_new_id": r.NeedsNewID, "wiped": r.Wiped}
		if err != nil {
			out["error"] = err.Error()
		}
		return errors.Join(a.printJSON(out), err)
	}
	if err != nil && r.Requests > 0 && syncproto.KindOf(err) == syncproto.KindOther {
		a.printf("没有连上，稍后自动再试；内容都在手机里\n")
	}
	if err == nil || r.Pushed+r.Pulled > 0 { // of a sync that did nothing its reason is enough
		a.printf("上传 %d 条，收到 %d 条；%d 字节上，%d 字节下，%d 次请求，%d 毫秒\n", r.Pushed, r.Pulled, r.BytesUp, r.BytesDown, r.Requests, r.Millis)
	}
	for _, id := range r.Late {
		a.printf("%s：提交满 24 小时以后改的没有生效，留作更正建议；要采用请写更正，见 show %s\n", a.named(id.String()), id)
	}
	return errors.Join(err, a.printSummary())
}

func (a *app) printSummary() error {
	s, err := a.client.Summary()
	if err != nil {
		return err
	}
	for _, line := range s.Words() {
		a.printf("%s\n", line)
	}
	return nil
}

func (a *app) status(args []string) error {
	if len(args) > 1 {
		return errUsage
	}
	if len(args) == 1 {
		return a.statusOf(args[0])
	}
	s, err := a.client.Summary()
	if err != nil {
		return err
	}
	id, enrolled := a.client.Identity()
	if a.json {
		return a.printJSON(map[string]any{"enrolled": enrolled, "person": id.PersonName, "device": id.Device, "origin": id.Origin, "pending": s.Pending,
			"drafts": s.Drafts, "old_drafts": s.OldDrafts, "held": s.Held, "held_reasons": append([]string{}, s.HeldReasons...),
			"conflicts": s.Conflicts, "needs_new_id": s.NeedsNewID, "locked": s.Locked, "hand_back": s.HandBack, "new_devices": append([]clientsdk.Device{}, s.NewDevices...)})
	}
	if !enrolled {
		a.printf("尚未注册\n")
	} else {
		a.printf("%s  %s  %s\n", id.PersonName, id.Device, id.Origin)
	}
	if len(s.Words()) == 0 {
		a.printf("全部已收到\n")
	}
	return a.printSummary()
}

func (a *app) statusOf(name string) error {
	id, err := a.findRecord(name)
	if err != nil {
		d, draftErr := a.findDraft(name)
		if draftErr != nil {
			return err
		}
		id = d.Record()
	}
	s, err := a.client.Status(id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"record": id, "status": s.Record, "sync": s.Sync, "reasons": s.Reasons, "siblings": s.Siblings, "edited": s.Edited})
	}
	a.printf("%s\n", s)
	for _, r := range s.Reasons {
		a.printf("%s\n", r)
	}
	if s.Siblings > 0 {
		a.printf("同时提交的 %d 条待处理\n", s.Siblings)
	}
	return nil
}

func (a *app) kinds(args []string) error {
	s := a.client.Schema()
	switch len(args) {
	case 0:
		var rows [][]string
		for _, id := range s.KindIDs() {
			rows = append(rows, []string{id, s.Kinds[id].Zh, s.Kinds[id].En})
		}
		if a.json {
			return a.printJSON(map[string]any{"kinds": rows})
		}
		a.table([]string{"KIND", "", ""}, rows)
		return nil
	case 1:
		return a.kindFields(s, args[0])
	}
	return errUsage
}

func (a *app) kindFields(s *schema.Schema, id string) error {
	k, ok := s.Kind(id)
	if !ok {
		return fmt.Errorf("there is no kind %q: see chuantou-device kinds", id)
	}
	var rows [][]string
	for _, f := range k.Fields {
		if f.MergeClass() == schema.ClassNone || f.Companion() {
			continue
		}
		required := map[schema.Required]string{schema.Always: "●", schema.When: "◐"}[f.Required]
		var values []string
		for _, v := range f.Values {
			values = append(values, v.V)
		}
		for _, sub := range f.Items {
			values = append(values, sub.Key)
		}
		rows = append(rows, []string{required, f.Key, f.Zh, string(f.Type), f.MergeClass().String(), strings.Join(values, " / ")})
	}
	if a.json {
		return a.printJSON(map[string]any{"kind": id, "fields": rows})
	}
	a.table([]string{"", "FIELD", "", "type", "class", "values or sub-fields"}, rows)
	return nil
}
