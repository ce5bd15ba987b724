package simtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
	"github.com/chuantou/chuantou/syncproto/view"
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
			s.find("device %s could not submit a form at rest: record %s (new id: %v)", d.name, f.draft.Record(), d.stuck)
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
			s.find("device %s does not come to rest: %v (%+v)", d.name, err, r)
		}
		s.stalled(d)
	}
	if s.mismatches+s.unresolved > 0 {
		s.find("%d digests differ at rest, %d for good", s.mismatches, s.unresolved)
	}
}

// stalled checks that a device has nothing left to send, and that all it wrote
// was acknowledged, or held with a reason.
func (s *sim) stalled(d *simDevice) {
	sum, err := d.client.Summary()
	must(s.t, err)
	if sum.Pending > 0 || sum.NeedsNewID {
		s.find("device %s is stalled: %d changes pending, new id wanted: %v (%v)", d.name, sum.Pending, sum.NeedsNewID, d.stuck)
	}
	for _, p := range d.waiting {
		if p.Fate == history.Unknown || p.Fate == history.Held && p.Reason == "" {
			s.find("device %s: nothing was heard of save %d of record %s (fate %d, reason %q)", d.name, p.Save, p.Record, p.Fate, p.Reason)
		}
	}
}

// find takes note of something wrong.
func (s *sim) find(format string, args ...any) {
	s.findings = append(s.findings, fmt.Sprintf(format, args...))
}

// judge compares what everybody reads with what was acknowledged, and looks
// for what a device's store should not hold.
func (s *sim) judge() {
	hidden := map[*simDevice]map[string]string{} // token to record
	for _, d := range s.living() {
		hidden[d] = map[string]string{}
	}
	written := s.byRecord()
	for _, name := range s.log.Records() {
		id, err := syncproto.ParseRecordID(name)
		must(s.t, err)
		f, ok := s.facts(id, written[id])
		before := len(s.findings)
		views := map[*simDevice]*clientsdk.View{}
		for _, d := range s.living() {
			views[d] = d.shown(id)
		}
		s.logged(id, written[id])
		s.undone(id, written[id], views)
		s.blind(written[id], &f)
		if !ok && slices.ContainsFunc(s.log.Parts(name), func(p *history.Part) bool { return p.Fate == history.Acked }) {
			s.find("record %s is lost: acknowledged, and the server knows nothing of it", name)
		}
		for _, d := range s.living() {
			r := history.Reader{Name: d.name, Device: d.writer, May: func(field string) bool { return ok && d.who.may(&f, field) }}
			s.findings = append(s.findings, s.log.Judge(name, r, readings(views[d]))...)
			s.hide(hidden[d], name, &r)
		}
		if before == 0 && len(s.findings) > 0 {
			s.explain(name, &f)
		}
	}
	for _, d := range s.living() {
		s.scan(d, hidden[d])
	}
	s.counts.acts = s.log.Acts()
}

// undone takes what the server said came too late, after its record's window,
// for what it is, and checks that it can have been too late.
func (s *sim) undone(id syncproto.RecordID, parts []writtenBy, views map[*simDevice]*clientsdk.View) {
	told := map[[2]string]bool{} // change and field
	for _, v := range views {
		if v != nil {
			for _, e := range asSlice(v.Value(view.CorrectionsField)) {
				told[[2]string{member(e, "change"), member(e, "field")}] = member(e, "kind") == view.Suggests
			}
		}
	}
	var first *ownPart
	for _, p := range parts {
		if first == nil || p.saved.Before(first.saved) {
			first = p.ownPart
		}
	}
	for _, p := range parts {
		late := &history.Part{Save: p.Save, By: p.By, Record: p.Record, Opened: p.Opened, Saved: p.Saved, Known: p.Known, Fate: history.Undone, Reason: "未生效"}
		p.Acts = slices.DeleteFunc(p.Acts, func(a history.Act) bool {
			field, _, _ := strings.Cut(a.Field, "[")
			at := syncproto.ChangeID{Replica: p.replica, Seq: p.seq}
			is := told[[2]string{at.String(), field}]
			if is {
				late.Acts = append(late.Acts, a)
			}
			return is
		})
		if len(late.Acts) == 0 {
			continue
		}
		s.log.Note(late)
		s.late++
		if p.claimed.Sub(first.claimed) <= view.EditWindow && s.clock.Now().Sub(first.saved) <= view.EditWindow {
			s.find("record %s: save %d is said to be too late, a time of %v after the first", id, p.Save, p.claimed.Sub(first.claimed))
		}
	}
}

