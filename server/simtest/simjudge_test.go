package simtest

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
)

// rest lets the storm pass: everybody is connected, finishes what is open and
// syncs until nothing is left to do.
func (s *sim) rest() {
	s.net.Heal()
	for _, send := range s.delayed {
		send()
	}
	s.delayed = nil
	for _, d := range s.living() {
		for range 3 {
			d.sync()
		}
		forms := d.forms
		d.forms = nil
		for _, f := range forms {
			d.submit(f)
		}
		for _, f := range d.forms {
			s.t.Errorf("device %s could not submit a form at rest: record %s", d.name, f.draft.Record())
		}
	}
	for range 3 {
		for _, d := range s.living() {
			d.sync()
		}
	}
	for _, p := range s.people {
		s.fresh = append(s.fresh, s.newDevice("fresh "+p.name, p, s.server.code(p.id)))
	}
	s.unresolved, s.mismatches = 0, 0
	for _, d := range s.living() {
		if r, err := d.sync(); err != nil {
			s.t.Errorf("device %s does not come to rest: %v (%+v)", d.name, err, r)
		}
		s.stalled(d)
	}
	if s.mismatches+s.unresolved > 0 {
		s.t.Errorf("%d digests differ at rest, %d for good", s.mismatches, s.unresolved)
	}
}

// stalled checks that a device has nothing left to send, and that all it wrote
// was acknowledged, or held with a reason.
func (s *sim) stalled(d *simDevice) {
	sum, err := d.client.Summary()
	must(s.t, err)
	if sum.Pending > 0 || sum.NeedsNewID {
		s.t.Errorf("device %s is stalled: %d changes pending, new id wanted: %v", d.name, sum.Pending, sum.NeedsNewID)
	}
	for _, p := range d.waiting {
		if p.Fate == history.Unknown && !p.reissued || p.Fate == history.Held && p.Reason == "" {
			s.t.Errorf("device %s: nothing was heard of save %d of record %s (fate %d, reason %q)", d.name, p.Save, p.Record, p.Fate, p.Reason)
		}
	}
}

// judge compares what everybody reads with what was acknowledged.
func (s *sim) judge() {
	bad := 0
	for _, name := range s.log.Records() {
		id, err := syncproto.ParseRecordID(name)
		must(s.t, err)
		f, ok := s.facts(id)
		if !ok {
			f = facts{self: true} // it never came to the server
		}
		for _, d := range s.living() {
			v := d.shown(id)
			r := history.Reader{Name: d.name, Device: d.writer, May: func(field string) bool { return ok && d.who.may(&f, field) }}
			for _, wrong := range s.log.Judge(name, r, readings(v)) {
				if bad++; bad <= maxTold {
					s.t.Errorf("%s", wrong)
					if bad == 1 {
						s.explain(name, &f)
					}
				}
			}
		}
	}
	if bad > maxTold {
		s.t.Errorf("%d findings in all", bad)
	}
}

// maxTold is how many findings a run prints: the first ones say it.
const maxTold = 12

// explain prints what the log has of a record.
func (s *sim) explain(record string, f *facts) {
	s.t.Logf("the server says: %+v", *f)
	for _, p := range s.log.Parts(record) {
		s.t.Logf("save %d by %s, form opened at step %d, saved at %d, told at %d: fate %d %s, %+v", p.Save, p.By, p.Opened, p.Saved, p.Known, p.Fate, p.Reason, p.Acts)
	}
}

// facts asks the server for a record as one who may read all of it.
func (s *sim) facts(id syncproto.RecordID) (f facts, ok bool) {
	for _, d := range s.fresh {
		var rec httpapi.Record
		if s.server.get(d.line.token, "/v1/records/"+id.String(), &rec) != nil {
			continue
		}
		f = factsOf(&rec)
		if slices.Contains(f.writers, d.who.id.String()) {
			return f, true
		}
	}
	return f, f.kind != ""
}

func (s *sim) tally() string {
	return fmt.Sprintf("seed %d: %d acts in %d saves of %d records, %d syncs, %d devices (%d drowned, %d copied, %d enrolled again), server killed %d times and put back %d times, held %d, lost with devices %d, never told %d",
		s.seed, s.log.Acts(), s.saves, len(s.records), s.syncs, len(s.devices), s.drowned, s.clones, s.renewed, s.server.kills, s.restores,
		s.log.Count(history.Held), s.log.Count(history.Lost), s.log.Count(history.Unknown))
}
