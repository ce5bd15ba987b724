package syncproto

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ReplicaID names one independent holder of state: one person's store on one
// device, or the server's own pen. It is a UUIDv4, made by the server at
// enrolment and never reused.
type ReplicaID [16]byte

// RecordID names a record. It is a UUIDv7 made on the device, so ids sort by
// the time they were made there. Reference objects (person, unit, place,
// boat) are records too.
type RecordID [16]byte

// PersonID is the RecordID of a person's reference object.
type PersonID = RecordID

// KeyID names one sealing key, see Sealed. Random, 8 bytes.
type KeyID [8]byte

// Hash is a SHA-256.
type Hash [32]byte

// Seq counts a replica's changes from 1 without gaps.
type Seq uint64

// NewReplicaID returns a random (version 4) id.
func NewReplicaID() ReplicaID { return ReplicaID(uuid.New()) }

// NewRecordID returns a version 7 id whose time part is now.
func NewRecordID(now time.Time) RecordID {
	id := RecordID(uuid.New())
	setV7Time(&id, now)
	return id
}

func setV7Time(id *RecordID, now time.Time) {
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
}

// Millis is the time part of a version 7 id, in Unix milliseconds.
func (id RecordID) Millis() int64 {
	var ms int64
	for i := range 6 {
		ms = ms<<8 | int64(id[i])
	}
	return ms
}

func (id ReplicaID) String() string { return uuid.UUID(id).String() }
func (id RecordID) String() string  { return uuid.UUID(id).String() }
func (id KeyID) String() string     { return hex.EncodeToString(id[:]) }
func (h Hash) String() string       { return base64.RawURLEncoding.EncodeToString(h[:]) }

// IsZero reports whether the id is unset.
func (id ReplicaID) IsZero() bool { return id == ReplicaID{} }

// IsZero reports whether the id is unset.
func (id RecordID) IsZero() bool { return id == RecordID{} }

// Compare orders ids by their bytes.
func (id ReplicaID) Compare(other ReplicaID) int { return bytes.Compare(id[:], other[:]) }

// Compare orders ids by their bytes: by the time they were made, then at random.
func (id RecordID) Compare(other RecordID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText gives the usual dashed form, so that ids can be JSON keys and values.
func (id ReplicaID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText gives the usual dashed form.
func (id RecordID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the dashed form.
func (id *ReplicaID) UnmarshalText(b []byte) error {
	v, err := ParseReplicaID(string(b))
	if err == nil {
		*id = v
	}
	return err
}

// UnmarshalText reads the dashed form.
func (id *RecordID) UnmarshalText(b []byte) error {
	v, err := ParseRecordID(string(b))
	if err == nil {
		*id = v
	}
	return err
}

// ParseReplicaID reads the dashed form of a version 4 UUID.
func ParseReplicaID(s string) (ReplicaID, error) {
	u, err := parseUUID(s, 4)
	return ReplicaID(u), err
}

// ParseRecordID reads the dashed form of a version 7 UUID.
func ParseRecordID(s string) (RecordID, error) {
	u, err := parseUUID(s, 7)
	return RecordID(u), err
}

func parseUUID(s string, version uuid.Version) (uuid.UUID, error) {
	if len(s) != 36 {
		return uuid.Nil, fmt.Errorf("id of %d characters: want the 36 of a UUID", len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return uuid.Nil, errors.New("id is not a UUID")
	}
	if u.Version() != version || u.Variant() != uuid.RFC4122 {
		return uuid.Nil, fmt.Errorf("id is not a version %d UUID", version)
	}
	return u, nil
}

// Dot is the identity of an op within its record: the change that made it and
// the op's index within the change's part for that record. Two parts of one
// change are of different records, so (record, dot) is unique everywhere.
type Dot struct {
	Replica ReplicaID
	Seq     Seq
	Op      uint32
}

// Compare orders dots by replica, seq, op. The order decides nothing a person sees.
func (d Dot) Compare(e Dot) int {
	if c := d.Replica.Compare(e.Replica); c != 0 {
		return c
	}
	if d.Seq != e.Seq {
		if d.Seq < e.Seq {
			return -1
		}
		return 1
	}
	return int(d.Op) - int(e.Op)
}

func (d Dot) String() string { return fmt.Sprintf("%s/%d.%d", d.Replica, d.Seq, d.Op) }

// ElemID is the identity of one element of a text (a code point) or of a list
// (a place in it): the replica that inserted it and that replica's counter
// within the field, from 1 without gaps. The zero ElemID stands for "none":
// the start as a left origin, the end as a right origin.
type ElemID struct {
	Replica ReplicaID
	Counter uint64
}

// IsNone reports whether the id stands for the start or the end.
func (e ElemID) IsNone() bool { return e.Counter == 0 }

// Compare orders by replica, then counter: the tie-break of FugueMax here.
func (e ElemID) Compare(f ElemID) int {
	if c := e.Replica.Compare(f.Replica); c != 0 {
		return c
	}
	if e.Counter < f.Counter {
		return -1
	}
	if e.Counter > f.Counter {
		return 1
	}
	return 0
}

func (e ElemID) String() string {
	if e.IsNone() {
		return "none"
	}
	return fmt.Sprintf("%s:%d", e.Replica, e.Counter)
}
