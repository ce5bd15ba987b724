package simtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
	"github.com/chuantou/chuantou/syncproto/simnet"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The default is short; a long run is
//
//	go test ./server/simtest -run TestSimulation -timeout 0 -sim.ops 1000000 -sim.devices 24
//
// It is lived in worlds of -sim.world acts, each with a seed of its own, judged and
// let go of: so neither memory nor what a restart reads grows with it. Many short
// ones are -sim.runs 100. A failure prints its seed, which
// -sim.seed replays.
var (
	simOps     = flag.Int("sim.ops", 1200, "acts to simulate, a run")
	simWorld   = flag.Int("sim.world", 10_000, "acts of one world, of a run that has more")
	simDevices = flag.Int("sim.devices", 10, "devices to begin with")
	simSeed    = flag.Uint64("sim.seed", 1, "seed of the first run; 0 takes one from the clock")
	simWithout = flag.String("sim.without", "", "mishaps to leave out: copies, putback, rewind, drown, courier, faults, control, meetings")
	simRuns    = flag.Int("sim.runs", 1, "runs, with seeds that follow each other")
)

// TestSimulation lets devices write, lose their network, be killed, copied and
// drowned while the server is killed and put back, and then judges by the log
// of what was acknowledged what everybody reads at rest.
func TestSimulation(t *testing.T) {
	seed := *simSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	var all counts
	worlds := 0
	for range *simRuns {
		for left := *simOps; left > 0 && !t.Failed(); left -= *simWorld {
			t.Run(fmt.Sprint(seed), func(t *testing.T) { all.add(simulate(t, seed, min(left, *simWorld))) })
			seed++
			worlds++
		}
	}
	t.Logf("%d worlds: %d acts; %d ops acknowledged and judged, %d of them followed one by one", worlds, all.acts, all.ops, all.followed)
}

// simulate lets one world live for so many acts and judges it.
func simulate(t *testing.T, seed uint64, acts int) counts {
	cryptotest.SetGlobalRandom(t, seed)
	s := newSim(t, seed, *simDevices)
	for s.log.Acts() < acts && !t.Failed() {
		s.step()
	}
	s.rest()
	s.judge()
	s.report()
	return s.counts
}

// sim is one simulated world. One goroutine drives it, and one source of
// chance: what happens follows from the seed.
type sim struct {
	t        *testing.T
	seed     uint64
	rand     *rand.Rand
	clock    *simnet.Clock
	net      *simnet.Net
	server   *simServer
	log      *history.Log
	findings []string // what is wrong, at the end
	late     int      // parts that the server said came too late

	people  []*simPerson
	units   map[string]syncproto.RecordID // by township
	office  *simDevice
	devices []*simDevice
	fresh   []*simDevice // enrolled at rest, one a person

	steps, saves, tokens, opens, syncs       int
	mismatches, unresolved, renewed, drowned int
	alphabet                                 map[string]int
	records                                  []syncproto.RecordID
	meetings                                 []string // codes
	kinds                                    map[syncproto.RecordID]string
	delayed                                  []func() // requests that arrive later
	couriers                                 [][]byte // exported outboxes on their way
	copies                                   []backup // older copies of the server's disk
	clones, rewound                          int
	restores                                 int

	counts  counts                                // once judged
	changes map[syncproto.ChangeID][]wire.RawPart // as read from the server's log
}

type backup struct {
	disk *memstore.Store
	step int
}

func newSim(t *testing.T, seed uint64, devices int) *sim {
	s := &sim{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), clock: simnet.NewClock(time.Date(2026, 5, 18, 6, 0, 0, 0, time.UTC)),
		log: history.New(), units: map[string]syncproto.RecordID{}, alphabet: map[string]int{}, kinds: map[syncproto.RecordID]string{},
		changes: map[syncproto.ChangeID][]wire.RawPart{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, %d devices: -sim.seed %d -sim.devices %d -sim.ops %d", seed, devices, seed, devices, min(*simOps, *simWorld))
		}
	})
	s.net = simnet.New(s.rand.IntN)
	var code string
	s.server, code = newSimServer(s)
	admin := &simPerson{name: "童例宁", role: authz.RoleAdmin, place: county}
	s.office = s.newDevice("office", admin, code)
	id, _ := s.office.client.Identity()
	admin.id = id.Person
	s.people = append(s.people, admin)
	s.settle(devices)
	if !without("faults") {
		s.net.CutUp, s.net.CutDown, s.net.Twice, s.net.Late = 40, 40, 20, 20
	}
	return s
}

