package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/syncproto"
)

func anErasure() ingest.Erasure {
	return ingest.Erasure{Record: syncproto.RecordID{5: 1, 6: 0x70, 8: 0x80}, Fields: []string{"situation"}, Basis: "本人要求", By: syncproto.PersonID{5: 2, 6: 0x70, 8: 0x80},
		On: "2026-11-28", Parts: []syncproto.ChangeID{{Replica: syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}, Seq: 7}}}
}

// The list reads as it was written, act by act; what is half or none is refused
// with the line.
func TestListOfErasures(t *testing.T) {
	dir := t.TempDir()
	if acts, err := loadErasures(dir); len(acts) != 0 || err != nil {
		t.Fatalf("none: %v, %v", acts, err)
	}
	second := anErasure()
	second.Basis = "第二条\n换行"
	for _, e := range []ingest.Erasure{anErasure(), second} {
		if err := listErasure(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	acts, err := loadErasures(dir)
	if err != nil || len(acts) != 2 || acts[0].Parts[0] != anErasure().Parts[0] || acts[1].Basis != second.Basis {
		t.Fatalf("%+v, %v", acts, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	whole, err := os.ReadFile(erasuresFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ text, says string }{
		"cut off":    {string(whole[:len(whole)-1]), "cut off"},
		"no act":     {string(whole) + "{}\n", "line 3"},
		"rubbish":    {"rubbish\n", "line 1"},
		"newer":      {strings.Replace(string(whole), `"format":1`, `"format":2`, 1), "newer"},
		"no changes": {strings.Replace(string(whole), `"parts"`, `"part"`, 1), "line 1"},
		"a bad day":  {strings.Replace(string(whole), "2026-11-28", "28.11.2026", 1), "line 1"},
		"too long":   {strings.Repeat(" ", maxErasureBytes+1) + "\n", "at most"},
	} {
		if acts, err := parseErasures([]byte(c.text), "list"); err == nil || acts != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d acts, %v", what, len(acts), err)
		}
	}
}

// FuzzErasures: what is taken can be listed again, and is the same then.
func FuzzErasures(f *testing.F) {
	dir := f.TempDir()
	if err := listErasure(dir, anErasure()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(erasuresFile(dir))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good), good...))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		acts, err := parseErasures(b, "list")
		if err != nil {
			if acts != nil {
				t.Fatal("acts and an error")
			}
			return
		}
		dir := t.TempDir()
		for _, e := range acts {
			if err := listErasure(dir, e); err != nil {
				t.Fatal(err)
			}
		}
		again, err := loadErasures(dir)
		if err != nil || len(again) != len(acts) {
			t.Fatalf("%d of %d acts, %v", len(again), len(acts), err)
		}
	})
}
