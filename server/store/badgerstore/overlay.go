package badgerstore

import (
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/store"
)

// overlay holds what the updates of one group wrote, on top of the snapshot
// that the group began with. Order is made only when somebody scans: most
// updates do not.
type overlay struct {
	values map[string][]byte // nil for a delete
	sorted []string          // keys of values in order, except those in fresh
	fresh  []string          // keys added since
}

func (o *overlay) add(b *store.Batch) {
	if o.values == nil {
		o.values = make(map[string][]byte, b.Len())
	}
	for key, value := range b.All() {
		k := string(key)
		if _, known := o.values[k]; !known {
			o.fresh = append(o.fresh, k)
		}
		o.values[k] = value
	}
}

// between returns the keys of [from, to) in order; an empty to is no bound.
func (o *overlay) between(from, to store.Key) []string {
	o.sort()
	i, _ := slices.BinarySearch(o.sorted, string(from))
	j := len(o.sorted)
	if len(to) > 0 {
		j, _ = slices.BinarySearch(o.sorted, string(to))
	}
	return o.sorted[i:max(i, j)]
}

// sort merges fresh into sorted, from the back.
func (o *overlay) sort() {
	if len(o.fresh) == 0 {
		return
	}
	slices.Sort(o.fresh)
	i, j := len(o.sorted)-1, len(o.fresh)-1
	o.sorted = append(o.sorted, o.fresh...)
	for k := len(o.sorted) - 1; j >= 0; k-- {
		if i >= 0 && strings.Compare(o.sorted[i], o.fresh[j]) > 0 {
			o.sorted[k] = o.sorted[i]
			i--
		} else {
			o.sorted[k] = o.fresh[j]
			j--
		}
	}
	o.fresh = o.fresh[:0]
}
