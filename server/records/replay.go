package records

import (
	"context"
	"errors"
	"fmt"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
)

// ErrDestroyed says that a change cannot be read again: its content was
// destroyed, and what came after it cannot be worked out.
var ErrDestroyed = errors.New("the content of this change was destroyed")

// MaxReplay is how many steps of a record are joined again at the most. 10,000
// steps take about a fifth of a second (BenchmarkReplay in simtest).
const MaxReplay = 50_000

// Joined is one part as it was joined: the step and what the bundle says.
type Joined struct {
	Step
	Header    syncproto.Header
	Content   syncproto.Part
	Destroyed bool // nothing of Content is known
	Blank     bool // Content is what stands for it since it was erased
	standIn   bool // Header and Content are made when it is joined
}

// Replay joins the steps of a record again, in the order in which they were
// joined first, and hands each to visit together with the state it led to.
// visit returns false to stop; the state it stopped at is returned. The state
// is the replay's own until then: who keeps it must clone it. A context that
// ends stops it too.
func Replay(ctx context.Context, r store.Reader, id syncproto.RecordID, visit func(n int, j *Joined, rec *crdt.Record) (bool, error)) (*crdt.Record, error) {
	rec := crdt.New(id)
	frames, tables := NewFrames(), Tables(r, id)
	const stride = 512
	for n := 0; ; n += stride {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n >= MaxReplay {
			return nil, syncproto.Errorf(syncproto.KindTooLarge, "这条记录改过 %d 次以上，不能逐次重放", MaxReplay)
		}
		steps, err := Steps(r, id, uint32(n), stride)
		if err != nil {
			return nil, err
		}
		for i := range steps {
			j, err := frames.joined(r, &steps[i])
			if err == nil {
				err = j.joinAgain(r, rec, tables)
			}
			if err != nil {
				return nil, fmt.Errorf("step %d of record %s: %w", n+i, id, err)
			}
			if more, err := visit(n+i, j, rec); err != nil || !more {
				return rec, err
			}
		}
		if len(steps) < stride {
			return rec, nil
		}
	}
}

// joinAgain joins the part to a state in the ids of the log, which is never folded.
func (j *Joined) joinAgain(r store.Reader, rec *crdt.Record, tables fold.Tables) error {
	if j.standIn {
		return j.joinStandIn(r, rec)
	}
	if j.Destroyed {
		return ErrDestroyed
	}
	_, err := JoinTold(rec, j.Header, &j.Content, j.Options(), tables)
	return err
}
