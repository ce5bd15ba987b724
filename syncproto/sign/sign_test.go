package sign_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

var (
	replica = syncproto.ReplicaID{1, 2, 3, 4, 5, 6, 0x40, 8, 0x80}
	key     = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	public  = key.Public().(ed25519.PublicKey)
)

// history makes n changes of one or two parts each.
func history(n int) []wire.RawChange {
	var out []wire.RawChange
	for i := range n {
		h := syncproto.Header{Replica: replica, Seq: syncproto.Seq(i + 1), Author: syncproto.PersonID{9}, Wall: int64(1000 + i)}
		c := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h)}
		for p := range 1 + i%2 {
			part := syncproto.Part{Record: syncproto.RecordID{byte(p + 1)}, Ops: []syncproto.Op{
				{Kind: syncproto.OpSet, Field: "f", Value: wire.Must(wire.EncodeValue(i))}}}
			c.Parts = append(c.Parts, wire.RawPart{Bytes: wire.AppendPart(nil, replica, &part)})
		}
		out = append(out, c)
	}
	return out
}

func seeds(from, to syncproto.Seq) (out []syncproto.Seed) {
	for b := syncproto.BlockOf(from); b <= syncproto.BlockOf(to); b++ {
		out = append(out, syncproto.Seed{byte(b + 1)})
	}
	return out
}

// cut packs changes into bundles of the given lengths and returns them with the last link.
func cut(t require, changes []wire.RawChange, lengths []int) ([]*syncproto.Bundle, syncproto.Hash) {
	link := sign.ChainStart(replica)
	var out []*syncproto.Bundle
	for _, n := range lengths {
		var u *syncproto.Bundle
		u, link = sign.MakeBundle(key, changes[:n], seeds(changes[0].Seq, changes[n-1].Seq), link, wire.EffortFast)
		out, changes = append(out, u), changes[n:]
	}
	if len(changes) != 0 {
		t.Fatalf("%d changes left over", len(changes))
	}
	return out, link
}

type require interface{ Fatalf(string, ...any) }

// The hashes of changes do not depend on how they were bundled: a bundle that
// comes by courier and another cut of the same changes that comes directly are
// recognised as the same.
func TestBundlingDoesNotMatter(t *testing.T) {
	changes := history(150)
	_, want := cut(t, changes, []int{150})
	rapid.Check(t, func(t *rapid.T) {
		var lengths []int
		for left := 150; left > 0; {
			n := rapid.IntRange(1, left).Draw(t, "n")
			lengths, left = append(lengths, n), left-n
		}
		bundles, link := cut(t, changes, lengths)
		if link != want {
			t.Fatalf("cut as %v the chain ends elsewhere", lengths)
		}
		seq := syncproto.Seq(1)
		for _, u := range bundles {
			opened, err := sign.OpenBundle(u, public)
			if err != nil {
				t.Fatalf("bundle from %d: %v", u.From, err)
			}
			for _, c := range opened {
				if c.Seq != seq {
					t.Fatalf("change %d where %d is due", c.Seq, seq)
				}
				seq++
			}
		}
	})
}

// Courier first, then directly: the same changes cut in another way have the same hashes.
func TestCourierThenDirect(t *testing.T) {
	changes := history(10)
	courier, _ := cut(t, changes[:6], []int{6})
	direct, _ := cut(t, changes, []int{4, 6})
	byCourier, err := sign.OpenBundle(courier[0], public)
	if err != nil {
		t.Fatal(err)
	}
	var directly []sign.SealedChange
	for _, u := range direct {
		opened, err := sign.OpenBundle(u, public)
		if err != nil {
			t.Fatal(err)
		}
		directly = append(directly, opened...)
	}
	for i := range byCourier {
		if byCourier[i].Hash != directly[i].Hash || byCourier[i].Link != directly[i].Link {
			t.Fatalf("change %d differs by its way", i+1)
		}
	}
}