// settle lets the office enter units and people and enrols their devices.
func (s *sim) settle(devices int) {
	for _, place := range []string{township, township2} {
		d, err := s.office.client.Create("unit")
		must(s.t, err)
		must(s.t, s.office.client.Submit(context.Background(), d.Set("name", "镇"+place).Set("level", "乡镇").Set("place", place)))
		s.units[place] = d.Record()
	}
	for i := range max(5, devices*2/3) {
		p := &simPerson{name: fmt.Sprint("例", i), role: authz.RoleField, place: []string{township, township2}[i%2]}
		switch i {
		case 0, 1:
			p.role, p.line = authz.RoleTownship, "民政/帮扶"
		case 2:
			p.role = authz.RoleTownship
		}
		d, err := s.office.client.Create("person")
		must(s.t, err)
		d.Set("name", p.name).Set("unit", s.units[p.place].String())
		d.AddItem("roles", map[string]any{"role": string(p.role), "place": p.place, "line": p.line})
		must(s.t, s.office.client.Submit(context.Background(), d))
		p.id = d.Record()
		s.people = append(s.people, p)
	}
	_, err := s.office.sync()
	must(s.t, err)
	for i := range devices - 1 {
		p := s.people[1+i%(len(s.people)-1)]
		s.newDevice(fmt.Sprint("d", i), p, s.server.code(p.id))
	}
}

func without(mishap string) bool { return slices.Contains(strings.Split(*simWithout, ","), mishap) }

func (s *sim) chance(percent int) bool { return s.rand.IntN(100) < percent }

func (s *sim) know(id syncproto.RecordID, kind string) {
	if s.kinds[id] != "" {
		return
	}
	s.kinds[id] = kind
	s.records = append(s.records, id)
	if kind == "HY" {
		code, err := clientsdk.Code(id)
		must(s.t, err)
		s.meetings = append(s.meetings, code)
	}
}

// someRecord is more often a young one: people work on what is new.
func (s *sim) someRecord() (id syncproto.RecordID, ok bool) {
	if len(s.records) == 0 {
		return id, false
	}
	n := len(s.records)
	if s.chance(80) {
		n = min(n, 12)
	}
	return s.records[len(s.records)-1-s.rand.IntN(n)], true
}

// later lets a request arrive after others.
func (s *sim) later(send func()) { s.delayed = append(s.delayed, send) }

func (s *sim) living() []*simDevice {
	return slices.DeleteFunc(slices.Clone(s.devices), func(d *simDevice) bool { return d.gone })
}

// step lets one thing happen.
func (s *sim) step() {
	s.steps++
	s.clock.Advance(time.Duration(1+s.rand.IntN(120)) * time.Second)
	all := s.living()
	d := all[s.rand.IntN(len(all))]
	if d.back > 0 && s.steps >= d.back {
		s.net.Partition(d.name, false)
		d.back = 0
	}
	switch n := s.rand.IntN(100); {
	case n < 50:
		d.work()
	case n < 60 && len(d.forms) > 0:
		f := d.forms[0]
		d.forms = d.forms[1:]
		d.submit(f)
	case n < 85:
		d.sync()
	default:
		s.mishap(d)
	}
}

// work lets the person write: a new record, a change to one, a meeting joined.
func (d *simDevice) work() {
	var f *form
	id, any := d.s.someRecord()
	switch n := d.s.rand.IntN(100); {
	case !any || n < 15:
		f = d.create()
	case n < 20 && len(d.s.meetings) > 0 && !without("meetings"):
		f = d.join(d.s.meetings[d.s.rand.IntN(len(d.s.meetings))])
	case n < 23 && !without("control"):
		if f = d.control(id); f != nil {
			d.submit(f) // at once: what is decided about readers is decided on what is
			f = nil
		}
	case n < 24:
		d.void(id)
	default:
		f = d.edit(id)
	}
	switch {
	case f == nil:
	case d.s.chance(70):
		d.submit(f)
	case len(d.s.records) > 0 && d.s.chance(20):
		if g := d.edit(d.s.records[len(d.s.records)-1]); g != nil && g.draft.Record() != f.draft.Record() {
			d.submit(f, g) // one save of two records
			return
		}
		d.submit(f)
	default: // the window stays open
		if len(d.forms) < 4 {
			if d.s.chance(50) && f.draft.Save() == nil {
				f.saved = true
			}
			d.forms = append(d.forms, f)
		}
	}
}
