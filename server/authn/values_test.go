package authn

// Inside the package: the stored formats are nobody else's business.

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

func sampleValues() [][]byte {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public().(ed25519.PublicKey)
	r, p := syncproto.ReplicaID{1, 2, 3}, syncproto.PersonID{4, 5, 6}
	return [][]byte{
		encodeAccount(&Account{Replica: r, Person: p, Key: key, Device: "乐例红的手机", Enrolled: 1_700_000_000_000, State: Suspended}),
		encodeAccount(&Account{Replica: r, Person: p, Key: key, Device: "旧手机", Enrolled: 1_700_000_000_000, State: Retired, Wipe: true, Wiped: 1_700_000_000_001, Lease: 14}),
		encodeRequest(&codeRequest{person: p, by: syncproto.PersonID{7}, expires: 1_700_000_000_000}),
		encodeCode(&code{person: p, expires: 1_700_000_000_000}),
		encodeCode(&code{person: p, expires: -1, key: key, replica: r}),
		encodePassword(&password{person: p, cost: DefaultCost, salt: [16]byte{8}, hash: [32]byte{9}}),
	}
}

// again decodes and encodes with every decoder; what one accepts must come
// out as it went in.
func again(v []byte) (out [][]byte) {
	if c, err := decodeAccount(v); err == nil {
		out = append(out, encodeAccount(&c))
	}
	if c, err := decodeCode(v); err == nil {
		out = append(out, encodeCode(&c))
	}
	if q, err := decodeRequest(v); err == nil {
		out = append(out, encodeRequest(&q))
	}
	if p, err := decodePassword(v); err == nil {
		out = append(out, encodePassword(&p))
	}
	return out
}

func TestValuesRoundTrip(t *testing.T) {
	for i, v := range sampleValues() {
		out := again(v)
		if len(out) != 1 || !bytes.Equal(out[0], v) {
			t.Errorf("value %d: %x became %x", i, v, out)
		}
		for n := range len(v) {
			if out := again(v[:n]); len(out) != 0 {
				t.Errorf("value %d cut at %d was taken", i, n)
			}
		}
		if out := again(append(bytes.Clone(v), 0)); len(out) != 0 {
			t.Errorf("value %d with a trailing byte was taken", i)
		}
		newer := bytes.Clone(v)
		newer[0]++
		if out := again(newer); len(out) != 0 {
			t.Errorf("value %d of a newer format was taken", i)
		}
	}
}

func FuzzValues(f *testing.F) {
	for _, v := range sampleValues() {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		for _, out := range again(v) {
			if !bytes.Equal(out, v) {
				t.Errorf("%x became %x", v, out)
			}
		}
	})
}

func FuzzNormalCode(f *testing.F) {
	for _, s := range []string{"2345-6789-ABCD-EFGH", "２３４５６７８９ＡＢＣＤＥＦＧＨ", "", "\xff", "2345 6789 abcd efgh"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := normalCode(s)
		if err != nil {
			return
		}
		if again, err := normalCode(groupCode(out)); err != nil || again != out || len(out) != codeLetters {
			t.Errorf("%q became %q, then %q, %v", s, out, again, err)
		}
	})
}

// Memory: whoever attempts from however many addresses fills no more than the
// tables' bounds.
func TestLimitersAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l, d := newLimiter(3, time.Second, 100), newDelays(100)
	var key [4]byte
	for i := range 10_000 {
		key[0], key[1] = byte(i), byte(i>>8)
		for range 5 {
			l.spend(string(key[:]), now)
			d.begin(string(key[:]), now)
		}
	}
	if len(l.m) > 100 || len(d.m) > 100 {
		t.Errorf("%d buckets, %d delays", len(l.m), len(d.m))
	}
	// What is over its waiting goes first.
	l.spend("guesser", now.Add(time.Hour))
	if len(l.m) != 1 {
		t.Errorf("%d buckets, the full ones should be gone", len(l.m))
	}
}

func TestNoncesAreBounded(t *testing.T) {
	var c nonceCache
	now := time.Unix(1_700_000_000, 0)
	var nonce [16]byte
	full := 0
	for i := range 3 * maxNoncesOfOne {
		nonce[0], nonce[1] = byte(i), byte(i>>8)
		if fresh, room := c.add(syncproto.ReplicaID{1}, nonce, now); !fresh {
			t.Fatalf("nonce %d was seen before", i)
		} else if !room {
			full++
		}
	}
	if full != 2*maxNoncesOfOne || len(c.now.seen) != maxNoncesOfOne {
		t.Errorf("%d were turned away, %d remembered", full, len(c.now.seen))
	}
	c.add(syncproto.ReplicaID{2}, nonce, now.Add(nonceWindow))
	c.add(syncproto.ReplicaID{2}, [16]byte{9}, now.Add(2*nonceWindow))
	if len(c.now.seen)+len(c.last.seen) != 2 {
		t.Errorf("%d and %d nonces remembered after their time", len(c.now.seen), len(c.last.seen))
	}
}
