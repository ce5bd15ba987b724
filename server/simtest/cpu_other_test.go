//go:build !unix

package simtest

import "time"

// processCPU is not known here.
func processCPU() time.Duration { return 0 }
