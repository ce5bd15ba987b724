package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// DefaultLease is for how many days others' records stay open on a device that
// does not hear from the server.
const DefaultLease = 30

// Leases say how long that is by role, in days; the empty role is everybody's.
type Leases map[authz.Role]int

// NoLease is for ever: a lost device then keeps what it has.
const NoLease = -1

// ParseLeases reads "30,网格员=14": the days for everybody, and those for roles; 0
// is for ever.
func ParseLeases(s string) (Leases, error) {
	out := Leases{}
	for part := range strings.SplitSeq(s, ",") {
		role, days, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			role, days = "", role
		}
		n, err := strconv.Atoi(strings.TrimSpace(days))
		if err != nil || n < 0 || n > authn.MaxLease {
			return nil, fmt.Errorf("lease %q: want days, 1 to %d or 0 for ever, or ROLE=DAYS", part, authn.MaxLease)
		}
		if n == 0 {
			n = NoLease
		}
		if r := authz.Role(strings.TrimSpace(role)); r == "" || authz.IsRole(r) {
			out[r] = n
		} else {
			return nil, fmt.Errorf("lease: there is no role %q", role)
		}
	}
	return out, nil
}

// of is the lease of a device in days: its own, else the shortest of its
// owner's roles, else everybody's.
func (l Leases) of(c *authn.Account, grants []authz.Grant) int {
	if c.Lease > 0 {
		return c.Lease
	}
	days := 0
	for _, g := range grants {
		if n := l[g.Role]; n > 0 && (days == 0 || n < days) {
			days = n
		}
	}
	if days == 0 {
		days = l[""]
	}
	if days == 0 {
		days = DefaultLease
	}
	return max(days, 0)
}

// Standing is feed.Standings.
func (s *Server) Standing(ctx context.Context, r syncproto.ReplicaID) (out syncproto.Standing, err error) {
	c, err := s.auth.Account(ctx, r)
	if err != nil {
		return out, err
	}
	grants := s.dir.Viewer(c.Person).On(people{s}.today()).Grants
	out.Lease = time.Duration(s.cfg.Leases.of(&c, grants)) * 24 * time.Hour
	out.Unlock = s.unlockSecret(r)
	all, err := s.auth.Devices(ctx, c.Person)
	if err != nil {
		return out, err
	}
	for i := range all {
		if d := &all[i]; d.Replica != r && d.State == authn.Active && len(out.Devices) < maxToldDevices {
			out.Devices = append(out.Devices, syncproto.KnownDevice{Replica: d.Replica, Name: d.Device, Enrolled: d.Enrolled})
		}
	}
	return out, nil
}

// maxToldDevices bounds how many of a person's devices each of them is told of.
const maxToldDevices = 32

// unlockSecret is what unlock codes of a device are made with: the same after a
// restart and a restore, and nobody's but this server's and that device's.
func (s *Server) unlockSecret(r syncproto.ReplicaID) (out [32]byte) {
	h := hmac.New(sha256.New, s.keys.pages[:])
	h.Write([]byte("chuantou/unlock-secret/1"))
	h.Write(r[:])
	h.Sum(out[:0])
	return out
}

// UnlockCode is httpapi.Unlocker: the code that opens others' records on a
// device for so many days, for the number that it shows.
func (s *Server) UnlockCode(ctx context.Context, r syncproto.ReplicaID, number string, days int) (string, error) {
	if days < 1 || days > sign.MaxUnlockDays {
		return "", syncproto.Errorf(syncproto.KindBadRequest, "days: want 1 to %d", sign.MaxUnlockDays)
	}
	number, err := sign.ReadUnlockNumber(number)
	if err != nil {
		return "", syncproto.Errorf(syncproto.KindBadRequest, "number: %v", err)
	}
	c, err := s.auth.Account(ctx, r)
	switch {
	case err != nil:
		return "", err
	case c.State != authn.Active:
		return "", authn.ErrStopped
	}
	return sign.UnlockCode(s.unlockSecret(r), r, number, days), nil
}
