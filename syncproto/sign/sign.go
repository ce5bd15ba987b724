// Package sign is the chain: digests of parts, hashes of changes, links over
// them, and the Ed25519 signatures of bundles, receipts and requests
// (SPEC.md §5). It works on the bytes that package wire makes and on nothing
// else; keys and storage are the caller's.
//
//	part digest  D = SHA-256("chuantou/part/1" ‖ salt ‖ part bytes)
//	change hash  H = SHA-256("chuantou/change/1" ‖ replica ‖ seq ‖ len ‖ header ‖ D…)
//	link n       L = SHA-256("chuantou/link/1" ‖ link n−1 ‖ H)
//	signature    Ed25519 over "chuantou/bundle/1" ‖ suite ‖ replica ‖ seq ‖ link
//
// A part that was destroyed or is withheld stands as its digest: every hash
// above it is the same, so chain and signature still verify.
package sign

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ErrSignature is returned when a signature or a chain does not verify.
var ErrSignature = errors.New("signature does not verify")

// DeriveSalt is the salt of part index part of change seq, from its block's seed.
func DeriveSalt(seed syncproto.Seed, seq syncproto.Seq, part int) (salt syncproto.Salt) {
	info := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte("chuantou/salt/1"), uint64(seq)), uint32(part))
	out, err := hkdf.Expand(sha256.New, seed[:], string(info), len(salt))
	if err != nil {
		panic(fmt.Sprintf("hkdf: %v", err)) // only for lengths beyond its limit
	}
	copy(salt[:], out)
	return salt
}

// PartDigest hides the part's bytes behind its salt.
func PartDigest(salt syncproto.Salt, part []byte) (d syncproto.Hash) {
	h := sha256.New()
	h.Write([]byte("chuantou/part/1"))
	h.Write(salt[:])
	h.Write(part)
	h.Sum(d[:0])
	return d
}

