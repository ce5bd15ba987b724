package httpapi

import (
	"context"

	"github.com/chuantou/chuantou/syncproto"
)

// HeldWork names what one replica has held in one record, the unit that an
// administrator settles.
type HeldWork struct {
	Replica syncproto.ReplicaID `json:"replica"`
	Record  syncproto.RecordID  `json:"record"`
}

// Settled says what became of held work.
type Settled struct {
	Parts int `json:"parts"` // settled now
	Left  int `json:"left"`  // still held: something they need is not here
}

// Settler settles held work for an administrator who answers for it. For
// anybody else, and where nothing is held, it is an error: of
// syncproto.KindForbidden the one, of KindConflict the other.
type Settler interface {
	// Release joins it although its author had no right to write it.
	Release(ctx context.Context, admin syncproto.PersonID, w HeldWork) (Settled, error)
	// Reject lets it count for nothing and tells its author the reason.
	Reject(ctx context.Context, admin syncproto.PersonID, w HeldWork, reason string) (Settled, error)
}

type settleRequest struct {
	HeldWork
	Reason string `json:"reason,omitempty"` // reject only: told to the author
	By     string `json:"by,omitempty"`     // operator only: the administrator who decided, by name or id
}

// heldBy lists what an administrator answers for; the operator names him.
func (a *API) heldBy(q *call) error {
	admin, err := a.decider(q.who, q.QueryParam("by"))
	if err != nil {
		return err
	}
	return a.heldOf(q, admin)
}

func (a *API) releaseHeld(q *call) error { return a.settle(q, false) }
func (a *API) rejectHeld(q *call) error  { return a.settle(q, true) }

func (a *API) settle(q *call, reject bool) error {
	var in settleRequest
	if err := q.json(&in); err != nil {
		return err
	}
	if in.Replica.IsZero() || in.Record.IsZero() {
		return syncproto.Errorf(syncproto.KindBadRequest, "replica and record: both are needed, as GET /v1/held gives them")
	}
	admin, err := a.decider(q.who, in.By)
	if err != nil {
		return err
	}
	var out Settled
	if reject {
		out, err = a.Settler.Reject(q.ctx, admin, in.HeldWork, in.Reason)
	} else {
		out, err = a.Settler.Release(q.ctx, admin, in.HeldWork)
	}
	if err != nil {
		return err
	}
	a.Log.InfoContext(q.ctx, "held work settled", "replica", in.Replica, "record", in.Record, "rejected", reject, "for", admin, "by", q.who.words())
	return a.sendJSON(q, out)
}

// decider is the administrator in whose name something is decided: the caller,
// or whom the operator of the machine names.
func (a *API) decider(who Caller, named string) (syncproto.PersonID, error) {
	if !who.Operator {
		return who.Person, nil
	}
	if named == "" {
		return syncproto.PersonID{}, syncproto.Errorf(syncproto.KindBadRequest, "by: say which administrator decided")
	}
	p, err := a.People.Find(named)
	if err == nil && !p.Admin {
		err = errNotAdmin
	}
	return p.ID, err
}
