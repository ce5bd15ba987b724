package badgerstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
)

// A store whose files cannot be read says so, and which.
func TestDamagedStoreNamesItsFile(t *testing.T) {
	dir := t.TempDir()
	s, err := badgerstore.Open(dir, badgerstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	file := filepath.Join(dir, "MANIFEST")
	if err := os.WriteFile(file, []byte("rubbish, and enough of it to be read as a head"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := badgerstore.Open(dir, badgerstore.Options{}); !errors.Is(err, localstore.ErrDamaged) || !strings.Contains(err.Error(), file) {
		t.Errorf("opened over rubbish: %v", err)
	}
}
