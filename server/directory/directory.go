// Package directory is the server's picture of people, units, places, boats
// and of who answers for which household, kept in memory from the reference
// records and assignments in the store. It is derived: Load rebuilds it, Apply
// keeps it true as records change.
package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Person is what pages and rights need of a person.
type Person struct {
	ID         syncproto.PersonID
	Name, Post string
	Pinyin     string
	Unit       syncproto.RecordID
	Rank       int64
	Grants     []authz.Grant
}

// Unit is an organisation and the places it answers for.
type Unit struct {
	ID          syncproto.RecordID
	Name, Place string
	Level       string
}

// Directory is safe for concurrent use.
type Directory struct {
	era         atomic.Uint64 // counts what was applied
	mu          sync.RWMutex
	people      map[syncproto.PersonID]Person
	units       map[syncproto.RecordID]Unit
	places      map[string]string // code -> name
	successors  map[string]string // code -> the one that it was merged into
	boats       map[syncproto.RecordID]string
	assignments map[syncproto.RecordID]view.Assignment
	plans       map[syncproto.RecordID]syncproto.RecordID // plan -> household
	into        map[syncproto.RecordID]syncproto.RecordID // record -> the one it was put into
	stays       map[syncproto.RecordID]string             // where a record stays while its place is open
	delegations map[syncproto.RecordID]delegation
	avoid       map[syncproto.RecordID]Avoidance
}

// delegation is one of authz with whom it was given to.
type delegation struct {
	authz.Delegation
	clerk syncproto.PersonID
}

// New returns an empty directory.
func New() *Directory {
	return &Directory{people: map[syncproto.PersonID]Person{}, units: map[syncproto.RecordID]Unit{}, places: map[string]string{}, successors: map[string]string{},
		boats: map[syncproto.RecordID]string{}, assignments: map[syncproto.RecordID]view.Assignment{},
		plans: map[syncproto.RecordID]syncproto.RecordID{}, into: map[syncproto.RecordID]syncproto.RecordID{},
		stays: map[syncproto.RecordID]string{}, delegations: map[syncproto.RecordID]delegation{}, avoid: map[syncproto.RecordID]Avoidance{}}
}

// kinds are those the directory is made of.
var kinds = []string{"person", "unit", "place", "boat", "WT", "GB", "FA", putInto}

// putInto is the list of the records that were put into another.
const putInto = "merged_into"

// Lists names the lists of records (records.KindKey) that the directory wants
// this one in, none when it is none of its business.
func Lists(rec *crdt.Record) []string {
	var out []string
	if slices.Contains(kinds, rec.Kind) {
		out = append(out, rec.Kind)
	}
	if _, ok := rec.Value(putInto); ok {
		out = append(out, putInto)
	}
	if len(rec.Set(records.ExcludedField)) > 0 {
		out = append(out, records.ExcludedField)
	}
	return out
}

// StaysKey holds where a record stays while its place is open (待裁定).
func StaysKey(id syncproto.RecordID) store.Key { return records.KindKey(stayList, id) }

const stayList = "place_code"

// PlaceOpen reports whether a record has several places to choose from: then
// it stays where it was.
func PlaceOpen(rec *crdt.Record) bool { return len(crdt.Distinct(rec.Values("place_code"))) > 1 }

// Stay takes in where a record stays.
func (d *Directory) Stay(id syncproto.RecordID, place string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stays[id] = place
}

