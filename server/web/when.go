package web

import (
	"fmt"
	"time"

	"github.com/chuantou/chuantou/server/web/lunar"
)

// zone is the one zone of the product. It is fixed, so that a page never
// depends on the time zone files of the machine.
var zone = time.FixedZone("+08:00", 8*60*60)

// Date is a day of the calendar, not midnight of that day: no time zone ever
// shifts it. The zero Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day of an instant in +08:00.
func DateOf(t time.Time) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads 2026-05-18 and nothing else.
func ParseDate(s string) (Date, error) {
	if len(s) != len(time.DateOnly) {
		return Date{}, fmt.Errorf("date of %d characters: want 2026-05-18", len(s))
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("date is not like 2026-05-18")
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// String is the form of addresses and forms, 2026-05-18; empty for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// Compare orders days.
func (d Date) Compare(e Date) int { return d.utc().Compare(e.utc()) }

// DaysUntil counts days from d to e.
func (d Date) DaysUntil(e Date) int { return int(e.utc().Sub(d.utc()).Hours() / 24) }

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

var weekdays = [...]string{"星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"}

// Weekday is 星期一 to 星期日.
func (d Date) Weekday() string { return weekdays[d.utc().Weekday()] }

// Words is 2026年5月18日.
func (d Date) Words() string {
	return fmt.Sprintf("%d年%d月%d日", d.Year, int(d.Month), d.Day)
}

// Full is 2026年5月18日（星期一）.
func (d Date) Full() string { return d.Words() + "（" + d.Weekday() + "）" }

// short leaves the year out when it is the reader's: 5月18日.
func (d Date) short(year int) string {
	if d.Year != year {
		return d.Words()
	}
	return fmt.Sprintf("%d月%d日", int(d.Month), d.Day)
}

// lunarWords is 农历四月初二, empty outside the table; tide is 大水 and so on.
func (d Date) lunarWords() (day, tide string) {
	l, ok := lunar.Of(d.Year, d.Month, d.Day)
	if !ok {
		return "", ""
	}
	return "农历" + l.String(), l.Tide()
}

// Precision is how exactly a time is known. The zero value is a day.
type Precision uint8

// The three precisions of a time in a record.
const (
	PrecisionDay Precision = iota
	PrecisionHalf
	PrecisionMinute
)

// Half is a part of a day; the numbers are their order within it.
type Half uint8

// The parts of a day that are said.
const (
	Morning   Half = iota // 上午
	Noon                  // 中午: 12:00 is a real and frequent moment
	Afternoon             // 下午
	Evening               // 晚上
)

var halves = [...]string{"上午", "中午", "下午", "晚上"}

func (h Half) String() string {
	if int(h) < len(halves) {
		return halves[h]
	}
	return ""
}

// When is a time as the record tells it: a day, a part of a day or a minute.
// The zero When is none.
type When struct {
	Day       Date
	Precision Precision
	Half      Half // for PrecisionHalf
	Minute    int  // minute of the day in +08:00, for PrecisionMinute
}

// At is an instant, to the minute.
func At(t time.Time) When {
	if t.IsZero() {
		return When{}
	}
	t = t.In(zone)
	return When{Day: DateOf(t), Precision: PrecisionMinute, Minute: t.Hour()*60 + t.Minute()}
}

// OnDay is a day of which no time is known.
func OnDay(d Date) When { return When{Day: d} }

// IsZero reports whether there is no time.
func (w When) IsZero() bool { return w.Day.IsZero() }

// Clock is 13:30, 下午 or, of a whole day, nothing.
func (w When) Clock() string {
	switch w.Precision {
	case PrecisionMinute:
		return fmt.Sprintf("%02d:%02d", w.Minute/60, w.Minute%60)
	case PrecisionHalf:
		return w.Half.String()
	}
	return ""
}

// Words is 2026年5月22日（星期五）09:00, with as much of the time as is known.
func (w When) Words() string {
	if w.IsZero() {
		return ""
	}
	return w.Day.Full() + w.Clock()
}

// Said is the time as official papers say it: 下午1时30分, 中午12时.
func (w When) Said() string {
	if w.Precision != PrecisionMinute {
		return w.Clock()
	}
	hour, m := w.Minute/60%12, w.Minute%60
	if hour == 0 {
		hour = 12 // noon is 中午12时; the hour after midnight is never said as 0时
	}
	if m == 0 {
		return fmt.Sprintf("%s%d时", partOfDay(w.Minute), hour)
	}
	return fmt.Sprintf("%s%d时%d分", partOfDay(w.Minute), hour, m)
}

// partOfDay is the word said before the hour.
func partOfDay(minute int) string {
	switch h := minute / 60; {
	case h < 5:
		return "凌晨"
	case h < 12:
		return "上午"
	case h == 12:
		return "中午"
	case h < 18:
		return "下午"
	}
	return "晚上"
}

// stamp is 5月22日 17:05, with the year when it is not the given one.
func stamp(t time.Time, year int) string {
	if t.IsZero() {
		return ""
	}
	return DateOf(t).short(year) + " " + t.In(zone).Format("15:04")
}

// longStamp is 2026年5月22日 17:40.
func longStamp(t time.Time) string { return stamp(t, 0) }
