package badgerstore_test

import (
	"bufio"
	"context"
	"math/rand/v2"
	"testing"
)

// TestKill kills a writing process again and again, at moments chosen by how
// much it has done, each new one opening what the last left. Nothing that was
// acknowledged may be missing, nothing may be there by half.
func TestKill(t *testing.T) { inBothForms(t, testKill) }

func testKill(t *testing.T) {
	const rounds = 15
	dir, seed := t.TempDir(), rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var p progress
	for round := range rounds {
		// From none, while it opens, to thousands, past several logs.
		stop := rng.IntN(2 << rng.IntN(13))
		if round < 2 {
			stop = 4000
		}
		cmd := child(t, "write", dir)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(pipe)
		_, err = p.read(out, "done", stop)
		cmd.Process.Kill()
		if err == nil {
			_, err = p.read(out, "", 1) // all that it said before it died
		}
		cmd.Wait()
		if err != nil {
			t.Fatalf("seed %d, round %d, killed after %d: %v", seed, round, stop, err)
		}
		if cmd.ProcessState.Exited() {
			t.Fatalf("seed %d, round %d: the child ended by itself: %v", seed, round, cmd.ProcessState)
		}
	}
	s := mustOpen(t, dir)
	defer s.Close()
	if err := s.View(context.Background(), 0, p.check); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	t.Logf("%d kills, %d lines, acknowledged %v", rounds, p.lines, p.acked)
}
