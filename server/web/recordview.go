package web

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

// recordData is a record as the template shows it.
type recordData struct {
	layout
	Page     RecordPage
	Strip    strip
	Chips    []Chip
	State    string
	Late     string
	Crumb    string // the day
	Lunar    string
	Clashes  []clashView
	Sections []sectionView
	Legend   []legendEntry
	Paper    paper
	Act      formAct
	Notice   string // what was just done
	Alert    string // why what was asked for was not done
	Typed    typed
	AsOf     string // of an earlier state: which
}

type clashView struct {
	Clash
	Act  formAct
	Word string
	Tone Tone
	Icon string
	Note string
}

type sectionView struct {
	Label  string
	Fields []fieldView
}

type fieldView struct {
	Field
	Wide  bool
	Bare  bool // its label would only repeat the heading
	Clash *clashView
	Empty bool
}

type legendEntry struct {
	Class string
	Name  string
}

func (p *Pages) record(c echo.Context, s session) error {
	id, err := syncproto.ParseRecordID(c.Param("id"))
	if err != nil {
		return ErrNotFound
	}
	var at RecordView
	for name, into := range map[string]*syncproto.ChangeID{"as_of": &at.AsOf, "before": &at.Before} {
		if text := c.QueryParam(name); text != "" {
			if *into, err = syncproto.ParseChangeID(text); err != nil {
				return &QueryError{"地址里说的那一处改动读不出来。请从记录的来历里点。"}
			}
		}
	}
	page, err := p.deps.Source.Record(c.Request().Context(), s.Viewer, id, at)
	if err != nil {
		return fmt.Errorf("read record %s: %w", id, err)
	}
	d := p.recordData(s, page)
	d.Notice = notices[c.QueryParam("done")]
	return p.render(c, http.StatusOK, "record", d)
}

func (p *Pages) recordData(s session, page RecordPage) recordData {
	marks := page.Marks
	marks.New = false
	d := recordData{
		layout: p.layout(s, page.Title, ""), Page: page, Strip: page.Complete.strip(page.Devices),
		Chips: marks.Chips(), State: stateWords(page.Status, page.Sync), Late: page.Origin.words(page.When.Day.Year),
	}
	if day := page.When.Day; !day.IsZero() {
		d.Crumb = day.Words() + " " + day.Weekday()
		d.Lunar, _ = day.lunarWords()
	}
	d.Act = formAct{recordAddress(page.ID), d.Token, page.Seen.String()}
	if page.AsOf != nil {
		d.AsOf = asOfWords(page.AsOf)
	}
	for _, c := range page.Clashes {
		v := viewClash(c)
		v.Act = d.Act
		d.Clashes = append(d.Clashes, v)
	}
	used := map[int]bool{}
	for _, sec := range page.Sections {
		v := sectionView{Label: sec.Label}
		for _, f := range sec.Fields {
			v.Fields = append(v.Fields, d.viewField(f, used))
		}
		v.fillLines()
		d.Sections = append(d.Sections, v)
	}
	d.Legend = legend(page.Authors, used)
	d.Paper = newPaper(page, s.Viewer, d.Now)
	return d
}

// asOfWords is which earlier state a page shows: 5月22日 17:05 收到吴例舟的修改之后.
func asOfWords(a *AsOf) string {
	return longStamp(a.Entry.Received) + " 收到" + a.Entry.By.Name + "的" + a.Entry.What + "之后"
}

// fillLines widens a field that would stand alone in the left half of a line,
// and bares one whose label is the heading's.
func (v *sectionView) fillLines() {
	left := true
	for i := range v.Fields {
		f := &v.Fields[i]
		switch {
		case f.Wide:
			left = true
		case left && (i+1 == len(v.Fields) || v.Fields[i+1].Wide):
			f.Wide = true
		default:
			left = !left
		}
	}
	if len(v.Fields) == 1 && v.Fields[0].Label == v.Label {
		v.Fields[0].Bare = true
	}
}

func viewClash(c Clash) clashView {
	v := clashView{Clash: c, Word: c.Label + c.Kind.String(), Tone: Needs, Icon: "hold", Note: c.Note}
	switch {
	case c.Kind == Differs:
		v.Word, v.Tone, v.Icon = c.Label+"："+c.Kind.String(), Waits, "diff"
		if v.Note == "" {
			v.Note = "都留着。记录里先显示改得晚的那个，不等于已经定了。"
		}
	case v.Note == "" && c.Kind == ToVerify:
		v.Note = "定下来以前，统计一个也不算。"
	case v.Note == "":
		v.Note = "定下来以前，哪一个都不算数。"
	}
	return v
}

func (d *recordData) viewField(f Field, used map[int]bool) fieldView {
	v := fieldView{Field: f, Wide: f.Wide || long(f)}
	for i := range d.Clashes {
		if d.Clashes[i].Field == f.Key {
			v.Clash = &d.Clashes[i]
		}
	}
	v.Empty = f.Masked == "" && f.Text == "" && v.Clash == nil && f.Table == nil &&
		len(f.Passages)+len(f.Statements)+len(f.Refs)+len(f.Events) == 0
	for _, p := range f.Passages {
		used[p.Author] = true
	}
	for _, s := range f.Statements {
		used[s.Recorder] = true
		for _, p := range s.Passages {
			used[p.Author] = true
		}
	}
	return v
}

// long reports whether a field takes the whole line.
func long(f Field) bool {
	const shortText = 24
	return f.Table != nil || len(f.Passages)+len(f.Statements)+len(f.Events)+len(f.Notes) > 0 ||
		len(f.Refs) > 1 || len([]rune(f.Text)) > shortText || len([]rune(f.Masked)) > shortText
}

// legend names the authors whose words are underlined; one author needs none.
func legend(authors []Person, used map[int]bool) []legendEntry {
	var out []legendEntry
	for i, a := range authors {
		if used[i+1] {
			out = append(out, legendEntry{authorClass(i + 1), a.Name})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}
