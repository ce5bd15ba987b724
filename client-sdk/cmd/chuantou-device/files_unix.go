//go:build unix

package main

import "golang.org/x/sys/unix"

// privateFiles keeps every file that this process makes to its owner.
func privateFiles() { unix.Umask(0o077) }
