//go:build unix

package serverproc

import (
	"os"
	"syscall"
)

// diskBytes is what a file takes on the disk: the store's files have holes.
func diskBytes(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
