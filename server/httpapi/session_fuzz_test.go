package httpapi

// Inside the package: the decoder of session requests is its own.

import (
	"bytes"
	"testing"

	"github.com/chuantou/chuantou/syncproto/wire"
)

func FuzzDecodeSession(f *testing.F) {
	good := wire.AppendBytes(wire.AppendArray(nil, 4), make([]byte, 16))
	good = wire.AppendBytes(wire.AppendInt(good, 1_700_000_000_000), make([]byte, 16))
	good = wire.AppendBytes(good, make([]byte, 64))
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte{0x9f, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		q, sig, err := decodeSession(b)
		if err != nil {
			if q.Wall != 0 || !q.Replica.IsZero() || sig[0] != 0 {
				t.Errorf("%x: refused, yet %+v", b, q)
			}
			return
		}
		out := wire.AppendBytes(wire.AppendArray(nil, 4), q.Replica[:])
		out = wire.AppendBytes(wire.AppendInt(out, q.Wall), q.Nonce[:])
		if out = wire.AppendBytes(out, sig[:]); !bytes.Equal(out, b) {
			t.Errorf("%x became %x", b, out)
		}
	})
}