func (d *Directory) loadStays(r store.Reader) error {
	var ids []syncproto.RecordID
	err := records.EachOfKind(r, stayList, func(id syncproto.RecordID) error {
		ids = append(ids, id)
		return nil
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		var place []byte
		if place, err = r.Get(StaysKey(id)); err == nil {
			d.Stay(id, string(place))
		}
	}
	return err
}

// Load reads everything the directory is made of.
func (d *Directory) Load(ctx context.Context, s store.Store) error {
	return s.View(ctx, 0, func(r store.Reader) error {
		if err := d.loadStays(r); err != nil {
			return err
		}
		if err := d.loadAvoidances(r); err != nil {
			return err
		}
		for _, kind := range kinds {
			var ids []syncproto.RecordID
			if err := records.EachOfKind(r, kind, func(id syncproto.RecordID) error {
				ids = append(ids, id)
				return nil
			}); err != nil {
				return err
			}
			for _, id := range ids {
				c, ok, err := records.LoadRecord(r, id)
				if err != nil || !ok {
					return fmt.Errorf("directory: record %s: %w", id, err)
				}
				rec, err := crdt.Decode(c.State)
				if err != nil {
					return fmt.Errorf("directory: record %s: %w", id, err)
				}
				d.Apply(rec)
			}
		}
		return nil
	})
}

// Era changes whenever the directory does: what was judged by it in one era
// holds as long as the era does.
func (d *Directory) Era() uint64 { return d.era.Load() }

// Apply takes a changed record in; kinds that are not its business are ignored.
func (d *Directory) Apply(rec *crdt.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.era.Add(1)
	gone := rec.Deleted()
	switch rec.Kind {
	case "person":
		setOrDelete(d.people, rec.ID, gone, d.person(rec))
	case "unit":
		setOrDelete(d.units, rec.ID, gone, Unit{ID: rec.ID, Name: records.Text(rec, "name"), Place: records.Text(rec, "place"), Level: records.Text(rec, "level")})
	case "place":
		code, into := records.Text(rec, "code"), records.Text(rec, "successor")
		setOrDelete(d.places, code, gone, records.Text(rec, "name"))
		setOrDelete(d.successors, code, gone || into == "", into)
	case "boat":
		setOrDelete(d.boats, rec.ID, gone, records.Text(rec, "name"))
	case "WT":
		setOrDelete(d.delegations, rec.ID, gone, delegationOf(rec))
	case "GB":
		setOrDelete(d.assignments, rec.ID, gone, view.AssignmentOf(rec))
	case "FA":
		setOrDelete(d.plans, rec.ID, gone, records.Ref(rec, "household_id"))
	}
	to := view.MergedInto(rec)
	setOrDelete(d.into, rec.ID, gone || to.IsZero(), to)
}

func setOrDelete[K comparable, V any](m map[K]V, k K, gone bool, v V) {
	if gone {
		delete(m, k)
		return
	}
	m[k] = v
}

func (d *Directory) person(rec *crdt.Record) Person {
	p := Person{ID: rec.ID, Name: records.Text(rec, "name"), Pinyin: records.Text(rec, "name_pinyin"),
		Unit: records.Ref(rec, "unit"), Grants: d.GrantsOf(rec)}
	p.Rank, _ = records.Plain(rec, "rank").(int64)
	p.Post = postOf(rec)
	return p
}

// postOf is the current post: the field is either text or a list of posts with dates.
func postOf(rec *crdt.Record) string {
	if s := records.Text(rec, "post"); s != "" {
		return s
	}
	post := ""
	for _, item := range rec.List("post") {
		if s, ok := records.ItemPlain(item, "title").(string); ok {
			post = s
		}
	}
	return post
}

// delegationOf reads a delegation; the earliest end that was given counts.
func delegationOf(rec *crdt.Record) delegation {
	d := delegation{Delegation: authz.Delegation{Leader: records.Ref(rec, "leader"), FromOn: records.Text(rec, "from_on")}, clerk: records.Ref(rec, "clerk")}
	if kinds, ok := records.Plain(rec, "kinds").([]any); ok {
		for _, k := range kinds {
			if k, ok := k.(string); ok {
				d.Kinds = append(d.Kinds, k)
			}
		}
	}
	for _, e := range rec.Log("ends") {
		end, _ := view.Plain(e.Value).(map[string]any)
		if on, _ := end["to_on"].(string); on != "" && (d.ToOn == "" || on < d.ToOn) {
			d.ToOn, d.Ended = on, e.Wall
		}
	}
	return d
}

// GrantsOf reads the roles of a person record.
func (d *Directory) GrantsOf(rec *crdt.Record) []authz.Grant {
	var out []authz.Grant
	unit := records.Ref(rec, "unit")
	for _, item := range rec.List("roles") {
		text := func(sub string) string { s, _ := records.ItemPlain(item, sub).(string); return s }
		g := authz.Grant{Role: authz.Role(text("role")), Place: text("place"), Line: text("line"), FromOn: text("from"), ToOn: text("to"),
			Unit: records.AsRef(records.ItemPlain(item, "unit"))}
		if g.Unit.IsZero() {
			g.Unit = unit
		}
		out = append(out, g)
	}
	return out
}

// Viewer is a person's rights as they stand; dates are not judged here.
func (d *Directory) Viewer(id syncproto.PersonID) authz.Viewer {
	d.mu.RLock()
	defer d.mu.RUnlock()
	v := authz.Viewer{Person: id, Grants: d.inherited(d.people[id].Grants), Cares: map[syncproto.RecordID]bool{}}
	rows := map[syncproto.RecordID][]view.Assignment{}
	for _, a := range d.assignments {
		if a.Cadre == id {
			rows[a.Household] = nil
		}
	}
	for _, a := range d.assignments {
		if _, named := rows[a.Household]; named {
			rows[a.Household] = append(rows[a.Household], a)
		}
	}
	for household := range rows {
		switch duty := view.Decide(rows[household]); {
		case duty.Holder != nil && duty.Holder.Cadre == id:
			v.Cares[household] = true
		case duty.Undecided() && slices.ContainsFunc(duty.Open, func(a view.Assignment) bool { return a.Cadre == id }):
			if v.Named == nil {
				v.Named = map[syncproto.RecordID]bool{}
			}
			v.Named[household] = true
		}
	}
	for _, d := range d.delegations {
		if d.clerk == id {
			v.Behalf = append(v.Behalf, d.Delegation)
		}
	}
	return v
}

// inherited adds to grants the places that were merged into theirs: records
// keep the code of their day. d.mu is held.
func (d *Directory) inherited(grants []authz.Grant) []authz.Grant {
	out := grants
	for code := range d.successors {
		now := d.successor(code)
		for _, g := range grants {
			if g.Place != "" && strings.HasPrefix(now, g.Place) && !strings.HasPrefix(code, g.Place) {
				g.Place = code
				out = append(slices.Clip(out), g)
			}
		}
	}
	return out
}

// maxSuccessions bounds how often a place is followed: a circle ends.
const maxSuccessions = 16

// successor is the place that a code was merged into in the end, the code
// itself when it still stands. d.mu is held.
func (d *Directory) successor(code string) string {
	for range maxSuccessions {
		next := d.successors[code]
		if next == "" {
			return code
		}
		code = next
	}
	return code
}

// Siblings lists the other records of the kind for the same household, by id:
// of an assignment or a plan.
func (d *Directory) Siblings(rec *crdt.Record) (out []syncproto.RecordID) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	household := records.Ref(rec, "household_id")
	switch rec.Kind {
	case "GB":
		for _, a := range d.assignments {
			if a.Household == household {
				out = append(out, a.ID)
			}
		}
	case "FA":
		for id, h := range d.plans {
			if h == household {
				out = append(out, id)
			}
		}
	}
	out = slices.DeleteFunc(out, func(id syncproto.RecordID) bool { return id == rec.ID })
	slices.SortFunc(out, syncproto.RecordID.Compare)
	return out
}

