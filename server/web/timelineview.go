package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// timelineData is the timeline as the template shows it.
type timelineData struct {
	layout
	Page   TimelinePage
	Q      TimelineQuery
	Seen   Seen
	Strip  strip
	Groups []rowGroup
	Leads  []leadView
	Chosen []chosen
	Empty  *emptyView
	Rows   int
	Hidden []hiddenInput // of the filter form: what it keeps
}

// rowGroup is a header and the rows under it: a day, or one arrival.
type rowGroup struct {
	Head  string
	Lunar string
	Note  string
	Count string
	Rows  []rowView
}

// rowView is a row and what the template does not compute.
type rowView struct {
	TimelineRow
	Clock string
	Day   string // in order of arrival, where the header is no day
	Chips []Chip
	Rest  []Chip // behind +n
	State string // status and sync state, when they are not the usual two
	Late  string // provenance in words
	Ago   string // in order of arrival: how old the matter was
}

// OccurredAddress is this query in the order 按发生时间.
func (d timelineData) OccurredAddress() string { return d.Q.with(ByOccurrence).Address() }

// ArrivedAddress is this query in the order 新到.
func (d timelineData) ArrivedAddress() string { return d.Q.with(ByArrival).Address() }

// TopAddress is this query from its beginning.
func (d timelineData) TopAddress() string { return d.Q.after("").Address() }

// NextAddress is this query below the last row.
func (d timelineData) NextAddress() string { return d.Q.after(d.Page.Next).Address() }

// PlainAddress is this query without filters.
func (d timelineData) PlainAddress() string { return d.Q.plain().Address() }

// Looked says how far back a filter looked.
func (d timelineData) Looked() string { return lookedWords(d.Page.LookedTo) }

type chosen struct {
	Text    string
	Without string // the address without it
}

type hiddenInput struct{ Name, Value string }

type emptyView struct{ Icon, Head, Text, Link, Target string }

func (p *Pages) timeline(c echo.Context, s session) error {
	q, err := parseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if q.Seen, err = p.deps.Sessions.SeenUpTo(ctx, s.Viewer); err != nil {
		return fmt.Errorf("find what was seen: %w", err)
	}
	page, err := p.deps.Source.Timeline(ctx, s.Viewer, q)
	if err != nil {
		return fmt.Errorf("read timeline: %w", err)
	}
	return p.render(c, http.StatusOK, "timeline", p.timelineData(s, q, page))
}

// maxMarkBytes bounds the mark of seen arrivals that a form brings back.
const maxMarkBytes = 512

func (p *Pages) markSeen(c echo.Context, s session) error {
	f, err := p.readForm(c, "session", s.token)
	if err != nil {
		return err
	}
	q, err := parseQuery(strings.TrimPrefix(strings.TrimPrefix(f.Get("back"), "/"), "?"))
	if err != nil {
		return err
	}
	mark := f.Get("mark")
	if mark == "" || len(mark) > maxMarkBytes {
		return &QueryError{"没有说看到了哪里。请从时间轴再点一次。"}
	}
	if err := p.deps.Sessions.MarkSeen(c.Request().Context(), s.Viewer, Seen{mark, p.deps.Now()}); err != nil {
		return fmt.Errorf("mark as seen: %w", err)
	}
	return c.Redirect(http.StatusSeeOther, q.Address())
}

func (p *Pages) timelineData(s session, q TimelineQuery, page TimelinePage) timelineData {
	d := timelineData{
		layout: p.layout(s, "时间轴", "/"), Page: page, Q: q, Seen: q.Seen,
		Strip: page.Complete.strip(""), Rows: len(page.Rows),
	}
	if q.Order == ByArrival {
		d.Title = "新到"
		d.Groups = arrivalGroups(page, q)
	} else {
		d.Groups = dayGroups(page, q)
	}
	d.Leads = leads(page, q)
	d.Chosen = d.chosen()
	if q.Order == ByArrival {
		d.Hidden = append(d.Hidden, hiddenInput{"order", "arrived"})
	}
	if len(page.Rows) == 0 {
		d.Empty = d.empty()
	}
	return d
}

