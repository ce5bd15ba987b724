package syncproto

// SeedBlock is how many consecutive changes of a replica share a salt seed.
const SeedBlock = 64

// Seed is the secret from which the salts of one block of changes derive. It
// is fixed when the first change of the block is saved, so a digest never
// depends on how changes are bundled.
type Seed [32]byte

// Salt makes the digest of a part unguessable once the part is destroyed.
type Salt [16]byte

// Signature is an Ed25519 signature.
type Signature [64]byte

// Bundle is a run of one replica's changes with the head's signature, as it
// travels by push, by courier and in an export: always the same bytes.
type Bundle struct {
	Suite    Suite
	Replica  ReplicaID
	From     Seq    // number of the first change
	Count    int    // how many changes
	PrevLink Hash   // chain link before From
	Seeds    []Seed // one per block spanned, in order
	Frame    []byte // the changes: a zstd frame of a CBOR sequence, see wire.DecodeFrame
	RawBytes int    // size of the frame uncompressed
	Sig      Signature
}

// To is the number of the bundle's last change.
func (b *Bundle) To() Seq { return b.From + Seq(b.Count) - 1 }

// BlockOf is the index of the seed block of a change.
func BlockOf(seq Seq) uint64 { return uint64(seq-1) / SeedBlock }

// Level says how safe received work is.
type Level uint8

// The levels of a receipt.
const (
	LevelDurable  Level = 1 // fsynced on the server
	LevelBackedUp Level = 2 // also in a verified backup
)

// Held is one part that the server has whole but did not apply, or (with
// HoldRejected) applied and took back again.
type Held struct {
	Seq    Seq
	Record RecordID
	Reason HoldReason
	// Note is what an administrator says to the author, at most MaxNoteBytes;
	// empty for none.
	Note string
}

// MaxNoteBytes bounds Held.Note.
const MaxNoteBytes = 600

// Receipt is the server's signed word about one replica's changes. A device
// says 已收到 and 待处理 from receipts alone.
type Receipt struct {
	Suite    Suite
	Server   Hash // hash of the server's signing key
	Epoch    string
	Replica  ReplicaID
	Received Ranges // stored durably, held or applied
	Held     []Held
	Level    Level // LevelBackedUp when BackedUp covers Received
	Wall     int64 // server's clock, Unix milliseconds
	// Forked is set when a different change arrived under a number already
	// known: this replica id is spent. The device takes a new one and
	// re-issues what Received does not cover.
	Forked bool
	Audit  Hash // head of the audit log
	// BackedUp is what of this replica is in a verified backup.
	BackedUp Ranges
	// Order is what the device is told to do with itself once the server has
	// all that it wrote.
	Order Order
	// Link is the chain link of the highest number in Received, zero when
	// unknown: a store whose own link there is another exists twice, and what
	// the server has is not its own.
	Link Hash
	// Move tells the device that the server's address is, or is about to be,
	// another; the zero Move tells nothing.
	Move Move
	Sig  Signature
}

// Move is another address of the same server.
type Move struct {
	Origin string
	Root   [32]byte // fingerprint of what vouches for it, zero for the system's roots
}

// Atom names an audience atom: the unit by which records are fed to readers.
// Its text form is a letter, a colon and what it is about:
// "t:330903105" places of a township, "h:<record>" a household,
// "p:<person>" one person's notes and shared drafts, "ref" reference data.
type Atom string

// The atom of reference data, read by everyone who is enrolled.
const AtomReference Atom = "ref"

// TownshipAtom is the atom of the township that holds the place, or of the
// place itself when it is wider than a township.
func TownshipAtom(place string) Atom { return Atom("t:" + place[:min(len(place), TownshipDigits)]) }

// HouseholdAtom is the atom of a household's own records.
func HouseholdAtom(id RecordID) Atom { return Atom("h:" + id.String()) }

// IsHousehold reports whether the atom is a household's.
func (a Atom) IsHousehold() bool { return len(a) > 2 && a[:2] == "h:" }

// PersonAtom is the atom of what only one person and his co-writers see.
func PersonAtom(id PersonID) Atom { return Atom("p:" + id.String()) }

// TownshipDigits is the length of a township's place code.
const TownshipDigits = 9

// Audience is a set of audience classes, the widest first.
type Audience uint8

// The audience classes of domain.md 2.0.
const (
	ForScope  Audience = 1 << 0 // all who may read the record
	ForTeam   Audience = 1 << 1 // its team
	ForAuthor Audience = 1 << 2 // its writers

	ForNobody Audience = 0
	ForAll             = ForScope | ForTeam | ForAuthor
)

// Has reports whether every class of b is in a.
func (a Audience) Has(b Audience) bool { return a&b == b }
