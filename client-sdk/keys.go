package clientsdk

import (
	"encoding/binary"

	"github.com/chuantou/chuantou/syncproto"
)

// How a device's data lies in its store. Every value but the raw changes
// begins with the byte storedFormat.
//
//	m/identity      who this is: identity
//	m/enrolling     the key of an enrolment whose answer may have been lost
//	m/next          the identity of a ReEnrol that was not finished
//	m/place         cursor, epoch, clock offset: place
//	m/token         session token, good for minutes
//	m/receipt       the server's last receipt, as it came
//	m/acked         what the server acknowledged before the id was found to be spent
//	m/backups       what was backed up when, and what was let go of: backups
//	m/standing      what the server last said of this device itself, as it came
//	m/lease         how long it is since the server was spoken to: lease
//	m/unknown       the server did not know this device when it was last spoken to
//	m/told          what the server was last told of this device
//	m/trip          the day until which the device will be away
//	m/wiped         everything else was destroyed, by order
//	m/schema        the schema as the server last sent it, JSON
//	m/count         counters of local numbers: counts
//	h/ replica      head of that replica's chain: number and link
//	c/ replica seq  an own change: link before it, then the change as in a frame
//	r/ replica seq  a change that was issued anew: by what, which parts, then as it was
//	s/ replica block   salt seed of a block of own changes
//	k/ key          a sealing key: holder, secret
//	b/ record       base: atoms, digests, then the state as crdt encodes it
//	o/ record       kept base: a state from before a fold, see kept.go
//	i/ record       row: what a list shows of the record, derived from it
//	d/ atom         digest sums of the bases of an atom
//	e/ draft        a draft
//	p/ record record   the second once was put into the first (并为一份)
const storedFormat = 1

var (
	keyIdentity  = []byte("m/identity")
	keyEnrolling = []byte("m/enrolling")
	keyNext      = []byte("m/next")
	keyPlace     = []byte("m/place")
	keyToken     = []byte("m/token")
	keyReceipt   = []byte("m/receipt")
	keyAcked     = []byte("m/acked")
	keyBackups   = []byte("m/backups")
	keyStanding  = []byte("m/standing")
	keyLease     = []byte("m/lease")
	keyUnknown   = []byte("m/unknown")
	keyTold      = []byte("m/told")
	keyTrip      = []byte("m/trip")
	keyWiped     = []byte("m/wiped")
	keySchema    = []byte("m/schema")
	keyCount     = []byte("m/count")

	prefixHead   = []byte("h/")
	prefixChange = []byte("c/")
	prefixSeed   = []byte("s/")
	prefixKey    = []byte("k/")
	prefixBase   = []byte("b/")
	prefixKept   = []byte("o/")
	prefixRow    = []byte("i/")
	prefixSums   = []byte("d/")
	prefixDraft  = []byte("e/")
	prefixInto   = []byte("p/")
)

func join(prefix []byte, parts ...[]byte) []byte {
	k := append([]byte(nil), prefix...)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func headKey(r syncproto.ReplicaID) []byte { return join(prefixHead, r[:]) }

func changeKey(r syncproto.ReplicaID, seq syncproto.Seq) []byte {
	return join(prefixChange, r[:], u64(uint64(seq)))
}

func seedKey(r syncproto.ReplicaID, block uint64) []byte { return join(prefixSeed, r[:], u64(block)) }
func sealKey(id syncproto.KeyID) []byte                  { return join(prefixKey, id[:]) }
func baseKey(id syncproto.RecordID) []byte               { return join(prefixBase, id[:]) }
func keptKey(id syncproto.RecordID) []byte               { return join(prefixKept, id[:]) }
func rowKey(id syncproto.RecordID) []byte                { return join(prefixRow, id[:]) }
func sumsKey(a syncproto.Atom) []byte                    { return join(prefixSums, []byte(a)) }
func intoKey(to, id syncproto.RecordID) []byte {
	return join(prefixInto, to[:], id[:])
}
func draftKey(id DraftID) []byte { return join(prefixDraft, []byte(id)) }
