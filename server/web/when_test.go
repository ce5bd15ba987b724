package web_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/server/web"
)

func TestTimesInWords(t *testing.T) {
	day := web.Date{Year: 2026, Month: time.May, Day: 18}
	at := func(hour, minute int) web.When {
		return web.When{Day: day, Precision: web.PrecisionMinute, Minute: hour*60 + minute}
	}
	for _, c := range []struct {
		when               web.When
		clock, said, words string
	}{
		{at(9, 0), "09:00", "上午9时", "2026年5月18日（星期一）09:00"},
		{at(12, 0), "12:00", "中午12时", "2026年5月18日（星期一）12:00"},
		{at(12, 30), "12:30", "中午12时30分", "2026年5月18日（星期一）12:30"},
		{at(13, 30), "13:30", "下午1时30分", "2026年5月18日（星期一）13:30"},
		{at(17, 59), "17:59", "下午5时59分", "2026年5月18日（星期一）17:59"},
		{at(18, 30), "18:30", "晚上6时30分", "2026年5月18日（星期一）18:30"},
		{at(0, 5), "00:05", "凌晨12时5分", "2026年5月18日（星期一）00:05"},
		{web.When{Day: day, Precision: web.PrecisionHalf, Half: web.Noon}, "中午", "中午", "2026年5月18日（星期一）中午"},
		{web.When{Day: day, Precision: web.PrecisionHalf, Half: web.Evening}, "晚上", "晚上", "2026年5月18日（星期一）晚上"},
		{web.OnDay(day), "", "", "2026年5月18日（星期一）"},
		{web.When{}, "", "", ""},
	} {
		if c.when.Clock() != c.clock || c.when.Said() != c.said || c.when.Words() != c.words {
			t.Errorf("%+v: %q %q %q", c.when, c.when.Clock(), c.when.Said(), c.when.Words())
		}
	}
	if !(web.Morning < web.Noon && web.Noon < web.Afternoon && web.Afternoon < web.Evening) {
		t.Error("the parts of a day are not in order")
	}
}

// An instant falls on its day in +08:00, wherever the server stands.
func TestInstantsAreOfOneZone(t *testing.T) {
	instant := time.Date(2026, time.May, 17, 16, 30, 0, 0, time.UTC)
	for _, z := range []*time.Location{time.UTC, time.FixedZone("west", -10*3600), time.FixedZone("east", 14*3600)} {
		if w := web.At(instant.In(z)); w.Words() != "2026年5月18日（星期一）00:30" {
			t.Errorf("in %v: %s", z, w.Words())
		}
	}
	if !web.At(time.Time{}).IsZero() {
		t.Error("no instant became a time")
	}
}

func TestDates(t *testing.T) {
	sunday := web.Date{Year: 2026, Month: time.May, Day: 24}
	if sunday.Full() != "2026年5月24日（星期日）" {
		t.Errorf("got %s", sunday.Full())
	}
	for _, s := range []string{"", "2026-5-18", "2026-02-30", "2026-13-01", "20260518", "2026-05-18 ", "0000-01-01", "２０２６"} {
		if d, err := web.ParseDate(s); err == nil || !d.IsZero() {
			t.Errorf("%q: got %v", s, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.IntRange(0, 50000).Draw(t, "n"), rapid.IntRange(0, 50000).Draw(t, "m")
		start := time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("+08:00", 8*3600))
		a, b := web.DateOf(start.AddDate(0, 0, n)), web.DateOf(start.AddDate(0, 0, m))
		if d, err := web.ParseDate(a.String()); err != nil || d != a {
			t.Fatalf("%v read back as %v: %v", a, d, err)
		}
		if a.DaysUntil(b) != m-n || a.Compare(b) < 0 != (n < m) {
			t.Fatalf("%v to %v: %d days, want %d", a, b, a.DaysUntil(b), m-n)
		}
	})
}

func TestPlacesInWords(t *testing.T) {
	for _, c := range []struct {
		where web.Where
		want  string
	}{
		{web.Where{Village: "石屋岙村", Hamlet: "石屋岙", Island: "青浜岛"}, "石屋岙村·石屋岙 / 青浜岛"},
		{web.Where{Boat: "浙普渔00001（示例）", Text: "庙子湖码头"}, "浙普渔00001（示例） / 庙子湖码头"},
		{web.Where{Hamlet: "沙头"}, "沙头"},
		{web.Where{}, ""},
	} {
		if got := c.where.Words(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func ExamplePerson_Words() {
	fmt.Println(web.Person{Name: "张例桥", Post: "东极镇党委书记", Role: "主持"}.Words())
	fmt.Println(web.Person{Name: "方例远", Post: "市级领导（联系东极镇）"}.Words())
	// Output:
	// 张例桥（东极镇党委书记）主持
	// 方例远（市级领导）
}
