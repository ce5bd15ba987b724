package driver

import (
	"crypto/sha256"
	"encoding/base64"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Names map to ids by hashing, so the same name is the same replica or record
// on every device without their having met. A record keeps its name as a value
// of its own, and so does a field whose name is too long for one.
const (
	kind       = "r"  // of every record
	nameField  = "."  // value: the record's name
	namesField = ".n" // set: names of fields that are stored under a hash
	itemName   = "n"  // value of an item: its name
	itemValue  = "v"
)

func replicaID(name string) (id syncproto.ReplicaID) {
	sum := sha256.Sum256([]byte("replica " + name))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func recordID(name string) (id syncproto.RecordID) {
	sum := sha256.Sum256([]byte("record " + name))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

// nameOf reads a name of a record, field or item.
func (q *request) nameOf(what string, k key) (string, error) {
	name, ok := q.name(k)
	if !ok {
		return "", badRequest("no name of a %s", what)
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > 64 {
		return "", badRequest("%s name of %d characters", what, n)
	}
	return name, nil
}

// storedField is the name under which a field is kept: its own, behind a dot
// if that would be one of ours, or a hash if it is long.
func storedField(name string) (stored string, hashed bool) {
	if len(name) >= syncproto.MaxFieldBytes {
		sum := sha256.Sum256([]byte(name))
		return ".h" + base64.RawURLEncoding.EncodeToString(sum[:15]), true
	}
	if name[0] == '.' {
		return "." + name, false
	}
	return name, false
}

// fieldName is the inverse; false for fields of ours.
func fieldName(stored string, long map[string]string) (string, bool) {
	if stored[0] != '.' {
		return stored, true
	}
	if len(stored) > 1 && stored[1] == '.' {
		return stored[1:], true
	}
	name, ok := long[stored]
	return name, ok
}

func text(s string) syncproto.Value { return wire.AppendText(nil, s) }

// textOf reads a value that holds text.
func textOf(v syncproto.Value) string {
	s, err := wire.DecodeValue(v)
	if err != nil {
		return ""
	}
	t, _ := s.(string)
	return t
}

// listKey names a list field of a record.
type listKey struct {
	record syncproto.RecordID
	field  string
}

// itemNames leads from the names of a list's items to their ids.
type itemNames struct {
	received int // how often the device had received something then
	ids      map[string]syncproto.ElemID
}
