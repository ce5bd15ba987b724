package lunar_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/web/lunar"
)

func TestKnownDays(t *testing.T) {
	for _, c := range []struct{ date, want string }{
		{"2000-01-01", "十一月廿五"},
		{"2000-02-05", "正月初一"},
		{"2004-03-21", "闰二月初一"},
		{"2014-10-24", "闰九月初一"},
		{"2020-01-25", "正月初一"},
		{"2023-03-22", "闰二月初一"},
		{"2024-02-10", "正月初一"},
		{"2025-01-29", "正月初一"},
		{"2025-07-25", "闰六月初一"},
		{"2026-02-16", "十二月廿九"},
		{"2026-02-17", "正月初一"},
		{"2026-05-17", "四月初一"},
		{"2026-05-18", "四月初二"},
		{"2026-05-21", "四月初五"},
		{"2026-05-24", "四月初八"},
		{"2026-05-31", "四月十五"},
		{"2026-06-05", "四月二十"},
		{"2026-06-08", "四月廿三"},
		{"2026-06-14", "四月廿九"},
		{"2026-06-19", "五月初五"},
		{"2026-09-25", "八月十五"},
		{"2033-11-22", "十一月初一"},
		{"2033-12-22", "闰十一月初一"},
		{"2034-02-19", "正月初一"},
		{"2050-01-23", "正月初一"},
	} {
		d, ok := of(t, c.date)
		if !ok || d.String() != c.want {
			t.Errorf("%s: got %v %v, want %s", c.date, d, ok, c.want)
		}
	}
}

func of(t *testing.T, date string) (lunar.Day, bool) {
	t.Helper()
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return lunar.Of(d.Year(), d.Month(), d.Day())
}

func TestOutsideTheTable(t *testing.T) {
	for _, c := range []struct{ y, m, d int }{
		{1999, 12, 31}, {2051, 1, 1}, {2026, 2, 29}, {2026, 13, 1}, {2026, 0, 1}, {2026, 5, 0}, {2026, 5, 32}, {-1, 1, 1},
	} {
		if d, ok := lunar.Of(c.y, time.Month(c.m), c.d); ok || d != (lunar.Day{}) {
			t.Errorf("%v: got %v, want nothing", c, d)
		}
	}
	for _, d := range []lunar.Day{{}, {Month: 13, Day: 1}, {Month: 1, Day: 31}, {Month: -1, Day: 1}} {
		if s := d.String(); s != "" {
			t.Errorf("%#v reads %q, want nothing", d, s)
		}
	}
}

func TestTides(t *testing.T) {
	want := map[int]string{1: "大水", 15: "大水", 8: "小水", 23: "小水", 12: "起水", 27: "起水", 5: "下五", 20: "下五"}
	for day := 1; day <= 30; day++ {
		if got := (lunar.Day{Month: 1, Day: day}).Tide(); got != want[day] {
			t.Errorf("day %d: got %q, want %q", day, got, want[day])
		}
	}
}

// Every day of the table follows the one before: the next day of the same
// month or the first of the next after 29 or 30, months in order, a leap month
// after its own number, years one by one and of 353 to 385 days.
func TestDaysFollowEachOther(t *testing.T) {
	prev, _ := lunar.Of(2000, 1, 1)
	yearDays := 0
	eachDay(func(date time.Time, d lunar.Day) {
		if date.Equal(first) {
			return
		}
		yearDays++
		if err := follows(prev, d); err != nil {
			t.Fatalf("%s: %v after %v: %v", date.Format(time.DateOnly), d, prev, err)
		}
		if d.Year != prev.Year {
			if d.Year > 2000 && (yearDays < 353 || yearDays > 385) {
				t.Errorf("year %d has %d days", prev.Year, yearDays)
			}
			yearDays = 0
		}
		prev = d
	})
}

func follows(a, b lunar.Day) error {
	if b.Day != 1 {
		if b != (lunar.Day{Year: a.Year, Month: a.Month, Leap: a.Leap, Day: a.Day + 1}) {
			return fmt.Errorf("not the next day")
		}
		return nil
	}
	if a.Day < 29 {
		return fmt.Errorf("a month of %d days", a.Day)
	}
	switch {
	case b.Leap && !a.Leap && b.Month == a.Month && b.Year == a.Year:
	case !b.Leap && b.Month == a.Month+1 && b.Year == a.Year:
	case !b.Leap && b.Month == 1 && a.Month == 12 && b.Year == a.Year+1:
	default:
		return fmt.Errorf("not the next month")
	}
	return nil
}

var first = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func eachDay(f func(time.Time, lunar.Day)) {
	for t := first; t.Year() <= 2050; t = t.AddDate(0, 0, 1) {
		d, _ := lunar.Of(t.Year(), t.Month(), t.Day())
		f(t, d)
	}
}

// The sky is the independent witness: each month must begin on the day, in
// UTC+8, of the true new moon, and the months without a major solar term must
// be where the leap months are. Formulas of Jean Meeus, Astronomical
// Algorithms, 2nd ed., chapters 25 and 49; they are good to a minute, and a
// moon that near to midnight would be named rather than judged.
func TestMonthsBeginAtNewMoon(t *testing.T) {
	judged := 0
	for k := 0; ; k++ {
		moon := newMoon(float64(k)).Add(8 * time.Hour)
		if moon.Year() > 2050 {
			break
		}
		sinceMidnight := moon.Sub(moon.Truncate(24 * time.Hour))
		if sinceMidnight < 2*time.Minute || sinceMidnight > 24*time.Hour-2*time.Minute {
			t.Logf("new moon of %s is too near to midnight to judge", moon.Format(time.DateTime))
			continue
		}
		d, ok := lunar.Of(moon.Date())
		if !ok || d.Day != 1 {
			t.Errorf("new moon at %s, table says %v", moon.Format(time.DateTime), d)
		}
		judged++
	}
	if judged < 620 {
		t.Errorf("judged %d months of 51 years", judged)
	}
}

