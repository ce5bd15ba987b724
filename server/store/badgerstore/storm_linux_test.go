package badgerstore_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func init() { children["storm"] = stormChild }

const (
	stormRate    = 7000 // updates a second
	stormCallers = 64
	stormSeconds = "BADGERSTORE_STORM_SECONDS"
)

// BenchmarkStorm is the load of many devices docking at once, in a process of
// its own: 7,000 updates a second for 20 s (or as many as
// BADGERSTORE_STORM_SECONDS says), of eight keys and 1.5 KB each. It prints what
// the process took. GOGC and GOMEMLIMIT are passed on.
func BenchmarkStorm(b *testing.B) {
	for b.Loop() { // once: it takes longer than a benchmark is given
		cmd, err := childCmd("storm", b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s", out)
	}
}

func stormChild(dir string) error {
	seconds, _ := strconv.Atoi(os.Getenv(stormSeconds))
	if seconds == 0 {
		seconds = 20
	}
	s := mustOpen(panicTB{}, dir)
	stop, peak := make(chan struct{}), newPeaks()
	var sampler sync.WaitGroup
	sampler.Go(func() { peak.sample(stop) })
	cpu, start := cpuTime(), time.Now()
	waits := storm(func(w *workload) error { return w.update(s) }, stormRate*seconds)
	took, used := time.Since(start), cpuTime()-cpu
	close(stop)
	sampler.Wait()
	slices.Sort(waits)
	n := len(waits)
	fmt.Printf("%d updates in %v, %.0f/s, %v cpu each, wait p50 %v p99 %v max %v\n", n, took.Round(time.Millisecond),
		float64(n)/took.Seconds(), used/time.Duration(n), waits[n/2], waits[n*99/100], waits[n-1])
	st := s.Stats()
	fmt.Printf("%d transactions, %d syncs, %d MiB on disk\n", st.Transactions, st.Syncs, diskBytes(dir)>>20)
	fmt.Println("memory in MiB, median and peak:", peak)
	return s.Close()
}

// storm calls do n times, at stormRate, from stormCallers, and returns how long
// each took.
func storm(do func(*workload) error, n int) []time.Duration {
	due := make(chan struct{}, n)
	waits := make([]time.Duration, 0, n)
	var mu sync.Mutex
	var callers sync.WaitGroup
	for c := range stormCallers {
		callers.Go(func() {
			w := newWorkload(uint64(c))
			for range due {
				start := time.Now()
				if err := do(w); err != nil {
					panic(err)
				}
				mu.Lock()
				waits = append(waits, time.Since(start))
				mu.Unlock()
			}
		})
	}
	start := time.Now()
	for i := range n {
		if i%(stormRate/100) == 0 {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / stormRate)))
		}
		due <- struct{}{}
	}
	close(due)
	callers.Wait()
	return waits
}

// peaks samples the memory of this process.
type peaks struct{ values map[string][]int }

func newPeaks() *peaks { return &peaks{map[string][]int{}} }

func (p *peaks) sample(stop chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		f, err := os.Open("/proc/self/status")
		if err != nil {
			return
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if name := words[0]; name == "VmRSS:" || name == "RssAnon:" || name == "RssFile:" {
				kib, _ := strconv.Atoi(words[1])
				p.values[name] = append(p.values[name], kib>>10)
			}
		}
		f.Close()
	}
}

func (p *peaks) String() string {
	var s string
	for _, name := range []string{"VmRSS:", "RssAnon:", "RssFile:"} {
		v := slices.Sorted(slices.Values(p.values[name]))
		if len(v) > 0 {
			s += fmt.Sprintf(" %s %d, %d;", name, v[len(v)/2], v[len(v)-1])
		}
	}
	return s + fmt.Sprintf(" memory limit %d", debug.SetMemoryLimit(-1)>>20)
}

// panicTB lets a child use helpers of tests.
type panicTB struct{ testing.TB }

func (panicTB) Helper()           {}
func (panicTB) Fatal(args ...any) { panic(errors.New(fmt.Sprint(args...))) }
