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
	// Reassign releases a record that is held whole and gives it to another
	// place or person.
	Reassign(ctx context.Context, admin syncproto.PersonID, w HeldWork, to Assignment) (Settled, error)
	// Missing tells what it waits for that never came.
	Missing(ctx context.Context, admin syncproto.PersonID, w HeldWork) (HeldLost, error)
	// DeclareLost declares that this will never come, and joins what waits. Kind
	// and place are wanted of a record of which nothing is here.
	DeclareLost(ctx context.Context, admin syncproto.PersonID, w HeldWork, kind, place string) (HeldLost, error)
}

// Assignment is where held work belongs: a place, a person, or both.
type Assignment struct {
	Place  string
	Person syncproto.PersonID
}

// LostRun are changes of a replica that never came.
type LostRun struct {
	Replica syncproto.ReplicaID `json:"replica"`
	By      string              `json:"by,omitempty"`
	Device  string              `json:"device,omitempty"`
	From    syncproto.Seq       `json:"from"`
	To      syncproto.Seq       `json:"to"`
}

// HeldLost says what held work waits for that never came.
type HeldLost struct {
	Lost    []LostRun `json:"lost"`
	Nothing bool      `json:"nothing,omitempty"` // of the record is here: kind and place are wanted
	Settled
}

type settleRequest struct {
	HeldWork
	Reason string `json:"reason,omitempty"` // reject only: told to the author
	Place  string `json:"place,omitempty"`  // reassign, lost: a place code
	Person string `json:"person,omitempty"` // reassign only: a name or an id
	Kind   string `json:"kind,omitempty"`   // lost only: of a record of which nothing is here
	Sure   bool   `json:"sure,omitempty"`   // lost only: declare it; else the answer says what would be
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

func (a *API) releaseHeld(q *call) error {
	return a.settle(q, "released", func(admin syncproto.PersonID, in *settleRequest) (any, error) {
		return a.Settler.Release(q.ctx, admin, in.HeldWork)
	})
}

func (a *API) rejectHeld(q *call) error {
	return a.settle(q, "rejected", func(admin syncproto.PersonID, in *settleRequest) (any, error) {
		return a.Settler.Reject(q.ctx, admin, in.HeldWork, in.Reason)
	})
}

func (a *API) reassignHeld(q *call) error {
	return a.settle(q, "reassigned", func(admin syncproto.PersonID, in *settleRequest) (any, error) {
		to := Assignment{Place: in.Place}
		if in.Person != "" {
			p, err := a.People.Find(in.Person)
			if err != nil {
				return nil, err
			}
			to.Person = p.ID
		}
		return a.Settler.Reassign(q.ctx, admin, in.HeldWork, to)
	})
}

func (a *API) lostHeld(q *call) error {
	return a.settle(q, "lost", func(admin syncproto.PersonID, in *settleRequest) (any, error) {
		if !in.Sure {
			return a.Settler.Missing(q.ctx, admin, in.HeldWork)
		}
		return a.Settler.DeclareLost(q.ctx, admin, in.HeldWork, in.Kind, in.Place)
	})
}

// settle has held work settled in an administrator's name.
func (a *API) settle(q *call, how string, do func(syncproto.PersonID, *settleRequest) (any, error)) error {
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
	out, err := do(admin, &in)
	if err != nil {
		return err
	}
	a.Log.InfoContext(q.ctx, "held work", "replica", in.Replica, "record", in.Record, "how", how, "for", admin, "by", q.who.words())
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
