package httpapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Bounds of a timeline's query.
const (
	maxQueryBytes  = 4 << 10
	maxQueryValues = 64
	maxAfterBytes  = 1 << 10
	defaultRows    = 50
	maxRows        = 200
)

func (a *API) timeline(q *call) error {
	t, err := ParseTimelineQuery(q.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	page, err := a.Reader.Timeline(q.ctx, q.who.Person, t)
	if err != nil {
		return err
	}
	if page.Rows == nil {
		page.Rows = []Row{}
	}
	return a.sendJSON(q, page)
}

func (a *API) record(q *call) error {
	id, err := recordID(q)
	if err != nil {
		return err
	}
	asOf, err := changeQuery(q, "as_of")
	if err != nil {
		return err
	}
	rec, err := a.Reader.Record(q.ctx, q.who.Person, id, asOf)
	if err != nil {
		return err
	}
	return a.sendJSON(q, rec)
}

func (a *API) history(q *call) error {
	id, err := recordID(q)
	if err != nil {
		return err
	}
	before, err := changeQuery(q, "before")
	if err != nil {
		return err
	}
	h, err := a.Reader.History(q.ctx, q.who.Person, id, before)
	if err != nil {
		return err
	}
	if h.Entries == nil {
		h.Entries = []HistoryEntry{}
	}
	return a.sendJSON(q, h)
}

func (a *API) held(q *call) error { return a.heldOf(q, q.who.Person) }

func (a *API) heldOf(q *call, viewer syncproto.PersonID) error {
	h, err := a.Reader.Held(q.ctx, viewer)
	if err != nil {
		return err
	}
	if h.Parts == nil {
		h.Parts = []HeldPart{}
	}
	return a.sendJSON(q, h)
}

func recordID(q *call) (syncproto.RecordID, error) {
	id, err := syncproto.ParseRecordID(q.Param("id"))
	if err != nil {
		return id, syncproto.Errorf(syncproto.KindBadRequest, "record: %v", err)
	}
	return id, nil
}

// changeQuery reads a query that has at most one name, that of a change.
func changeQuery(q *call, name string) (c syncproto.ChangeID, err error) {
	raw := q.Request().URL.RawQuery
	if len(raw) > maxQueryBytes {
		return c, syncproto.Errorf(syncproto.KindBadRequest, "query of %d bytes over the limit %d", len(raw), maxQueryBytes)
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return c, syncproto.Errorf(syncproto.KindBadRequest, "query: bad escape or separator")
	}
	for key, values := range v {
		if key != name {
			return c, queryError(clip(key), "is not a name this path knows")
		}
		if c, err = syncproto.ParseChangeID(values[0]); err != nil || len(values) > 1 {
			return c, queryError(name, "want one change, REPLICA/SEQ as the history names it")
		}
	}
	return c, nil
}

// ParseTimelineQuery reads the query of GET /v1/timeline, whose names are
// those of the pages: order, place, kind, person, since, until, only, after,
// limit. A name it does not know is refused: a script that misspells a filter
// must not get more than it asked for.
func ParseTimelineQuery(raw string) (TimelineQuery, error) {
	q := TimelineQuery{Order: ByOccurrence, Limit: defaultRows}
	if len(raw) > maxQueryBytes {
		return TimelineQuery{}, syncproto.Errorf(syncproto.KindBadRequest, "query of %d bytes over the limit %d", len(raw), maxQueryBytes)
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return TimelineQuery{}, syncproto.Errorf(syncproto.KindBadRequest, "query: bad escape or separator")
	}
	for name, values := range v {
		if err := q.take(name, values); err != nil {
			return TimelineQuery{}, err
		}
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
		return TimelineQuery{}, syncproto.Errorf(syncproto.KindBadRequest, "since is after until")
	}
	return q, nil
}

func (q *TimelineQuery) take(name string, values []string) (err error) {
	many := name == "place" || name == "kind" || name == "only"
	if len(values) > maxQueryValues || !many && len(values) > 1 {
		return queryError(name, "stands too often")
	}
	s := values[0]
	switch name {
	case "order":
		q.Order = Order(s)
		if q.Order != ByOccurrence && q.Order != ByArrival {
			return queryError(name, "want occurred or arrived")
		}
	case "place":
		q.Places = values
		return each(name, values, "want the digits of a place code", func(s string) bool { return len(s) >= 2 && len(s) <= 12 && onlyOf(s, digits) })
	case "kind":
		q.Kinds = values
		return each(name, values, "want the code of a kind", func(s string) bool {
			return s != "" && len(s) <= syncproto.MaxKindBytes && onlyOf(s, letters+digits+"-_.")
		})
	case "only":
		q.Only = values
		return each(name, values, "want the name of a filter", func(s string) bool { return s != "" && len(s) <= 32 && onlyOf(s, letters+digits+"-_.") })
	case "person":
		if q.Person, err = syncproto.ParseRecordID(s); err != nil {
			return queryError(name, "want a record id")
		}
	case "since":
		return day(name, s, &q.Since)
	case "until":
		return day(name, s, &q.Until)
	case "after":
		q.After = s
		if len(s) > maxAfterBytes || !onlyOf(s, letters+digits+"-_.~=") {
			return queryError(name, "want the next of an earlier page")
		}
	case "limit":
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 || q.Limit > maxRows {
			return queryError(name, "want 1 to "+strconv.Itoa(maxRows))
		}
	default:
		return queryError(clip(name), "is not a name this path knows")
	}
	return nil
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

func onlyOf(s, set string) bool { return strings.Trim(s, set) == "" }

func each(name string, values []string, want string, ok func(string) bool) error {
	for _, s := range values {
		if !ok(s) {
			return queryError(name, want)
		}
	}
	return nil
}

func day(name, s string, into *time.Time) error {
	t, err := time.ParseInLocation("2006-01-02", s, Local)
	if err != nil {
		return queryError(name, "want a day such as 2026-05-18")
	}
	*into = t
	return nil
}

func queryError(name, what string) error {
	return syncproto.Errorf(syncproto.KindBadRequest, "query: %q %s", name, what)
}
