package clientsdk

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// maxCached bounds how many records are kept decoded.
const maxCached = 512

// held is one record as the device holds it: the server's base, if there is
// one, and what is shown: base joined with the overlay, which is the device's
// own changes that the base's version does not cover.
type held struct {
	base  *crdt.Record // nil: the server has not given one
	shown *crdt.Record // the same pointer as base when there is no overlay
	atoms []syncproto.Atom
	sums  []classSum
	// kept is a base from before a fold that the overlay still needs: see
	// overlay. keptStored says that one is in the store.
	kept       *crdt.Record
	keptStored bool
	// unjoined are own parts that could not be joined to what is here: the
	// record they were made on has left the device's scope.
	unjoined []ownPart
}

// record returns what is held of a record, nil if nothing is.
func (c *Client) record(id syncproto.RecordID) (*held, error) {
	if h, ok := c.cache[id]; ok {
		return h, nil
	}
	h, err := c.loadBase(id)
	if err != nil {
		return nil, err
	}
	if h == nil {
		if len(c.own.parts[id]) == 0 {
			return nil, nil
		}
		h = &held{}
	}
	if err := c.overlay(id, h); err != nil {
		return nil, err
	}
	c.remember(id, h)
	return h, nil
}

func (c *Client) remember(id syncproto.RecordID, h *held) {
	for other := range c.cache {
		if len(c.cache) < maxCached {
			break
		}
		delete(c.cache, other)
	}
	c.cache[id] = h
}

func (c *Client) loadBase(id syncproto.RecordID) (*held, error) {
	v, err := c.store.Get(baseKey(id))
	if err != nil || v == nil {
		return nil, err
	}
	row, err := decodeBaseRow(v)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", id, err)
	}
	rec, err := crdt.Decode(row.State)
	if err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", errStored, id, err)
	}
	if row.Tag != c.schemaTag {
		row.Sums = nil
	}
	return &held{base: rec, atoms: row.Atoms, sums: row.Sums}, nil
}

// visible returns the record as shown, ErrNoRecord when there is nothing to
// show: it is not here, or all that is here are changes to something that left
// the device's scope. ErrRecordsLocked when it is on loan and the loan is over.
func (c *Client) visible(id syncproto.RecordID) (*held, error) {
	h, err := c.record(id)
	if err != nil {
		return nil, err
	}
	if h == nil || h.shown == nil || h.shown.Kind == "" {
		return nil, fmt.Errorf("%w: %s", ErrNoRecord, id)
	}
	if c.locks() && c.lent(h.shown) {
		return nil, ErrRecordsLocked
	}
	return h, nil
}

// putBase writes a record's base and row into the page's batch; a nil base
// removes it.
func (a *pageApply) putBase(id syncproto.RecordID, h *held) {
	if h.base == nil {
		a.batch.Delete(baseKey(id))
	} else {
		a.state = h.base.AppendBinary(a.state[:0])
		row := baseRow{Atoms: h.atoms, Tag: a.c.schemaTag, Sums: h.sums, State: a.state}
		a.batch.Put(baseKey(id), row.append())
	}
	h.putKept(&a.batch, id)
	a.c.putRow(&a.batch, id, h)
}

// joinAtom notes that the record is fed from an atom. Lists of atoms are never
// changed in place: most records lie in one atom and share the list.
func (a *pageApply) joinAtom(h *held, atom syncproto.Atom) {
	switch {
	case slices.Contains(h.atoms, atom):
	case len(h.atoms) == 0:
		if len(a.atoms) == 0 || a.atoms[0] != atom {
			a.atoms = []syncproto.Atom{atom}
		}
		h.atoms = a.atoms
	default:
		h.atoms = append(slices.Clone(h.atoms), atom)
		slices.Sort(h.atoms)
	}
}

// leaveAtom notes that it no longer is; the base goes with the last one.
func (h *held) leaveAtom(a syncproto.Atom) (left bool) {
	i := slices.Index(h.atoms, a)
	if i < 0 {
		return false
	}
	h.atoms = slices.Delete(slices.Clone(h.atoms), i, i+1)
	if len(h.atoms) == 0 {
		h.base = nil
	}
	return true
}
