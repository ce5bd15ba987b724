//go:build !unix

package server

import "path/filepath"

// sameVolume reports whether two folders or files, links followed, lie on one volume, as
// far as their paths tell.
func sameVolume(a, b string) (bool, error) {
	a, err := filepath.EvalSymlinks(a)
	if err == nil {
		b, err = filepath.EvalSymlinks(b)
	}
	return filepath.VolumeName(a) == filepath.VolumeName(b), err
}
