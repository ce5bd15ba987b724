package syncproto_test

import (
	"testing"

	"github.com/chuantou/chuantou/syncproto"
)

func FuzzNames(f *testing.F) {
	const id = "0f0e0d0c-0b0a-4908-8706-050403020100"
	for _, s := range []string{id + "/7", id + "/7.0", id + ":3", id + "/07", id + "/7.", id + ":0", "0F0E0D0C-0b0a-4908-8706-050403020100/7",
		"0f0e0d0c-0b0a-8908-8706-050403020100/7", id + "/9223372036854775808", id + "/7.4294967296", "none", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := syncproto.ParseChangeID(s); (err == nil) != (!c.IsZero() && c.String() == s) {
			t.Errorf("change %q reads as %v, %v", s, c, err)
		}
		if d, err := syncproto.ParseDot(s); (err == nil) != (!d.Change().IsZero() && d.String() == s) {
			t.Errorf("dot %q reads as %v, %v", s, d, err)
		}
		if e, err := syncproto.ParseElemID(s); (err == nil) != (!e.IsNone() && e.String() == s) {
			t.Errorf("element %q reads as %v, %v", s, e, err)
		}
	})
}

func TestPens(t *testing.T) {
	pen := syncproto.PenID([16]byte{1, 2, 3, 4, 5, 6, 0xff, 8, 0xff})
	if !pen.IsPen() || syncproto.NewReplicaID().IsPen() {
		t.Error("a pen is told from a device by its id")
	}
	if got, err := syncproto.ParseReplicaID(pen.String()); err != nil || got != pen {
		t.Errorf("%s reads as %s, %v", pen, got, err)
	}
	if _, err := syncproto.ParseReplicaID("0f0e0d0c-0b0a-7908-8706-050403020100"); err == nil {
		t.Error("a record's id is taken for a replica's")
	}
}
