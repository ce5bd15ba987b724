package records

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Unfolded is a record's state in the ids of the log, laid down when it was
// folded. With the steps after it, it gives the present one at any time.
type Unfolded struct {
	Steps uint32 // steps of the record that are in it
	State []byte
}

// Append encodes the unfolded state.
func (u *Unfolded) Append(b []byte) []byte {
	return wire.AppendBytes(wire.AppendUint(begin(b, 2), uint64(u.Steps)), u.State)
}

// DecodeUnfolded reads an unfolded state; it aliases v.
func DecodeUnfolded(v []byte) (u Unfolded, err error) {
	r, err := open(v, 2, "unfolded state")
	if err != nil {
		return u, err
	}
	u.Steps = uint32(r.UintMax(math.MaxUint32))
	u.State = r.Bytes(len(v))
	return u, done(r, "unfolded state")
}

// Tables finds the tables of a record's folds. It keeps what it has read, and
// is for one goroutine.
func Tables(r store.Reader, id syncproto.RecordID) fold.Tables {
	known := map[syncproto.ReplicaID]*fold.Table{}
	return func(of syncproto.ReplicaID) (*fold.Table, error) {
		if t, ok := known[of]; ok {
			return t, nil
		}
		v, err := GetBlocks(r, FoldKey(id, of))
		if err != nil {
			return nil, err
		}
		var t *fold.Table
		if v != nil {
			if t, err = fold.Decode(v); err != nil {
				return nil, fmt.Errorf("record %s: %w", id, err)
			}
		}
		known[of] = t
		return t, nil
	}
}

// JoinTold joins a part. One that names folds which rec does not have is told
// in the ids of the log first; told says so.
func JoinTold(rec *crdt.Record, h syncproto.Header, p *syncproto.Part, opt crdt.Options, tables fold.Tables) (told bool, err error) {
	err = rec.Join(h, p, opt)
	var missing *crdt.MissingError
	if !errors.As(err, &missing) || missing.Seq != 0 {
		return false, err
	}
	q, told, tableErr := crdt.UnfoldPart(h.Replica, p, tables)
	if tableErr != nil {
		return false, tableErr
	}
	if !told {
		return false, err
	}
	return true, rec.Join(h, q, opt)
}

// Unfold gives a record's state in the ids of the log, whether the stored one
// is folded or not.
func Unfold(ctx context.Context, r store.Reader, id syncproto.RecordID, c *Record) (*crdt.Record, error) {
	rec, err := crdt.Decode(c.State)
	if err != nil || !rec.Folded() {
		return rec, err
	}
	v, err := GetBlocks(r, UnfoldedKey(id, c.Unfolded))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("record %s is folded, but its unfolded state is not in the store", id)
	}
	u, err := DecodeUnfolded(v)
	if err != nil {
		return nil, err
	}
	if rec, err = crdt.Decode(u.State); err != nil {
		return nil, fmt.Errorf("unfolded state: %w", err)
	}
	return rec, JoinSteps(ctx, r, rec, u.Steps, c.Steps)
}

// JoinSteps joins steps from to to-1 of a record, counted from 0, onto its
// unfolded state.
func JoinSteps(ctx context.Context, r store.Reader, rec *crdt.Record, from, to uint32) error {
	frames, tables := NewFrames(), Tables(r, rec.ID)
	const stride = 512
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		steps, err := Steps(r, rec.ID, from, int(min(stride, to-from)))
		if err != nil {
			return err
		}
		if len(steps) == 0 {
			return fmt.Errorf("record %s: step %d is not in the store", rec.ID, from)
		}
		for i := range steps {
			if err := frames.JoinStep(r, rec, &steps[i], tables); err != nil {
				return fmt.Errorf("step %d of record %s: %w", from, rec.ID, err)
			}
			from++
		}
	}
	return nil
}
