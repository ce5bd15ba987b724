package outbox_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/outbox"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const seed = 11

// chain is a replica's changes in memory, made as a device makes them.
type chain struct {
	replica syncproto.ReplicaID
	changes []wire.RawChange
	links   []syncproto.Hash // links[i] is before change i+1
	seeds   []syncproto.Seed
}

func newChain(r *rand.Rand, sizes ...int) *chain {
	c := &chain{replica: syncproto.ReplicaID{7}, links: []syncproto.Hash{sign.ChainStart(syncproto.ReplicaID{7})}}
	for i, size := range sizes {
		h := syncproto.Header{Replica: c.replica, Seq: syncproto.Seq(i + 1), Author: syncproto.PersonID{1}, Wall: int64(i)}
		var text strings.Builder
		for text.Len() < size {
			text.WriteRune(rune(0x4e00 + r.IntN(2000)))
		}
		part := wire.AppendPart(nil, c.replica, &syncproto.Part{Record: syncproto.RecordID{byte(i), byte(i >> 8), 1}, Kind: "ZF", Ops: []syncproto.Op{
			{Kind: syncproto.OpSet, Field: "situation", Value: wire.Must(wire.EncodeValue(text.String()))}}})
		raw := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h), Parts: []wire.RawPart{{Bytes: part}}}
		if int(syncproto.BlockOf(h.Seq)) == len(c.seeds) {
			c.seeds = append(c.seeds, syncproto.Seed{byte(i), 9})
		}
		c.changes = append(c.changes, raw)
		c.links = append(c.links, sign.Seal(raw, c.seeds[syncproto.BlockOf(h.Seq)], c.links[i]).Link)
	}
	return c
}

func (c *chain) Change(seq syncproto.Seq) (wire.RawChange, syncproto.Hash, error) {
	if seq < 1 || int(seq) > len(c.changes) {
		return wire.RawChange{}, syncproto.Hash{}, fmt.Errorf("no change %d", seq)
	}
	return c.changes[seq-1], c.links[seq-1], nil
}

func (c *chain) Seed(block uint64) (syncproto.Seed, error) { return c.seeds[block], nil }

func key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)) }

func TestMissing(t *testing.T) {
	r := func(ends ...syncproto.Seq) (out syncproto.Ranges) {
		for i := 0; i < len(ends); i += 2 {
			out = append(out, syncproto.Range{From: ends[i], To: ends[i+1]})
		}
		return out
	}
	for _, c := range []struct {
		received    syncproto.Ranges
		after, head syncproto.Seq
		want        syncproto.Ranges
	}{
		{nil, 0, 0, nil},
		{nil, 0, 5, r(1, 5)},
		{r(1, 5), 0, 5, nil},
		{r(1, 5), 0, 7, r(6, 7)},
		{r(2, 3, 6, 6), 0, 8, r(1, 1, 4, 5, 7, 8)},
		{r(2, 3, 6, 6), 4, 8, r(5, 5, 7, 8)},
		{r(1, 9), 0, 5, nil},
		{r(8, 9), 0, 5, r(1, 5)},
		{nil, 5, 5, nil},
	} {
		got := outbox.Missing(c.received, c.after, c.head)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("missing of %v after %d up to %d: %v, want %v", c.received, c.after, c.head, got, c.want)
		}
	}
}

// TestCut cuts chains of many shapes, for a good link and for a thin one, and
// reads them back.
func TestCut(t *testing.T) {
	t.Run("good", func(t *testing.T) { testCut(t, 100<<10, syncproto.MaxBundleBytes) })
	t.Run("thin", func(t *testing.T) { testCut(t, syncproto.ThinBundleBytes, syncproto.ThinBundleBytes) })
}

func testCut(t *testing.T, push, most int) {
	r := rand.New(rand.NewPCG(seed, seed))
	for _, shape := range []struct {
		name  string
		sizes func() []int
	}{
		{"one", func() []int { return []int{100} }},
		{"many small", func() []int { return sizes(r, 1500, 20, 50) }},
		{"usual", func() []int { return sizes(r, 70, 500, 2500) }},
		{"one over the limit among small ones", func() []int { return []int{100, 100, 90_000, 100, 100} }},
	} {
		t.Run(shape.name, func(t *testing.T) {
			c := newChain(r, shape.sizes()...)
			cut := outbox.Cutter{Chain: c, Key: key()}
			head := syncproto.Seq(len(c.changes))
			var got []sign.SealedChange
			for after := syncproto.Seq(0); ; {
				out, err := cut.Cut(outbox.Missing(nil, after, head), push)
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Bundles) == 0 {
					break
				}
				total, n := 0, 0
				for _, b := range out.Bundles {
					u, err := wire.DecodeBundle(b)
					if err != nil {
						t.Fatal(err)
					}
					if len(u.Frame) > most && u.Count > 1 {
						t.Errorf("seed %d: bundle of %d changes has %d bytes", seed, u.Count, len(u.Frame))
					}
					if u.PrevLink != c.links[u.From-1] {
						t.Errorf("seed %d: bundle from %d does not continue the chain", seed, u.From)
					}
					changes, err := sign.OpenBundle(&u, key().Public().(ed25519.PublicKey))
					if err != nil {
						t.Fatal(err)
					}
					got, total, n = append(got, changes...), total+len(b), n+u.Count
				}
				if len(out.Bundles) > 1 && total > push || n != out.Changes {
					t.Errorf("seed %d: %d bytes and %d changes in one request (said %d)", seed, total, n, out.Changes)
				}
				after = out.Last
			}
			if len(got) != len(c.changes) {
				t.Fatalf("seed %d: %d changes came out of %d", seed, len(got), len(c.changes))
			}
			for i := range got {
				if got[i].Link != c.links[i+1] || !bytes.Equal(got[i].Parts[0].Bytes, c.changes[i].Parts[0].Bytes) {
					t.Fatalf("seed %d: change %d came out different", seed, i+1)
				}
			}
		})
	}
}

func sizes(r *rand.Rand, n, low, high int) (out []int) {
	for range n {
		out = append(out, low+r.IntN(high-low))
	}
	return out
}

func TestFile(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, seed))
	c := newChain(r, sizes(r, 200, 200, 3000)...)
	cut := outbox.Cutter{Chain: c, Key: key()}
	missing := syncproto.Ranges{{From: 3, To: 20}, {From: 40, To: 200}}
	server, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	n, err := cut.WriteFile(&file, server.PublicKey(), missing)
	if err != nil || n != outbox.Count(missing) {
		t.Fatalf("%d changes, %v", n, err)
	}
	var got syncproto.Ranges
	err = seal.EachOutbox(&file, server, func(b []byte) error {
		d := wire.NewReader(b)
		u, err := wire.ReadBundle(d)
		if err == nil {
			err = d.Done()
		}
		if err == nil {
			_, err = sign.OpenBundle(&u, key().Public().(ed25519.PublicKey))
		}
		got = got.Add(u.From, u.To())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(missing) {
		t.Errorf("the file holds %v, want %v", got, missing)
	}
}
