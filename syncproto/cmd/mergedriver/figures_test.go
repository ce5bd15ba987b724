package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto/cmd/mergedriver/driver"
	"github.com/chuantou/chuantou/syncproto/text/typist"
)

// The figures of docs/merge.md, every one of them through the driver's own
// lines:
//
//	go test ./syncproto/cmd/mergedriver -run xxx -bench . -benchtime 3x
//
// Times are of the processor (user and system, all threads), since machines
// are shared.

const (
	paperKeys  = 259_778
	denseKeys  = 26_078
	serveAsEnv = "MERGEDRIVER_SERVE"
)

// TestMain lets the test's own binary be the driver, to see what a process takes.
func TestMain(m *testing.M) {
	if os.Getenv(serveAsEnv) != "" {
		main()
		return
	}
	debug.SetGCPercent(gcPercent) // as the driver runs
	os.Exit(m.Run())
}

type command map[string]any

// bench is a driver in this process.
type bench struct {
	testing.TB
	*driver.Driver
}

func newBench(b testing.TB) *bench { return &bench{b, driver.New()} }

func encode(b testing.TB, c command) []byte {
	b.Helper()
	out, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// do carries out a command and returns its answer.
func (b *bench) do(c command) map[string]any {
	b.Helper()
	var out map[string]any
	if err := json.Unmarshal(b.Do(encode(b, c)), &out); err != nil || out["ok"] != true {
		b.Fatalf("%v: %v %v", c, out, err)
	}
	return out
}

func (b *bench) number(c command, member string) float64 {
	b.Helper()
	return b.do(c)[member].(float64)
}

func (b *bench) start(replicas ...string) {
	for _, r := range replicas {
		b.do(command{"op": "replica", "r": r})
	}
	b.do(command{"op": "create", "r": replicas[0], "rec": "m"})
	b.do(command{"op": "take", "r": replicas[0], "as": "start"})
	for _, r := range replicas[1:] {
		b.do(command{"op": "give", "r": r, "changes": []string{"start"}})
	}
}

// all carries out commands whose answers are not looked into, and returns the
// milliseconds of processor time that it took.
func (b *bench) all(lines [][]byte) float64 {
	b.Helper()
	start := cpuTime(b)
	for _, l := range lines {
		if out := b.Do(l); !bytes.Contains(out, []byte(`"ok":true`)) {
			b.Fatalf("%s: %s", l, out)
		}
	}
	return float64(cpuTime(b)-start) / float64(time.Millisecond)
}

func cpuTime(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// least is the smallest of a benchmark's measurements.
type least struct{ v float64 }

func (l *least) note(v float64) {
	if l.v == 0 || v < l.v {
		l.v = v
	}
}

func replayLine(b testing.TB, lang typist.Language) []byte {
	edits := make([][3]any, 0, paperKeys)
	for _, k := range typist.Alone(1, lang, paperKeys) {
		edits = append(edits, [3]any{k.At, k.Del, k.Ins})
	}
	return encode(b, command{"op": "replay", "r": "A", "rec": "m", "f": "t", "edits": edits})
}

// One unit is a document of 259,778 keys by one writer, applied one by one,
// stored, loaded again and read.
func BenchmarkPaper(b *testing.B) {
	for name, lang := range map[string]typist.Language{"latin": typist.Latin, "chinese": typist.Chinese} {
		b.Run(name, func(b *testing.B) { benchPaper(b, replayLine(b, lang)) })
	}
}

func benchPaper(b *testing.B, replay []byte) {
	var engine, load, change, save, chars least
	for b.Loop() {
		d := newBench(b)
		d.start("A")
		var out map[string]any
		if err := json.Unmarshal(d.Do(replay), &out); err != nil {
			b.Fatal(err)
		}
		engine.note(out["ms"].(float64))
		change.note(d.number(command{"op": "take", "r": "A", "as": "c"}, "bytes"))
		saved := d.do(command{"op": "save", "r": "A"})
		save.note(saved["bytes"].(float64))
		load.note(d.all([][]byte{encode(b, command{"op": "load", "r": "L", "blob": saved["blob"]}), encode(b, command{"op": "read", "r": "L"})}))
		chars.note(float64(len([]rune(fmt.Sprint(d.do(command{"op": "read", "r": "L"}))))))
	}
	b.ReportMetric(engine.v, "replay-ms")
	b.ReportMetric(load.v, "load+read-cpu-ms")
	b.ReportMetric(change.v, "change-B")
	b.ReportMetric(save.v, "save-B")
	b.ReportMetric(chars.v, "chars")
}

// One unit is the same in a process of its own: its peak memory.
func BenchmarkPaperMemory(b *testing.B) {
	in := [][]byte{
		[]byte(`{"op":"replica","r":"A"}`), []byte(`{"op":"create","r":"A","rec":"m"}`), replayLine(b, typist.Latin),
		[]byte(`{"op":"take","r":"A","as":"c"}`), []byte(`{"op":"save","r":"A"}`), []byte(`{"op":"read","r":"A"}`),
	}
	var peak least
	for b.Loop() {
		peak.note(peakMiB(b, in))
	}
	b.ReportMetric(peak.v, "peak-MiB")
}

// peakMiB asks Linux for the peak of the process while it still runs: what it
// says of an ended one counts the program that started it.
func peakMiB(b *testing.B, lines [][]byte) float64 {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveAsEnv+"=1")
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	answers := bufio.NewReader(out)
	for _, line := range lines {
		if _, err := in.Write(append(line, '\n')); err != nil {
			b.Fatal(err)
		}
		if a, err := answers.ReadString('\n'); err != nil || !strings.Contains(a, `"ok":true`) {
			b.Fatalf("%.300s %v", a, err)
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err := errors.Join(err, in.Close(), cmd.Wait()); err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// dense writes a document by two writers who hear of each other late, every key
// a change of its own, and names them in the order they were made.
func dense(b *bench) (names []string, bytes float64) {
	b.start("A", "B")
	devices := [2]string{"A", "B"}
	writers := [2]*typist.Typist{typist.New(2, typist.Latin), typist.New(3, typist.Latin)}
	var got, length [2]int
	var who []int
	for i, turn := range typist.Turns(2, denseKeys) {
		w, r := turn.Writer, devices[turn.Writer]
		var news []string
		for ; got[w] < turn.Seen; got[w]++ {
			if who[got[w]] != w {
				news = append(news, names[got[w]])
			}
		}
		if len(news) > 0 {
			b.do(command{"op": "give", "r": r, "changes": news})
			length[w] = len([]rune(b.text(r)))
		}
		k := writers[w].Key(length[w])
		if k.Del > 0 {
			b.do(command{"op": "del", "r": r, "rec": "m", "f": "t", "at": k.At, "n": k.Del})
			length[w]--
		} else {
			b.do(command{"op": "ins", "r": r, "rec": "m", "f": "t", "at": k.At, "text": k.Ins})
			length[w]++
		}
		name := fmt.Sprint("c", i)
		bytes += b.number(command{"op": "take", "r": r, "as": name}, "bytes")
		names, who = append(names, name), append(who, w)
	}
	return names, bytes
}

func (b *bench) text(r string) string {
	rec := b.do(command{"op": "read", "r": r, "rec": "m"})["records"].(map[string]any)["m"].(map[string]any)
	f, ok := rec["fields"].(map[string]any)["t"].(map[string]any)
	if !ok {
		return ""
	}
	return f["text"].(string)
}

// One unit is the delivery of 26,078 keys of two writers to a third device.
func BenchmarkTwoWriters(b *testing.B) {
	d := newBench(b)
	names, size := dense(d)
	shuffled := append([]string(nil), names...)
	rng := typist.Rand(4)
	for i := range shuffled {
		j := i + rng.N(len(shuffled)-i)
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	n := 0
	for _, how := range []struct {
		name  string
		names []string
		once  bool
	}{{"one by one", names, false}, {"at once", names, true}, {"random order", shuffled, false}} {
		b.Run(how.name, func(b *testing.B) {
			var ms least
			for b.Loop() {
				n++
				r := fmt.Sprint("C", n)
				d.do(command{"op": "replica", "r": r})
				d.do(command{"op": "give", "r": r, "changes": []string{"start"}})
				var lines [][]byte
				if how.once {
					lines = append(lines, encode(b, command{"id": 1, "op": "give", "r": r, "changes": how.names}))
				} else {
					for i, name := range how.names {
						lines = append(lines, encode(b, command{"id": i, "op": "give", "r": r, "changes": []string{name}}))
					}
				}
				ms.note(d.all(lines))
				if d.text(r) != d.text("C1") {
					b.Fatal("two orders of delivery differ")
				}
			}
			b.ReportMetric(ms.v, "cpu-ms")
			b.ReportMetric(size/float64(len(names)), "B/change")
		})
	}
	b.Run("pulled", func(b *testing.B) {
		var bytes least
		for b.Loop() {
			n++
			r := fmt.Sprint("C", n)
			d.do(command{"op": "replica", "r": r})
			d.do(command{"op": "sync", "a": "A", "b": "B"})
			bytes.note(d.number(command{"op": "pull", "from": "A", "to": r}, "bytes"))
		}
		b.ReportMetric(bytes.v/float64(len(names)), "B/change")
		b.ReportMetric(d.number(command{"op": "save", "r": "A"}, "bytes"), "save-B")
	})
}

// One unit is 20,000 edits of one field each over 1,000 records of 15 fields:
// made, every one a change, and delivered to another device.
func BenchmarkForms(b *testing.B) {
	const records, updates = 1000, 20_000
	var made, given, batch, rest, pulled least
	for b.Loop() {
		d := newBench(b)
		d.start("A", "B", "C")
		empty := d.number(command{"op": "save", "r": "A"}, "bytes")
		for i := range records {
			d.do(command{"op": "create", "r": "A", "rec": fmt.Sprint("r", i)})
			for f := range 15 {
				d.do(command{"op": "set", "r": "A", "rec": fmt.Sprint("r", i), "f": fmt.Sprint("field", f), "value": fmt.Sprint("value ", i*f)})
			}
		}
		d.do(command{"op": "take", "r": "A", "as": "forms"})
		for _, r := range []string{"B", "C"} {
			d.do(command{"op": "give", "r": r, "changes": []string{"forms"}})
		}
		rest.note((d.number(command{"op": "save", "r": "A"}, "bytes") - empty) / records)
		var edits, gives [][]byte
		var names []string
		rng := typist.Rand(5)
		for i := range updates {
			name := fmt.Sprint("u", i)
			edits = append(edits,
				encode(b, command{"op": "set", "r": "A", "rec": fmt.Sprint("r", rng.N(records)), "f": fmt.Sprint("field", rng.N(15)), "value": fmt.Sprint("news ", i)}),
				encode(b, command{"op": "take", "r": "A", "as": name}))
			gives = append(gives, encode(b, command{"op": "give", "r": "B", "changes": []string{name}}))
			names = append(names, name)
		}
		made.note(d.all(edits))
		given.note(d.all(gives))
		batch.note(d.all([][]byte{encode(b, command{"op": "give", "r": "C", "changes": names})}))
		d.do(command{"op": "replica", "r": "D"})
		d.do(command{"op": "give", "r": "D", "changes": []string{"start", "forms"}})
		pulled.note(d.number(command{"op": "pull", "from": "A", "to": "D"}, "bytes") / updates)
	}
	b.ReportMetric(made.v, "made-cpu-ms")
	b.ReportMetric(given.v, "given-cpu-ms")
	b.ReportMetric(batch.v, "batch-cpu-ms")
	b.ReportMetric(rest.v, "B/record")
	b.ReportMetric(pulled.v, "B/edit")
}

// One unit is a bundle of n changes of one edit each: the bytes that each adds,
// the first apart, which pays for what all share.
func BenchmarkBundle(b *testing.B) {
	for _, n := range []int{20, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchBundle(b, n) })
	}
}

func benchBundle(b *testing.B, n int) {
	var keys, fields float64
	for b.Loop() {
		d := newBench(b)
		d.start("A", "B", "C")
		d.do(command{"op": "ins", "r": "A", "rec": "m", "f": "t", "at": 0, "text": "minutes of the meeting "})
		each := func(edit func(i int) command) float64 {
			for _, r := range []string{"B", "C"} {
				d.do(command{"op": "sync", "a": "A", "b": r})
			}
			var one, all float64
			for i := range n {
				d.do(edit(i))
				d.do(command{"op": "take", "r": "A", "as": "x"})
				if i == 0 {
					one = d.number(command{"op": "pull", "from": "A", "to": "B"}, "bytes")
				}
			}
			all = d.number(command{"op": "pull", "from": "A", "to": "C"}, "bytes")
			return (all - one) / float64(n-1)
		}
		keys = each(func(i int) command {
			return command{"op": "ins", "r": "A", "rec": "m", "f": "t", "at": 23 + i, "text": string(rune('a' + i))}
		})
		fields = each(func(i int) command {
			return command{"op": "set", "r": "A", "rec": "m", "f": fmt.Sprint("field", i%15), "value": fmt.Sprint("value ", i)}
		})
	}
	b.ReportMetric(keys, "B/keystroke")
	b.ReportMetric(fields, "B/field-edit")
}

// One unit is two devices that meet, apart by 100 characters each.
func BenchmarkMeeting(b *testing.B) {
	var apart, trips, again float64
	for b.Loop() {
		d := newBench(b)
		d.start("A", "B")
		var long strings.Builder
		p := typist.New(6, typist.Latin)
		for long.Len() < 10_300 {
			long.WriteString(p.Key(long.Len()).Ins)
		}
		base, more := long.String()[:10_000], long.String()[10_000:]
		d.do(command{"op": "ins", "r": "A", "rec": "m", "f": "t", "at": 0, "text": base})
		d.do(command{"op": "sync", "a": "A", "b": "B"})
		d.do(command{"op": "ins", "r": "A", "rec": "m", "f": "t", "at": 5000, "text": more[:100]})
		d.do(command{"op": "ins", "r": "B", "rec": "m", "f": "t", "at": 2000, "text": more[100:200]})
		out := d.do(command{"op": "sync", "a": "A", "b": "B"})
		apart, trips = out["bytes"].(float64), out["roundTrips"].(float64)
		again = d.number(command{"op": "sync", "a": "A", "b": "B"}, "bytes")
	}
	b.ReportMetric(apart, "apart-B")
	b.ReportMetric(trips, "round-trips")
	b.ReportMetric(again, "agreed-B")
}
