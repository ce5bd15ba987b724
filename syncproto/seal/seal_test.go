package seal_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func TestSealOpensOnlyInItsPlace(t *testing.T) {
	holder := syncproto.RecordID{1}
	k, err := seal.NewKey(holder, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain := wire.Must(wire.EncodeValue("患有大病"))
	at := seal.Place{Record: holder, Field: "members", Item: syncproto.ElemID{Replica: syncproto.ReplicaID{2}, Counter: 3}, Sub: "health",
		Dot: syncproto.Dot{Replica: syncproto.ReplicaID{2}, Seq: 4, Op: 5}}
	v, err := k.Seal(plain, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !wire.IsSealed(v) || bytes.Contains(v, []byte("大病")) {
		t.Fatal("the value is not sealed")
	}
	got, err := wire.DecodeValue(v)
	if err != nil {
		t.Fatal(err)
	}
	s := got.(syncproto.Sealed)
	if out, err := k.Open(s, at); err != nil || !bytes.Equal(out, plain) {
		t.Fatalf("opened as %x, %v", out, err)
	}
	elsewhere := []seal.Place{at, at, at, at, at}
	elsewhere[0].Record[0]++
	elsewhere[1].Field = "needs"
	elsewhere[2].Item.Counter++
	elsewhere[3].Sub = "job"
	elsewhere[4].Dot.Seq++
	for i, p := range elsewhere {
		if _, err := k.Open(s, p); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("place %d: %v, want it to stay shut", i, err)
		}
	}
	s.Suite = 2
	if _, err := k.Open(s, at); !errors.Is(err, syncproto.ErrUnknownSuite) {
		t.Errorf("suite 2: %v", err)
	}
}

func TestWrap(t *testing.T) {
	server, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.NewKey(syncproto.RecordID{7}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.Wrap(server.PublicKey(), &k)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Unwrap(server, v); err != nil || got != k {
		t.Fatalf("unwrapped %v, %v", got, err)
	}
	if _, err := seal.Unwrap(other, v); !errors.Is(err, seal.ErrOpen) {
		t.Fatalf("another server's key: %v", err)
	}
	for i := range v {
		b := bytes.Clone(v)
		b[i] ^= 1
		if got, err := seal.Unwrap(server, b); err == nil {
			t.Fatalf("byte %d flipped and unwrapped as %v", i, got.ID)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	server, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		f.Fatal(err)
	}
	k := seal.Key{ID: syncproto.KeyID{1}, Holder: syncproto.RecordID{2}}
	v, err := seal.Wrap(server.PublicKey(), &k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(v))
	f.Fuzz(func(t *testing.T, in []byte) {
		if got, err := seal.Unwrap(server, in); err != nil && got != (seal.Key{}) {
			t.Fatalf("an error with a key: %v", err)
		}
	})
}
