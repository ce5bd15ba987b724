package httpapi

import (
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
)

// Device is one enrolled device as an administrator sees it.
type Device struct {
	Replica    syncproto.ReplicaID `json:"replica"`
	Person     syncproto.PersonID  `json:"person"`
	PersonName string              `json:"person_name"`
	Name       string              `json:"name"`
	State      string              `json:"state"` // active, suspended or revoked
	Enrolled   time.Time           `json:"enrolled"`
	New        bool                `json:"new,omitempty"`       // 新设备: enrolled within seven days
	LastSync   *time.Time          `json:"last_sync,omitempty"` // since this server started; absent: unknown
	Received   uint64              `json:"received"`            // changes the server has of it
	Held       uint64              `json:"held,omitempty"`      // parts of them that are held
	Forked     bool                `json:"forked,omitempty"`    // its number is in use twice
	Gaps       uint64              `json:"gaps,omitempty"`      // bundles that arrived with a gap before them
}

// DeviceList is the devices of one person.
type DeviceList struct {
	Devices []Device `json:"devices"`
}

// newDeviceFor is how long a device is marked 新设备.
const newDeviceFor = 7 * 24 * time.Hour

// Traffic knows what devices did: for whom a replica speaks is not its matter.
type Traffic interface {
	// Traffic fills in what is known of a device beside its account.
	Traffic(replica syncproto.ReplicaID, d *Device) error
}

func (a *API) listDevices(q *call) error {
	p, err := a.charge(q.who, q.QueryParam("person"))
	if err != nil {
		return err
	}
	accounts, err := a.Auth.Devices(q.ctx, p.ID)
	if err != nil {
		return err
	}
	out := DeviceList{Devices: []Device{}}
	for i := range accounts {
		d := a.device(&accounts[i], p.Name)
		if err := a.Traffic.Traffic(d.Replica, &d); err != nil {
			return err
		}
		out.Devices = append(out.Devices, d)
	}
	return a.sendJSON(q, out)
}

func (a *API) device(c *authn.Account, owner string) Device {
	enrolled := time.UnixMilli(c.Enrolled).UTC()
	return Device{Replica: c.Replica, Person: c.Person, PersonName: owner, Name: c.Device, State: c.State.String(),
		Enrolled: enrolled, New: a.Now().Sub(enrolled) < newDeviceFor}
}

type deviceRequest struct {
	Replica syncproto.ReplicaID `json:"replica"`
	State   string              `json:"state,omitempty"` // active, suspended or revoked; empty: as it is
	Name    string              `json:"name,omitempty"`  // empty: as it is
}

var states = map[string]authn.State{"active": authn.Active, "suspended": authn.Suspended, "revoked": authn.Revoked}

// changeDevice renames a device, stops it or lets it in again. A stopped
// device still hands in what it has, which is held.
func (a *API) changeDevice(q *call) error {
	var in deviceRequest
	if err := q.json(&in); err != nil {
		return err
	}
	state, known := states[in.State]
	if in.Replica.IsZero() || in.State != "" && !known || in.State == "" && in.Name == "" {
		return syncproto.Errorf(syncproto.KindBadRequest, "want replica, and state (active, suspended, revoked) or name")
	}
	acc, err := a.Auth.Account(q.ctx, in.Replica)
	if err != nil {
		return errNoDevice
	}
	p, err := a.charge(q.who, acc.Person.String())
	if err != nil {
		return err
	}
	if in.Name != "" {
		if err := a.Auth.Rename(q.ctx, in.Replica, in.Name); err != nil {
			return err
		}
	}
	if known {
		if err := a.Auth.SetState(q.ctx, in.Replica, state); err != nil {
			return err
		}
	}
	if acc, err = a.Auth.Account(q.ctx, in.Replica); err != nil {
		return err
	}
	a.Log.InfoContext(q.ctx, "device changed", "replica", in.Replica, "of", p.ID, "state", acc.State, "renamed", in.Name != "", "by", q.who.words())
	d := a.device(&acc, p.Name)
	if err := a.Traffic.Traffic(d.Replica, &d); err != nil {
		return err
	}
	return a.sendJSON(q, d)
}

var errNoDevice = syncproto.Errorf(syncproto.KindNotFound, "没有这台设备，或者它不归您管")
