package localstore_test

import (
	"errors"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) localstore.Store { return localstore.NewMemory() })
}

func TestMemoryFailWith(t *testing.T) {
	m := localstore.NewMemory()
	m.FailWith(func(*localstore.Batch) error { return localstore.ErrFull })
	var b localstore.Batch
	b.Put([]byte("k"), []byte("v"))
	if err := m.Apply(&b); !errors.Is(err, localstore.ErrFull) {
		t.Fatalf("apply on a full disk: %v", err)
	}
	if v, err := m.Get([]byte("k")); v != nil || err != nil {
		t.Fatalf("a refused batch left %q, %v", v, err)
	}
	m.FailWith(nil)
	if err := m.Apply(&b); err != nil {
		t.Fatal(err)
	}
}
