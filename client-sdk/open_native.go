//go:build !js

package clientsdk

import (
	"fmt"

	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
)

// Open opens the client whose data lies in dir; the folder is made if absent.
// One folder is one person on one device, and open in one place at a time:
// a second Open fails with localstore.ErrLocked.
func Open(dir string, o Options) (*Client, error) {
	s, err := badgerstore.Open(dir, badgerstore.Options{})
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return OpenStore(s, o)
}