// MergedInto lists the records put into one (并为一份), and those put into
// them, by id.
func (d *Directory) MergedInto(id syncproto.RecordID) []syncproto.RecordID {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []syncproto.RecordID
	for queue := []syncproto.RecordID{id}; len(queue) > 0; queue = queue[1:] {
		for from, to := range d.into {
			if to == queue[0] { // a pointer leads to a smaller id: no circles
				out, queue = append(out, from), append(queue, from)
			}
		}
	}
	slices.SortFunc(out, syncproto.RecordID.Compare)
	return out
}

// Person looks a person up; an unknown one has only the id.
func (d *Directory) Person(id syncproto.PersonID) Person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p, ok := d.people[id]
	if !ok {
		p.ID = id
	}
	return p
}

// FindPerson finds the one person with this name or id; ok is false when there
// is none or more than one.
func (d *Directory) FindPerson(nameOrID string) (Person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if id, err := syncproto.ParseRecordID(nameOrID); err == nil {
		p, ok := d.people[id]
		return p, ok
	}
	var found Person
	n := 0
	for _, p := range d.people {
		if p.Name == nameOrID {
			found, n = p, n+1
		}
	}
	return found, n == 1
}

// People lists everybody by pinyin.
func (d *Directory) People() []Person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]Person, 0, len(d.people))
	for _, p := range d.people {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Person) int {
		if c := strings.Compare(a.Pinyin, b.Pinyin); c != 0 {
			return c
		}
		return a.ID.Compare(b.ID)
	})
	return out
}

// Unit looks a unit up.
func (d *Directory) Unit(id syncproto.RecordID) Unit {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.units[id]
}

// PlaceName is the name of a place code, the code itself when unknown.
func (d *Directory) PlaceName(code string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if name := d.places[code]; name != "" {
		return name
	}
	return code
}

// HasPlace reports whether a place code is known: by its name or as a unit's.
func (d *Directory) HasPlace(code string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.places[code] != "" {
		return true
	}
	for _, u := range d.units {
		if code != "" && u.Place == code {
			return true
		}
	}
	return false
}

// Places lists the known codes under a prefix, in order.
func (d *Directory) Places(prefix string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []string
	for code := range d.places {
		if strings.HasPrefix(code, prefix) {
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return out
}

// BoatName is the name of a boat, "" when unknown.
func (d *Directory) BoatName(id syncproto.RecordID) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.boats[id]
}
