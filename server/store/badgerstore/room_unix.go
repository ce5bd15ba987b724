//go:build unix

package badgerstore

import (
	"fmt"
	"math"
	"os"

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

// spareDescriptors returns an error unless n more files can be open.
func spareDescriptors(f *os.File, n int) (err error) {
	var fds []int
	for len(fds) < n && err == nil {
		fd, e := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if e != nil {
			err = fmt.Errorf("only %d more files can be open: %w", len(fds), e)
		} else {
			fds = append(fds, fd)
		}
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return err
}
