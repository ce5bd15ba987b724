package clientsdk

import (
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// atomSums are the digests of an atom's bases, kept up to date record by
// record, for the audience classes that the server asked about.
type atomSums struct {
	Records int // bases fed from the atom
	Classes []classDigest
}

type classDigest struct {
	Classes syncproto.Audience
	Sum     syncproto.Digest
}

func (s *atomSums) append() []byte {
	b := wire.AppendArray(wire.AppendUint(beginStored(2), uint64(s.Records)), 2*len(s.Classes))
	for i := range s.Classes {
		b = wire.AppendBytes(wire.AppendUint(b, uint64(s.Classes[i].Classes)), s.Classes[i].Sum[:])
	}
	return b
}

func decodeAtomSums(v []byte) (*atomSums, error) {
	r, err := openStored(v, 2)
	if err != nil {
		return nil, fmt.Errorf("digest sums: %w", err)
	}
	s := &atomSums{Records: int(r.UintMax(math.MaxInt32))}
	for n := readPairs(r, 64); n > 0 && r.Err() == nil; n-- {
		d := classDigest{Classes: syncproto.Audience(r.UintMax(math.MaxUint8))}
		r.Fixed(d.Sum[:])
		s.Classes = append(s.Classes, d)
	}
	return s, closeStored(r, "digest sums")
}

func (s *atomSums) clone() *atomSums {
	return &atomSums{Records: s.Records, Classes: slices.Clone(s.Classes)}
}

func (c *Client) loadSums() error {
	c.sums = map[syncproto.Atom]*atomSums{}
	return localstore.ScanPrefix(c.store, prefixSums, func(k, v []byte) error {
		s, err := decodeAtomSums(v)
		c.sums[syncproto.Atom(k[len(prefixSums):])] = s
		return err
	})
}

// sumsOf returns the atom's sums for changing in this page. An atom without
// any records yet starts with the classes that atoms of its sort were last
// asked about, so that its sum never has to be made from all its records.
func (a *pageApply) sumsOf(atom syncproto.Atom) *atomSums {
	if s, ok := a.sums[atom]; ok {
		return s
	}
	s, ok := a.c.sums[atom]
	if ok {
		s = s.clone()
	} else {
		s = &atomSums{Classes: a.usualClasses(atom)}
	}
	a.sums[atom] = s
	return s
}

func (a *pageApply) usualClasses(atom syncproto.Atom) (out []classDigest) {
	if a.newSchema != nil {
		return nil
	}
	for other, s := range a.c.sums {
		if other[0] == atom[0] && len(s.Classes) > 0 {
			for _, d := range s.Classes {
				out = append(out, classDigest{Classes: d.Classes})
			}
			return out
		}
	}
	return nil
}

// digest works out what a base adds to the sums of its atoms.
func (a *pageApply) digest(h *held) {
	h.sums = nil
	if h.base == nil {
		return
	}
	for _, atom := range h.atoms {
		for _, d := range a.sumsOf(atom).Classes {
			if !slices.ContainsFunc(h.sums, func(s classSum) bool { return s.Classes == d.Classes }) {
				h.sums = append(h.sums, classSum{d.Classes, a.c.recordDigest(h.base, d.Classes)})
			}
		}
	}
}

// useSchema takes a schema and the tag that tells digests made with it from
// those made with another.
func (c *Client) useSchema(s *schema.Schema) {
	h := s.Hash()
	c.schema = s
	copy(c.schemaTag[:], h[:])
}

func hashFor(sums []classSum, classes syncproto.Audience) syncproto.Hash {
	for _, s := range sums {
		if s.Classes == classes {
			return s.Hash
		}
	}
	return syncproto.Hash{}
}

// moveSums takes a record's old digests out of its atoms' sums and adds the new ones.
func (a *pageApply) moveSums(was baseRow, h *held) {
	for _, atom := range was.Atoms {
		s := a.sumsOf(atom)
		s.Records--
		for i := range s.Classes {
			s.Classes[i].Sum = s.Classes[i].Sum.Sub(hashFor(was.Sums, s.Classes[i].Classes))
		}
	}
	for _, atom := range h.atoms {
		if h.base == nil {
			continue
		}
		s := a.sumsOf(atom)
		s.Records++
		for i := range s.Classes {
			s.Classes[i].Sum = s.Classes[i].Sum.Add(hashFor(h.sums, s.Classes[i].Classes))
		}
	}
}

// putSums writes the sums that were changed.
func (a *pageApply) putSums(b *localstore.Batch) {
	for atom, s := range a.sums {
		if s.empty() {
			b.Delete(sumsKey(atom))
		} else {
			b.Put(sumsKey(atom), s.append())
		}
	}
}

// commitSums puts them to use once they are stored.
func (a *pageApply) commitSums() {
	for atom, s := range a.sums {
		if s.empty() {
			delete(a.c.sums, atom)
		} else {
			a.c.sums[atom] = s
		}
	}
}

func (s *atomSums) empty() bool { return s.Records == 0 && len(s.Classes) == 0 }

// recordDigest is the digest of a base for a reader with these classes.
func (c *Client) recordDigest(rec *crdt.Record, classes syncproto.Audience) syncproto.Hash {
	if classes == syncproto.ForAll {
		return rec.Digest(nil)
	}
	return rec.Digest(view.Includes(c.schema, rec, classes))
}

// mismatched lists the atoms whose bases do not add up to what the server
// says. The caller holds c.mu.
func (c *Client) mismatched(digests []syncproto.AtomDigest) ([]syncproto.Atom, error) {
	if err := c.track(digests); err != nil {
		return nil, err
	}
	var out []syncproto.Atom
	for _, d := range digests {
		s := c.sums[d.Atom]
		if s == nil {
			s = &atomSums{}
		}
		var sum syncproto.Digest
		if i := s.index(d.Classes); i >= 0 {
			sum = s.Classes[i].Sum
		}
		if s.Records != d.Records || sum != d.Sum {
			out = append(out, d.Atom)
		}
	}
	return out, nil
}

func (s *atomSums) index(classes syncproto.Audience) int {
	return slices.IndexFunc(s.Classes, func(d classDigest) bool { return d.Classes == classes })
}

// track makes the sums that are asked about for the first time, from all the
// bases at once, and keeps them from then on.
func (c *Client) track(digests []syncproto.AtomDigest) error {
	wanted := map[syncproto.Atom]syncproto.Audience{}
	made := map[syncproto.Atom]*atomSums{}
	for _, d := range digests {
		if s := c.sums[d.Atom]; s == nil || s.index(d.Classes) < 0 {
			wanted[d.Atom] = d.Classes
			made[d.Atom] = &atomSums{}
			if s != nil {
				made[d.Atom] = s.clone()
			}
			made[d.Atom].Classes = append(made[d.Atom].Classes, classDigest{Classes: d.Classes})
			made[d.Atom].Records = 0
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var b localstore.Batch
	err := localstore.ScanPrefix(c.store, prefixBase, func(k, v []byte) error {
		row, err := decodeBaseRow(v)
		if err != nil {
			return err
		}
		return c.trackRow(&b, append([]byte(nil), k...), &row, wanted, made)
	})
	if err != nil {
		return err
	}
	for a, s := range made {
		b.Put(sumsKey(a), s.append())
	}
	if err := c.store.Apply(&b); err != nil {
		return err
	}
	for a, s := range made {
		c.sums[a] = s
	}
	clear(c.cache) // their sums are out of date
	return nil
}

func (c *Client) trackRow(b *localstore.Batch, key []byte, row *baseRow, wanted map[syncproto.Atom]syncproto.Audience, made map[syncproto.Atom]*atomSums) error {
	var rec *crdt.Record
	if row.Tag != c.schemaTag {
		row.Sums = nil
	}
	for _, a := range row.Atoms {
		classes, ok := wanted[a]
		if !ok {
			continue
		}
		if !slices.ContainsFunc(row.Sums, func(s classSum) bool { return s.Classes == classes }) {
			if rec == nil {
				var err error
				if rec, err = crdt.Decode(append([]byte(nil), row.State...)); err != nil {
					return fmt.Errorf("%w: %w", errStored, err)
				}
			}
			row.Sums = append(row.Sums, classSum{classes, c.recordDigest(rec, classes)})
		}
		s := made[a]
		s.Records++
		s.Classes[len(s.Classes)-1].Sum = s.Classes[len(s.Classes)-1].Sum.Add(hashFor(row.Sums, classes))
	}
	if rec != nil {
		row.Tag = c.schemaTag
		b.Put(key, row.append())
	}
	return nil
}
