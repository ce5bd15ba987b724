package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/examples/internal/serverproc"
)

// The test binary is the device process too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "device" {
		os.Exit(deviceMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func newStage(t *testing.T, dir string) *stage {
	t.Helper()
	s := &stage{dir: dir, phones: map[string]*phone{}, say: t.Logf}
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	s.server = &serverproc.Server{Data: filepath.Join(dir, "server"), Args: []string{"-clock-file", s.clock()}}
	t.Cleanup(s.close) // a test that fails leaves no processes behind
	if err := s.open(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// The whole story with real processes, and the orders the sample calls golden;
// then a second run on the same folder, which adds nothing.
func TestStoryEndsAsTheSampleSays(t *testing.T) {
	sample, err := loadSample()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pushed := 0
	for run := range 2 {
		s := newStage(t, dir)
		if err := s.tell(t.Context(), newStory(sample)); err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		for order, want := range map[string][]string{"occurred": sample.Golden.ByOccurrence, "arrived": sample.Golden.ByArrival} {
			rows, err := s.timeline(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.short(rows); !slices.Equal(got, want) {
				t.Errorf("run %d, order %s:\n got %v\nwant %v", run, order, got, want)
			}
		}
		if run == 0 {
			s.states(t, sample)
		}
		f := s.figures()
		if run == 0 {
			pushed = f.Pushed
		} else if f.Pushed != 0 {
			t.Errorf("the second run pushed %d changes", f.Pushed)
		}
		if words := s.phones["B2"].words; !strings.Contains(strings.Join(words, "；"), "待处理 1 条：不在您的范围内") {
			t.Errorf("run %d: B2 is told %q", run, words)
		}
		if f.Conflicts < 2 || f.Held != 1 || pushed < 140 || f.Devices != 7 {
			t.Errorf("run %d: %+v", run, f)
		}
		s.close()
	}
}

// short turns rows back into the sample's names.
func (s *stage) short(rows []tableRow) (out []string) {
	names := map[string]string{}
	for k, id := range s.progress.IDs {
		names[id.String()] = k
	}
	for _, r := range rows {
		out = append(out, names[r.Record])
	}
	return out
}

// states checks what the events of demands and promises come to.
func (s *stage) states(t *testing.T, sample *sample) {
	t.Helper()
	want := map[string]string{}
	for state, demands := range sample.Golden.Demands {
		for _, d := range demands {
			want[d] = state
		}
	}
	for p, state := range sample.Golden.Promises {
		want[p] = state
	}
	if len(want) != 15 {
		t.Fatalf("%d demands and promises", len(want))
	}
	web, err := s.login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, state := range want {
		var got struct {
			State  string
			Mark   string `json:"state_mark"`
			Fields []struct {
				Key   string
				Value any
				Notes []struct{ Text string }
			}
		}
		if err := call(t.Context(), web, "GET", "http://"+s.server.Addr+"/v1/records/"+s.progress.IDs[name].String(), nil, &got); err != nil {
			t.Fatal(err)
		}
		if got.State != state {
			t.Errorf("%s is %s, want %s", name, got.State, state)
		}
		if name == "D07" && got.Mark != "重办" {
			t.Errorf("D07 has the mark %q", got.Mark)
		}
		for _, f := range got.Fields {
			if f.Key == "events" && len(f.Notes) > 0 {
				t.Errorf("%s: events not in force: %v", name, f.Notes)
			}
			if f.Key == "due_on" && name == "D07" && f.Value != "2026-08-15" {
				t.Errorf("D07 is due on %v", f.Value)
			}
		}
	}
}
