package badgerstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/chuantou/chuantou/server/store"
)

// The files of a store beside Badger's own.
const (
	formatName = "FORMAT" // what is in this folder, for programs older and newer
	epochName  = "EPOCH"  // the id of the present history
	inUseName  = "INUSE"  // locked by the process that has the store open
)

const (
	formatMagic = "chuantou store, badger\nformat "
	// The layouts this program knows: Badger v4, every value beside its key; and
	// the same, encrypted.
	formatPlain  = 1
	formatSealed = 2
)

// folder is a store's folder, locked for this process.
type folder struct {
	dir  string
	lock *os.File

	mu sync.Mutex
	id string // the epoch
}

// openFolder locks the folder and makes it a store's if it is empty or new. One
// that is a store's already must be encrypted if there is a key, and plain if
// there is none, else store.ErrKey.
func openFolder(dir string, mustExist bool, key []byte) (*folder, error) {
	if err := checkFormat(dir, mustExist, key != nil); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, inUseName))
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir, lock: lock}
	if err := errors.Join(sign(lock), f.prepare(key)); err != nil {
		lock.Close()
		return nil, err
	}
	return f, nil
}

// damaged names the file of a store that the engine cannot make sense of, and
// what to do.
func damaged(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, store.ErrKey) {
		return err
	}
	name := dir
	var file *fs.PathError
	if errors.As(err, &file) {
		name = file.Path
	} else if strings.Contains(strings.ToLower(err.Error()), "manifest") {
		name = filepath.Join(dir, "MANIFEST")
	}
	return fmt.Errorf("%w: %s cannot be read (%w): keep this folder as it is, and put the last backup into a new one with chuantou restore", store.ErrDamaged, name, err)
}

// heldBy says who has a locked file open, as far as that is written there.
func heldBy(name string) error {
	who := "another process"
	if text, err := os.ReadFile(name); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			who = fmt.Sprintf("process %d", pid)
		}
	}
	return fmt.Errorf("%w: %s has %s locked; stop it first", store.ErrInUse, who, name)
}

// sign writes into a locked file who has it, for who finds it taken.
func sign(f *os.File) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return err
}

// checkFormat refuses what is not for this program to write to, or not with this
// key.
func checkFormat(dir string, mustExist, sealed bool) error {
	is, err := Sealed(dir)
	switch {
	case err == nil && is && !sealed:
		return fmt.Errorf("%w: %s is encrypted and no key is given", store.ErrKey, dir)
	case err == nil && !is && sealed:
		return fmt.Errorf("%w: %s is not encrypted", store.ErrKey, dir)
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if mustExist {
		return fmt.Errorf("no store in %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		// A store that was killed while it was made has only these.
		if name := e.Name(); name != inUseName && name != epochName && name != keysName && !strings.HasSuffix(name, tmpSuffix) {
			return fmt.Errorf("%s is no store and not empty (it has %s): choose another folder", dir, name)
		}
	}
	return nil
}

// Sealed tells whether the store in a folder is encrypted. Errors: fs.ErrNotExist
// where there is none, store.ErrNewer.
func Sealed(dir string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, formatName))
	if err != nil {
		return false, err
	}
	number, ok := strings.CutPrefix(string(text), formatMagic)
	var n int
	if _, err := fmt.Sscanf(number, "%d\n", &n); !ok || err != nil || n < 1 {
		return false, fmt.Errorf("%s: %q is no format of a store", filepath.Join(dir, formatName), text)
	}
	if n > formatSealed {
		return false, fmt.Errorf("%w: %s has format %d, known is %d", store.ErrNewer, dir, n, formatSealed)
	}
	return n == formatSealed, nil
}

// prepare makes what is missing and removes what was left half-made.
func (f *folder) prepare(key []byte) error {
	if err := removeHalfMade(f.dir); err != nil {
		return err
	}
	id, err := os.ReadFile(filepath.Join(f.dir, epochName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.id = string(id); len(id) == 0 { // a lost id is a new one, never none
		if _, err := f.raiseEpoch(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(f.dir, formatName)); errors.Is(err, fs.ErrNotExist) {
		format := formatPlain
		if key != nil {
			format = formatSealed
			if err := writeKeys(f.dir, nil, key); err != nil {
				return err
			}
		}
		return writeFile(filepath.Join(f.dir, formatName), fmt.Sprint(formatMagic, format, "\n"))
	}
	return nil
}

// removeHalfMade removes logs that were created and not yet given a length when
// the process was killed. They hold nothing, and Badger refuses to open with them.
func removeHalfMade(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		info, err := e.Info()
		if err != nil {
			return err
		}
		half := (ext == ".mem" || ext == ".vlog") && info.Size() == 0
		if half || ext == tmpSuffix {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *folder) epoch() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.id
}

func (f *folder) raiseEpoch() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := rand.Text()
	if err := writeFile(filepath.Join(f.dir, epochName), id); err != nil {
		return "", fmt.Errorf("raise epoch: %w", err)
	}
	f.id = id
	return id, nil
}

// close lets go of the folder.
func (f *folder) close() error { return f.lock.Close() }

// tmpSuffix marks files on their way to another name.
const tmpSuffix = ".tmp"

// writeFile replaces a file as a whole, durably.
func writeFile(name, text string) error {
	tmp := name + tmpSuffix
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}
