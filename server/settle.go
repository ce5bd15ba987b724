package server

import (
	"context"
	"fmt"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// settler is httpapi.Settler.
type settler struct {
	ingest *ingest.Ingest
	reads  *reading.Reading
	audit  httpapi.Auditor
	people people
}

func (s settler) note(ctx context.Context, admin syncproto.PersonID, what string, w httpapi.HeldWork, out ingest.Settled) error {
	return s.audit.Note(ctx, admin, what, fmt.Sprintf("replica %s record %s parts %d", w.Replica, w.Record, out.Parts))
}

var errNotAnswering = syncproto.Errorf(syncproto.KindForbidden, "这里没有归您处理的待处理改动").Coded("not-answering")

func (s settler) answers(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork) error {
	mine, err := s.reads.AnswersFor(ctx, admin, w.Replica, w.Record)
	if err == nil && !mine {
		err = errNotAnswering
	}
	return err
}

// pageSettler is web.Settler.
type pageSettler struct{ settler }

func (s pageSettler) Release(ctx context.Context, admin syncproto.PersonID, w web.HeldWork) (parts, left int, err error) {
	out, err := s.settler.Release(ctx, admin, httpapi.HeldWork(w))
	return out.Parts, out.Left, err
}

func (s pageSettler) Reject(ctx context.Context, admin syncproto.PersonID, w web.HeldWork, reason string) (parts, left int, err error) {
	out, err := s.settler.Reject(ctx, admin, httpapi.HeldWork(w), reason)
	return out.Parts, out.Left, err
}

func (s pageSettler) Missing(ctx context.Context, admin syncproto.PersonID, w web.HeldWork) (web.Lost, error) {
	out, err := s.settler.Missing(ctx, admin, httpapi.HeldWork(w))
	told := web.Lost{Nothing: out.Nothing, Kinds: s.reads.Kinds()}
	for _, run := range out.Lost {
		told.Runs = append(told.Runs, web.LostRun{By: run.By, Device: run.Device, From: run.From, To: run.To})
	}
	return told, err
}

func (s pageSettler) DeclareLost(ctx context.Context, admin syncproto.PersonID, w web.HeldWork, kind, place string) (parts, left int, err error) {
	out, err := s.settler.DeclareLost(ctx, admin, httpapi.HeldWork(w), kind, place)
	return out.Parts, out.Left, err
}

func (s pageSettler) Reassign(ctx context.Context, admin syncproto.PersonID, w web.HeldWork, place string) (parts, left int, err error) {
	out, err := s.settler.Reassign(ctx, admin, httpapi.HeldWork(w), httpapi.Assignment{Place: place})
	return out.Parts, out.Left, err
}

var (
	errNoPlace    = syncproto.Errorf(syncproto.KindBadRequest, "没有这个地点；请用地点代码").Coded("no-place")
	errPlaceOther = syncproto.Errorf(syncproto.KindForbidden, "这个地点不在您管理的范围").Coded("place-outside")
)

// mayPlace judges whether an administrator may put something in a place.
func (s settler) mayPlace(admin syncproto.PersonID, place string) error {
	switch v := s.people.dir.Viewer(admin).On(s.people.today()); {
	case place == "":
		return nil
	case !s.people.dir.HasPlace(place):
		return errNoPlace
	case !v.MayGrant(place):
		return errPlaceOther
	}
	return nil
}

// Missing is httpapi.Settler.
func (s settler) Missing(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork) (httpapi.HeldLost, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.HeldLost{}, err
	}
	out, err := s.ingest.Missing(ctx, ingest.Work(w))
	return s.lost(&out), err
}

func (s settler) lost(d *ingest.Declared) httpapi.HeldLost {
	out := httpapi.HeldLost{Lost: []httpapi.LostRun{}, Nothing: d.Nothing, Settled: httpapi.Settled(d.Settled)}
	for _, run := range d.Lost {
		person, device := s.people.DeviceName(run.Replica)
		p, _ := s.people.Person(person)
		out.Lost = append(out.Lost, httpapi.LostRun{Replica: run.Replica, By: p.Name, Device: device, From: run.From, To: run.To})
	}
	return out
}

// DeclareLost is httpapi.Settler.
func (s settler) DeclareLost(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork, kind, place string) (httpapi.HeldLost, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.HeldLost{}, err
	}
	if err := s.mayPlace(admin, place); err != nil {
		return httpapi.HeldLost{}, err
	}
	out, err := s.ingest.DeclareLost(ctx, admin, ingest.Work(w), ingest.Origin{Kind: kind, Place: place})
	for i := 0; err == nil && i < len(out.Lost); i++ {
		run := out.Lost[i]
		err = s.audit.Note(ctx, admin, "changes declared lost", fmt.Sprintf("replica %s from %d to %d record %s", run.Replica, run.From, run.To, w.Record))
	}
	return s.lost(&out), err
}

// Reassign is httpapi.Settler.
func (s settler) Reassign(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork, to httpapi.Assignment) (httpapi.Settled, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.Settled{}, err
	}
	if err := s.mayPlace(admin, to.Place); err != nil {
		return httpapi.Settled{}, err
	}
	out, err := s.ingest.Reassign(ctx, admin, ingest.Work(w), ingest.Assignment(to))
	if err == nil {
		what := fmt.Sprintf("replica %s record %s parts %d", w.Replica, w.Record, out.Parts)
		if to.Place != "" {
			what += " to " + to.Place
		}
		if !to.Person.IsZero() {
			what += " for " + to.Person.String()
		}
		err = s.audit.Note(ctx, admin, "held work reassigned", what)
	}
	return httpapi.Settled(out), err
}

func (s settler) Release(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork) (httpapi.Settled, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.Settled{}, err
	}
	out, err := s.ingest.Release(ctx, ingest.Work(w))
	if err == nil {
		err = s.note(ctx, admin, "held work released", w, out)
	}
	return httpapi.Settled(out), err
}

func (s settler) Reject(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork, reason string) (httpapi.Settled, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.Settled{}, err
	}
	out, err := s.ingest.Reject(ctx, admin, ingest.Work(w), reason)
	if err == nil {
		err = s.note(ctx, admin, "held work rejected", w, out)
	}
	return httpapi.Settled(out), err
}
