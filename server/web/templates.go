package web

import (
	"fmt"
	"html/template"
	"net/url"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

func parseTemplates(a *assetSet) (*template.Template, error) {
	t := template.New("").Funcs(template.FuncMap{
		"asset":     a.address,
		"icon":      a.icon,
		"sprite":    func() template.HTML { return a.sprite },
		"kindicon":  func(k Kind) template.HTML { return a.icon(kindIcon(k)) },
		"record":    recordAddress,
		"asof":      func(id syncproto.RecordID, c syncproto.ChangeID) string { return pastAddress(id, "as_of", c) },
		"before":    func(id syncproto.RecordID, c syncproto.ChangeID) string { return pastAddress(id, "before", c) },
		"passage":   passageWords,
		"longstamp": longStamp,
		"written":   writtenWords,
		"wrote":     wroteWords,
		"people":    peopleWords,
		"author":    authorClass,
		"joinby":    byWords,
		"adoption":  func(a formAct, c Clash, v Version) adoption { return adoption{a, c, v} },
		"chipof":    func(t Tone, icon, text string) Chip { return Chip{t, icon, text} },
	})
	t, err := t.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse embedded templates: %w", err)
	}
	return t, nil
}

func recordAddress(id syncproto.RecordID) string { return "/r/" + id.String() }

// pastAddress leads to a record as it stood after a change, or to the changes
// before one.
func pastAddress(id syncproto.RecordID, name string, c syncproto.ChangeID) string {
	return recordAddress(id) + "?" + url.Values{name: {c.String()}}.Encode()
}

// passageWords is who wrote a passage and when: 吴例舟，5月20日 写.
func passageWords(p Passage) string {
	if p.From.IsZero() {
		return p.By.Name
	}
	day := DateOf(p.From).Words()
	if last := DateOf(p.To); last != DateOf(p.From) {
		day += "至" + last.Words()
	}
	return p.By.Name + "，" + day + " 写"
}

// kindIcons has a symbol for each kind; a kind that is not here shows its word
// alone.
var kindIcons = map[string]string{
	"ZF": "visit", "HY": "meet", "SQ": "demand", "CN": "promise", "HD": "house", "FA": "pad",
	"GB": "link", "RZ": "log", "DD": "pin", "SJ": "note", "TY": "boat",
	"person": "pers", "place": "pin", "boat": "boat",
}

func kindIcon(k Kind) string {
	if k.Code == "HY" && k.Label == "船头会" {
		return "boat"
	}
	return kindIcons[k.Code]
}

// writtenWords is when and how a value came to be: 5月22日 09:12 写，17:05 回港补传.
// The day of the arrival is said when it is another.
func writtenWords(written, received time.Time, how string) string {
	s := ""
	if !written.IsZero() {
		s = longStamp(written) + " 写"
	}
	if received.IsZero() {
		return s
	}
	if s != "" {
		s += "，"
	}
	if how == "" {
		how = "收到"
	}
	if !written.IsZero() && DateOf(written) == DateOf(received) {
		return s + received.In(zone).Format("15:04") + " " + how
	}
	return s + stamp(received, sameYear(written)) + " " + how
}

// wroteWords is the second line of an entry of 来历: with which device, when it
// was written, how it came, what is known of the clock.
func wroteWords(h HistoryEntry) string {
	at := ""
	if !h.Written.IsZero() && !h.Received.IsZero() {
		at = stamp(h.Written, sameYear(h.Received))
		if DateOf(h.Written) == DateOf(h.Received) {
			at = h.Written.In(zone).Format("15:04")
		}
		at += " 写的"
	}
	return joinWords("；", joinWords("，", h.Device, at), h.How, h.Clock)
}

func sameYear(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return DateOf(t).Year
}

// peopleWords is a list as prose: 陈例山（区级领导）、吴例舟.
func peopleWords(people []Person) string {
	s := ""
	for i, p := range people {
		if i > 0 {
			s += "、"
		}
		s += p.Words()
	}
	return s
}

// byWords is 吴例舟（东极镇驻村干部），吴例舟的手机.
func byWords(p Person, device string) string { return joinWords("，", p.Words(), device) }

// authorStyles is how many underlines there are to tell authors apart; with
// more of them the legend's names still do.
const authorStyles = 5

func authorClass(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("au%d", (n-1)%authorStyles+1)
}