// A part replaced by its digest leaves chain and signature as they are, and
// its content cannot be guessed without the salt.
func TestDestroyedPartStillVerifies(t *testing.T) {
	changes := history(4)
	bundles, link := cut(t, changes, []int{4})
	opened, err := sign.OpenBundle(bundles[0], public)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for i := range opened {
		c := opened[i].RawChange
		if i == 1 {
			c.Parts = append([]wire.RawPart(nil), c.Parts...)
			c.Parts[1] = wire.RawPart{Digest: opened[i].Digest(1)}
		}
		raw = wire.AppendRawChange(raw, &c)
	}
	erased := *bundles[0]
	erased.RawBytes, erased.Frame = len(raw), wire.Compress(raw, wire.EffortFast)
	again, err := sign.OpenBundle(&erased, public)
	if err != nil {
		t.Fatalf("after destroying a part: %v", err)
	}
	if again[3].Link != link || !again[1].Parts[1].Withheld() || again[1].Parts[0].Withheld() {
		t.Fatal("chain or parts changed")
	}
	guess := sign.PartDigest(syncproto.Salt{}, opened[1].Parts[1].Bytes)
	if guess == opened[1].Digest(1) {
		t.Fatal("the digest does not depend on the salt")
	}
}

func TestAnyFlippedBitIsRefused(t *testing.T) {
	bundles, link := cut(t, history(3), []int{3})
	whole := wire.AppendBundle(nil, bundles[0])
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			u, err := wire.DecodeBundle(b)
			if err != nil {
				continue
			}
			// A bit of the compression's own header may be without meaning; what
			// is accepted must be what was signed.
			opened, err := sign.OpenBundle(&u, public)
			if err == nil && (len(opened) != 3 || opened[2].Link != link) {
				t.Fatalf("byte %d bit %d flipped and accepted", i, bit)
			}
		}
	}
}

func TestReceiptAndSession(t *testing.T) {
	c := syncproto.Receipt{Suite: syncproto.Suite1, Replica: replica, Epoch: "e", Received: syncproto.Ranges{{From: 1, To: 2}}}
	sign.SignReceipt(key, &c)
	if err := sign.VerifyReceipt(public, &c); err != nil {
		t.Fatal(err)
	}
	c.Received[0].To = 3
	if err := sign.VerifyReceipt(public, &c); !errors.Is(err, sign.ErrSignature) {
		t.Fatalf("an altered receipt: %v", err)
	}
	q := sign.SessionRequest{Audience: sign.KeyHash(public), Replica: replica, Wall: 5}
	s := sign.SignSession(key, &q)
	if err := sign.VerifySession(public, &q, s); err != nil {
		t.Fatal(err)
	}
	q.Audience[0] ^= 1
	if err := sign.VerifySession(public, &q, s); !errors.Is(err, sign.ErrSignature) {
		t.Fatalf("for another audience: %v", err)
	}
}

func TestReissueIsOfWhoHasTheKey(t *testing.T) {
	next, third := syncproto.ReplicaID{7, 6: 0x40, 8: 0x80}, syncproto.ReplicaID{8, 6: 0x40, 8: 0x80}
	q := syncproto.ReissueRequest{Former: replica, After: 1, Changes: []syncproto.ReissueChange{{Seq: 2, Hash: syncproto.Hash{3}}}}
	sign.SignReissue(key, next, &q)
	if err := sign.VerifyReissue(public, next, &q); err != nil {
		t.Fatal(err)
	}
	if err := sign.VerifyReissue(public, third, &q); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("for another new id: %v", err)
	}
	for name, alter := range map[string]func(*syncproto.ReissueRequest){
		"hash": func(q *syncproto.ReissueRequest) { q.Changes[0].Hash[9] ^= 1 }, "seq": func(q *syncproto.ReissueRequest) { q.Changes[0].Seq++ },
		"after": func(q *syncproto.ReissueRequest) { q.After++ }, "former": func(q *syncproto.ReissueRequest) { q.Former = third },
		"fewer": func(q *syncproto.ReissueRequest) { q.Changes = nil }} {
		altered := q
		altered.Changes = slices.Clone(q.Changes)
		alter(&altered)
		if err := sign.VerifyReissue(public, next, &altered); !errors.Is(err, sign.ErrSignature) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func BenchmarkOpenBundle(b *testing.B) {
	u, _ := sign.MakeBundle(key, history(50), seeds(1, 50), sign.ChainStart(replica), wire.EffortFast)
	b.SetBytes(int64(u.RawBytes))
	for b.Loop() {
		if _, err := sign.OpenBundle(u, public); err != nil {
			b.Fatal(err)
		}
	}
}