// By the rule of 1645 as kept today, month 11 holds the winter solstice, and of
// thirteen months between two of them the first without a major term is the
// leap month. Months judged: those whose ends are far enough from a term.
func TestLeapMonthsHaveNoMajorTerm(t *testing.T) {
	var starts []time.Time
	var days []lunar.Day
	eachDay(func(date time.Time, d lunar.Day) {
		if d.Day == 1 {
			starts, days = append(starts, date.Add(-8*time.Hour)), append(days, d)
		}
	})
	leaps := 0
	for i := 0; i+1 < len(starts); i++ {
		from, to := sunLongitude(starts[i]), sunLongitude(starts[i+1])
		if near30(from) < 0.05 || near30(to) < 0.05 {
			t.Logf("month from %s: a term too near to its edge to judge", starts[i].Format(time.DateOnly))
			continue
		}
		hasTerm := math.Floor(from/30) != math.Floor(to/30)
		if days[i].Leap {
			leaps++
			if hasTerm {
				t.Errorf("leap month %v of %d holds a major term", days[i], days[i].Year)
			}
		}
		if solstice := math.Floor(from/30) == 8 && math.Floor(to/30) >= 9; solstice && (days[i].Month != 11 || days[i].Leap) {
			t.Errorf("the winter solstice of %d is in %v", days[i].Year, days[i])
		}
	}
	if leaps < 17 {
		t.Errorf("judged %d leap months in 51 years", leaps)
	}
}

func near30(deg float64) float64 {
	r := math.Mod(deg, 30)
	return math.Min(r, 30-r)
}

// newMoon is the instant of the k-th new moon since 2000-01-06, in UTC.
func newMoon(k float64) time.Time {
	T := k / 1236.85
	jde := 2451550.09766 + 29.530588861*k + T*T*(0.00015437+T*(-0.00000015+T*0.00000000073))
	e := 1 - T*(0.002516+T*0.0000074)
	m := rad(2.5534 + 29.10535670*k - 0.0000014*T*T)
	mp := rad(201.5643 + 385.81693528*k + 0.0107582*T*T)
	f := rad(160.7108 + 390.67050284*k - 0.0016118*T*T)
	om := rad(124.7746 - 1.56375588*k + 0.0020672*T*T)
	sin := math.Sin
	jde += -0.40720*sin(mp) + 0.17241*e*sin(m) + 0.01608*sin(2*mp) + 0.01039*sin(2*f) +
		0.00739*e*sin(mp-m) - 0.00514*e*sin(mp+m) + 0.00208*e*e*sin(2*m) - 0.00111*sin(mp-2*f) -
		0.00057*sin(mp+2*f) + 0.00056*e*sin(2*mp+m) - 0.00042*sin(3*mp) + 0.00042*e*sin(m+2*f) +
		0.00038*e*sin(m-2*f) - 0.00024*e*sin(2*mp-m) - 0.00017*sin(om) - 0.00007*sin(mp+2*m) +
		0.00004*sin(2*mp-2*f) + 0.00004*sin(3*m) + 0.00003*sin(mp+m-2*f) + 0.00003*sin(2*mp+2*f) -
		0.00003*sin(mp+m+2*f) + 0.00003*sin(mp-m+2*f) - 0.00002*sin(mp-m-2*f) -
		0.00002*sin(3*mp+m) + 0.00002*sin(4*mp)
	for _, p := range [...][3]float64{
		{299.77, 0.107408, 325}, {251.88, 0.016321, 165}, {251.83, 26.651886, 164}, {349.42, 36.412478, 126},
		{84.66, 18.206239, 110}, {141.74, 53.303771, 62}, {207.14, 2.453732, 60}, {154.84, 7.306860, 56},
		{34.52, 27.261239, 47}, {207.19, 0.121824, 42}, {291.34, 1.844379, 40}, {161.72, 24.198154, 37},
		{239.56, 25.513099, 35}, {331.55, 3.592518, 23},
	} {
		jde += p[2] * 1e-6 * sin(rad(p[0]+p[1]*k))
	}
	const deltaT = 70 * time.Second // 64 s in 2000, about 80 s in 2050: within the margin
	return julian.Add(time.Duration((jde - 2451545.0) * float64(24*time.Hour))).Add(-deltaT)
}

// julian is the instant of Julian day 2451545.0.
var julian = time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)

// sunLongitude is the sun's apparent longitude in degrees, good to 0.01.
func sunLongitude(at time.Time) float64 {
	T := at.Sub(julian).Hours() / 24 / 36525
	l := 280.46646 + 36000.76983*T + 0.0003032*T*T
	m := rad(357.52911 + 35999.05029*T - 0.0001537*T*T)
	c := (1.914602-0.004817*T)*math.Sin(m) + (0.019993-0.000101*T)*math.Sin(2*m) + 0.000289*math.Sin(3*m)
	lon := l + c - 0.00569 - 0.00478*math.Sin(rad(125.04-1934.136*T))
	return math.Mod(math.Mod(lon, 360)+360, 360)
}

func rad(deg float64) float64 { return math.Mod(deg, 360) * math.Pi / 180 }

func ExampleOf() {
	d, _ := lunar.Of(2026, time.May, 21)
	fmt.Println(d, d.Tide())
	// Output: 四月初五 下五
}
