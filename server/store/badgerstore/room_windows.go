package badgerstore

import (
	"math"
	"os"

	"golang.org/x/sys/windows"
)

func freeSpace(dir string) (bytes, files uint64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &bytes, nil, nil)
	}
	return bytes, math.MaxUint64, err
}

func fileSizeLimit() uint64 { return math.MaxUint64 }

func spareDescriptors(*os.File, int) error { return nil }
