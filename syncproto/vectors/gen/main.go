// Command gen writes the vector files of package vectors. Everything in them
// is derived from fixed seeds, so running it again changes nothing.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func main() {
	log.SetFlags(0)
	dir := filepath.Join("syncproto", "vectors", "cases")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		log.Fatal(err)
	}
	g := generator{dir: dir}
	g.values()
	g.parts()
	g.bundles()
	g.receipts()
	g.reissues()
	g.messages()
}

type generator struct{ dir string }

func (g generator) accept(name, decoder, why string, input []byte) {
	g.write(name, decoder, "expect: accept\n", why, input)
}

func (g generator) refuse(name, decoder, says, why string, input []byte) {
	g.write(name, decoder, "expect: refuse\nsays: "+says+"\n", why, input)
}

func (g generator) write(name, decoder, expect, why string, input []byte) {
	var b strings.Builder
	fmt.Fprintf(&b, "decoder: %s\n%swhy: %s\n\n", decoder, expect, why)
	digits := hex.EncodeToString(input)
	for len(digits) > 64 {
		b.WriteString(digits[:64] + "\n")
		digits = digits[64:]
	}
	b.WriteString(digits + "\n")
	if err := os.WriteFile(filepath.Join(g.dir, decoder+"-"+name+".txt"), []byte(b.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}

// Fixed identities.
var (
	replica = syncproto.ReplicaID(bytes16(0x11, 4))
	other   = syncproto.ReplicaID(bytes16(0x22, 4))
	record  = syncproto.RecordID(bytes16(0x33, 7))
	person  = syncproto.PersonID(bytes16(0x44, 7))
	key     = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
)

func bytes16(fill byte, version byte) (b [16]byte) {
	for i := range b {
		b[i] = fill + byte(i)
	}
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return b
}

func value(v any) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }

func (g generator) values() {
	ok := map[string]any{
		"null": nil, "true": true, "int": 23, "negative": -1, "int64": int64(1) << 40, "text": "一户一策", "bytes": []byte{1, 2},
		"half": 1.5, "single": float64(float32(3.14159)), "double": 3.14159, "array": []any{"a", int64(1)},
		"map":    map[string]any{"by": "H05-1", "mode": "口头确认"},
		"sealed": syncproto.Sealed{Suite: 1, Key: syncproto.KeyID{1, 2, 3, 4, 5, 6, 7, 8}, Ciphertext: bytes.Repeat([]byte{9}, 17)},
	}
	for name, v := range ok {
		g.accept(name, "value", "a "+name+" in its one encoding", value(v))
	}
	bad := []struct{ name, says, why, in string }{
		{"empty", "input ends early", "no item at all", ""},
		{"trailing", "trailing bytes", "a second item after the first", "0000"},
		{"long-uint", "shortest form", "23 in two bytes", "1817"},
		{"long-uint16", "shortest form", "255 in three bytes", "1900ff"},
		{"long-text-length", "shortest form", "length 1 in two bytes", "780161"},
		{"indefinite-array", "indefinite", "an array of indefinite length", "9f00ff"},
		{"indefinite-text", "indefinite", "a text of indefinite length", "7f6161ff"},
		{"break-alone", "indefinite", "a break outside", "ff"},
		{"truncated-text", "input ends early", "3 bytes promised, 2 there", "636161"},
		{"truncated-head", "input ends early", "a two-byte length cut in half", "79ff"},
		{"huge-array", "over the limit", "2^32 items promised, none there", "9b0000000100000000"},
		{"not-utf8", "not UTF-8", "a text with byte ff", "61ff"},
		{"surrogate", "not UTF-8", "half of a surrogate pair", "63eda080"},
		{"keys-unsorted", "out of order", "longer key first", "a2626161006161 00"},
		{"keys-repeated", "out of order or repeated", "the same key twice", "a2616100616100"},
		{"float-long", "canonical form", "1.5 in eight bytes", "fb3ff8000000000000"},
		{"float-long-single", "canonical form", "1.5 in four bytes", "fa3fc00000"},
		{"nan-payload", "canonical form", "a NaN with a payload", "f97e01"},
		{"undefined", "canonical form", "simple value undefined", "f7"},
		{"simple-byte", "canonical form", "a one-byte simple value", "f8ff"},
		{"reserved-head", "indefinite length or reserved", "additional information 28", "1c"},
		{"negative-overflow", "beyond 64 bits", "-2^64", "3bffffffffffffffff"},
		{"deep", "nested deeper", "17 arrays in one another", strings.Repeat("81", 17) + "80"},
	}
	for _, c := range bad {
		in, err := hex.DecodeString(strings.ReplaceAll(c.in, " ", ""))
		if err != nil {
			log.Fatal(c.name, err)
		}
		g.refuse(c.name, "value", c.says, c.why, in)
	}
}

func samplePart() *syncproto.Part {
	item := syncproto.ElemID{Replica: other, Counter: 2}
	return &syncproto.Part{Record: record, Kind: "ZF", Prev: 3, Seen: syncproto.VectorOf(syncproto.ChangeID{Replica: replica, Seq: 3}, syncproto.ChangeID{Replica: other, Seq: 9}), Ops: []syncproto.Op{
		{Kind: syncproto.OpSet, Field: "met", Value: value("见到本人")},
		{Kind: syncproto.OpText, Field: "situation", Edit: []byte{1, 2, 3}},
		{Kind: syncproto.OpAdd, Field: "tags", Value: value("好做法")},
		{Kind: syncproto.OpRemove, Field: "tags", Value: value("旧")},
		{Kind: syncproto.OpItemInsert, Field: "statements", Counter: 5, Left: item},
		{Kind: syncproto.OpSet, Field: "statements", Item: syncproto.ElemID{Replica: replica, Counter: 5}, Sub: "mode", Value: value("原话")},
		{Kind: syncproto.OpItemMove, Field: "statements", Item: item, Counter: 6, Right: syncproto.ElemID{Replica: replica, Counter: 1}},
		{Kind: syncproto.OpItemRemove, Field: "statements", Item: item},
		{Kind: syncproto.OpLog, Field: "events", Value: value("确认"), Lamport: 4},
		{Kind: syncproto.OpDelete, Value: value("写错户")},
		{Kind: syncproto.OpRestore},
	}}
}

func (g generator) parts() {
	b := wire.AppendPart(nil, replica, samplePart())
	g.accept("all-ops", "part", "one op of every kind", b)
	g.accept("creation", "part", "a record's first part", wire.AppendPart(nil, replica, &syncproto.Part{Record: record, Kind: "ZF", Ops: []syncproto.Op{}}))
	g.refuse("truncated", "part", "input ends early", "the last byte missing", b[:len(b)-1])
	g.refuse("trailing", "part", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	g.refuse("no-record", "part", "without record or ops", "only ops", []byte{0xa1, 5, 0x80})
	g.refuse("no-ops", "part", "without record or ops", "only a record", append([]byte{0xa1, 1, 0x50}, record[:]...))
	g.refuse("key-order", "part", "out of order", "ops before record", append([]byte{0xa2, 5, 0x80, 1, 0x50}, record[:]...))
	g.refuse("prev-zero", "part", "out of range", "prev 0 is left out", partWith(3, []byte{0}))
	g.refuse("seen-huge", "part", "out of range", "seen of 2^63", partWith(6, []byte{0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0}))
	g.refuse("seen-empty", "part", "empty seen", "an empty map is left out", partWith(4, []byte{0xa0}))
	g.refuse("seen-own", "part", "naming the author", "the author's own entry stands elsewhere", partWith(4, append(append([]byte{0xa1, 0x50}, replica[:]...), 1)))
	g.refuse("op-members", "part", "with 4 members", "a set op with a member too many", partOps([]byte{0x84, 1, 0x61, 'f', 0xf6, 0xf6}))
	g.refuse("op-field-empty", "part", "empty field", "a set op without a field name", partOps([]byte{0x83, 1, 0x60, 0xf6}))
	g.refuse("item-none", "part", "item is none", "removing no item", partOps([]byte{0x83, 6, 0x61, 'l', 0xf6}))
	g.refuse("counter-zero", "part", "counter 0", "an item at counter 0", partOps([]byte{0x85, 5, 0x61, 'l', 0, 0xf6, 0xf6}))
	g.refuse("own-id-long", "part", "written with its replica", "the author's own id in its long form",
		partOps(append(append([]byte{0x83, 6, 0x61, 'l', 0x82, 0x50}, replica[:]...), 1)))
	g.refuse("unknown-op", "part", "newer version", "op kind 99: held, not applied", partOps([]byte{0x82, 0x18, 99, 0}))
}

// partWith is a part with one extra member.
func partWith(k byte, v []byte) []byte {
	b := append([]byte{0xa3, 1, 0x50}, record[:]...)
	if k < 5 {
		b = append(append(b, k), v...)
		return append(b, 5, 0x80)
	}
	return append(append(b, 5, 0x80, k), v...)
}

func partOps(op []byte) []byte {
	b := append([]byte{0xa2, 1, 0x50}, record[:]...)
	return append(append(b, 5, 0x81), op...)
}

func rawChange(seq syncproto.Seq, parts ...[]byte) wire.RawChange {
	h := syncproto.Header{Replica: replica, Seq: seq, Author: person, Wall: 1779084000000, Offset: -1500}
	c := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h)}
	for _, p := range parts {
		c.Parts = append(c.Parts, wire.RawPart{Bytes: p})
	}
	return c
}

