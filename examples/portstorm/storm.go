package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chuantou/chuantou/examples/internal/serverproc"
)

// storm plays one load.
type storm struct {
	ctx   context.Context
	data  string
	fleet *fleet
	code  string
	say   func(string, ...any)
	r     *result
	begun time.Time
	// profile is the file for a CPU profile of the clients, "" for none.
	profile string
}

// profiled runs fn, the part of a run that is measured, with the clients'
// CPU profile on if one is wanted.
func (s *storm) profiled(fn func() error) error {
	if s.profile == "" {
		return fn()
	}
	f, err := os.Create(s.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = fn()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// usage is the CPU spent by server and by this process, which is all clients.
type usage struct{ server, client serverproc.Usage }

func (s *storm) usage() (u usage, err error) {
	if u.server, err = s.fleet.server.Usage(); err != nil {
		return u, err
	}
	u.client, err = serverproc.ProcessUsage(os.Getpid())
	return u, err
}

// port is W1, W3 and W4: base records, then everybody offline, then the storm.
func (s *storm) port(work string) error {
	var loads []load
	if err := each(s.data, "devices.ndjson", func(l load) error {
		loads = append(loads, l)
		return nil
	}); err != nil {
		return err
	}
	if len(loads) == 0 {
		return fmt.Errorf("%s holds no devices.ndjson", s.data)
	}
	names := make([]string, len(loads))
	for i := range loads {
		names[i] = loads[i].Device
	}
	s.r.Devices = len(loads)
	townships := 0
	for i := range loads {
		townships = max(townships, loads[i].Township+1)
	}
	names, of := withSeeders(names, loads, townships)
	if err := s.fleet.admit(s.ctx, s.code, names, of); err != nil {
		return err
	}
	if err := push(s.ctx, s.fleet.boats); err != nil { // everybody learns who he is
		return err
	}
	seeders := s.fleet.boats[len(loads):]
	s.fleet.boats = s.fleet.boats[:len(loads)]
	if err := s.seed(seeders, work); err != nil {
		return err
	}
	s.say("%d devices take what there is with them", len(loads))
	if work == "w4" {
		if err := s.fleet.takeImages(s.ctx, seeders); err != nil {
			return err
		}
	}
	if err := s.fleet.together(func(b *boat) error { _, err := b.sync(s.ctx); return err }); err != nil {
		return err
	}
	if err := s.offline(loads); err != nil {
		return err
	}
	s.r.Setup = time.Since(s.begun).Seconds()
	if err := s.profiled(s.storm); err != nil {
		return err
	}
	if work == "w3" {
		return s.idle()
	}
	return nil
}

// withSeeders adds one device per township, which brings what was there before.
func withSeeders(names []string, loads []load, townships int) ([]string, func(int) int) {
	for t := range townships {
		names = append(names, fmt.Sprintf("seed-%d", t))
	}
	return names, func(i int) int {
		if i < len(loads) {
			return loads[i].Township
		}
		return i - len(loads)
	}
}

// seedChunk is how many records a seeder writes between two pushes.
const seedChunk = 500

func (s *storm) seed(seeders []*boat, work string) error {
	files := []string{"base.ndjson"}
	if work == "w4" {
		files = append(files, "ballast.ndjson")
	}
	for _, name := range files {
		n := 0
		err := each(s.data, name, func(r record) error {
			b := seeders[r.Township%len(seeders)]
			if err := s.fleet.create(s.ctx, b, &r); err != nil {
				return err
			}
			if n++; n%(seedChunk*len(seeders)) == 0 {
				s.say("%s: %d records", name, n)
				return push(s.ctx, seeders)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := push(s.ctx, seeders); err != nil {
			return err
		}
		s.say("%s: %d records on the server", name, n)
	}
	return nil
}

func push(ctx context.Context, boats []*boat) error {
	f := fleet{boats: boats}
	return f.together(func(b *boat) error { _, err := b.sync(ctx); return err })
}

// offline writes what every device wrote at sea. Nothing is sent.
func (s *storm) offline(loads []load) error {
	for i := range loads {
		b := s.fleet.boats[i]
		for j := range loads[i].New {
			if err := s.fleet.create(s.ctx, b, &loads[i].New[j]); err != nil {
				return err
			}
		}
		for j := range loads[i].Edits {
			if err := s.fleet.edit(s.ctx, b, &loads[i].Edits[j]); err != nil {
				return err
			}
		}
		s.r.Changes += len(loads[i].New) + len(loads[i].Edits)
		b.up, b.down = b.link.Bytes()
	}
	s.say("%d changes written offline", s.r.Changes)
	return nil
}

// storm lets everybody sync at once, then once more so that each has what the
// others brought, and takes the figures.
func (s *storm) storm() error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var acks, syncs []float64
	begun := time.Now()
	var pushed time.Duration
	err = s.fleet.together(func(b *boat) error {
		at := time.Now()
		r, err := b.sync(s.ctx)
		mu.Lock()
		defer mu.Unlock()
		syncs = append(syncs, time.Since(at).Seconds())
		ack := b.link.acked.Sub(at)
		acks = append(acks, ack.Seconds())
		pushed = max(pushed, b.link.acked.Sub(begun))
		s.r.Reqs += r.Requests
		s.r.Held += r.Held
		return err
	})
	if err != nil {
		return err
	}
	err = s.fleet.together(func(b *boat) error {
		r, err := b.sync(s.ctx)
		mu.Lock()
		defer mu.Unlock()
		s.r.Reqs += r.Requests
		return err
	})
	if err != nil {
		return err
	}
	s.r.WallS = time.Since(begun).Seconds()
	after, err := s.usage()
	if err != nil {
		return err
	}
	s.figures(before, after)
	s.r.RecS = float64(s.r.Changes) / max(pushed.Seconds(), 1e-3)
	s.r.AckP50, s.r.AckP99 = percentile(acks, 50), percentile(acks, 99)
	s.r.SyncP50, s.r.SyncP99 = percentile(syncs, 50), percentile(syncs, 99)
	s.r.OK, err = s.converged()
	return err
}

func (s *storm) figures(before, after usage) {
	s.r.CPUS = (after.server.CPU - before.server.CPU).Seconds()
	s.r.Client = (after.client.CPU - before.client.CPU).Seconds()
	s.r.RSSMB = float64(after.server.PeakRSS) / (1 << 20)
	s.r.DiskMB = float64(after.server.DiskUsed) / (1 << 20)
	for _, b := range s.fleet.boats {
		up, down := b.link.Bytes()
		s.r.UpKB += float64(up-b.up) / 1000 / float64(len(s.fleet.boats))
		s.r.DownKB += float64(down-b.down) / 1000 / float64(len(s.fleet.boats))
	}
}

// converged compares what the devices of each township hold.
func (s *storm) converged() (bool, error) {
	want := map[int]string{}
	for _, b := range s.fleet.boats {
		got := ""
		for a, d := range b.c.Digests() {
			if strings.HasPrefix(string(a), "t:") {
				got += fmt.Sprintf("%s %d records %x ", a, d.Records, d.Sum)
			}
		}
		if got == "" {
			return false, fmt.Errorf("device %s holds no township", b.name)
		}
		if was, ok := want[b.township]; ok && was != got {
			return false, fmt.Errorf("device %s differs from the others of township %d: %s, not %s", b.name, b.township, got, was)
		}
		want[b.township] = got
	}
	return true, nil
}

// idle is W3: everybody syncs again with nothing new, on the open connection.
func (s *storm) idle() error {
	out := &idle{}
	n := float64(len(s.fleet.boats))
	for _, b := range s.fleet.boats {
		up, down := b.link.Bytes()
		at := time.Now()
		r, err := b.sync(s.ctx)
		if err != nil {
			return err
		}
		up2, down2 := b.link.Bytes()
		out.Ms += float64(time.Since(at).Microseconds()) / 1000 / n
		out.UpB += float64(up2-up) / n
		out.DownB += float64(down2-down) / n
		out.Reqs += float64(r.Requests) / n
	}
	s.r.Idle = out
	return nil
}

// catchup is W2: a device that left with 4,000 records comes back to 20,000
// that changed or are new.
func (s *storm) catchup() error {
	const writers = 50
	names := []string{"away"}
	for i := range writers {
		names = append(names, fmt.Sprintf("dev-%04d", i))
	}
	if err := s.fleet.admit(s.ctx, s.code, names, func(int) int { return 0 }); err != nil {
		return err
	}
	if err := push(s.ctx, s.fleet.boats); err != nil { // everybody learns who he is
		return err
	}
	away, others := s.fleet.boats[0], s.fleet.boats[1:]
	by := map[string]*boat{}
	for _, b := range others {
		by[b.name] = b
	}
	write := func(name string, fn func(b *boat) error, device string) error {
		b := by[device]
		if b == nil {
			return fmt.Errorf("%s names device %s", name, device)
		}
		return fn(b)
	}
	if err := each(s.data, "catchup_base.ndjson", func(r record) error {
		return write("base", func(b *boat) error { return s.fleet.create(s.ctx, b, &r) }, r.Device)
	}); err != nil {
		return err
	}
	if err := push(s.ctx, s.fleet.boats); err != nil {
		return err
	}
	if err := push(s.ctx, s.fleet.boats); err != nil { // everybody has the base
		return err
	}
	if err := each(s.data, "catchup_edits.ndjson", func(e edit) error {
		s.r.Changes++
		return write("edits", func(b *boat) error { return s.fleet.edit(s.ctx, b, &e) }, e.Device)
	}); err != nil {
		return err
	}
	if err := each(s.data, "catchup_new.ndjson", func(r record) error {
		s.r.Changes++
		return write("new", func(b *boat) error { return s.fleet.create(s.ctx, b, &r) }, r.Device)
	}); err != nil {
		return err
	}
	// The writers push one after the other, as over months, and need not pull.
	for _, b := range others {
		if _, err := b.sync(s.ctx); err != nil {
			return err
		}
	}
	s.r.Setup, s.r.Devices = time.Since(s.begun).Seconds(), 1
	return s.profiled(func() error { return s.homecoming(away, others) })
}

// homecoming is the one sync of the device that was away.
func (s *storm) homecoming(away *boat, others []*boat) error {
	s.fleet.boats = []*boat{away}
	away.up, away.down = away.link.Bytes()
	before, err := s.usage()
	if err != nil {
		return err
	}
	at := time.Now()
	r, err := away.sync(s.ctx)
	if err != nil {
		return err
	}
	s.r.WallS, s.r.Reqs = time.Since(at).Seconds(), r.Requests
	s.r.SyncP50, s.r.SyncP99 = s.r.WallS, s.r.WallS
	after, err := s.usage()
	if err != nil {
		return err
	}
	s.figures(before, after)
	last := others[len(others)-1]
	if _, err := last.sync(s.ctx); err != nil {
		return err
	}
	s.fleet.boats = []*boat{away, last}
	s.r.OK, err = s.converged()
	return err
}

func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)*p/100, len(values)-1)]
}
