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
}

func (s settler) note(ctx context.Context, admin syncproto.PersonID, what string, w httpapi.HeldWork, out ingest.Settled) error {
	return s.audit.Note(ctx, admin, what, fmt.Sprintf("replica %s record %s parts %d", w.Replica, w.Record, out.Parts))
}

var errNotAnswering = syncproto.Errorf(syncproto.KindForbidden, "这里没有归您处理的待处理改动")

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
