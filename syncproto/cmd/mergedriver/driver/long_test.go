package driver_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The judge at length: stories told to the driver as a process of its own, every
// short story there is, and runs typed at one place in every way.
//
//	go test ./syncproto/cmd/mergedriver/driver -run Judge -judge.stories 20000 -judge.length 5 -timeout 0
var (
	judgeStories = flag.Int("judge.stories", 60, "random stories told to the driver's process, and a fifth as many places typed at")
	judgeSeed    = flag.Uint64("judge.seed", 1, "seed of the first of them")
	judgeLength  = flag.Int("judge.length", 3, "commands of the short stories, of which all are told")
)

// process is the driver as a command.
type process struct {
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Reader
}

func startProcess(t testing.TB) *process {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "mergedriver")
	if out, err := exec.Command("go", "build", "-o", bin, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.Command(bin)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("at the end of its input the driver says: %v", err)
		}
	})
	return &process{t: t, in: in, out: bufio.NewReader(out)}
}

// Do sends a line and waits for its answer.
func (p *process) Do(line []byte) []byte {
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.out.ReadBytes('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

func TestJudgeStories(t *testing.T) {
	p := startProcess(t)
	for i := range uint64(*judgeStories) {
		seed := *judgeSeed + i
		devices := 1 + int(seed%4)
		s := newTaleOf(newJudgeOf(seeded{t, seed}, p, tales[:devices]...), seed, devices)
		for range 20 + s.rng.IntN(100) {
			s.step()
		}
		s.meet()
	}
}

// seeded names the seed of what fails.
type seeded struct {
	testing.TB
	seed uint64
}

func (t seeded) Fatal(args ...any) { t.TB.Fatal(append([]any{"seed", t.seed}, args...)...) }
func (t seeded) Fatalf(format string, args ...any) {
	t.TB.Fatalf("seed %d: %s", t.seed, fmt.Sprintf(format, args...))
}

// TestJudgeAllShortStories tells every story of a few commands by two devices
// that have a record in common, and judges each step.
func TestJudgeAllShortStories(t *testing.T) {
	letters := shortLetters()
	n := 0
	var tell func(story []int)
	tell = func(story []int) {
		if len(story) < *judgeLength {
			for l := range letters {
				tell(append(story, l))
			}
			return
		}
		n++
		s := newTaleOf(newJudge(storied{t, letters, story}, "A", "B"), 1, 2)
		s.begin()
		for _, l := range story {
			letters[l].do(s)
		}
		s.meet()
	}
	tell(nil)
	t.Logf("%d stories", n)
}

// storied names the commands of a story that fails.
type storied struct {
	testing.TB
	letters []shortLetter
	story   []int
}

func (t storied) Fatalf(format string, args ...any) {
	t.Helper()
	var names []string
	for _, l := range t.story {
		names = append(names, t.letters[l].name)
	}
	t.TB.Fatalf("%s: %s", strings.Join(names, ", "), fmt.Sprintf(format, args...))
}

func (t storied) Fatal(args ...any) { t.Fatalf("%s", fmt.Sprint(args...)) }

type shortLetter struct {
	name string
	do   func(s *tale)
}

// shortLetters are an edit of each kind by either device, and how changes go.
func shortLetters() (out []shortLetter) {
	edits := []struct {
		c cmd
		a act
	}{
		{cmd{"op": "set", "f": "v"}, act{op: "set", f: "v"}},
		{cmd{"op": "add", "f": "s", "value": "x"}, act{op: "add", f: "s", value: "x"}},
		{cmd{"op": "remove", "f": "s", "value": "x"}, act{op: "remove", f: "s", value: "x"}},
		{cmd{"op": "lset", "f": "l", "item": "i"}, act{op: "lset", f: "l", item: "i"}},
		{cmd{"op": "ldel", "f": "l", "item": "i"}, act{op: "ldel", f: "l", item: "i"}},
		{cmd{"op": "delete"}, act{op: "delete"}},
		{cmd{"op": "restore"}, act{op: "restore"}},
	}
	for _, r := range []string{"A", "B"} {
		for _, e := range edits {
			out = append(out, shortLetter{r + " " + e.a.op, func(s *tale) { s.short(r, e.c, e.a) }})
		}
	}
	return append(out,
		shortLetter{"A takes", func(s *tale) { s.takeFrom("A") }},
		shortLetter{"B is given the last", func(s *tale) { s.giveLast("B") }},
		shortLetter{"B pulls", func(s *tale) { s.pull("A", "B"); s.flow("A", "B"); s.check("B") }},
		shortLetter{"A pulls", func(s *tale) { s.pull("B", "A"); s.flow("B", "A"); s.check("A") }},
	)
}

// begin is what both devices know.
func (s *tale) begin() {
	for _, a := range []act{{op: "create"}, {op: "set", f: "v", value: "0"}, {op: "add", f: "s", value: "x"}, {op: "lins", f: "l", item: "i", value: "0"}} {
		c := cmd{"op": a.op, "r": "A", "rec": "m"}
		if a.f != "" {
			c["f"], c["value"] = a.f, a.value
		}
		if a.item != "" {
			c["item"], c["at"] = a.item, 0
		}
		s.ok(c)
		a.rec = "m"
		s.did("A", a)
	}
	s.sync("A", "B")
	s.flow("A", "B")
}

// short makes one edit, or sees it refused where there is nothing to edit.
func (s *tale) short(r string, c cmd, a act) {
	c, a.rec = cmdCopy(c), "m"
	c["r"], c["rec"] = r, "m"
	if c["value"] == nil && (a.op == "set" || a.op == "lset") {
		a.value = fmt.Sprint(len(s.h.acts))
		c["value"] = a.value
	}
	m := s.mirrors[r]
	deleted, _ := s.h.deleted(m, "m")
	there := slices.Contains(s.h.visible(m, "m/l"), "i")
	switch life := a.op == "delete" || a.op == "restore"; {
	case deleted && !life:
		s.refused("DELETED", c)
		return
	case a.item != "" && !there:
		s.refused("NO_ITEM", c)
		return
	}
	s.ok(c)
	if a.op != "remove" || slices.Contains(s.h.members(m, "m/s"), "x") {
		s.did(r, a)
	}
	s.check(r)
}

func cmdCopy(c cmd) cmd {
	out := cmd{}
	for k, v := range c {
		out[k] = v
	}
	return out
}

func (s *tale) giveLast(r string) {
	if len(s.names) == 0 {
		return
	}
	name := s.names[len(s.names)-1]
	s.h.deliver(s.mirrors[r], s.named[name])
	s.give(r, name)
	s.check(r)
}

// TestJudgePlaces: runs typed at one place, each in any order of its own, beside
// words that were deleted, and gone on with by others, stay whole.
func TestJudgePlaces(t *testing.T) {
	p := startProcess(t)
	for i := range uint64(*judgeStories / 5) {
		seed := *judgeSeed + i
		rng := rand.New(rand.NewPCG(seed, 5))
		devices := tales[:2+rng.IntN(3)]
		j := newJudgeOf(seeded{t, seed}, p, devices...)
		at := j.place(rng)
		for _, r := range devices[1:] {
			j.sync("A", r)
		}
		runs := map[string]string{}
		for k, r := range devices {
			runs[r] = j.typeAnyhow(rng, r, at, string(rune('a'+k)), "")
		}
		if n := len(devices); rng.IntN(2) == 0 { // the second goes on with the first one's run
			r := devices[1+rng.IntN(n-1)]
			j.pull("A", r)
			from := strings.Index(j.text(r, "m", "t"), runs["A"])
			if from < 0 {
				t.Fatalf("seed %d: %q is torn at %s already: %q", seed, runs["A"], r, j.text(r, "m", "t"))
			}
			runs["A"] = j.typeAnyhow(rng, r, from, "a", runs["A"])
		}
		for range 2 {
			for _, r := range devices[1:] {
				j.sync("A", r)
			}
		}
		j.same(devices...)
		got := j.text("A", "m", "t")
		for _, run := range runs {
			if !strings.Contains(got, run) {
				t.Fatalf("seed %d: %q is torn in %q", seed, run, got)
			}
		}
	}
}

// place writes a text with deleted words in it and gives an index beside them.
func (j *judge) place(rng *rand.Rand) int {
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "[(]")
	at := 1 + rng.IntN(2)
	for range rng.IntN(3) {
		j.ins("A", "m", "t", at, "gone")
		for range 4 {
			j.del("A", "m", "t", at, 1)
		}
	}
	return at
}

// typeAnyhow adds up to six letters to a run that starts at an index: at its
// end, at its start, or within.
func (j *judge) typeAnyhow(rng *rand.Rand, r string, at int, letter, run string) string {
	how := rng.IntN(3)
	for n := 1 + rng.IntN(6); n > 0; n-- {
		k := []int{len(run), 0, rng.IntN(len(run) + 1)}[how]
		j.ins(r, "m", "t", at+k, letter)
		run = run[:k] + letter + run[k:]
	}
	return run
}
