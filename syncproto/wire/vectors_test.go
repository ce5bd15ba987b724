package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/vectors"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// author is the replica that the part vectors were made by.
var author = func() (r syncproto.ReplicaID) {
	for i := range r {
		r[i] = 0x11 + byte(i)
	}
	r[6], r[8] = r[6]&0x0f|0x40, r[8]&0x3f|0x80
	return r
}()

var deviceKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public().(ed25519.PublicKey)

// recode reads input with one decoder and encodes the result again.
var recode = map[string]func([]byte) ([]byte, error){
	"value": func(b []byte) ([]byte, error) {
		v, err := wire.DecodeValue(b)
		if err != nil {
			return nil, err
		}
		return wire.EncodeValue(v)
	},
	"part": func(b []byte) ([]byte, error) {
		p, err := wire.DecodePart(author, b)
		if err != nil {
			return nil, err
		}
		return wire.AppendPart(nil, author, &p), nil
	},
	"bundle": func(b []byte) ([]byte, error) {
		u, err := wire.DecodeBundle(b)
		if err != nil {
			return nil, err
		}
		if _, err := sign.OpenBundle(&u, deviceKey); err != nil {
			return nil, err
		}
		return wire.AppendBundle(nil, &u), nil
	},
	"receipt": func(b []byte) ([]byte, error) {
		c, err := wire.DecodeReceipt(b)
		if err != nil {
			return nil, err
		}
		return wire.AppendReceipt(nil, &c), nil
	},
	"reissue": func(b []byte) ([]byte, error) {
		q, err := wire.DecodeReissueRequest(b)
		if err != nil {
			return nil, err
		}
		return wire.AppendReissueRequest(nil, &q), nil
	},
	"reissued": func(b []byte) ([]byte, error) {
		all, err := wire.DecodeReissued(b)
		if err != nil {
			return nil, err
		}
		return wire.AppendReissued(nil, all), nil
	},
	"pull": func(b []byte) ([]byte, error) {
		q, err := wire.DecodePull(b)
		if err != nil {
			return nil, err
		}
		return wire.AppendPull(nil, &q), nil
	},
	"page": func(b []byte) ([]byte, error) {
		p, err := wire.DecodePage(b)
		if err != nil {
			return nil, err
		}
		return wire.AppendPage(nil, p), nil
	},
}

func TestVectors(t *testing.T) {
	for decoder, run := range recode {
		cases, err := vectors.All(decoder)
		if err != nil || len(cases) == 0 {
			t.Fatalf("%s: %d vectors, %v", decoder, len(cases), err)
		}
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				out, err := run(c.Input)
				switch {
				case c.Accept && err != nil:
					t.Fatalf("refused: %v", err)
				case c.Accept && !bytes.Equal(out, c.Input):
					t.Fatalf("encoded again as %x", out)
				case !c.Accept && err == nil:
					t.Fatalf("accepted, want a refusal: %s", c.Why)
				case !c.Accept && !strings.Contains(err.Error(), c.Says):
					t.Fatalf("says %q, want it to contain %q", err, c.Says)
				}
			})
		}
	}
}

// fuzzRecode checks that what a decoder accepts is the one encoding of it.
func fuzzRecode(f *testing.F, decoder string) {
	cases, err := vectors.All(decoder)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := recode[decoder](in)
		if err == nil && !bytes.Equal(out, in) {
			t.Fatalf("accepted %x, encoded again as %x", in, out)
		}
	})
}

func FuzzValue(f *testing.F)   { fuzzRecode(f, "value") }
func FuzzReceipt(f *testing.F) { fuzzRecode(f, "receipt") }
func FuzzBundle(f *testing.F)  { fuzzRecode(f, "bundle") }

func FuzzReissue(f *testing.F)  { fuzzRecode(f, "reissue") }
func FuzzReissued(f *testing.F) { fuzzRecode(f, "reissued") }

// Messages may carry members of a newer version, which are skipped and not
// written again: only that nothing breaks is checked.
func FuzzPart(f *testing.F) { fuzzRead(f, "part") }
func FuzzPull(f *testing.F) { fuzzRead(f, "pull") }
func FuzzPage(f *testing.F) { fuzzRead(f, "page") }

func fuzzRead(f *testing.F, decoder string) {
	cases, err := vectors.All(decoder)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if out, err := recode[decoder](in); err == nil {
			if again, err := recode[decoder](out); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%x reads as %x, then as %x (%v)", in, out, again, err)
			}
		}
	})
}

// FuzzFrame reads the uncompressed content of bundles.
func FuzzFrame(f *testing.F) {
	cases, err := vectors.All("bundle")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		if u, err := wire.DecodeBundle(c.Input); err == nil {
			if raw, err := wire.Decompress(u.Frame, u.RawBytes); err == nil {
				f.Add(raw, u.Count)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, count int) {
		changes, err := wire.DecodeFrame(raw, author, 1, count)
		if err != nil {
			return
		}
		var out []byte
		for i := range changes {
			out = wire.AppendRawChange(out, &changes[i])
		}
		if !bytes.Equal(out, raw) {
			t.Fatalf("frame %x encoded again as %x", raw, out)
		}
		sameInOnePass(t, raw, count, changes)
	})
}

// sameInOnePass reads a frame's parts as a device does and compares them with
// those read from the bytes that the frame was cut into.
func sameInOnePass(t *testing.T, raw []byte, count int, changes []wire.RawChange) {
	var want [][]byte
	for _, c := range changes {
		for _, p := range c.Parts {
			if p.Withheld() {
				continue
			}
			part, err := wire.DecodePart(c.Replica, p.Bytes)
			if err != nil {
				return // the whole slice is refused
			}
			want = append(want, wire.AppendPart(nil, c.Replica, &part))
		}
	}
	var room wire.PartRoom
	slice := &syncproto.Entry{Kind: syncproto.EntryChanges, Replica: author, From: 1, Count: count, RawBytes: len(raw), Frame: wire.Compress(raw, wire.EffortFast)}
	err := room.ReadSlice(slice, func(h syncproto.Header, p *syncproto.Part) error {
		if len(want) == 0 || !bytes.Equal(wire.AppendPart(nil, h.Replica, p), want[0]) {
			t.Fatalf("frame %x: a part of change %d differs when read in one pass", raw, h.Seq)
		}
		want = want[1:]
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Fatalf("frame %x: %d parts not read in one pass: %v", raw, len(want), err)
	}
}

// FuzzDecompress feeds damaged frames.
func FuzzDecompress(f *testing.F) {
	f.Add(wire.Compress([]byte("一户一策一干部"), wire.EffortThin), 21)
	f.Fuzz(func(t *testing.T, frame []byte, size int) {
		if raw, err := wire.Decompress(frame, size); err == nil && len(raw) != size {
			t.Fatalf("%d bytes, said %d", len(raw), size)
		}
	})
}
