//go:build unix

package badgerstore

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeSpace returns the bytes and the files that the file system of dir has
// left for this user; all there can be where it does not count files.
func freeSpace(dir string) (bytes, files uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	files = math.MaxUint64
	if s.Files > 0 {
		files = uint64(s.Ffree)
	}
	return uint64(s.Bavail) * uint64(s.Bsize), files, nil
}

// fileSizeLimit returns the largest size that this process may give a file.
func fileSizeLimit() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		return math.MaxUint64
	}
	return uint64(l.Cur)
}
