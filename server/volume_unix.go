//go:build unix

package server

import (
	"os"
	"syscall"
)

// sameVolume reports whether two folders or files, links followed, lie on one volume.
func sameVolume(a, b string) (bool, error) {
	var dev [2]uint64
	for i, name := range []string{a, b} {
		info, err := os.Stat(name)
		if err != nil {
			return false, err
		}
		dev[i] = uint64(info.Sys().(*syscall.Stat_t).Dev) // its type differs by system
	}
	return dev[0] == dev[1], nil
}