func viewRow(r TimelineRow, arrival bool) rowView {
	v := rowView{TimelineRow: r, Clock: r.When.Clock()}
	marks := r.Marks
	if arrival {
		marks.New = false // the header and the line where one last was say so
	}
	if r.Sync == "待处理" && marks.Held == 0 {
		marks.Extra = append([]Chip{{Needs, "hold", "待处理"}}, marks.Extra...)
	}
	v.Chips = marks.Chips()
	if len(v.Chips) > maxRowChips {
		v.Chips, v.Rest = v.Chips[:maxRowChips], v.Chips[maxRowChips:]
	}
	if state := stateWords(r.Status, r.Sync); state != "已提交 · 已收到" {
		v.State = state
	}
	v.Late = r.Origin.words(r.When.Day.Year)
	if arrival {
		v.Day = r.When.Day.short(DateOf(r.Received).Year)
		v.Ago = agoWords(r.When.Day.DaysUntil(DateOf(r.Received)))
	}
	return v
}

func stateWords(status, sync string) string {
	return strings.Join(slices.DeleteFunc([]string{status, sync}, func(s string) bool { return s == "" }), " · ")
}

// words is 石屋岙现场记录，5月22日 17:05、17:31 回港补传.
func (p Provenance) words(year int) string {
	if p.Recorded == "" && len(p.Received) == 0 {
		return ""
	}
	var at strings.Builder
	var last Date
	for i, t := range p.Received {
		if i > 0 {
			at.WriteString("、")
		}
		if day := DateOf(t); i > 0 && day == last {
			at.WriteString(t.In(zone).Format("15:04"))
		} else {
			at.WriteString(stamp(t, year))
			last = day
		}
	}
	if p.How != "" && at.Len() > 0 {
		at.WriteString(" ")
	}
	at.WriteString(p.How)
	if p.Recorded == "" || at.Len() == 0 {
		return p.Recorded + at.String()
	}
	return p.Recorded + "，" + at.String()
}

func agoWords(days int) string {
	switch {
	case days < 0:
		return "" // a clock ahead of the server's; nothing true can be said
	case days == 0:
		return "当天的事"
	case days == 1:
		return "前一天的事"
	}
	return fmt.Sprintf("%d 天前的事", days)
}

// dayGroups puts rows that follow each other under the header of their day.
func dayGroups(page TimelinePage, q TimelineQuery) []rowGroup {
	var out []rowGroup
	for i, r := range page.Rows {
		if i == 0 || r.When.Day != page.Rows[i-1].When.Day {
			g := rowGroup{Head: "没有写日子"}
			if day := r.When.Day; !day.IsZero() {
				g.Head = day.Words() + " " + day.Weekday()
				g.Lunar, g.Note = day.lunarWords()
			}
			out = append(out, g)
		}
		g := &out[len(out)-1]
		g.Rows = append(g.Rows, viewRow(r, false))
	}
	for i := range out {
		// The first and last day of a page may go on beyond it: no count of those.
		if i == 0 && q.Continue != "" || i == len(out)-1 && page.Next != "" {
			continue
		}
		out[i].Count = dayCount(out[i].Rows)
	}
	return out
}

// arrivalGroups puts rows under the header of the arrival that brought them,
// and marks where the reader was last.
func arrivalGroups(page TimelinePage, q TimelineQuery) []rowGroup {
	var out []rowGroup
	marked := q.Seen.At.IsZero() || q.Continue != "" && len(page.Rows) > 0 && !unseen(page.Rows[0])
	for i, r := range page.Rows {
		if !marked && !unseen(r) {
			out, marked = append(out, rowGroup{Head: "您上次看到这里", Lunar: longStamp(q.Seen.At)}), true
		}
		if i == 0 || !sameArrival(r, page.Rows[i-1]) || len(out[len(out)-1].Rows) == 0 {
			out = append(out, rowGroup{Head: longStamp(r.Received), Lunar: r.From})
		}
		g := &out[len(out)-1]
		g.Rows = append(g.Rows, viewRow(r, true))
	}
	if !marked && page.Next == "" && len(out) > 0 {
		out = append(out, rowGroup{Head: "您上次看到这里", Lunar: longStamp(q.Seen.At)})
	}
	for i := range out {
		if rows := out[i].Rows; len(rows) > 0 {
			out[i].Count = arrivalCount(rows)
		}
	}
	return out
}

