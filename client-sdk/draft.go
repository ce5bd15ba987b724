package clientsdk

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/joincode"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// DraftID names a draft on this device.
type DraftID string

// Draft is a record, or a change to one, that a person is still writing. It is
// outside the shared history: what is typed and taken back before Submit
// leaves no trace in it. Save makes it durable; do so at every change.
//
// The methods that change it return the draft, so that calls can be chained,
// and keep the first error, which Err, Save and Submit return. A Draft is not
// safe for concurrent use; two drafts of one record are two windows on it, and
// what they change is concurrent.
type Draft struct {
	c      *Client
	id     DraftID
	record syncproto.RecordID
	kind   *schema.Kind // nil for a kind the schema does not know
	kindID string
	origin draftOrigin
	opened int64              // device's clock, Unix milliseconds
	person syncproto.PersonID // who writes; zero before enrolment
	// under is the replica id that the store had when the form was opened: base
	// names its changes and elements by it.
	under syncproto.ReplicaID
	base  []byte // the state as the form showed it when it was opened; nil for none
	edits []edit
	err   error
	// corrects is the field that a 更正 writes though it is fixed.
	corrects string
}

type draftOrigin uint8

const (
	draftNew    draftOrigin = 1 // a record made here
	draftEdit   draftOrigin = 2 // a change to a record that is here
	draftJoined draftOrigin = 3 // a meeting joined by its code, not seen here yet
)

// ID names the draft for Drafts and Draft.
func (d *Draft) ID() DraftID { return d.id }

// Record is the id of the record: other records may refer to it at once.
func (d *Draft) Record() syncproto.RecordID { return d.record }

// Kind is the kind of the record.
func (d *Draft) Kind() string { return d.kindID }

// Err is the first error of a changing method, nil if there was none. Reset
// takes it away.
func (d *Draft) Err() error { return d.err }

// Reset forgets the error of Err: the change that caused it was not made.
func (d *Draft) Reset() { d.err = nil }

// Create begins a new record of a kind. A meeting gets an id that has a joining code.
func (c *Client) Create(kind string) (*Draft, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.schema.Kind(kind)
	if !ok {
		return nil, fmt.Errorf("create: there is no kind %q; the kinds are %v", kind, c.schema.KindIDs())
	}
	id, err := c.newRecordID(kind)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return c.newDraft(id, k, kind, draftNew, nil)
}

// Edit begins a change to a record as it is shown now. The draft keeps that
// version: what arrives while it is being written is not overwritten.
func (c *Client) Edit(record syncproto.RecordID) (*Draft, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	h, err := c.visible(record)
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	k, _ := c.schema.Kind(h.shown.Kind)
	return c.newDraft(record, k, h.shown.Kind, draftEdit, h.shown.AppendBinary(nil))
}

// Join begins to write into a meeting that another device made, by its code
// and with no network: what the draft adds goes into the same record, and its
// person into recorder_ids. If the meeting is here already, it is an Edit of it.
//
// A code has no check digit. FarFromNow, asked with the draft's record, tells
// when it was probably mistyped: ask the person, do not refuse.
func (c *Client) Join(code string) (*Draft, error) {
	id, err := joincode.Parse(code)
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	d, err := c.Edit(id)
	if errors.Is(err, ErrNoRecord) {
		d, err = c.joinUnseen(id)
	}
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	d.addSelf()
	return d, nil
}

func (c *Client) joinUnseen(id syncproto.RecordID) (*Draft, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.schema.Kind(joincode.Kind)
	if !ok {
		return nil, fmt.Errorf("the schema has no kind %s", joincode.Kind)
	}
	return c.newDraft(id, k, joincode.Kind, draftJoined, nil)
}

// joinWindow is how far from now a meeting that is being joined may have begun.
const joinWindow = 12 * 3600 * 1000

// FarFromNow reports whether a meeting's id says that it began more than half
// a day from now: a joining code that does was almost certainly mistyped, or a
// clock is wrong.
func (c *Client) FarFromNow(record syncproto.RecordID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	far := c.wall() - record.Millis()
	return far > joinWindow || far < -joinWindow
}

