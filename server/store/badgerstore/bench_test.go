//go:build unix

package badgerstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

// The unit of work of the write benchmarks is an update as taking in one change
// makes: one guard, two reads, eight keys, 1.5 KB.
const (
	keysPerUpdate  = 8
	bytesPerUpdate = 1500
)

// workload makes keys and values like those of records, indexes and feeds: half
// of the keys fall at random places, half at the end of a range.
type workload struct {
	rng   *rand.Rand
	words []string
	n     uint64
}

func newWorkload(seed uint64) *workload {
	return &workload{rng: rand.New(rand.NewPCG(seed, 1)), words: strings.Fields("东极 村 码头 路灯 坏 了 五月 走访 住户 编号 问题 镇 水管 已 办结 harbour lamp visit household")}
}

func (w *workload) key(i uint64, kind byte) store.Key {
	k := append(make(store.Key, 0, 48), kind)
	if kind%2 == 0 {
		i *= 0x9e3779b97f4a7c15
	}
	return append(binary.BigEndian.AppendUint64(k, i), "|330902001|zf-household"...)
}

func (w *workload) value(n int) []byte {
	v := make([]byte, 0, n+16)
	v = binary.BigEndian.AppendUint64(v, w.rng.Uint64())
	v = binary.BigEndian.AppendUint64(v, w.rng.Uint64())
	for len(v) < n {
		v = append(v, w.words[w.rng.IntN(len(w.words))]...)
	}
	return v[:n]
}

func (w *workload) update(s store.Store) error {
	w.n++
	id := w.rng.Uint64()
	_, err := s.Update(context.Background(), []store.Key{w.key(id%64, 'G')}, func(r store.Reader) (store.Batch, error) {
		var b store.Batch
		for kind := range byte(2) {
			if _, err := r.Get(w.key(id, 'A'+kind)); err != nil {
				return b, err
			}
		}
		for kind := range byte(keysPerUpdate) {
			b.Put(w.key(id, 'A'+kind), w.value(bytesPerUpdate/keysPerUpdate-40))
		}
		return b, nil
	})
	return err
}

// filled returns a store with n keys "K…" in order, each with a value of 150 bytes.
func filled(b *testing.B, n int) *badgerstore.Store {
	s := mustOpen(b, b.TempDir())
	b.Cleanup(func() { s.Close() })
	w := newWorkload(7)
	for i := 0; i < n; {
		_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
			var batch store.Batch
			for range min(store.MaxBatchKeys, n-i) {
				batch.Put(benchKey(i), w.value(150))
				i++
			}
			return batch, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func benchKey(i int) store.Key { return store.Key(fmt.Sprintf("K%09d|330902001|zf-household", i)) }

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s := filled(b, size)
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("keys=%d/callers=%d", size, callers), func(b *testing.B) {
				before, cpu := s.Stats(), cpuTime()
				b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
				b.SetBytes(bytesPerUpdate)
				var seed atomic.Uint64
				run := func(next func() bool) {
					w := newWorkload(seed.Add(1))
					for next() {
						if err := w.update(s); err != nil {
							b.Error(err)
							return
						}
					}
				}
				if callers == 1 {
					run(b.Loop)
				} else {
					b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
				}
				after, seconds := s.Stats(), b.Elapsed().Seconds()
				b.ReportMetric(float64(after.Updates-before.Updates)/seconds, "updates/s")
				b.ReportMetric(float64(after.Syncs-before.Syncs)/seconds, "fsyncs/s")
				b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s := filled(b, size)
		w := newWorkload(9)
		each := func(name string, fn func(r store.Reader) error) {
			b.Run(fmt.Sprintf("keys=%d/%s", size, name), func(b *testing.B) {
				for b.Loop() {
					if err := s.View(context.Background(), 0, fn); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		each("Get", func(r store.Reader) error {
			v, err := r.Get(benchKey(w.rng.IntN(size)))
			if err == nil && len(v) != 150 {
				err = fmt.Errorf("value of %d bytes", len(v))
			}
			return err
		})
		each("GetAbsent", func(r store.Reader) error {
			_, err := r.Get(append(benchKey(w.rng.IntN(size)), '!'))
			return err
		})
		for _, reverse := range []bool{false, true} {
			each(fmt.Sprintf("Scan50/reverse=%v", reverse), func(r store.Reader) error {
				from := w.rng.IntN(size - 50)
				n := 0
				err := r.Scan(benchKey(from), benchKey(from+50), reverse, func(store.Key, []byte) (bool, error) { n++; return true, nil })
				if err == nil && n != 50 {
					err = fmt.Errorf("scan of %d keys", n)
				}
				return err
			})
		}
	}
}

// diskBytes is what the files of dir take on disk.
func diskBytes(dir string) (n int64) {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		var st syscall.Stat_t
		if syscall.Stat(name, &st) == nil {
			n += st.Blocks * 512
		}
	}
	return n
}
