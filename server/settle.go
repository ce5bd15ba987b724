package server

import (
	"context"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/syncproto"
)

// settler is httpapi.Settler.
type settler struct {
	ingest *ingest.Ingest
	reads  *reading.Reading
}

var errNotAnswering = syncproto.Errorf(syncproto.KindForbidden, "这里没有归您处理的待处理改动")

func (s settler) answers(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork) error {
	mine, err := s.reads.AnswersFor(ctx, admin, w.Replica, w.Record)
	if err == nil && !mine {
		err = errNotAnswering
	}
	return err
}

func (s settler) Release(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork) (httpapi.Settled, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.Settled{}, err
	}
	out, err := s.ingest.Release(ctx, ingest.Work(w))
	return httpapi.Settled(out), err
}

func (s settler) Reject(ctx context.Context, admin syncproto.PersonID, w httpapi.HeldWork, reason string) (httpapi.Settled, error) {
	if err := s.answers(ctx, admin, w); err != nil {
		return httpapi.Settled{}, err
	}
	out, err := s.ingest.Reject(ctx, admin, ingest.Work(w), reason)
	return httpapi.Settled(out), err
}
