package syncproto

// Cursor is an opaque place in one server's feeds, sealed by that server;
// only it can read one. A device stores it in the transaction of the data.
type Cursor []byte

// CursorHash is the first 16 bytes of a cursor's SHA-256: what an idle
// request sends instead of the cursor.
type CursorHash [16]byte

// PullRequest asks for what came after a cursor.
type PullRequest struct {
	Cursor Cursor     // empty for everything; exclusive with Hash
	Hash   CursorHash // of a cursor the server gave last; zero when Cursor is sent
	// MaxBytes is the page size the device would like, compressed bytes.
	MaxBytes int
	// Again lists atoms whose digest did not match, or, without a cursor, those
	// the device holds records of: the server forgets how far the device was in
	// them and sends them whole, or says that they are not its own any more.
	Again []Atom
	Told  *Told // when it differs from what was told last
}

// Page is one answer to a pull. Applying it, cursor included, is one
// transaction on the device.
type Page struct {
	Epoch   string
	Cursor  Cursor
	More    bool // another pull follows
	Done    int  // progress: Done of Total units, bytes as the server estimates them
	Total   int
	Wall    int64 // server's clock, Unix milliseconds
	Entries []Entry
	Digests []AtomDigest // on the last page only
	Keys    []HeldKey    // sealing keys the reader may use, new since the cursor
	Left    []Atom       // atoms no longer in scope: push first, then purge
	Receipt *Receipt     // when the device's last one may be out of date
	Schema  []byte       // schema.Schema as JSON, when it differs from the one the cursor names
	// Standing is the word about the receiver itself, when it differs likewise.
	Standing *Standing
}

// EntryKind says what an entry of a page does. Append, never reorder.
type EntryKind uint8

// The kinds of entry.
const (
	EntryChanges EntryKind = 1 // join the parts of Frame onto the bases of their records
	EntryStates  EntryKind = 2 // replace the bases of the records in Frame
	EntryLeave   EntryKind = 3 // drop the bases of Records: no longer to be seen in this atom
	EntryOwn     EntryKind = 4 // the receiver's own changes From..To are in the server's state: overlay to base
)

// Entry is one piece of a page. Frames are zstd frames as wire.Compress makes
// them, at most wire.MaxRawBytes uncompressed.
type Entry struct {
	Kind    EntryKind
	Atom    Atom
	Replica ReplicaID // EntryChanges
	From    Seq       // EntryChanges, EntryOwn
	To      Seq       // EntryOwn
	// Offsets are the distances of the frame's changes from From when they do
	// not follow one another; nil when they do. Count is how many there are.
	Offsets  []uint64
	Count    int
	RawBytes int
	Frame    []byte
	Records  []RecordID // EntryLeave
}

// State is one record's whole visible state, as crdt encodes it.
type State struct {
	Record RecordID
	Bytes  []byte
}

// AtomDigest is what a device's bases of one atom must add up to. Sum is over
// the records' digests as projected for a reader with these classes.
type AtomDigest struct {
	Atom    Atom
	Classes Audience
	Records int
	Sum     Digest
}

// Digest is a sum, modulo 2^128, of the first 16 bytes of per-record hashes:
// the order of records does not matter and one can be taken out again.
type Digest [16]byte

// Add adds a record's hash.
func (d Digest) Add(h Hash) Digest { return d.sum(h, false) }

// Sub takes a record's hash out again.
func (d Digest) Sub(h Hash) Digest { return d.sum(h, true) }

func (d Digest) sum(h Hash, negate bool) Digest {
	carry := uint16(0)
	if negate {
		carry = 1
	}
	for i := 15; i >= 0; i-- {
		x := h[i]
		if negate {
			x = ^x
		}
		s := uint16(d[i]) + uint16(x) + carry
		d[i], carry = byte(s), s>>8
	}
	return d
}

// HeldKey is a sealing key in a reader's hands.
type HeldKey struct {
	Holder RecordID
	Key    KeyID
	Secret [32]byte
}