// ChangeHash is the hash of one change from its header bytes and part digests.
func ChangeHash(replica syncproto.ReplicaID, seq syncproto.Seq, header []byte, digests []syncproto.Hash) (out syncproto.Hash) {
	b := make([]byte, 0, 64+len(header)+32*len(digests))
	b = append(b, "chuantou/change/1"...)
	b = append(b, replica[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(seq))
	b = binary.BigEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	for i := range digests {
		b = append(b, digests[i][:]...)
	}
	return sha256.Sum256(b)
}

// ChainStart is the link before a replica's first change.
func ChainStart(replica syncproto.ReplicaID) syncproto.Hash {
	return sha256.Sum256(append([]byte("chuantou/chain/1"), replica[:]...))
}

// NextLink is the chain link after a change.
func NextLink(prev, change syncproto.Hash) syncproto.Hash {
	b := append([]byte("chuantou/link/1"), prev[:]...)
	return sha256.Sum256(append(b, change[:]...))
}

func bundleMessage(suite syncproto.Suite, replica syncproto.ReplicaID, head syncproto.Seq, link syncproto.Hash) []byte {
	b := append([]byte("chuantou/bundle/1"), byte(suite))
	b = append(b, replica[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(head))
	return append(b, link[:]...)
}

func signHead(key ed25519.PrivateKey, b *syncproto.Bundle, link syncproto.Hash) {
	copy(b.Sig[:], ed25519.Sign(key, bundleMessage(b.Suite, b.Replica, b.To(), link)))
}

// SealedChange is a change with what its place in the chain rests on.
type SealedChange struct {
	wire.RawChange
	Salts []syncproto.Salt // one per part; the zero salt for a withheld part
	Hash  syncproto.Hash
	Link  syncproto.Hash
}

// Digest is the salted digest of part i, the one that stands for it when it is withheld.
func (s *SealedChange) Digest(i int) syncproto.Hash {
	if p := s.Parts[i]; p.Withheld() {
		return p.Digest
	}
	return PartDigest(s.Salts[i], s.Parts[i].Bytes)
}

// Seal computes salts, hash and link of a change. The seed is that of the
// change's block; prev is the link of the change before.
func Seal(c wire.RawChange, seed syncproto.Seed, prev syncproto.Hash) SealedChange {
	s := SealedChange{RawChange: c, Salts: make([]syncproto.Salt, len(c.Parts))}
	digests := make([]syncproto.Hash, len(c.Parts))
	for i, p := range c.Parts {
		digests[i] = p.Digest
		if !p.Withheld() {
			s.Salts[i] = DeriveSalt(seed, c.Seq, i)
			digests[i] = PartDigest(s.Salts[i], p.Bytes)
		}
	}
	s.Hash = ChangeHash(c.Replica, c.Seq, c.HeaderBytes, digests)
	s.Link = NextLink(prev, s.Hash)
	return s
}

// MakeBundle packs consecutive changes of one replica and signs the head.
// seeds holds the seed of every block spanned, in order; prev is the link
// before the first change. It returns the link of the last change too.
func MakeBundle(key ed25519.PrivateKey, changes []wire.RawChange, seeds []syncproto.Seed, prev syncproto.Hash, effort wire.Effort) (*syncproto.Bundle, syncproto.Hash) {
	first := changes[0]
	b := &syncproto.Bundle{Suite: syncproto.Suite1, Replica: first.Replica, From: first.Seq,
		Count: len(changes), PrevLink: prev, Seeds: seeds}
	var raw []byte
	link := prev
	for i := range changes {
		raw = wire.AppendRawChange(raw, &changes[i])
		link = Seal(changes[i], seeds[syncproto.BlockOf(changes[i].Seq)-syncproto.BlockOf(first.Seq)], link).Link
	}
	b.RawBytes, b.Frame = len(raw), wire.Compress(raw, effort)
	signHead(key, b, link)
	return b, link
}

// OpenBundle decompresses and reads a bundle's changes and verifies the head's
// signature. Nothing is returned unless everything verifies.
func OpenBundle(b *syncproto.Bundle, key ed25519.PublicKey) ([]SealedChange, error) {
	if b.Suite != syncproto.Suite1 {
		return nil, fmt.Errorf("bundle suite %d: %w", b.Suite, syncproto.ErrUnknownSuite)
	}
	raw, err := wire.Decompress(b.Frame, b.RawBytes)
	if err != nil {
		return nil, fmt.Errorf("bundle of replica %s from %d: %w", b.Replica, b.From, err)
	}
	changes, err := wire.DecodeFrame(raw, b.Replica, b.From, b.Count)
	if err != nil {
		return nil, fmt.Errorf("bundle of replica %s from %d: %w", b.Replica, b.From, err)
	}
	out := make([]SealedChange, len(changes))
	link := b.PrevLink
	for i, c := range changes {
		seed := b.Seeds[syncproto.BlockOf(c.Seq)-syncproto.BlockOf(b.From)]
		out[i] = Seal(c, seed, link)
		link = out[i].Link
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, bundleMessage(b.Suite, b.Replica, b.To(), link), b.Sig[:]) {
		return nil, fmt.Errorf("bundle of replica %s, changes %d to %d: %w", b.Replica, b.From, b.To(), ErrSignature)
	}
	return out, nil
}

// KeyHash names a public key, for instance the server's in its receipts.
func KeyHash(key ed25519.PublicKey) syncproto.Hash {
	return sha256.Sum256(append([]byte("chuantou/key/1"), key...))
}

func receiptMessage(c *syncproto.Receipt) []byte {
	return wire.AppendReceiptBody([]byte("chuantou/receipt/1"), c)
}

// SignReceipt signs a receipt with the server's key.
func SignReceipt(key ed25519.PrivateKey, c *syncproto.Receipt) {
	copy(c.Sig[:], ed25519.Sign(key, receiptMessage(c)))
}

// VerifyReceipt checks that the server with this key gave the receipt.
func VerifyReceipt(key ed25519.PublicKey, c *syncproto.Receipt) error {
	if c.Suite != syncproto.Suite1 {
		return fmt.Errorf("receipt suite %d: %w", c.Suite, syncproto.ErrUnknownSuite)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, receiptMessage(c), c.Sig[:]) {
		return fmt.Errorf("receipt for replica %s: %w", c.Replica, ErrSignature)
	}
	return nil
}

func reissueMessage(next syncproto.ReplicaID, q *syncproto.ReissueRequest) []byte {
	b := append([]byte("chuantou/reissue/1"), next[:]...)
	return wire.AppendReissueAsked(b, q)
}

// SignReissue signs a request of the replica next with the key of the id that it
// takes over from.
func SignReissue(former ed25519.PrivateKey, next syncproto.ReplicaID, q *syncproto.ReissueRequest) {
	copy(q.Sig[:], ed25519.Sign(former, reissueMessage(next, q)))
}

// VerifyReissue checks that who asks has the key of the former id.
func VerifyReissue(former ed25519.PublicKey, next syncproto.ReplicaID, q *syncproto.ReissueRequest) error {
	if len(former) != ed25519.PublicKeySize || !ed25519.Verify(former, reissueMessage(next, q), q.Sig[:]) {
		return fmt.Errorf("request to issue anew for replica %s: %w", q.Former, ErrSignature)
	}
	return nil
}

// SessionRequest is the signed exchange that yields a session token: bound to
// one server (audience), to the moment as the server's clock has it, and to
// the device's key.
type SessionRequest struct {
	Audience syncproto.Hash // KeyHash of the server
	Replica  syncproto.ReplicaID
	Wall     int64 // what the device believes the server's clock shows, Unix milliseconds
	Nonce    [16]byte
}

func sessionMessage(q *SessionRequest) []byte {
	b := append([]byte("chuantou/session/1"), q.Audience[:]...)
	b = append(b, q.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(q.Wall))
	return append(b, q.Nonce[:]...)
}

// SignSession signs a session request with the device's key.
func SignSession(key ed25519.PrivateKey, q *SessionRequest) (sig syncproto.Signature) {
	copy(sig[:], ed25519.Sign(key, sessionMessage(q)))
	return sig
}

// VerifySession checks a session request against the replica's enrolled key.
func VerifySession(key ed25519.PublicKey, q *SessionRequest, sig syncproto.Signature) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, sessionMessage(q), sig[:]) {
		return fmt.Errorf("session request of replica %s: %w", q.Replica, ErrSignature)
	}
	return nil
}
