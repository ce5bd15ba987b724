//go:build !unix

package serverproc

import "os"

func diskBytes(info os.FileInfo) int64 { return info.Size() }
