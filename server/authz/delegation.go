package authz

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Delegation is a leader's leave to write for him (委托代记).
type Delegation struct {
	Leader syncproto.PersonID
	Kinds  []string
	// FromOn and ToOn bound it, as dates; ToOn is empty while no end was given.
	FromOn, ToOn string
	// Ended is when the end was written, by the leader's clock, Unix
	// milliseconds.
	Ended int64
}

// Lease is how long after the end of a delegation work still stands that was
// written before its author's device could have heard of the end: one offline
// lease at most (domain.md 5.1).
const Lease = 30 * 24 * time.Hour

// WritesFor reports whether the viewer may write a record of a kind for a
// leader: by a delegation in force on the day that he claims to have written.
// One that had ended by then covers what he wrote before the end was written,
// or before his device, which took its last page at heard, could have known of
// it. Both are Unix milliseconds.
func (v *Viewer) WritesFor(leader syncproto.PersonID, kind string, wall, heard int64) bool {
	day := time.UnixMilli(wall).In(zone).Format(time.DateOnly)
	return slices.ContainsFunc(v.Behalf, func(d Delegation) bool {
		if d.Leader != leader || !slices.Contains(d.Kinds, kind) || day < d.FromOn {
			return false
		}
		if d.ToOn == "" || day <= d.ToOn {
			return true
		}
		last := time.UnixMilli(wall).Add(-Lease).In(zone).Format(time.DateOnly)
		return min(heard, wall) < d.Ended && last <= d.ToOn
	})
}

var zone = time.FixedZone("Asia/Shanghai", 8*60*60)
