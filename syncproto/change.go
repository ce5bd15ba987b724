package syncproto

import "fmt"

// Suite numbers the set of algorithms of a signed, hashed or sealed format.
// An unknown suite is refused with ErrUnknownSuite, never guessed.
type Suite uint8

// Suite1 is Ed25519, SHA-256, HKDF-SHA-256, AES-256-GCM and age's X25519.
const Suite1 Suite = 1

// Limits on what one change may hold. They bound decoding before allocation;
// what exceeds them is refused by the decoder of the device that writes and
// held by the server when it arrives signed.
const (
	MaxPartsPerChange = 256
	MaxOpsPerPart     = 4096
	MaxSeenEntries    = 4096
	MaxChangeBytes    = 4 << 20
	MaxValueBytes     = 256 << 10
	MaxFieldBytes     = 128
	MaxKindBytes      = 32
	// MaxBundleBytes bounds the compressed bytes of one bundle, so that a
	// link of 2 KB/s carries one in less than half a minute. Fuller bundles
	// compress better, for the author and for everybody who reads them.
	MaxBundleBytes = 48 << 10
	// ThinBundleBytes is the bound on a link known to be thin: less than ten
	// seconds.
	ThinBundleBytes = 16 << 10
)

// Header says who saved a change and when the author's device thought it was.
type Header struct {
	Replica ReplicaID // not encoded in the change: the bundle names it once
	Seq     Seq       // likewise: a bundle's changes are numbered from its first
	Author  PersonID
	// Wall is the claimed time, Unix milliseconds: the device's clock plus its
	// last learned distance to the server's. It decides no merge.
	Wall int64
	// Offset is that distance in milliseconds (server minus device), as
	// measured at the last contact before the save.
	Offset int64
	// Replaces is the change under a spent replica id that this one issues
	// anew; zero for nearly all.
	Replaces Replaced
}

// Replaced names a change of a replica id that was spent (a copied folder, an
// older disk put back): another change may be known under the same number, so
// its hash is part of the name.
type Replaced struct {
	ChangeID
	Hash Hash
}

// Change is one save by one person: a header and one part per record it
// touches. It is immutable once signed.
type Change struct {
	Header
	Parts []Part
}

// Part is one record's share of a change.
type Part struct {
	Record RecordID
	// Kind is the kind of record, given by every part that may be the first
	// of its record: creation, and joining by code. Empty otherwise.
	Kind string
	// Prev is this replica's previous change of the record, 0 for none. The
	// part is applied only after it, without thereby having seen it.
	Prev Seq
	// Seen is the record's version as the form showed it. An op replaces only
	// what Seen covers, and what earlier ops of this same part did.
	Seen VersionVector
	Ops  []Op
}

// OpKind fixes the merge class of an op. Numbers are final: append only.
type OpKind uint8

// The op kinds. The class of a field is that of the ops on it.
const (
	OpSet        OpKind = 1  // value: Value replaces every value of the field that was seen
	OpText       OpKind = 2  // text: Edit inserts and deletes elements
	OpAdd        OpKind = 3  // set: Value becomes a member
	OpRemove     OpKind = 4  // set: the seen adds of Value go
	OpItemInsert OpKind = 5  // list: a new item at a new place
	OpItemRemove OpKind = 6  // list: the seen life of Item goes
	OpItemMove   OpKind = 7  // list: Item takes a new place
	OpLog        OpKind = 8  // log: Value is appended with Lamport
	OpDelete     OpKind = 9  // record: the seen edits are voided
	OpRestore    OpKind = 10 // record: the seen delete marks go
)

func (k OpKind) String() string {
	names := [...]string{"?", "set", "text", "add", "remove", "item-insert", "item-remove", "item-move", "log", "delete", "restore"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("op-%d", uint8(k))
}

// Op is one mutation. Which members are used depends on Kind:
//
//	OpSet                 Field [Item Sub] Value
//	OpText                Field [Item Sub] Edit
//	OpAdd, OpRemove       Field [Item Sub] Value
//	OpLog                 Field [Item Sub] Value Lamport
//	OpItemInsert          Field Counter Left Right
//	OpItemRemove          Field Item
//	OpItemMove            Field Item Counter Left Right
//	OpDelete, OpRestore   Value (the reason; may be nil)
//
// With Item set, Sub names a field of that item and the op works on it; an
// item's fields may be of any class but list.
type Op struct {
	Kind    OpKind
	Field   string
	Item    ElemID
	Sub     string
	Value   Value
	Edit    []byte // text.Edit in its own encoding
	Counter uint64 // of the new place; its replica is the change's
	Left    ElemID // origins of the new place
	Right   ElemID
	Lamport uint64
}

// Value is one CBOR data item in the deterministic encoding of RFC 8949 §4.2
// (syncproto/wire makes and reads it). Two values are equal when their bytes
// are. A sensitive value is a Sealed, encoded as wire says. Values are never
// modified in place.
type Value []byte

// Sealed is a sensitive value as it enters the history: encrypted by the
// device before hashing, so that destroying the key destroys the value and
// chain and signature still verify. The plaintext is one CBOR item; the
// additional data binds it to (record, field, item, sub, dot).
type Sealed struct {
	Suite      Suite
	Key        KeyID
	Nonce      [12]byte
	Ciphertext []byte
}
