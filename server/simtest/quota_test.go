package simtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// A device that pushes more than its quota is told "later", each time before
// anything of that push is taken; it loses nothing, nobody else waits, and the
// day's passing lets it in again.
func TestQuotaAnswersLater(t *testing.T) {
	w := newWorld(t)
	clerk := w.person("多写", "外勤干部", township, "")
	d, other := w.device("A", clerk), w.device("B", clerk)
	write := func(d *device, n int) {
		for i := range n {
			d.write(d.newID(), "SJ", func(e *crdt.Edit) {
				must(t, e.Set("heard", value(fmt.Sprintf("%x", sum(fmt.Sprint(d.seq, i))))))
				must(t, e.Set("place_code", value(township)))
			})
		}
	}
	write(d, 40)
	one := d.bundle(1, 1)
	w.ingest.Quota = int64(5 * len(one.Frame))
	taken, refused := syncproto.Seq(0), 0
	for hours := 0; taken < d.seq; hours++ {
		if hours > 24*40 {
			t.Fatalf("only %d of %d changes in 40 days", taken, d.seq)
		}
		c, err := d.push(d.bundle(taken+1, taken+1))
		if syncproto.KindOf(err) == syncproto.KindLater && err != nil {
			refused++
			before, err := w.ingest.Receipt(t.Context(), d.replica)
			must(t, err)
			if !before.Received.Covers(syncproto.Ranges{{From: 1, To: taken}}) && taken > 0 || before.Received.Contains(taken+1) {
				t.Fatalf("after a refusal the server has %v, want 1 to %d", before.Received, taken)
			}
			if refused == 1 {
				write(other, 1)
				if got := other.pushAll(1); !got.Received.Contains(1) {
					t.Error("another device waits too")
				}
			}
			w.now = w.now.Add(time.Hour)
			continue
		}
		must(t, err)
		taken++
		if !c.Received.Contains(taken) {
			t.Fatalf("change %d is not in the receipt %v", taken, c.Received)
		}
	}
	if refused == 0 {
		t.Error("never refused")
	}
}
