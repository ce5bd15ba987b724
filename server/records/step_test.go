package records_test

import (
	"reflect"
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
)

func steps() []records.Step {
	plain := records.Step{Replica: syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}, Seq: 7, Part: 2, Bundle: 5, Received: 1_779_264_600_000}
	blind, late := plain, plain
	blind.Blind = []records.BlindField{{Field: "impression"}, {Field: "statements", Sub: "text"}}
	late.Blind, late.Void = []records.BlindField{{Field: "met"}}, []string{"met"}
	return []records.Step{plain, blind, late}
}

// A step reads as it was written, with what its part is joined with, and half of
// one is none.
func TestStep(t *testing.T) {
	for _, want := range steps() {
		b := want.Append(nil)
		got, err := records.DecodeStep(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v reads as %+v, %v", want, got, err)
		}
		for n := range b {
			if _, err := records.DecodeStep(b[:n]); err == nil {
				t.Errorf("%d of %d bytes are a step", n, len(b))
			}
		}
		opt := got.Options()
		if len(want.Blind) > 0 != (opt.Blind != nil) || len(want.Void) > 0 != (opt.Void != nil) {
			t.Errorf("%+v is joined with %+v", want, opt)
		}
	}
	late := steps()[2]
	if opt := late.Options(); !opt.Blind("met", "") || !opt.Void("met") || opt.Void("purpose") {
		t.Error("a late step is joined as another")
	}
}

func FuzzDecodeStep(f *testing.F) {
	for _, s := range steps() {
		f.Add(s.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := records.DecodeStep(b)
		if err != nil {
			return
		}
		if again, err := records.DecodeStep(s.Append(nil)); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v reads as %+v, %v", s, again, err)
		}
	})
}
