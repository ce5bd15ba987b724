package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// The parts of a data folder.
const (
	storeName    = "store"
	keysName     = "keys"
	settingsName = "server.json"
	socketName   = "admin.sock"
	// markerName is there while Init works, restoringName while Restore does.
	// Nothing in a folder with one was ever served, so another Init or Restore
	// may clear it.
	markerName    = "INITIALISING"
	restoringName = "RESTORING"
)

func storeDir(dir string) string     { return filepath.Join(dir, storeName) }
func keysDir(dir string) string      { return filepath.Join(dir, keysName) }
func settingsFile(dir string) string { return filepath.Join(dir, settingsName) }

// AdminSocket is where a running server listens for its operator.
func AdminSocket(dir string) string { return filepath.Join(dir, socketName) }

// settings is DIR/server.json: what was decided at init for ever.
type settings struct {
	Format  int                 `json:"format"`
	Origin  string              `json:"origin"`
	Name    string              `json:"name"`
	Place   string              `json:"place"`
	Replica syncproto.ReplicaID `json:"replica"` // the server's own pen
	// Moves counts how often another origin was begun: the files of its authority
	// are named by it. Next is one that devices are told of and that is not the
	// origin yet, Began since when; Moved says that it was another once.
	Moves int       `json:"moves,omitempty"`
	Next  string    `json:"next,omitempty"`
	Began time.Time `json:"began,omitzero"`
	Moved int       `json:"moved,omitempty"` // the Moves that made it the origin
}

const settingsFormat = 1

func loadSettings(dir string) (s settings, err error) {
	for marker, unfinished := range map[string]error{markerName: ErrUnfinished, restoringName: ErrHalfRestored} {
		if _, err := os.Stat(filepath.Join(dir, marker)); err == nil {
			return s, fmt.Errorf("%s: %w", dir, unfinished)
		}
	}
	return readSettings(dir)
}

func readSettings(dir string) (s settings, err error) {
	b, err := os.ReadFile(settingsFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%s: %w", dir, ErrNotInitialised)
	}
	if err != nil {
		return s, err
	}
	return parseSettings(b, settingsFile(dir))
}

// parseSettings reads the settings in b; name is what errors call them.
func parseSettings(b []byte, name string) (s settings, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	if s.Format > settingsFormat {
		return s, fmt.Errorf("%s: format %d was written by a newer version of the program", name, s.Format)
	}
	if s.Format < 1 || s.Origin == "" || s.Replica.IsZero() {
		return s, fmt.Errorf("%s is damaged: format, origin or replica is missing", name)
	}
	return s, nil
}

// saveSettings replaces the settings, durably: a crash leaves the old or the new.
func saveSettings(dir string, s settings) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := settingsFile(dir) + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(tmp, append(b, '\n')); err != nil {
		return err
	}
	if err := os.Rename(tmp, settingsFile(dir)); err != nil {
		return err
	}
	return syncDir(dir)
}

// claim makes dir ready for Init or Restore, whichever the marker says: new or
// empty, or cleared of one that was cut off. Whatever else lies there is left alone.
func claim(dir, marker string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	switch {
	case names[marker]:
		return clearAway(dir)
	case names[settingsName]:
		return fmt.Errorf("%s: %w", dir, ErrInitialised)
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty (it has %s): choose another folder", dir, entries[0].Name())
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, marker), []byte("chuantou is at work here\n"))
}

// clearAway removes what Init or Restore has made in a folder, but for the marker.
func clearAway(dir string) error {
	if key, err := os.Readlink(storeKeyFile(dir)); err == nil {
		if err := os.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{storeName, keysName, settingsName, socketName, erasuresName, purgeName} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// settle ends what claim began.
func settle(dir, marker string) error {
	if err := os.Remove(filepath.Join(dir, marker)); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeNew makes a file that only its owner reads, durably; it replaces none.
func writeNew(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be opened for it there
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkSecret refuses a file that others than its owner can open.
func checkSecret(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("%s can be opened by others (mode %04o): chmod 600 it, after finding out who did", name, mode)
	}
	return nil
}
