package crdt

import (
	"errors"
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
)

// ErrKnown is returned by Join for a part whose change, or a later one of the
// same replica, is already joined. The record is as it was; nothing is lost.
var ErrKnown = errors.New("change is already joined")

// ErrInvalid is wrapped by every refusal of a part that can never be joined to
// this record: retrying cannot help.
var ErrInvalid = errors.New("part does not fit the record")

// ErrDamaged is wrapped when stored bytes of a state are not what this package
// wrote: damaged, cut short, foreign or not in canonical form.
var ErrDamaged = errors.New("damaged record state")

// MissingError says that a part must wait: Join will take it once the named
// change of this record is joined. With Seq 0 the cause has no number: an
// element or item that the part refers to is not in the state; then Err says
// which.
type MissingError struct {
	Replica syncproto.ReplicaID
	Seq     syncproto.Seq
	Err     error
	// Late says that the text is folded, or that the part names a fold: it may
	// have been made on a state with other ids, and only who has the unfolded
	// state can tell (SPEC.md §1.8).
	Late bool
}

func (e *MissingError) Error() string {
	if e.Seq == 0 {
		return fmt.Sprintf("waits for an element: %v", e.Err)
	}
	return fmt.Sprintf("waits for change %d of replica %s", e.Seq, e.Replica)
}

func (e *MissingError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
