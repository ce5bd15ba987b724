package view

import (
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Assignment is one row of who answers for a household (GB).
type Assignment struct {
	ID, Household syncproto.RecordID
	Cadre         syncproto.PersonID
	FromOn        string
	EndedOn       string // the last end; "" while the row is open
}

// AssignmentOf reads a row.
func AssignmentOf(rec *crdt.Record) Assignment {
	a := Assignment{ID: rec.ID, Household: AsRef(plainOf(rec, "household_id")), Cadre: AsRef(plainOf(rec, "cadre_id"))}
	a.FromOn, _ = plainOf(rec, "from_on").(string)
	for _, e := range InForce(rec, rec.Log("ends")) {
		m, _ := Plain(e.Value).(map[string]any)
		on, _ := m["to_on"].(string)
		if on == "" {
			on = time.UnixMilli(e.Wall).In(Zone).Format(time.DateOnly)
		}
		a.EndedOn = max(a.EndedOn, on)
	}
	return a
}

// Duty is who answers for one household.
type Duty struct {
	// Holder has duty and sight of the file; nil when nobody has.
	Holder *Assignment
	// Open are the rows not ended, by begin. More than one is 待裁定: those
	// named in them, but for the holder, know of it and do not see the file.
	Open []Assignment
}

// Undecided reports whether an administrator has to close a row (待裁定).
func (d *Duty) Undecided() bool { return len(d.Open) > 1 }

// Decide finds who answers for a household among all its rows (domain.md 2.6).
// Of several open rows none counts until one is closed: the one who held it
// before keeps it, even when his row was ended for one of them. Who that was:
// a row ended no earlier than the day before the last of them begins, else the
// one open row that is older than the others.
func Decide(rows []Assignment) Duty {
	var d Duty
	var ended []Assignment
	for _, a := range rows {
		if a.EndedOn == "" {
			d.Open = append(d.Open, a)
		} else {
			ended = append(ended, a)
		}
	}
	older := func(a, b Assignment) int {
		if c := strings.Compare(a.FromOn, b.FromOn); c != 0 {
			return c
		}
		return a.ID.Compare(b.ID)
	}
	slices.SortFunc(d.Open, older)
	slices.SortFunc(ended, older)
	switch len(d.Open) {
	case 0:
		return d
	case 1:
		d.Holder = &d.Open[0]
		return d
	}
	last := dayBefore(d.Open[len(d.Open)-1].FromOn)
	for i := len(ended) - 1; i >= 0; i-- {
		if ended[i].EndedOn >= last && ended[i].FromOn <= d.Open[0].FromOn {
			d.Holder = &ended[i]
			return d
		}
	}
	if d.Open[0].FromOn < d.Open[1].FromOn {
		d.Holder = &d.Open[0]
	}
	return d
}

func dayBefore(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly)
}

// Duty is who answers for the household of an assignment; zero for other kinds.
func (l *Look) Duty() Duty {
	if l.Record.Kind != "GB" {
		return Duty{}
	}
	rows := []Assignment{}
	for _, rec := range append([]*crdt.Record{l.Record}, l.Siblings...) {
		if a := AssignmentOf(rec); a.Household == AsRef(plainOf(l.Record, "household_id")) && !rec.Deleted() {
			rows = append(rows, a)
		}
	}
	return Decide(rows)
}

// Undecided reports whether this record waits with others of its household for
// an administrator: it is one of several open assignments, or one of several
// plans for a year of which none is agreed.
func (l *Look) Undecided() bool {
	switch l.Record.Kind {
	case "GB":
		d := l.Duty()
		return d.Undecided() && slices.ContainsFunc(d.Open, func(a Assignment) bool { return a.ID == l.ID })
	case "FA":
		return l.planState() == "待审核" && slices.ContainsFunc(l.plans(), func(o *crdt.Record) bool { return l.of(o).reviewed() == "" })
	}
	return false
}

// plans are the other live plans of the household and year.
func (l *Look) plans() (out []*crdt.Record) {
	for _, o := range l.Siblings {
		if !o.Deleted() && AsRef(plainOf(o, "household_id")) == AsRef(plainOf(l.Record, "household_id")) && plainOf(o, "year") == plainOf(l.Record, "year") {
			out = append(out, o)
		}
	}
	return out
}

// reviewed is the last result of the plan's review, "" before the first.
func (l *Look) reviewed() string {
	out := ""
	for _, e := range InForce(l.Record, l.Record.Log("review")) {
		m, _ := Plain(e.Value).(map[string]any)
		out, _ = m["result"].(string)
	}
	return out
}

// planState is the state of a plan. Of several for one household and year each
// waits until one is agreed; one agreed later replaces one agreed before.
func (l *Look) planState() string {
	switch l.reviewed() {
	case "退回":
		return "已退回"
	case "":
		return "待审核"
	}
	mine := InForce(l.Record, l.Record.Log("review"))
	for _, o := range l.plans() {
		other := InForce(o, o.Log("review"))
		if l.of(o).reviewed() == "同意" && other[len(other)-1].Wall > mine[len(mine)-1].Wall {
			return "已被替代"
		}
	}
	measures := l.Record.List("measures")
	if len(measures) > 0 && !slices.ContainsFunc(measures, func(m *crdt.Item) bool { return underWay(l.Record, m) }) {
		return "已完成"
	}
	return "执行中"
}

// underWay reports whether a measure is neither done nor cancelled.
func underWay(rec *crdt.Record, measure *crdt.Item) bool {
	log := InForce(rec, measure.Log("state"))
	if len(log) == 0 {
		return true
	}
	s, _ := Plain(log[len(log)-1].Value).(string)
	return s != "已完成" && s != "取消"
}
