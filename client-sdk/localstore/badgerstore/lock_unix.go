//go:build linux || darwin

package badgerstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFolder takes the lock that Badger holds on an open folder; free is false
// when somebody has it.
func lockFolder(dir string) (unlock func(), free bool) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, false
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}
