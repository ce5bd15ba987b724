// Package storetest is the law of package store as tests: every engine passes
// TestStore. An engine's own tests add what only it can do: being killed, a
// full disk, a locked folder.
//
//	func TestStore(t *testing.T) {
//		storetest.TestStore(t, open, reopen)
//	}
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

// Open returns a new, empty store, which the suite closes.
type Open func(t *testing.T) store.Store

// Reopen closes s and opens what it stored again.
type Reopen func(t *testing.T, s store.Store) store.Store

// TestStore runs the whole suite.
func TestStore(t *testing.T, open Open, reopen Reopen) {
	tests := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"Get", testGet},
		{"GetKept", testGetKept},
		{"BatchOrder", testBatchOrder},
		{"BatchCopies", testBatchCopies},
		{"OwnBatchUnseen", testOwnBatchUnseen},
		{"ScanBounds", testScanBounds},
		{"ScanStops", testScanStops},
		{"ScanNested", testScanNested},
		{"Model", testModel},
		{"Marks", testMarks},
		{"Atomic", testAtomic},
		{"Snapshot", testSnapshot},
		{"Sizes", testSizes},
		{"LargeBatches", testLargeBatches},
		{"Keys", testKeys},
		{"Increments", testIncrements},
		{"Transfers", testTransfers},
		{"NeedGuards", testNeedGuards},
		{"NeedGuardsHeld", testNeedGuardsHeld},
		{"FnError", testFnError},
		{"FnPanic", testFnPanic},
		{"FnGoexit", testFnGoexit},
		{"Cancelled", testCancelled},
		{"CancelledWaiting", testCancelledWaiting},
		{"ReaderDone", testReaderDone},
		{"RaiseEpoch", testRaiseEpoch},
		{"Closed", testClosed},
		{"CloseWaits", testCloseWaits},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			defer mustClose(t, s)
			test.run(t, s)
		})
	}
	t.Run("Reopen", func(t *testing.T) { testReopen(t, open, reopen) })
	t.Run("ReopenEpoch", func(t *testing.T) { testReopenEpoch(t, open, reopen) })
	t.Run("ReopenMarks", func(t *testing.T) { testReopenMarks(t, open, reopen) })
}

var ctx = context.Background()

func key(format string, args ...any) store.Key { return store.Key(fmt.Sprintf(format, args...)) }

func mustClose(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// update writes what fill puts into the batch.
func update(t *testing.T, s store.Store, fill func(b *store.Batch)) store.Mark {
	t.Helper()
	mark, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		fill(&b)
		return b, nil
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	return mark
}

func put(t *testing.T, s store.Store, k, v string) store.Mark {
	t.Helper()
	return update(t, s, func(b *store.Batch) { b.Put(store.Key(k), []byte(v)) })
}

// value returns what a View reads for k; absent says whether it is nil.
func value(t *testing.T, s store.Store, k string) (v string, absent bool) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		got, err := r.Get(store.Key(k))
		v, absent = string(got), got == nil
		return err
	})
	return v, absent
}

func view(t *testing.T, s store.Store, fn func(r store.Reader) error) {
	t.Helper()
	if err := s.View(ctx, 0, fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

func want(t *testing.T, s store.Store, k, v string) {
	t.Helper()
	if got, absent := value(t, s, k); absent || got != v {
		t.Errorf("value of %q: %q (absent: %v), want %q", k, got, absent, v)
	}
}

func wantAbsent(t *testing.T, s store.Store, k string) {
	t.Helper()
	if got, absent := value(t, s, k); !absent {
		t.Errorf("value of %q: %q, want none", k, got)
	}
}

func wantErr(t *testing.T, what string, err, is error) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%s: %v, want an error that is %q", what, err, is)
	}
}

// pair is a key and its value, copied out of a scan.
type pair struct{ key, value string }

// scan collects a whole range.
func scan(r store.Reader, from, to store.Key, reverse bool) ([]pair, error) {
	var got []pair
	var last []byte
	err := r.Scan(from, to, reverse, func(k store.Key, v []byte) (bool, error) {
		if last != nil && (bytes.Compare(last, k) < 0) == reverse {
			return false, fmt.Errorf("scan out of order: %q after %q", k, last)
		}
		last = bytes.Clone(k)
		got = append(got, pair{string(k), string(v)})
		return true, nil
	})
	return got, err
}
