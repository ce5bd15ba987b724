// Package lunar gives the day of the Chinese calendar for a date from 2000 to
// 2050, offline and from a table. On the islands it is daily life: 初一 and
// 十五 are spring tides, and whether one can land depends on it.
//
// It knows nothing of festivals, stems or solar terms, and never turns a lunar
// birthday into a date.
package lunar

import "time"

// Day is one day of the Chinese calendar.
type Day struct {
	Year  int // the year in which this lunar year began
	Month int // 1 to 12
	Leap  bool
	Day   int // 1 to 30
}

// The dates the table covers.
const (
	firstYear = 2000
	lastYear  = 2050
)

// years holds one word a lunar year, from 1999, in which 2000-01-01 lies. As is usual for
// such tables: bits 15 to 4 say of months 1 to 12 whether they have 30 days
// (else 29), bits 3 to 0 which month is followed by a leap month (0 none), and
// bit 16 whether that one has 30. Each month begins on the day, in UTC+8, of
// the new moon; the tests compute those anew.
var years = [...]uint32{
	0x092e0,                                                                                  // 1999
	0x0c960, 0x0d954, 0x0d4a0, 0x0da50, 0x07552, 0x056a0, 0x0abb7, 0x025d0, 0x092d0, 0x0cab5, // 2000
	0x0a950, 0x0b4a0, 0x0baa4, 0x0ad50, 0x055d9, 0x04ba0, 0x0a5b0, 0x15176, 0x052b0, 0x0a930, // 2010
	0x07954, 0x06aa0, 0x0ad50, 0x05b52, 0x04b60, 0x0a6e6, 0x0a4e0, 0x0d260, 0x0ea65, 0x0d530, // 2020
	0x05aa0, 0x076a3, 0x096d0, 0x04afb, 0x04ad0, 0x0a4d0, 0x1d0b6, 0x0d250, 0x0d520, 0x0dd45, // 2030
	0x0b5a0, 0x056d0, 0x055b2, 0x049b0, 0x0a577, 0x0a4b0, 0x0aa50, 0x1b255, 0x06d20, 0x0ada0, // 2040
	0x14b63, // 2050
}

// tableStart is the first day of the first lunar year of the table.
var tableStart = time.Date(1999, 2, 16, 0, 0, 0, 0, time.UTC)

// Of converts a date. It reports false for a date outside 2000 to 2050 and
// for one that is in no calendar.
func Of(year int, month time.Month, day int) (Day, bool) {
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if year < firstYear || year > lastYear || t.Day() != day || t.Month() != month {
		return Day{}, false
	}
	n := int(t.Sub(tableStart).Hours() / 24)
	for i, w := range years {
		for m := 1; m <= 12; m++ {
			length := 29 + int(w>>(16-m)&1)
			if n < length {
				return Day{firstYear - 1 + i, m, false, n + 1}, true
			}
			n -= length
			if int(w&15) != m {
				continue
			}
			length = 29 + int(w>>16&1)
			if n < length {
				return Day{firstYear - 1 + i, m, true, n + 1}, true
			}
			n -= length
		}
	}
	return Day{}, false
}

var (
	months = [...]string{"正月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"}
	digits = [...]string{"一", "二", "三", "四", "五", "六", "七", "八", "九", "十"}
)

// String is 四月初二 or 闰六月初一.
func (d Day) String() string {
	if d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 30 {
		return ""
	}
	s := months[d.Month-1]
	if d.Leap {
		s = "闰" + s
	}
	switch d.Day {
	case 20:
		return s + "二十"
	case 30:
		return s + "三十"
	}
	return s + [...]string{"初", "十", "廿"}[(d.Day-1)/10] + digits[(d.Day-1)%10]
}

// Tide is the word fishermen have for the day: 大水 on the spring tides, 小水
// on the neaps, 起水 when the water begins to rise towards a spring tide, 下五
// five days into it; empty on other days.
func (d Day) Tide() string {
	switch d.Day {
	case 1, 15:
		return "大水"
	case 8, 23:
		return "小水"
	case 12, 27:
		return "起水"
	case 5, 20:
		return "下五"
	}
	return ""
}
