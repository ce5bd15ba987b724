package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// Order is one of the two orders of the timeline.
type Order uint8

// The orders.
const (
	ByOccurrence Order = iota // 按发生时间
	ByArrival                 // 新到
)

// TimelineQuery is what a reader asked for. Its values are well formed; that
// they exist or lie in the viewer's territory is not said.
type TimelineQuery struct {
	Order    Order
	Places   []string // place codes; a record is in it when its code begins so
	Kinds    []string // kind codes
	Person   syncproto.PersonID
	Since    Date     // inclusive, zero is open
	Until    Date     // inclusive
	Only     []string // as Filters.Only names them; all must hold
	Continue string   // TimelinePage.Next of the page above
	Seen     Seen     // filled from Sessions, not from the address
	Limit    int
}

const (
	pageRows        = 50
	maxQueryBytes   = 4 << 10
	maxQueryValues  = 64 // of one filter
	maxPlaceBytes   = 12
	maxOnlyBytes    = 32
	maxContinueByte = 1 << 10
)

// parseQuery reads the address of a timeline. Names it does not know are
// passed over: messengers add their own to links. A name it knows must be
// well formed.
func parseQuery(raw string) (TimelineQuery, error) {
	q := TimelineQuery{Limit: pageRows}
	if len(raw) > maxQueryBytes {
		return q, &QueryError{"筛选的条件太多，地址太长了。请少选几样。"}
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, &QueryError{"地址里的符号不成对，读不出来。请从时间轴重新选。"}
	}
	order, err := single(v, "order")
	if err != nil {
		return q, err
	}
	switch order {
	case "", "occurred":
	case "arrived":
		q.Order = ByArrival
	default:
		return q, &QueryError{"顺序只有两种：按发生时间，新到。"}
	}
	if err := q.parseLists(v); err != nil {
		return q, err
	}
	return q, q.parseSingles(v)
}

func (q *TimelineQuery) parseLists(v url.Values) error {
	var err error
	if q.Places, err = list(v, "place", isPlace, "地方的编号是 2 到 12 位数字。"); err != nil {
		return err
	}
	if q.Kinds, err = list(v, "kind", isKind, "类别是两个字母这样的代号，如 ZF。"); err != nil {
		return err
	}
	q.Only, err = list(v, "only", isOnly, "“只看”里没有这一样。")
	return err
}

func (q *TimelineQuery) parseSingles(v url.Values) error {
	person, err := single(v, "person")
	if err != nil {
		return err
	}
	if person != "" {
		if q.Person, err = syncproto.ParseRecordID(person); err != nil {
			return &QueryError{"干部的编号不完整。请从名单里选。"}
		}
	}
	if q.Since, err = date(v, "since"); err != nil {
		return err
	}
	if q.Until, err = date(v, "until"); err != nil {
		return err
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.Compare(q.Until) > 0 {
		return &QueryError{"时间写反了：从 " + q.Since.Words() + " 到 " + q.Until.Words() + "。"}
	}
	if q.Continue, err = single(v, "after"); err != nil {
		return err
	}
	if len(q.Continue) > maxContinueByte || !isToken(q.Continue) {
		return &QueryError{"接着往下看的位置不完整。请从时间轴的开头再看。"}
	}
	return nil
}

// single reads a name that may stand once; an empty value is none.
func single(v url.Values, name string) (string, error) {
	switch s := v[name]; len(s) {
	case 0:
		return "", nil
	case 1:
		return s[0], nil
	}
	return "", &QueryError{"地址里有一样条件写了两次。请从时间轴重新选。"}
}

// list reads a name that may stand often; the result is sorted, each value once.
func list(v url.Values, name string, ok func(string) bool, words string) ([]string, error) {
	var out []string
	for _, s := range v[name] {
		if s == "" {
			continue
		}
		if !ok(s) {
			return nil, &QueryError{words + "请从时间轴重新选。"}
		}
		out = append(out, s)
	}
	if len(out) > maxQueryValues {
		return nil, &QueryError{"一样条件选得太多了。请少选几个。"}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func date(v url.Values, name string) (Date, error) {
	s, err := single(v, name)
	if err != nil || s == "" {
		return Date{}, err
	}
	d, err := ParseDate(s)
	if err != nil {
		return Date{}, &QueryError{"日期要写成 2026-05-18 这样。"}
	}
	return d, nil
}

func isPlace(s string) bool {
	return len(s) >= 2 && len(s) <= maxPlaceBytes && only(s, "0123456789")
}

func isKind(s string) bool {
	return len(s) <= syncproto.MaxKindBytes && only(s, letters+"0123456789-_.")
}

func isOnly(s string) bool { return len(s) <= maxOnlyBytes && only(s, letters+"0123456789-_.") }

func isToken(s string) bool { return only(s, letters+"0123456789-_.~=") }

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func only(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Address is the page of this query; every filter is in it, so that it can be
// kept and handed on.
func (q TimelineQuery) Address() string {
	v := url.Values{}
	if q.Order == ByArrival {
		v.Set("order", "arrived")
	}
	for name, values := range map[string][]string{"place": q.Places, "kind": q.Kinds, "only": q.Only} {
		for _, s := range values {
			v.Add(name, s)
		}
	}
	if !q.Person.IsZero() {
		v.Set("person", q.Person.String())
	}
	for name, d := range map[string]Date{"since": q.Since, "until": q.Until} {
		if !d.IsZero() {
			v.Set(name, d.String())
		}
	}
	if q.Continue != "" {
		v.Set("after", q.Continue)
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

// Filtered reports whether anything narrows the timeline.
func (q TimelineQuery) Filtered() bool {
	return len(q.Places)+len(q.Kinds)+len(q.Only) > 0 || !q.Person.IsZero() || !q.Since.IsZero() || !q.Until.IsZero()
}

// with returns the query of another order, from its beginning.
func (q TimelineQuery) with(o Order) TimelineQuery {
	q.Order, q.Continue = o, ""
	return q
}

// after returns the query that continues at a token.
func (q TimelineQuery) after(token string) TimelineQuery {
	q.Continue = token
	return q
}

// plain returns the query without filters.
func (q TimelineQuery) plain() TimelineQuery { return TimelineQuery{Order: q.Order, Limit: q.Limit} }
