package syncproto

import "time"

// Order is what a receipt tells the device to do with itself. The numbers cross
// the wire: append, never reorder.
type Order uint8

// The orders. A device carries one out when the server has all that it wrote.
const (
	OrderNone   Order = 0
	OrderWipe   Order = 1 // destroy what is here; the device is revoked
	OrderRetire Order = 2 // the same after an honest hand-back: drafts are waited for
)

// Standing is the server's word to one device about itself. It comes with a
// page when it differs from the one the cursor names.
type Standing struct {
	// Lease is how long others' records stay open without contact with the
	// server, whole seconds; 0: for ever.
	Lease time.Duration
	// Unlock is the secret of this device and the server that unlock codes are
	// made with (sign.UnlockCode).
	Unlock [32]byte
	// Devices are the person's other devices that are not stopped.
	Devices []KnownDevice
}

// Told is what a device tells the server of itself, so that an administrator
// sees who waits for a port. It is the device's word and decides nothing.
type Told struct {
	Waiting int    // changes that the server has not acknowledged
	Oldest  int64  // claimed time of the oldest of them, 0 for none
	Drafts  int    // saved and not submitted
	Offset  int64  // server's clock minus the device's, milliseconds, as last learned
	Version string // of the program
	Trip    string // the day until which the device will be away, 2026-06-14; "" for none planned
}

// KnownDevice is another device of the same person.
type KnownDevice struct {
	Replica  ReplicaID
	Name     string
	Enrolled int64 // server's clock, Unix milliseconds
}

// NewDeviceFor is how long a device is marked 新设备 after its enrolment.
const NewDeviceFor = 7 * 24 * time.Hour
