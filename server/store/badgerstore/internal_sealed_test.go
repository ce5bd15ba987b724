package badgerstore

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestLogStartsAreNew: every log of an encrypted store has a random start of its
// own, also after a crash that left one cut off; such a log is never written on.
// Else what two logs say could be told from one another without any key.
func TestLogStartsAreNew(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{7}, 32)
	starts := map[string]string{} // data key and start: which log
	for round := range 4 {
		s, err := Open(dir, Options{Logger: discard, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, fmt.Sprint("k", round), random(1000))
		logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		present := map[string][]byte{}
		for _, name := range logs {
			if present[name], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
			start := hex.EncodeToString(present[name][:20])
			if start[:16] == "0000000000000000" {
				t.Errorf("%s is plain", name)
			}
			at := fmt.Sprint(round, " ", filepath.Base(name))
			if was, ok := starts[start]; ok {
				t.Errorf("logs %s and %s begin alike", was, at)
			}
			starts[start] = at
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// As a crash would have left it, cut within the last entry.
		for name, b := range present {
			if err := os.WriteFile(name, b[:900], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
