package seal_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
)

func newServerKey(tb testing.TB) *ecdh.PrivateKey {
	tb.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func sealedOutbox(tb testing.TB, server *ecdh.PrivateKey, bundles ...string) []byte {
	tb.Helper()
	b := []byte(seal.OutboxMagic)
	for _, s := range bundles {
		var err error
		if b, err = seal.AppendOutbox(b, server.PublicKey(), []byte(s)); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

func openOutbox(b []byte, server *ecdh.PrivateKey) (out []string, err error) {
	err = seal.EachOutbox(bytes.NewReader(b), server, func(bundle []byte) error {
		out = append(out, string(bundle))
		return nil
	})
	return out, err
}

func TestOutbox(t *testing.T) {
	server := newServerKey(t)
	want := []string{"吃水要挑", "", "第三条"}
	file := sealedOutbox(t, server, want...)
	if bytes.Contains(file, []byte("吃水")) {
		t.Fatal("not sealed")
	}
	if got, err := openOutbox(file, server); err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := openOutbox(file, newServerKey(t)); !errors.Is(err, seal.ErrOutbox) || got != nil {
		t.Errorf("another server: %q, %v", got, err)
	}
	for i := range file {
		cut, err := openOutbox(file[:i], server)
		if len(cut) == len(want) || !slices.Equal(cut, want[:len(cut)]) {
			t.Fatalf("cut at %d: %q, %v", i, cut, err)
		}
		b := bytes.Clone(file)
		b[i] ^= 1
		if got, err := openOutbox(b, server); err == nil || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("byte %d: %q, %v", i, got, err)
		}
	}
	b := bytes.Clone(file)
	b[len(seal.OutboxMagic)+4] = 2
	if _, err := openOutbox(b, server); !errors.Is(err, syncproto.ErrUnknownSuite) {
		t.Errorf("suite 2: %v", err)
	}
	stop := errors.New("stop")
	if err := seal.EachOutbox(bytes.NewReader(file), server, func([]byte) error { return stop }); err != stop {
		t.Errorf("an error of fn: %v", err)
	}
}

func FuzzOutbox(f *testing.F) {
	server := newServerKey(f)
	f.Add(sealedOutbox(f, server, "a", "b"))
	f.Add([]byte(seal.OutboxMagic + "\x00\x10\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whoever has no key of the server's can make items; they open as what
		// he wrote, or not at all.
		if got, err := openOutbox(b, server); err == nil && len(got) > 0 && len(b) < len(seal.OutboxMagic) {
			t.Fatalf("%q out of %d bytes", got, len(b))
		}
	})
}
