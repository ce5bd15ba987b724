package fold_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

var first, second = syncproto.ReplicaID{0: 0x0b, 6: 0x40, 8: 0x80}, syncproto.ReplicaID{0: 0x30, 6: 0x40, 8: 0x80, 15: 1}

// TestDecodeRefusesEach has a table for each thing that a reader checks.
func TestDecodeRefusesEach(t *testing.T) {
	a, b := string(first[:]), string(second[:])
	for name, c := range map[string]struct{ table, why string }{
		"version":               {"\x02", "version"},
		"replicas out of order": {"\x01\x02" + b + a + "\x00\x01", "out of order"},
		"no id":                 {"\x01\x01" + string(make([]byte, 16)) + "\x00\x01", "without an id"},
		"nothing":               {"\x01\x00\x00\x00", "nothing"},
		"run of no element":     {"\x01\x00\x01\x00\x00\x00\x00", "no element"},
		"run that goes on":      {"\x01\x01" + a + "\x02\x00\x01\x00\x00\x02\x00\x00", "goes on"},
		"unused replica":        {"\x01\x02" + a + b + "\x01\x00\x01\x00\x00", "not used"},
		"trailing bytes":        {"\x01\x01" + a + "\x01\x00\x01\x00\x00\x00", "trailing"},
		"cut short":             {"\x01\x01" + a + "\x01\x00\x01", "cut short"},
	} {
		if _, err := fold.Decode([]byte(c.table)); !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want something about %q", name, err, c.why)
		}
	}
}

func FuzzDecode(f *testing.F) {
	elem := func(r syncproto.ReplicaID, counter uint64) syncproto.ElemID {
		return syncproto.ElemID{Replica: r, Counter: counter}
	}
	var t fold.Table
	for i, x := range []struct {
		first   syncproto.ElemID
		visible uint64 // 0: deleted
	}{{elem(first, 1), 3}, {elem(second, 7), 0}, {elem(second, 8), 0}, {elem(first, 4), 2}, {elem(first, 6), 1}, {elem(second, 1), 0}} {
		if x.visible > 0 {
			t.Visible(x.first, x.visible)
		} else {
			t.Deleted(x.first)
		}
		if b := t.AppendBinary(nil); i > 0 {
			f.Add(b)
		}
	}
	var gone fold.Table
	gone.Deleted(elem(first, 1))
	f.Add(gone.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := fold.Decode(b)
		if err != nil {
			if table != nil || !errors.Is(err, strict.ErrInvalid) {
				t.Fatalf("refused with %v, table %v", err, table)
			}
			return
		}
		if again := table.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Fatalf("accepted %x, writes %x", b, again)
		}
	})
}
