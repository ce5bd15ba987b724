package records

import (
	"fmt"
	"sync"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Most records are written once and come with one bundle. Their states would be
// two thirds of what a storm writes, and are in the bundle as it is: they are
// left out of the store, and whoever wants one joins its few parts again. From
// the next bundle on that touches the record its state lies in the store.
const (
	// MaxBareSteps is of how many parts a state that is left out is made at most.
	MaxBareSteps = 16
	// MaxBareBytes is how long the bundle of one is, uncompressed.
	MaxBareBytes = 512 << 10
)

// Frames keeps the bundles read last, decoded: the steps of one record, and
// the records of one bundle, are mostly read together. nil keeps nothing. Safe
// for concurrent use.
type Frames struct {
	recent *Recent[bundleAt, []wire.RawChange] // nobody changes what is in it

	mu   sync.RWMutex
	anew map[bundleAt]bool // written anew since: never kept
}

type bundleAt struct {
	replica syncproto.ReplicaID
	from    syncproto.Seq
}

// maxFrameBytes bounds what is kept, uncompressed.
const maxFrameBytes = 8 << 20

// NewFrames returns one that keeps up to 8 MiB.
func NewFrames() *Frames {
	return &Frames{recent: NewRecent[bundleAt, []wire.RawChange](maxFrameBytes)}
}

// Forget has a bundle, which was written anew, read from the store each time:
// somebody who reads an older state of the store might put it back here.
func (f *Frames) Forget(replica syncproto.ReplicaID, from syncproto.Seq) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.anew == nil {
		f.anew = map[bundleAt]bool{}
	}
	f.anew[bundleAt{replica, from}] = true
}

func (f *Frames) keeps(at bundleAt) bool {
	if f == nil {
		return false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return !f.anew[at]
}

// State gives a record's state: the stored one decoded, or, where that was
// left out, what its steps add up to; nil when nothing is joined. It is the
// caller's own.
func (f *Frames) State(r store.Reader, id syncproto.RecordID, c *Record) (*crdt.Record, error) {
	if len(c.State) > 0 {
		rec, err := crdt.Decode(c.State)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", id, err)
		}
		return rec, nil
	}
	if c.Steps == 0 {
		return nil, nil
	}
	steps, err := Steps(r, id, 0, int(c.Steps))
	if err != nil {
		return nil, err
	}
	rec, tables := crdt.New(id), Tables(r, id)
	for i := range steps {
		if err := f.JoinStep(r, rec, &steps[i], tables); err != nil {
			return nil, fmt.Errorf("step %d of record %s: %w", i, id, err)
		}
	}
	if len(steps) != int(c.Steps) {
		return nil, fmt.Errorf("record %s: %d of %d steps are in the store", id, len(steps), c.Steps)
	}
	return rec, nil
}

// JoinStep joins a step again, onto a state in the ids of the log.
func (f *Frames) JoinStep(r store.Reader, rec *crdt.Record, s *Step, tables fold.Tables) error {
	j, err := f.joined(r, s)
	if err != nil {
		return err
	}
	return j.joinAgain(r, rec, tables)
}

// joined reads the part of a step.
func (f *Frames) joined(r store.Reader, s *Step) (*Joined, error) {
	if s.Part == StandInPart {
		return &Joined{Step: *s, standIn: true}, nil
	}
	changes, err := f.bundle(r, bundleAt{s.Replica, s.Bundle})
	if err != nil {
		return nil, err
	}
	if s.Seq < s.Bundle || s.Seq-s.Bundle >= syncproto.Seq(len(changes)) || s.Part >= len(changes[s.Seq-s.Bundle].Parts) {
		return nil, fmt.Errorf("change %s is not in the bundle it came with", s.Change())
	}
	c := &changes[s.Seq-s.Bundle]
	j := &Joined{Step: *s, Header: c.Header}
	if !c.Parts[s.Part].Withheld() {
		j.Content, err = wire.DecodePart(s.Replica, c.Parts[s.Part].Bytes)
		return j, err
	}
	blank, err := LoadBlank(r, s.Replica, s.Seq, s.Part)
	if j.Destroyed = blank == nil; !j.Destroyed {
		j.Content, j.Blank = *blank, true
	}
	return j, err
}

func (f *Frames) bundle(r store.Reader, at bundleAt) ([]wire.RawChange, error) {
	keeps := f.keeps(at)
	if keeps {
		if changes, ok := f.recent.Get(at); ok {
			return changes, nil
		}
	}
	u, err := LoadBundle(r, at.replica, at.from)
	if err != nil {
		return nil, err
	}
	raw, err := wire.Decompress(u.Frame, u.RawBytes)
	if err != nil {
		return nil, err
	}
	changes, err := wire.DecodeFrame(raw, at.replica, at.from, u.Count)
	if err == nil && keeps {
		f.recent.Keep(at, changes, len(raw))
	}
	return changes, err
}
