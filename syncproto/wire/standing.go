package wire

import (
	"fmt"
	"math"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Limits of a standing.
const (
	maxKnownDevices    = 64
	maxDeviceNameBytes = 96
	maxLeaseSeconds    = 10 * 366 * 24 * 3600
)

// AppendStanding appends [lease seconds, unlock secret, [[replica, name, enrolled]…]].
func AppendStanding(b []byte, s *syncproto.Standing) []byte {
	b = AppendUint(AppendArray(b, 3), uint64(s.Lease/time.Second))
	b = AppendArray(AppendBytes(b, s.Unlock[:]), len(s.Devices))
	for _, d := range s.Devices {
		b = AppendBytes(AppendArray(b, 3), d.Replica[:])
		b = AppendInt(AppendText(b, d.Name), d.Enrolled)
	}
	return b
}

// ReadStanding reads what AppendStanding wrote.
func ReadStanding(r *Reader) (s syncproto.Standing) {
	if n := r.Array(3); r.err == nil && n != 3 {
		r.Failf("a standing has 3 members")
	}
	s.Lease = time.Duration(r.UintMax(maxLeaseSeconds)) * time.Second
	r.Fixed(s.Unlock[:])
	n := r.Array(maxKnownDevices)
	for i := 0; i < n && r.err == nil; i++ {
		var d syncproto.KnownDevice
		if r.Array(3) != 3 {
			r.Failf("a device has 3 members")
		}
		r.Fixed(d.Replica[:])
		d.Name = r.Text(maxDeviceNameBytes)
		d.Enrolled = r.Int()
		s.Devices = append(s.Devices, d)
	}
	return s
}

// DecodeStanding reads exactly one standing.
func DecodeStanding(b []byte) (syncproto.Standing, error) {
	r := NewReader(b)
	s := ReadStanding(r)
	if err := r.Done(); err != nil {
		return syncproto.Standing{}, fmt.Errorf("standing: %w", err)
	}
	return s, nil
}

const (
	toldWaiting = 1
	toldOldest  = 2
	toldDrafts  = 3
	toldOffset  = 4
	toldVersion = 5
	toldTrip    = 6
)

// Limits of what a device tells of itself.
const (
	MaxVersionBytes = 64
	MaxTripBytes    = 10
)

// AppendTold appends what a device tells of itself.
func AppendTold(b []byte, t *syncproto.Told) []byte {
	n := 2
	for _, present := range []bool{t.Oldest != 0, t.Offset != 0, t.Version != "", t.Trip != ""} {
		if present {
			n++
		}
	}
	b = AppendUint(AppendUint(AppendMap(b, n), toldWaiting), uint64(t.Waiting))
	if t.Oldest != 0 {
		b = AppendInt(AppendUint(b, toldOldest), t.Oldest)
	}
	b = AppendUint(AppendUint(b, toldDrafts), uint64(t.Drafts))
	if t.Offset != 0 {
		b = AppendInt(AppendUint(b, toldOffset), t.Offset)
	}
	if t.Version != "" {
		b = AppendText(AppendUint(b, toldVersion), t.Version)
	}
	if t.Trip != "" {
		b = AppendText(AppendUint(b, toldTrip), t.Trip)
	}
	return b
}

func readTold(r *Reader) *syncproto.Told {
	t := &syncproto.Told{}
	eachKey(r, func(key uint64) {
		switch key {
		case toldWaiting:
			t.Waiting = int(r.UintMax(math.MaxInt32))
		case toldOldest:
			t.Oldest = r.Int()
		case toldDrafts:
			t.Drafts = int(r.UintMax(math.MaxInt32))
		case toldOffset:
			t.Offset = r.Int()
		case toldVersion:
			t.Version = r.Text(MaxVersionBytes)
		case toldTrip:
			t.Trip = r.Text(MaxTripBytes)
		default:
			r.Raw(MaxCursorBytes)
		}
	})
	return t
}

// DecodeTold reads exactly one of what AppendTold wrote.
func DecodeTold(b []byte) (syncproto.Told, error) {
	r := NewReader(b)
	t := readTold(r)
	if err := r.Done(); err != nil {
		return syncproto.Told{}, fmt.Errorf("what a device told: %w", err)
	}
	return *t, nil
}
