package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// needGuards is how fn says that it must hold more guards.
type needGuards struct{ keys []Key }

func (n *needGuards) Error() string { return fmt.Sprintf("update needs %d more guards", len(n.keys)) }

// NeedGuards returns the error by which a function given to Update asks to be
// run again holding keys too, beside the guards it has: when only reading shows
// what must be guarded. What it read before may have changed when it runs again.
//
//	if g := feedGuard(record.Place); !store.Holds(r, g) {
//		return store.Batch{}, store.NeedGuards(g)
//	}
func NeedGuards(keys ...Key) error {
	n := &needGuards{}
	for _, k := range keys {
		n.keys = append(n.keys, bytes.Clone(k))
	}
	return n
}

// IsNeedGuards reports whether err asks for more guards, and for which.
func IsNeedGuards(err error) ([]Key, bool) {
	var n *needGuards
	if errors.As(err, &n) {
		return n.keys, true
	}
	return nil, false
}

// Holder is what the Readers of Update have beside Get and Scan.
type Holder interface{ Holds(guard Key) bool }

// Holds reports whether the update that r was given to holds guard. It is false
// for the Reader of a View.
func Holds(r Reader, guard Key) bool {
	h, ok := r.(Holder)
	return ok && h.Holds(guard)
}

// Guards is the sorted set of guards that an update holds, for engines: all take
// guards in this order, so that two updates cannot wait for each other.
type Guards []Key

// NewGuards sorts keys into a set and checks their size.
func NewGuards(keys []Key) (Guards, error) {
	if len(keys) > MaxBatchKeys {
		return nil, fmt.Errorf("%w: %d guards, at most %d", ErrTooLarge, len(keys), MaxBatchKeys)
	}
	g := make(Guards, 0, len(keys))
	for _, k := range keys {
		if len(k) == 0 || len(k) > MaxKeyBytes {
			return nil, fmt.Errorf("%w: guard of %d bytes, 1 to %d allowed", ErrTooLarge, len(k), MaxKeyBytes)
		}
		g = append(g, bytes.Clone(k))
	}
	slices.SortFunc(g, func(a, b Key) int { return bytes.Compare(a, b) })
	return slices.CompactFunc(g, func(a, b Key) bool { return bytes.Equal(a, b) }), nil
}

// Has reports whether key is in the set.
func (g Guards) Has(key Key) bool {
	_, ok := slices.BinarySearchFunc(g, key, func(a, b Key) int { return bytes.Compare(a, b) })
	return ok
}

// More returns the set grown by keys. It is an error when that adds none: the
// function that asked would ask for ever.
func (g Guards) More(keys []Key) (Guards, error) {
	grown, err := NewGuards(slices.Concat(g, keys))
	if err == nil && len(grown) == len(g) {
		err = errors.New("update asks for guards that it holds already")
	}
	return grown, err
}
