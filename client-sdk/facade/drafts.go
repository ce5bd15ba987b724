package facade

import (
	"errors"
	"slices"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// change is what a form did since it was last saved.
type change struct {
	Kind   string             // New: which kind
	Code   string             // Join: of which meeting
	Anyway bool               // Join: even if the code looks mistyped
	Record syncproto.RecordID // Edit: a change to this record …
	Draft  clientsdk.DraftID  // … or to this draft

	Set         map[string]any                 // see clientsdk.Draft.Set
	Add         map[string][]any               // members of sets
	Remove      map[string][]any               //
	RemoveItems map[string][]clientsdk.ItemRef `json:"remove_items"`
}

func (q *change) apply(d *clientsdk.Draft) error {
	d.Fill(q.Set)
	for _, field := range sortedKeys(q.Add) {
		for _, v := range q.Add[field] {
			d.Add(field, v)
		}
	}
	for _, field := range sortedKeys(q.Remove) {
		for _, v := range q.Remove[field] {
			d.Remove(field, v)
		}
	}
	for _, field := range sortedKeys(q.RemoveItems) {
		for _, item := range q.RemoveItems[field] {
			d.RemoveItem(field, item)
		}
	}
	return d.Save()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// save applies a change to a draft, saves it and shows it.
func (q *change) save(d *clientsdk.Draft, err error) ([]byte, error) {
	if err == nil {
		err = q.apply(d)
	}
	if err != nil {
		return nil, err
	}
	v, err := d.View()
	return encode(map[string]any{"draft": d.ID(), "record": d.Record(), "view": v}, err)
}

// New begins a record: {"kind","set"} → {"draft","record","view"}.
func (d *Device) New(request []byte) ([]byte, error) {
	var q change
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	return q.save(d.c.Create(q.Kind))
}

// Edit changes a draft, {"draft",…}, or begins a change to a record,
// {"record",…}: {"set","add","remove","remove_items"} → {"draft","record","view"}.
// The draft is durable when Edit returns; call it at every change of the form.
func (d *Device) Edit(request []byte) ([]byte, error) {
	var q change
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	if q.Draft != "" {
		return q.save(d.c.Draft(q.Draft))
	}
	return q.save(d.c.Edit(q.Record))
}

// Join begins to write into another device's meeting: {"code","set"} → as New.
// A code that was probably mistyped is refused unless "anyway" is set.
func (d *Device) Join(request []byte) ([]byte, error) {
	var q change
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	draft, err := d.c.Join(q.Code)
	if err == nil && !q.Anyway && d.c.FarFromNow(draft.Record()) {
		err = errors.New("this code was probably mistyped, or a clock is wrong: look at it again")
	}
	return q.save(draft, err)
}

// draftsRequest is {"drafts":[…]}.
type draftsRequest struct{ Drafts []clientsdk.DraftID }

func (d *Device) drafts(request []byte) (out []*clientsdk.Draft, err error) {
	var q draftsRequest
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	for _, id := range q.Drafts {
		draft, err := d.c.Draft(id)
		if err != nil {
			return nil, err
		}
		out = append(out, draft)
	}
	return out, nil
}

// Submit makes one change of drafts: {"drafts"}.
func (d *Device) Submit(request []byte) error {
	ds, err := d.drafts(request)
	if err != nil {
		return err
	}
	return d.c.Submit(d.ctx, ds...)
}

// Share lets the other recorders see drafts that are not submitted yet: {"drafts"}.
func (d *Device) Share(request []byte) error {
	ds, err := d.drafts(request)
	if err != nil {
		return err
	}
	return d.c.Share(d.ctx, ds...)
}

// Discard throws drafts away: {"drafts"}.
func (d *Device) Discard(request []byte) error {
	var q draftsRequest
	if err := decode(request, &q); err != nil {
		return err
	}
	for _, id := range q.Drafts {
		if err := d.c.Discard(id); err != nil {
			return err
		}
	}
	return nil
}

// Drafts lists the drafts on this device → [{"draft","record","kind","view"}].
func (d *Device) Drafts() ([]byte, error) {
	ds, err := d.c.Drafts()
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, draft := range ds {
		v, err := draft.View()
		if err != nil {
			return nil, err
		}
		out = append(out, map[string]any{"draft": draft.ID(), "record": draft.Record(), "kind": draft.Kind(), "view": v})
	}
	return encode(out, nil)
}

// Query lists records: {"kinds","place","from","to","text","voided","conflicts","limit"},
// days as 2026-05-18 → [{"record","kind","title","number","place","when","status","voided","conflict"}].
func (d *Device) Query(request []byte) ([]byte, error) {
	var q struct {
		Kinds             []string
		Place, Text       string
		From, To          string
		Voided, Conflicts bool
		Limit             int
	}
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	f := clientsdk.Filter{Kinds: q.Kinds, Place: q.Place, Text: q.Text, Voided: q.Voided, Conflicts: q.Conflicts, Limit: q.Limit}
	var err error
	if f.From, err = day(q.From); err != nil {
		return nil, err
	}
	if f.To, err = day(q.To); err != nil {
		return nil, err
	}
	rows, err := d.c.Query(f)
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, r := range rows {
		out = append(out, map[string]any{"record": r.Record, "kind": r.Kind, "title": r.Title, "number": r.Number, "place": r.Place,
			"when": r.When, "status": r.Status, "voided": r.Voided, "conflict": r.Conflict})
	}
	return encode(out, nil)
}

// day reads 2026-05-18; "" is the zero time.
func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, errors.New("a day is written 2026-05-18")
	}
	return t, nil
}