// blind takes note of what was written by who may not read it any more.
func (s *sim) blind(parts []writtenBy, f *facts) {
	for _, p := range parts {
		p.Blind = p.Blind || slices.ContainsFunc(p.Acts, func(a history.Act) bool { return a.Field != "" && !p.who.may(f, a.Field) })
	}
}

// writtenBy is a part with whoever has it among what he wrote.
type writtenBy struct {
	*ownPart
	who *simPerson
}

// byRecord sorts what all devices wrote.
func (s *sim) byRecord() map[syncproto.RecordID][]writtenBy {
	out := map[syncproto.RecordID][]writtenBy{}
	for _, d := range s.devices {
		for _, p := range slices.Concat(d.written, d.sunk) {
			out[p.record] = append(out[p.record], writtenBy{p, d.who})
		}
	}
	return out
}

// hide lists the words of a record that a device must not hold.
func (s *sim) hide(hidden map[string]string, record string, r *history.Reader) {
	parts := s.log.Parts(record)
	if slices.ContainsFunc(parts, func(p *history.Part) bool { return p.Fate == history.Lost || p.Demoted }) {
		return // who had it before an older disk was put back keeps it
	}
	own := map[string]bool{} // made or removed by himself: that stands in his own change
	for _, p := range parts {
		for _, a := range p.Acts {
			own[a.Value] = own[a.Value] || p.By == r.Device
		}
	}
	for _, p := range parts {
		for _, a := range p.Acts {
			if a.Value != "" && a.Kind != history.Void && !own[a.Value] && !r.May(a.Field) {
				hidden[a.Value] = record
			}
		}
	}
}

// word is what token makes.
var word = regexp.MustCompile("‹[0-9]+›")

// scan looks through all that a device's store holds, shown or not.
func (s *sim) scan(d *simDevice, hidden map[string]string) {
	must(s.t, d.store.Scan(nil, nil, func(k, v []byte) error {
		for _, w := range word.FindAll(v, -1) {
			if record, ok := hidden[string(w)]; ok {
				s.find("device %s holds %s of record %s, which is not for it (key %.2q)", d.name, w, record, k)
			}
		}
		return nil
	}))
}

// report prints the first findings; they say it.
func (s *sim) report() {
	for _, f := range s.findings[:min(len(s.findings), 12)] {
		s.t.Error(f)
	}
	if n := len(s.findings); n > 12 {
		s.t.Errorf("%d findings in all", n)
	}
	s.t.Log(s.tally())
}

// explain prints what the log has of a record.
func (s *sim) explain(record string, f *facts) {
	s.t.Logf("the server says: %+v", *f)
	for _, p := range s.log.Parts(record) {
		s.t.Logf("save %d by %s, form opened at step %d, saved at %d, told at %d: fate %d %s, %+v", p.Save, p.By, p.Opened, p.Saved, p.Known, p.Fate, p.Reason, p.Acts)
	}
}

// facts asks the server for a record as one who may read all of it: most likely
// one who wrote it.
func (s *sim) facts(id syncproto.RecordID, parts []writtenBy) (f facts, ok bool) {
	wrote := func(d *simDevice) bool {
		return slices.ContainsFunc(parts, func(p writtenBy) bool { return p.who == d.who })
	}
	likely := slices.Clone(s.fresh)
	slices.SortStableFunc(likely, func(a, b *simDevice) int {
		switch wa, wb := wrote(a), wrote(b); {
		case wa == wb:
			return 0
		case wa:
			return -1
		}
		return 1
	})
	for _, d := range likely {
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
	return fmt.Sprintf("seed %d: %d acts in %d saves of %d records; %d ops acknowledged and judged, %d followed one by one; %d syncs, %d devices (%d drowned, %d copied, %d put back to an older folder, %d enrolled again), server killed %d times and put back %d times, held %d, too late %d, lost with devices %d, never told %d",
		s.seed, s.log.Acts(), s.saves, len(s.records), s.counts.ops, s.counts.followed, s.syncs, len(s.devices), s.drowned, s.clones, s.rewound, s.renewed, s.server.kills, s.restores,
		s.log.Count(history.Held), s.late, s.log.Count(history.Lost), s.log.Count(history.Unknown))
}
