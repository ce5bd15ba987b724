package syncproto

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ReplicaID names one independent holder of state: one person's store on one
// device, or a pen of the server's. A device's is a UUIDv4, made by the server
// at enrolment and never reused; a pen's is a UUIDv8, so that whoever reads a
// record can tell a browser's work from a device's.
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

// PenID makes the id of a server's pen out of bytes that only the server can
// compute: a version 8 id, which enrolment never gives to a device.
func PenID(b [16]byte) ReplicaID {
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return ReplicaID(b)
}

// IsPen reports whether the replica is a pen of the server's: what it wrote, a
// person wrote in a browser (网页登录) or the server by itself.
func (id ReplicaID) IsPen() bool { return id[6]>>4 == 8 && id[8]>>6 == 2 }

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

// ParseReplicaID reads the dashed form of a version 4 UUID, or of a pen's.
func ParseReplicaID(s string) (ReplicaID, error) {
	u, err := parseUUID(s, 4)
	if err != nil {
		if pen, penErr := parseUUID(s, 8); penErr == nil {
			return ReplicaID(pen), nil
		}
	}
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

// ChangeID names a change: the replica that made it and its number there.
type ChangeID struct {
	Replica ReplicaID
	Seq     Seq
}

// IsZero reports whether the id is unset.
func (c ChangeID) IsZero() bool { return c == ChangeID{} }

// String is REPLICA/SEQ, which ParseChangeID reads.
func (c ChangeID) String() string { return fmt.Sprintf("%s/%d", c.Replica, c.Seq) }

// MarshalText gives the form of String, empty for an id that is unset.
func (c ChangeID) MarshalText() ([]byte, error) {
	if c.IsZero() {
		return nil, nil
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads what MarshalText gives.
func (c *ChangeID) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*c = ChangeID{}
		return nil
	}
	*c, err = ParseChangeID(string(b))
	return err
}

// ParseChangeID reads REPLICA/SEQ, in no other spelling than String's.
func ParseChangeID(s string) (ChangeID, error) {
	replica, seq, _ := strings.Cut(s, "/")
	r, err := ParseReplicaID(replica)
	n, numErr := strconv.ParseUint(seq, 10, 63)
	c := ChangeID{r, Seq(n)}
	if err != nil || numErr != nil || n == 0 || c.String() != s {
		return ChangeID{}, errors.New("not the name of a change: want REPLICA/SEQ")
	}
	return c, nil
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

// Change is the change that the op is of.
func (d Dot) Change() ChangeID { return ChangeID{d.Replica, d.Seq} }

// String is REPLICA/SEQ.OP, which ParseDot reads.
func (d Dot) String() string { return fmt.Sprintf("%s/%d.%d", d.Replica, d.Seq, d.Op) }

// MarshalText gives the form of String.
func (d Dot) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of String.
func (d *Dot) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDot(string(b))
	return err
}

// ParseDot reads REPLICA/SEQ.OP, in no other spelling than String's.
func ParseDot(s string) (Dot, error) {
	change, op, _ := strings.Cut(s, ".")
	c, err := ParseChangeID(change)
	n, numErr := strconv.ParseUint(op, 10, 32)
	d := Dot{c.Replica, c.Seq, uint32(n)}
	if err != nil || numErr != nil || d.String() != s {
		return Dot{}, errors.New("not the name of a value: want REPLICA/SEQ.OP")
	}
	return d, nil
}

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

// IsZero is IsNone, for encoders that leave out what is unset.
func (e ElemID) IsZero() bool { return e.IsNone() }

// MarshalText gives the form of String, empty for none.
func (e ElemID) MarshalText() ([]byte, error) {
	if e.IsNone() {
		return nil, nil
	}
	return []byte(e.String()), nil
}

// UnmarshalText reads what MarshalText gives.
func (e *ElemID) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*e = ElemID{}
		return nil
	}
	*e, err = ParseElemID(string(b))
	return err
}

// ParseElemID reads REPLICA:COUNTER, in no other spelling than String's; none
// has no name here.
func ParseElemID(s string) (ElemID, error) {
	replica, counter, _ := strings.Cut(s, ":")
	r, err := ParseReplicaID(replica)
	n, numErr := strconv.ParseUint(counter, 10, 64)
	e := ElemID{r, n}
	if err != nil || numErr != nil || n == 0 || e.String() != s {
		return ElemID{}, errors.New("not the name of an element: want REPLICA:COUNTER")
	}
	return e, nil
}