// Code is a meeting's joining code.
func Code(record syncproto.RecordID) (string, error) { return joincode.Code(record) }

func (c *Client) newRecordID(kind string) (syncproto.RecordID, error) {
	if kind == joincode.Kind {
		return joincode.New(c.now(), c.opt.Random)
	}
	var id syncproto.RecordID
	if _, err := io.ReadFull(c.opt.Random, id[:]); err != nil {
		return id, err
	}
	ms := uint64(c.now().UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

func (c *Client) newDraft(record syncproto.RecordID, k *schema.Kind, kind string, origin draftOrigin, base []byte) (*Draft, error) {
	if c.closed {
		return nil, ErrClosed
	}
	id, err := uuid.NewRandomFromReader(c.opt.Random)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	return &Draft{c: c, id: DraftID(id.String()), record: record, kind: k, kindID: kind, origin: origin,
		opened: c.now().UnixMilli(), person: c.person(), under: c.replica(), base: base}, nil
}

// replica is the store's present id, zero before enrolment.
func (c *Client) replica() syncproto.ReplicaID {
	if c.id == nil {
		return syncproto.ReplicaID{}
	}
	return c.id.Replica
}

// person is who this device belongs to, zero before enrolment.
func (c *Client) person() syncproto.PersonID {
	if c.id == nil {
		return syncproto.PersonID{}
	}
	return c.id.Person
}

// scratch is the state the form was opened on, for one use.
func (d *Draft) scratch() (*crdt.Record, error) {
	if d.base == nil {
		return crdt.New(d.record), nil
	}
	// Decode keeps the bytes, an edit changes what it decoded: give it its own.
	rec, err := crdt.Decode(append([]byte(nil), d.base...))
	if err != nil {
		return nil, fmt.Errorf("%w: draft %s: %w", errStored, d.id, err)
	}
	return rec, nil
}

// Save makes the draft durable before it returns. It may be saved as often and
// as incomplete as one likes.
func (d *Draft) Save() error {
	if d.err != nil {
		return d.err
	}
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	var b localstore.Batch
	b.Put(draftKey(d.id), d.append())
	if err := c.store.Apply(&b); err != nil {
		return fmt.Errorf("save draft: %w", err)
	}
	c.notify(d.record)
	return nil
}

// Discard removes a draft.
func (c *Client) Discard(id DraftID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	var b localstore.Batch
	b.Delete(draftKey(id))
	if err := c.store.Apply(&b); err != nil {
		return fmt.Errorf("discard draft: %w", err)
	}
	return nil
}

// Draft returns a saved draft.
func (c *Client) Draft(id DraftID) (*Draft, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	v, err := c.store.Get(draftKey(id))
	if err == nil && v == nil {
		err = ErrNoDraft
	}
	if err != nil {
		return nil, fmt.Errorf("draft %s: %w", id, err)
	}
	return c.decodeDraft(id, v)
}

// Drafts lists the saved drafts, the oldest first.
func (c *Client) Drafts() ([]*Draft, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	var out []*Draft
	if err := c.eachDraft(func(d *Draft) { out = append(out, d) }); err != nil {
		return nil, fmt.Errorf("drafts: %w", err)
	}
	sortDrafts(out)
	return out, nil
}

func (c *Client) eachDraft(fn func(*Draft)) error {
	return localstore.ScanPrefix(c.store, prefixDraft, func(k, v []byte) error {
		d, err := c.decodeDraft(DraftID(k[len(prefixDraft):]), append([]byte(nil), v...))
		if err == nil {
			fn(d)
		}
		return err
	})
}

// draftsOf counts the saved drafts of a record.
func (c *Client) draftsOf(id syncproto.RecordID) (n int, err error) {
	err = c.eachDraft(func(d *Draft) {
		if d.record == id {
			n++
		}
	})
	return n, err
}
