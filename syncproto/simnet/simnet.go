// Package simnet is a seeded clock and network for simulations: what becomes of
// each exchange is drawn from one source of chance, so a seed replays it. It
// moves no bytes itself: who does asks it where to cut.
//
// For tests only.
package simnet

import "time"

// Clock is the true time of a simulation. It only moves when told to.
type Clock struct{ now time.Time }

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{t} }

// Now is the true time.
func (c *Clock) Now() time.Time { return c.now }

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) { c.now = c.now.Add(d) }

// Skewed is a clock that is off by Offset, as a device's is.
type Skewed struct {
	True   *Clock
	Offset time.Duration
}

// Now is the time that the skewed clock shows.
func (s *Skewed) Now() time.Time { return s.True.Now().Add(s.Offset) }

// Fate is what becomes of one exchange.
type Fate uint8

// The fates of an exchange.
const (
	Arrives   Fate = iota // request and answer
	Unreached             // no network: nothing leaves
	CutUp                 // the connection breaks within the request
	CutDown               // the request is served, the connection breaks within the answer
	Twice                 // the request arrives a second time, after the first was answered
	Late                  // the sender gives up; the request arrives later, after others
)

// Net decides what becomes of exchanges. The zero value of the rates is a line
// without faults.
type Net struct {
	// Chance draws a number from 0 to n-1.
	Chance func(n int) int
	// Out of 1,000 exchanges of a connected device so many break within the
	// request, within the answer, arrive twice, arrive late.
	CutUp, CutDown, Twice, Late int

	away map[string]bool
}

// New returns a net that draws its fates from chance.
func New(chance func(n int) int) *Net { return &Net{Chance: chance, away: map[string]bool{}} }

// Partition cuts a device off, or connects it again.
func (n *Net) Partition(device string, off bool) { n.away[device] = off }

// Away reports whether a device is cut off.
func (n *Net) Away(device string) bool { return n.away[device] }

// Heal connects everybody and ends all faults.
func (n *Net) Heal() {
	n.away = map[string]bool{}
	n.CutUp, n.CutDown, n.Twice, n.Late = 0, 0, 0, 0
}

// Next says what becomes of a device's next exchange.
func (n *Net) Next(device string) Fate {
	if n.away[device] {
		return Unreached
	}
	dice := n.Chance(1000)
	for _, f := range []struct {
		rate int
		fate Fate
	}{{n.CutUp, CutUp}, {n.CutDown, CutDown}, {n.Twice, Twice}, {n.Late, Late}} {
		if dice -= f.rate; dice < 0 {
			return f.fate
		}
	}
	return Arrives
}

// Cut says after how many of size bytes a connection breaks: at any of them.
func (n *Net) Cut(size int) int { return n.Chance(size + 1) }