func seed(n byte) (s syncproto.Seed) {
	for i := range s {
		s[i] = n
	}
	return s
}

func (g generator) bundles() {
	p := wire.AppendPart(nil, replica, samplePart())
	q := wire.AppendPart(nil, replica, &syncproto.Part{Record: record, Prev: 1, Seen: syncproto.VectorOf(syncproto.ChangeID{Replica: replica, Seq: 1}),
		Ops: []syncproto.Op{{Kind: syncproto.OpSet, Field: "met", Value: value("未遇")}}})
	u, link := sign.MakeBundle(key, []wire.RawChange{rawChange(1, p, q), rawChange(2, q)}, []syncproto.Seed{seed(1)}, sign.ChainStart(replica), wire.EffortThin)
	b := wire.AppendBundle(nil, u)
	g.accept("two-changes", "bundle", "two changes, three parts, one seed", b)
	w := rawChange(1, p, q)
	w.Parts[1] = wire.RawPart{Digest: digestOf(w, 1)}
	v, vlink := sign.MakeBundle(key, []wire.RawChange{w, rawChange(2, q)}, []syncproto.Seed{seed(1)}, sign.ChainStart(replica), wire.EffortThin)
	if link != vlink || u.Sig != v.Sig {
		log.Fatal("withholding a part changed the chain")
	}
	g.accept("part-withheld", "bundle", "the same two changes with one part as its digest: same chain, same signature", wire.AppendBundle(nil, v))
	spanning, _ := sign.MakeBundle(key, []wire.RawChange{rawChange(64, q), rawChange(65, q)}, []syncproto.Seed{seed(1), seed(2)}, syncproto.Hash{5}, wire.EffortThin)
	g.accept("two-blocks", "bundle", "changes 64 and 65 take a seed each", wire.AppendBundle(nil, spanning))
	anew := rawChange(1, p)
	anew.Replaces = syncproto.Replaced{ChangeID: syncproto.ChangeID{Replica: other, Seq: 41}, Hash: syncproto.Hash{7}}
	anew.HeaderBytes = wire.AppendHeader(nil, &anew.Header)
	x, _ := sign.MakeBundle(key, []wire.RawChange{anew}, []syncproto.Seed{seed(1)}, sign.ChainStart(replica), wire.EffortThin)
	g.accept("issued-anew", "bundle", "one change that says anew change 41 of a spent id", wire.AppendBundle(nil, x))
	anew.HeaderBytes = bytes.Replace(anew.HeaderBytes, append([]byte{0x50}, other[:]...), append([]byte{0x50}, make([]byte, 16)...), 1)
	y, _ := sign.MakeBundle(key, []wire.RawChange{anew}, []syncproto.Seed{seed(1)}, sign.ChainStart(replica), wire.EffortThin)
	g.refuse("issued-anew-of-none", "bundle", "of no replica", "a change that says anew one of no replica", wire.AppendBundle(nil, y))
	g.refuse("truncated", "bundle", "input ends early", "cut in the signature", b[:len(b)-1])
	g.refuse("trailing", "bundle", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	mutate := func(name, says, why string, f func(*syncproto.Bundle)) {
		c := *u
		f(&c)
		g.refuse(name, "bundle", says, why, wire.AppendBundle(nil, &c))
	}
	mutate("suite-2", "unknown suite", "a suite of a newer version", func(c *syncproto.Bundle) { c.Suite = 2 })
	mutate("count-zero", "no changes", "a bundle of nothing", func(c *syncproto.Bundle) { c.Count = 0 })
	mutate("seeds-missing", "seeds for", "no seed for its block", func(c *syncproto.Bundle) { c.Seeds = nil })
	mutate("from-zero", "out of range", "changes are numbered from 1", func(c *syncproto.Bundle) { c.From = 0 })
	mutate("wrong-replica", "signature does not verify", "another device's name on it", func(c *syncproto.Bundle) { c.Replica = other })
	mutate("wrong-link", "signature does not verify", "another link before it", func(c *syncproto.Bundle) { c.PrevLink[0] ^= 1 })
	mutate("wrong-seed", "signature does not verify", "another salt seed", func(c *syncproto.Bundle) { c.Seeds = []syncproto.Seed{seed(9)} })
	mutate("flipped-signature", "signature does not verify", "one bit of the signature", func(c *syncproto.Bundle) { c.Sig[3] ^= 1 })
	mutate("raw-bytes-lie", "does not state", "the frame holds less than said", func(c *syncproto.Bundle) { c.RawBytes++ })
	mutate("frame-not-zstd", "zstd", "four bytes that are no frame", func(c *syncproto.Bundle) { c.Frame = []byte{1, 2, 3, 4} })
	mutate("count-lie", "trailing bytes", "one change too few is said", func(c *syncproto.Bundle) { c.Count = 1 })
	mutate("count-over", "input ends early", "one change too many is said", func(c *syncproto.Bundle) { c.Count = 3 })
}

func digestOf(c wire.RawChange, part int) syncproto.Hash {
	return sign.PartDigest(sign.DeriveSalt(seed(1), c.Seq, part), c.Parts[part].Bytes)
}

func (g generator) receipts() {
	c := syncproto.Receipt{Suite: syncproto.Suite1, Epoch: "e-1", Replica: replica, Level: syncproto.LevelDurable, Wall: 1779440700000,
		Received: syncproto.Ranges{{From: 1, To: 57}, {From: 60, To: 60}},
		Held:     []syncproto.Held{{Seq: 60, Record: record, Reason: syncproto.HoldMissing}}}
	sign.SignReceipt(key, &c)
	b := wire.AppendReceipt(nil, &c)
	g.accept("held", "receipt", "two ranges, one part held", b)
	g.refuse("truncated", "receipt", "input ends early", "cut", b[:len(b)-2])
	g.refuse("trailing", "receipt", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	s := c
	s.Suite = 7
	g.refuse("suite-7", "receipt", "unknown suite", "a suite of a newer version", wire.AppendReceipt(nil, &s))
	t := c
	t.Received = syncproto.Ranges{{From: 1, To: 5}, {From: 6, To: 7}}
	g.refuse("ranges-touch", "receipt", "ranges touch", "1–5 and 6–7 are one range", wire.AppendReceipt(nil, &t))
	n := c
	n.Held = []syncproto.Held{{Seq: 60, Record: record, Reason: syncproto.HoldRejected, Note: "不是本镇的事"}}
	sign.SignReceipt(key, &n)
	b = wire.AppendReceipt(nil, &n)
	g.accept("rejected", "receipt", "one part that an administrator did not accept, with what he says", b)
	note := wire.AppendText(nil, n.Held[0].Note)
	g.refuse("note-empty", "receipt", "empty note", "a note that should be left out", bytes.Replace(b, note, wire.AppendText(nil, ""), 1))
	u := c
	u.BackedUp = syncproto.Ranges{{From: 1, To: 40}}
	sign.SignReceipt(key, &u)
	backed := wire.AppendReceipt(nil, &u)
	g.accept("backed-up", "receipt", "1–40 are in a verified backup", backed)
	w := u
	w.Order = syncproto.OrderWipe
	sign.SignReceipt(key, &w)
	g.accept("order", "receipt", "the device is told to wipe itself", wire.AppendReceipt(nil, &w))
	bare := c
	bare.Order = syncproto.OrderRetire
	sign.SignReceipt(key, &bare)
	b = wire.AppendReceipt(nil, &bare)
	g.accept("order-nothing-backed-up", "receipt", "the device is told that it is handed back; nothing is backed up", b)
	b = bytes.Clone(b)
	b[len(b)-len(c.Sig)-3] = 0
	g.refuse("order-none", "receipt", "no order is left out", "an order that is none", b)
	l := c
	l.Link = syncproto.Hash{3}
	sign.SignReceipt(key, &l)
	linked := wire.AppendReceipt(nil, &l)
	g.accept("link", "receipt", "the chain's link at change 60, nothing backed up", linked)
	g.refuse("link-zero", "receipt", "is left out", "a link that is not known", bytes.Replace(linked, l.Link[:], make([]byte, 32), 1))
	v := c
	v.Move = syncproto.Move{Origin: "https://chuantou.example", Root: [32]byte{5}}
	sign.SignReceipt(key, &v)
	moved := wire.AppendReceipt(nil, &v)
	g.accept("move", "receipt", "the server is about to have another address", moved)
	g.refuse("move-nowhere", "receipt", "is left out", "no address", bytes.Replace(moved, wire.AppendText(nil, v.Move.Origin), wire.AppendText(nil, ""), 1))
	empty := wire.AppendReceipt(nil, &c)
	empty[1]++ // 11 members, the last an empty list before the signature
	at := len(empty) - len(c.Sig) - 2
	g.refuse("backed-up-empty", "receipt", "is left out", "an empty list of what is backed up", slices.Insert(empty, at, 0x80))
}

func (g generator) reissues() {
	q := syncproto.ReissueRequest{Former: other, After: 2, Changes: []syncproto.ReissueChange{{Seq: 5, Hash: syncproto.Hash{1}}, {Seq: 9, Hash: syncproto.Hash{2}}}}
	sign.SignReissue(key, replica, &q)
	b := wire.AppendReissueRequest(nil, &q)
	g.accept("two", "reissue", "two changes of a spent id", b)
	g.refuse("trailing", "reissue", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	g.refuse("truncated", "reissue", "input ends early", "cut within the signature", b[:len(b)-1])
	unsigned := wire.AppendReissueAsked(wire.AppendArray(nil, 3), &q)
	g.refuse("unsigned", "reissue", "4 members", "no proof that the former key is there", unsigned)
	q.Changes[1].Seq = 5
	g.refuse("repeated", "reissue", "out of order or repeated", "one change twice", wire.AppendReissueRequest(nil, &q))
	all := []syncproto.Reissued{{}, {As: syncproto.ChangeID{Replica: replica, Seq: 3}}, {As: syncproto.ChangeID{Replica: replica, Seq: 4}, Parts: []int{0, 2}}}
	b = wire.AppendReissued(nil, all)
	g.accept("three", "reissued", "one kept, one given whole, two parts of one given", b)
	g.refuse("truncated", "reissued", "input ends early", "cut", b[:len(b)-1])
	all[2].Parts = []int{2, 2}
	g.refuse("part-twice", "reissued", "out of order or repeated", "one part twice", wire.AppendReissued(nil, all))
}

func (g generator) messages() {
	pull := syncproto.PullRequest{Cursor: syncproto.Cursor{1, 2, 3}, MaxBytes: 65536, Again: []syncproto.Atom{"t:330903105"}}
	b := wire.AppendPull(nil, &pull)
	g.accept("cursor", "pull", "a whole cursor", b)
	g.accept("empty", "pull", "a first pull", wire.AppendPull(nil, &syncproto.PullRequest{}))
	g.accept("idle", "pull", "only the hash of a cursor", wire.AppendPull(nil, &syncproto.PullRequest{Hash: syncproto.CursorHash{1, 2, 3}}))
	g.refuse("trailing", "pull", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	told := syncproto.PullRequest{Hash: syncproto.CursorHash{1, 2, 3}, Told: &syncproto.Told{Waiting: 12, Oldest: 1779440700000, Drafts: 2, Offset: -4000, Version: "1.2.0", Trip: "2026-06-14"}}
	g.accept("told", "pull", "what a device tells of itself", wire.AppendPull(nil, &told))
	g.refuse("hash-short", "pull", "want 16", "a hash of 3 bytes", []byte{0xa1, 2, 0x43, 1, 2, 3})
	page := syncproto.Page{Epoch: "e-1", Cursor: syncproto.Cursor{9}, More: true, Done: 3, Total: 7, Wall: 1779440700000,
		Entries: []syncproto.Entry{
			{Kind: syncproto.EntryChanges, Atom: "t:330903105", Replica: other, From: 4, Count: 2, Offsets: []uint64{0, 2}, RawBytes: 10, Frame: []byte{1}},
			{Kind: syncproto.EntryStates, Atom: "ref", Count: 1, RawBytes: 20, Frame: []byte{2}},
			{Kind: syncproto.EntryLeave, Atom: "t:330903105", Records: []syncproto.RecordID{record}},
			{Kind: syncproto.EntryOwn, Atom: "ref", From: 1, To: 9}},
		Digests: []syncproto.AtomDigest{{Atom: "ref", Classes: syncproto.ForScope, Records: 2}},
		Keys:    []syncproto.HeldKey{{Holder: record, Key: syncproto.KeyID{1}, Secret: [32]byte{2}}},
		Left:    []syncproto.Atom{"h:gone"}, Schema: []byte("{}")}
	b = wire.AppendPage(nil, &page)
	g.accept("all", "page", "one entry of every kind", b)
	alone := syncproto.Page{Epoch: "e-1", Cursor: syncproto.Cursor{9}, Wall: 1779440700000, Standing: &syncproto.Standing{Lease: 30 * 24 * time.Hour, Unlock: [32]byte{7},
		Devices: []syncproto.KnownDevice{{Replica: replica, Name: "公用平板", Enrolled: 1779440600000}}}}
	b = wire.AppendPage(nil, &alone)
	g.accept("standing", "page", "what the server says of the device", b)
	g.refuse("standing-cut", "page", "input ends early", "cut within it", b[:len(b)-1])
	b = wire.AppendPage(nil, &page)
	g.refuse("truncated", "page", "input ends early", "cut", b[:len(b)-1])
	g.refuse("trailing", "page", "trailing bytes", "a byte too many", append(bytes.Clone(b), 0))
	g.refuse("atom-index", "page", "atom index", "an entry of an atom that is not named", []byte{0xa1, 8, 0x81, 0x83, 3, 5, 0x80})
	g.refuse("range-backwards", "page", "ends before it begins", "own changes 9 to 1", []byte{0xa2, 7, 0x81, 0x63, 'r', 'e', 'f', 8, 0x81, 0x84, 4, 0, 9, 1})
	g.refuse("entry-kind", "page", "entry of kind 9", "an entry of an unknown kind", []byte{0xa2, 7, 0x81, 0x63, 'r', 'e', 'f', 8, 0x81, 0x83, 9, 0, 0x80})
}
