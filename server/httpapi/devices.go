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
	State      string              `json:"state"`                // active, suspended, revoked, retiring or retired
	Wipe       bool                `json:"wipe,omitempty"`       // told to destroy what it holds
	Wiped      *time.Time          `json:"wiped,omitempty"`      // when it said that it has
	LeaseDays  int                 `json:"lease_days,omitempty"` // its own; absent: as its owner's roles say
	Enrolled   time.Time           `json:"enrolled"`
	New        bool                `json:"new,omitempty"`       // 新设备: enrolled within seven days
	LastSync   *time.Time          `json:"last_sync,omitempty"` // absent: it never was
	Told       *DeviceTold         `json:"told,omitempty"`      // absent: it never said anything
	Received   uint64              `json:"received"`            // changes the server has of it
	Held       uint64              `json:"held,omitempty"`      // parts of them that are held
	Forked     bool                `json:"forked,omitempty"`    // its number is in use twice
	Gaps       uint64              `json:"gaps,omitempty"`      // bundles that arrived with a gap before them
}

// DeviceTold is what a device last said of itself. What it wrote since nobody knows.
type DeviceTold struct {
	At        time.Time  `json:"at"`
	Waiting   int        `json:"waiting"`              // changes that this server had not acknowledged
	Oldest    *time.Time `json:"oldest,omitempty"`     // the first of them, by the device's clock
	Drafts    int        `json:"drafts"`               // saved and not submitted
	OffsetMS  int64      `json:"offset_ms"`            // this server's clock minus the device's
	Version   string     `json:"version,omitempty"`    // of the program
	AwayUntil string     `json:"away_until,omitempty"` // a planned trip's last day
}

// DeviceList is the devices of one person.
type DeviceList struct {
	Devices []Device `json:"devices"`
}

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
	d := Device{Replica: c.Replica, Person: c.Person, PersonName: owner, Name: c.Device, State: c.State.String(), Wipe: c.Wipe,
		LeaseDays: c.Lease, Enrolled: enrolled, New: a.Now().Sub(enrolled) < syncproto.NewDeviceFor}
	if c.Wiped != 0 {
		wiped := time.UnixMilli(c.Wiped).UTC()
		d.Wiped = &wiped
	}
	return d
}

type deviceRequest struct {
	Replica syncproto.ReplicaID `json:"replica"`
	State   string              `json:"state,omitempty"` // active, suspended, revoked or retiring; empty: as it is
	Wipe    bool                `json:"wipe,omitempty"`  // with revoked: it is to destroy what it holds
	Name    string              `json:"name,omitempty"`  // empty: as it is
	Lease   *int                `json:"lease_days,omitempty"`
}

func (in *deviceRequest) check() error {
	_, known := states[in.State]
	if in.Replica.IsZero() || in.State != "" && !known || in.State == "" && in.Name == "" && in.Lease == nil || in.Wipe && in.State != "revoked" {
		return syncproto.Errorf(syncproto.KindBadRequest, "want replica, and state (active, suspended, revoked, retiring), name or lease_days; wipe goes with revoked alone")
	}
	return nil
}

var states = map[string]authn.State{"active": authn.Active, "suspended": authn.Suspended, "revoked": authn.Revoked, "retiring": authn.Retiring}

// changeDevice renames a device, stops it or lets it in again, has it wiped or
// handed back. A stopped device still hands in what it has, which is held.
func (a *API) changeDevice(q *call) error {
	var in deviceRequest
	if err := q.json(&in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	acc, err := a.Auth.Account(q.ctx, in.Replica)
	if err != nil {
		return errNoDevice
	}
	p, err := a.charge(q.who, acc.Person.String())
	if err != nil {
		return err
	}
	if err := a.applyChange(q, &in); err != nil {
		return err
	}
	if acc, err = a.Auth.Account(q.ctx, in.Replica); err != nil {
		return err
	}
	if err := a.note(q, q.who.Person, "device changed", "replica", in.Replica, "of", p.ID, "state", acc.State, "wipe", acc.Wipe, "lease", acc.Lease, "renamed", in.Name != ""); err != nil {
		return err
	}
	d := a.device(&acc, p.Name)
	if err := a.Traffic.Traffic(d.Replica, &d); err != nil {
		return err
	}
	return a.sendJSON(q, d)
}

func (a *API) applyChange(q *call, in *deviceRequest) error {
	if in.Name != "" {
		if err := a.Auth.Rename(q.ctx, in.Replica, in.Name); err != nil {
			return err
		}
	}
	if in.Lease != nil {
		if err := a.Auth.SetLease(q.ctx, in.Replica, *in.Lease); err != nil {
			return err
		}
	}
	switch {
	case in.Wipe:
		return a.Auth.Wipe(q.ctx, in.Replica)
	case in.State != "":
		return a.Auth.SetState(q.ctx, in.Replica, states[in.State])
	}
	return nil
}

type unlockRequest struct {
	Replica syncproto.ReplicaID `json:"replica"`
	Number  string              `json:"number"` // that the device shows
	Days    int                 `json:"days,omitempty"`
}

// unlockDays is for how long a code opens when nobody says otherwise.
const unlockDays = 7

// unlock makes the code that is read over the phone to the owner of a device
// that has locked others' records.
func (a *API) unlock(q *call) error {
	var in unlockRequest
	if err := q.json(&in); err != nil {
		return err
	}
	if in.Days == 0 {
		in.Days = unlockDays
	}
	acc, err := a.Auth.Account(q.ctx, in.Replica)
	if err != nil {
		return errNoDevice
	}
	p, err := a.charge(q.who, acc.Person.String())
	if err != nil {
		return err
	}
	code, err := a.Unlocker.UnlockCode(q.ctx, in.Replica, in.Number, in.Days)
	if err != nil {
		return err
	}
	if err := a.note(q, q.who.Person, "unlock code made", "replica", in.Replica, "of", p.ID, "days", in.Days); err != nil {
		return err
	}
	return a.sendJSON(q, struct {
		Code string `json:"code"`
		Days int    `json:"days"`
	}{code, in.Days})
}

// wiped takes down that a device destroyed what it held, as it was told.
func (a *API) wiped(q *call) error {
	var in struct {
		Drafts int `json:"drafts"` // not submitted, destroyed with the rest
	}
	if err := q.json(&in); err != nil {
		return err
	}
	if err := a.Auth.NoteWiped(q.ctx, q.who.Replica); err != nil {
		return err
	}
	if err := a.note(q, q.who.Person, "device wiped", "replica", q.who.Replica, "drafts", in.Drafts); err != nil {
		return err
	}
	return a.sendJSON(q, struct{}{})
}

var errNoDevice = syncproto.Errorf(syncproto.KindNotFound, "没有这台设备，或者它不归您管").Coded("no-device")
