package clientsdk

import (
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
)

// left purges atoms that are no longer in scope. The device's own changes stay.
func (a *pageApply) left(atoms []syncproto.Atom) error {
	if len(atoms) == 0 {
		return nil
	}
	return a.eachBase(func(id syncproto.RecordID, row *baseRow) error {
		for _, atom := range atoms {
			if slices.Contains(row.Atoms, atom) {
				if err := a.leave(atom, []syncproto.RecordID{id}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dropUnmentioned takes records out of atoms that were given whole without
// naming them.
func (a *pageApply) dropUnmentioned() error {
	if len(a.whole) == 0 {
		return nil
	}
	return a.eachBase(func(id syncproto.RecordID, row *baseRow) error {
		for _, atom := range row.Atoms {
			if _, named := a.whole[atom][id]; a.whole[atom] != nil && !named {
				if err := a.leave(atom, []syncproto.RecordID{id}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// eachBase visits every base as it was stored before the page. The list is
// taken first: fn reads the store.
func (a *pageApply) eachBase(fn func(id syncproto.RecordID, row *baseRow) error) error {
	type stored struct {
		id  syncproto.RecordID
		row baseRow
	}
	var all []stored
	err := localstore.ScanPrefix(a.c.store, prefixBase, func(k, v []byte) error {
		row, err := decodeBaseRow(v)
		if err != nil {
			return err
		}
		row.State = nil
		all = append(all, stored{syncproto.RecordID(k[len(prefixBase):]), row})
		return nil
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = fn(all[i].id, &all[i].row)
	}
	return err
}