func unseen(r TimelineRow) bool { return r.Marks.New || r.Marks.Changed }

func sameArrival(a, b TimelineRow) bool {
	return a.From == b.From && a.Received.Truncate(time.Minute).Equal(b.Received.Truncate(time.Minute))
}

// dayCount is 2 条，新到 1.
func dayCount(rows []rowView) string {
	s, fresh := fmt.Sprintf("%d 条", len(rows)), 0
	for _, r := range rows {
		if r.TimelineRow.Marks.New {
			fresh++
		}
	}
	if fresh > 0 {
		s += fmt.Sprintf("，新到 %d", fresh)
	}
	return s
}

// arrivalCount is 新 1 条，改动 2 条; of what was seen before, 10 条.
func arrivalCount(rows []rowView) string {
	changed := 0
	for _, r := range rows {
		if r.Change != "" {
			changed++
		}
	}
	var parts []string
	if n := len(rows) - changed; n > 0 && unseen(rows[0].TimelineRow) {
		parts = append(parts, fmt.Sprintf("新 %d 条", n))
	} else if n > 0 {
		parts = append(parts, fmt.Sprintf("%d 条", n))
	}
	if changed > 0 {
		parts = append(parts, fmt.Sprintf("改动 %d 条", changed))
	}
	return strings.Join(parts, "，")
}

// strip is the line that says how complete a page is.
type strip struct {
	AsOf  string
	Words []string
}

func (c Completeness) strip(more string) strip {
	s := strip{AsOf: longStamp(c.AsOf)}
	if more != "" {
		s.Words = append(s.Words, more)
	}
	year := DateOf(c.AsOf).Year
	switch {
	case c.Silent == 1 && !c.SilentSince.IsZero():
		s.Words = append(s.Words, fmt.Sprintf("尚有 1 台设备未同步（自 %s 离线），那里的记录到了会插回原来的时间。", stamp(c.SilentSince, year)))
	case c.Silent > 0 && !c.SilentSince.IsZero():
		s.Words = append(s.Words, fmt.Sprintf("尚有 %d 台设备未同步（最早自 %s 离线），那里的记录到了会插回原来的时间。", c.Silent, stamp(c.SilentSince, year)))
	case c.Silent > 0:
		s.Words = append(s.Words, fmt.Sprintf("尚有 %d 台设备未同步，那里的记录到了会插回原来的时间。", c.Silent))
	case len(c.Away) == 0 && more == "":
		s.Words = append(s.Words, "所有设备都已同步。")
	}
	if len(c.Away) > 0 {
		s.Words = append(s.Words, fmt.Sprintf("可能不全：%d 台手机离岛未归（%s）。", len(c.Away), awayWords(c.Away, year)))
	}
	if c.ToConfirm > 0 {
		s.Words = append(s.Words, fmt.Sprintf("其中 %d 条待本人确认。", c.ToConfirm))
	}
	if c.Held > 0 {
		s.Words = append(s.Words, fmt.Sprintf("另有 %d 处改动收到了、还没并进记录（待处理）。", c.Held))
	}
	if c.Unsettled > 0 {
		s.Words = append(s.Words, fmt.Sprintf("%d 条待核，未计入。", c.Unsettled))
	}
	return s
}

func awayWords(away []Away, year int) string {
	const named = 3
	var parts []string
	for _, a := range away[:min(named, len(away))] {
		s := a.Owner
		if !a.Until.IsZero() {
			s += " 至 " + a.Until.short(year)
		}
		parts = append(parts, s)
	}
	s := strings.Join(parts, "、")
	if len(away) > named {
		s += " 等"
	}
	return s
}
