package text_test

import (
	"bytes"
	"compress/flate"
	"runtime"
	"testing"

	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

const (
	longKeys  = 260_000
	denseKeys = 26_000
)

// A long text by one writer, 260,000 keys: one unit of work is the whole text.
func BenchmarkLongText(b *testing.B) {
	trace := longTrace(1, longKeys)
	d := replay(b, trace)
	state := d.AppendBinary(nil)

	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			replay(b, trace)
		}
		b.ReportMetric(float64(len(trace)), "edits/op")
		b.ReportMetric(float64(d.Len()), "chars")
	})
	b.Run("decode-string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := text.Decode(state)
			if err != nil {
				b.Fatal(err)
			}
			if d.String() == "" {
				b.Fatal("no text")
			}
		}
	})
	b.Run("decode-edit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := text.Decode(state)
			if err != nil {
				b.Fatal(err)
			}
			mustReplace(b, d, replica(2), 5000, 1, "x")
		}
	})
	b.Run("encode", func(b *testing.B) {
		var out []byte
		for b.Loop() {
			out = d.AppendBinary(out[:0])
		}
		b.ReportMetric(float64(len(out)), "B/state")
		b.ReportMetric(float64(deflated(b, out)), "B/deflated")
		b.ReportMetric(float64(deflated(b, []byte(d.String()))), "B/text-deflated")
	})
	b.Run("memory", func(b *testing.B) {
		var before, after runtime.MemStats
		var d *text.Doc
		for b.Loop() {
			d = nil
			runtime.GC()
			runtime.ReadMemStats(&before)
			d = replay(b, trace)
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc), "B/doc")
		runtime.KeepAlive(d)
	})
}

func replay(b testing.TB, trace []patch) *text.Doc {
	d := text.New()
	for _, p := range trace {
		if _, err := d.Replace(replica(1), p.at, p.del, p.ins); err != nil {
			b.Fatal(err)
		}
	}
	return d
}

func deflated(b testing.TB, p []byte) int {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Len()
}

// Two writers in one text: one unit of work is all 26,000 updates.
func BenchmarkTwoWriters(b *testing.B) {
	trace := denseTrace(1, denseKeys)
	for _, c := range []struct {
		name  string
		trace []update
	}{{"as-written", trace}, {"any-order", shuffled(1, trace)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var d *text.Doc
			for b.Loop() {
				d = text.New()
				for i := range c.trace {
					mustApply(b, d, replica(c.trace[i].author), c.trace[i].edit)
				}
			}
			b.ReportMetric(float64(len(c.trace)), "edits/op")
			b.ReportMetric(float64(len(d.AppendBinary(nil))), "B/state")
		})
	}
	b.Run("encode-edits", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			for i := range trace {
				var buf [64]byte
				n += len(trace[i].edit.AppendBinary(replica(trace[i].author), buf[:0]))
			}
		}
		b.ReportMetric(float64(n)/float64(len(trace)), "B/edit")
	})
}

// A text of some 500 characters: one unit of work is what the server does when
// an edit arrives.
func BenchmarkSmallText(b *testing.B) {
	author := replica(1)
	d := text.New()
	for range 25 {
		mustReplace(b, d, author, d.Len(), 0, "the boat goes at noon")
	}
	state := d.AppendBinary(nil)
	op := mustReplace(b, d, author, 200, 3, "tide").AppendBinary(author, nil)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		d, err := text.Decode(state)
		if err != nil {
			b.Fatal(err)
		}
		e, err := edit.Decode(author, op)
		if err != nil {
			b.Fatal(err)
		}
		mustApply(b, d, author, e)
		out = d.AppendBinary(out[:0])
	}
	b.ReportMetric(float64(len(state)), "B/state")
	b.ReportMetric(float64(len(op)), "B/edit")
}
