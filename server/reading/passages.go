package reading

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/view"
)

// textAt names a text or value of a record.
type textAt struct {
	field string
	item  syncproto.ElemID
	sub   string
}

// origins says which change wrote which elements of each text: a replica's
// counters go on from change to change, so the last origin that begins at or
// before an element is its own.
type origins map[textAt]map[syncproto.ReplicaID][]origin

type origin struct {
	first  uint64 // counter of its first element
	author syncproto.PersonID
	wall   int64
}

// note takes in what a text op inserted.
func (o origins) note(op *syncproto.Op, h *syncproto.Header) error {
	e, err := edit.Decode(h.Replica, op.Edit)
	if err != nil || len(e.Inserts) == 0 {
		return err
	}
	at := textAt{op.Field, op.Item, op.Sub}
	if o[at] == nil {
		o[at] = map[syncproto.ReplicaID][]origin{}
	}
	o[at][h.Replica] = append(o[at][h.Replica], origin{e.Inserts[0].Counter, h.Author, h.Wall})
	return nil
}

// of lists the origins that a passage of n elements from first on stems from.
func (o origins) of(at textAt, first syncproto.ElemID, n int) []origin {
	all := o[at][first.Replica]
	i, found := slices.BinarySearchFunc(all, first.Counter, func(x origin, c uint64) int {
		switch {
		case x.first < c:
			return -1
		case x.first > c:
			return 1
		}
		return 0
	})
	if !found && i > 0 {
		i--
	}
	k := i
	for k < len(all) && all[k].first < first.Counter+uint64(n) {
		k++
	}
	return all[i:k]
}

// passages is a long text in runs of one author, numbered when there are
// several, each with who wrote it and when.
func (g *Reading) passages(l *loaded, at textAt, passages []view.Passage, authors *authorList) []web.Passage {
	type run struct {
		author      syncproto.PersonID
		text        string
		first, last int64 // claimed times, 0 when not known
		check       bool
	}
	var runs []run
	several := false
	for _, p := range passages {
		r := run{text: p.Text, check: p.Check}
		for i, from := range l.origins.of(at, p.First, len([]rune(p.Text))) {
			if r.author = from.author; i == 0 || from.wall < r.first {
				r.first = from.wall
			}
			r.last = max(r.last, from.wall)
		}
		if r.author.IsZero() && !p.Replica.IsZero() {
			r.author, _ = g.Devices.DeviceName(p.Replica)
		}
		if n := len(runs) - 1; n >= 0 && runs[n].author == r.author && !runs[n].check {
			last := &runs[n]
			last.text, last.check = last.text+r.text, r.check
			last.first, last.last = min(last.first, r.first), max(last.last, r.last)
			continue
		}
		several = several || len(runs) > 0 && !r.author.IsZero() && !runs[0].author.IsZero()
		runs = append(runs, r)
	}
	out := make([]web.Passage, 0, len(runs))
	for _, r := range runs {
		p := web.Passage{Text: r.text, Check: r.check}
		if several && !r.author.IsZero() {
			p.Author = authors.number(r.author)
			if p.By = g.person(r.author); r.first != 0 {
				p.From, p.To = time.UnixMilli(r.first).In(timeline.Zone), time.UnixMilli(r.last).In(timeline.Zone)
			}
		}
		out = append(out, p)
	}
	return out
}
