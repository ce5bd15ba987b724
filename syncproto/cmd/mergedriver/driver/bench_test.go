package driver_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto/cmd/mergedriver/driver"
)

// typed makes a long single-writer document of n edits in the shape of the
// published traces: runs of typing, back-space, now and then another place.
func typed(rng *rand.Rand, n int, alphabet []rune) [][3]any {
	var edits [][3]any
	at, length := 0, 0
	for len(edits) < n {
		if rng.IntN(100) < 2 {
			at = rng.IntN(length + 1)
		}
		switch {
		case at > 0 && rng.IntN(10) < 3:
			for k := min(1+rng.IntN(12), at); k > 0 && len(edits) < n; k-- {
				at--
				length--
				edits = append(edits, [3]any{at, 1, ""})
			}
		default:
			for k := 1 + rng.IntN(24); k > 0 && len(edits) < n; k-- {
				edits = append(edits, [3]any{at, 0, string(alphabet[rng.IntN(len(alphabet))])})
				at++
				length++
			}
		}
	}
	return edits
}

func latin() []rune { return []rune("eeeeeetttttaaaaaooooiiiinnnsssrrhhllddcumfpgwybvk      ,.\n") }

func do(b testing.TB, d *driver.Driver, line []byte) map[string]any {
	b.Helper()
	var out map[string]any
	if err := json.Unmarshal(d.Do(line), &out); err != nil || out["ok"] != true {
		b.Fatalf("%v %v", out, err)
	}
	return out
}

func line(b testing.TB, c cmd) []byte {
	out, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// One unit is a document of 259,778 edits applied one by one, then stored.
func BenchmarkReplay(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 1))
	replay := line(b, cmd{"op": "replay", "r": "A", "rec": "m", "f": "t", "edits": typed(rng, 259778, latin())})
	for b.Loop() {
		d := driver.New()
		do(b, d, line(b, cmd{"op": "replica", "r": "A"}))
		do(b, d, line(b, cmd{"op": "create", "r": "A", "rec": "m"}))
		out := do(b, d, replay)
		b.ReportMetric(out["ms"].(float64), "engine-ms/op")
		out = do(b, d, line(b, cmd{"op": "take", "r": "A", "as": "c"}))
		b.ReportMetric(out["bytes"].(float64), "change-bytes")
		out = do(b, d, line(b, cmd{"op": "save", "r": "A"}))
		b.ReportMetric(out["bytes"].(float64), "save-bytes")
	}
}

// One unit is a document by two writers who hear of each other after every few
// keystrokes: 26,078 updates, delivered to a third device.
func BenchmarkTwoWriters(b *testing.B) {
	for _, how := range []string{"one by one", "at once", "random order"} {
		b.Run(how, func(b *testing.B) { benchTwoWriters(b, how) })
	}
}

func benchTwoWriters(b *testing.B, how string) {
	rng := rand.New(rand.NewPCG(3, 2))
	d := driver.New()
	for _, r := range []string{"A", "B"} {
		do(b, d, line(b, cmd{"op": "replica", "r": r}))
	}
	do(b, d, line(b, cmd{"op": "create", "r": "A", "rec": "m"}))
	do(b, d, line(b, cmd{"op": "take", "r": "A", "as": "c0"}))
	do(b, d, line(b, cmd{"op": "give", "r": "B", "changes": []string{"c0"}}))
	names := []string{"c0"}
	total := 0.0
	at := map[string]int{}
	for len(names) < 26078 {
		for _, r := range []string{"A", "B"} {
			var mine []string
			for range 1 + rng.IntN(8) {
				name := fmt.Sprint("c", len(names))
				if rng.IntN(20) == 0 {
					at[r] = rng.IntN(1 + len(names)/8)
				}
				do(b, d, line(b, cmd{"op": "ins", "r": r, "rec": "m", "f": "t", "at": min(at[r], len(names)/8), "text": "e"}))
				at[r]++
				total += do(b, d, line(b, cmd{"op": "take", "r": r, "as": name}))["bytes"].(float64)
				names, mine = append(names, name), append(mine, name)
			}
			other := map[string]string{"A": "B", "B": "A"}[r]
			do(b, d, line(b, cmd{"op": "give", "r": other, "changes": mine}))
		}
	}
	var gives [][]byte
	switch how {
	case "at once":
		gives = append(gives, line(b, cmd{"op": "give", "r": "C", "changes": names}))
	case "random order":
		rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		fallthrough
	default:
		for _, name := range names {
			gives = append(gives, line(b, cmd{"op": "give", "r": "C", "changes": []string{name}}))
		}
	}
	n := 0
	for b.Loop() {
		b.StopTimer()
		do(b, d, line(b, cmd{"op": "replica", "r": fmt.Sprint("C", n)}))
		to := []byte(fmt.Sprintf(`"r":"C%d"`, n))
		n++
		batch := make([][]byte, len(gives))
		for i := range gives {
			batch[i] = replaceOnce(gives[i], []byte(`"r":"C"`), to)
		}
		b.StartTimer()
		for _, g := range batch {
			d.Do(g)
		}
	}
	b.ReportMetric(total/float64(len(names)), "bytes/update")
}
