package driver

import (
	"bytes"
	"math"
)

// key is a member that some command knows. All others are passed over, and so
// is a known one that the command at hand has no use for, whatever it holds.
type key int

const (
	keyID key = iota
	keyOp
	keyProtocol
	keyR
	keyRec
	keyF
	keyItem
	keyA
	keyB
	keyFrom
	keyTo // a device's name, or an index
	keyAs
	keyEntry
	keyAt
	keyN
	keyNow
	keyText
	keyValue
	keyEdits
	keyChanges
	keyBlob // base64, or true
	keyCount
)

func keyOf(name []byte) key {
	switch string(name) {
	case "id":
		return keyID
	case "op":
		return keyOp
	case "protocol":
		return keyProtocol
	case "r":
		return keyR
	case "rec":
		return keyRec
	case "f":
		return keyF
	case "item":
		return keyItem
	case "a":
		return keyA
	case "b":
		return keyB
	case "from":
		return keyFrom
	case "to":
		return keyTo
	case "as":
		return keyAs
	case "entry":
		return keyEntry
	case "at":
		return keyAt
	case "n":
		return keyN
	case "now":
		return keyNow
	case "text":
		return keyText
	case "value":
		return keyValue
	case "edits":
		return keyEdits
	case "changes":
		return keyChanges
	case "blob":
		return keyBlob
	}
	return keyCount
}

// request is one command: its members as they stand in the line, and a copy of
// every short string that commands name things by. It is good until the next.
type request struct {
	members [keyCount][]byte
	names   map[string]string
}

const (
	maxNames     = 1 << 12
	maxNameBytes = 64
)

// read takes a line apart. Of members told twice the last counts.
func (q *request) read(line []byte) error {
	q.members = [keyCount][]byte{}
	s := scanner{b: line}
	s.object(0, func(name, value []byte) {
		if text, _ := textBytes(name); len(text) > 0 {
			if k := keyOf(text); k < keyCount {
				q.members[k] = value
			}
		}
	})
	if s.bad || s.next() != 0 || s.off != len(line) {
		return errJSON
	}
	return nil
}

// has tells whether a member is there, and not null.
func (q *request) has(k key) bool { return len(q.members[k]) > 0 && q.members[k][0] != 'n' }

// text is a string member; false if it is not there or no string.
func (q *request) text(k key) (string, bool) {
	b, ok := textBytes(q.members[k])
	return string(b), ok
}

// name is text for what comes again and again.
func (q *request) name(k key) (string, bool) {
	b, ok := textBytes(q.members[k])
	return q.intern(b), ok
}

func (q *request) intern(b []byte) string {
	if t, ok := q.names[string(b)]; ok {
		return t
	}
	t := string(b)
	if len(b) <= maxNameBytes {
		if q.names == nil || len(q.names) >= maxNames {
			q.names = map[string]string{}
		}
		q.names[t] = t
	}
	return t
}

// int is a whole number, however it is written.
func (q *request) int(k key) (int, bool) { return wholeNumber(q.members[k]) }

func wholeNumber(raw []byte) (int, bool) {
	n := 0
	for i, c := range raw {
		if c < '0' || c > '9' || i == 9 { // else a short plain one, as nearly all are
			x, _ := number(raw)
			long, ok := x.(int64)
			return int(long), ok && long >= math.MinInt && long <= math.MaxInt
		}
		n = 10*n + int(c-'0')
	}
	return n, len(raw) > 0
}

// triple is one local edit of a replay: delete n at at, then insert text.
type triple struct {
	at, n int
	text  string
}

// leastTriple is the shortest of them: [0,0,""] and a comma.
const leastTriple = 9

// edits are the edits of a replay.
func (q *request) edits() (out []triple, ok bool) {
	s := scanner{b: q.members[keyEdits]}
	out = make([]triple, 0, min(bytes.Count(s.b, []byte{'['}), len(s.b)/leastTriple))
	s.array(func() {
		var t triple
		ok := true
		n := 0
		s.array(func() {
			raw := s.value(0)
			var is bool
			switch n++; n {
			case 1:
				t.at, is = wholeNumber(raw)
			case 2:
				t.n, is = wholeNumber(raw)
			case 3:
				var text []byte
				text, is = textBytes(raw)
				t.text = string(text)
			}
			ok = ok && is
		})
		s.bad = s.bad || !ok || n != 3
		out = append(out, t)
	})
	return out, !s.bad
}

// changes hands on the names of changes to give; none if they are not told.
func (q *request) changes(each func(name []byte)) bool {
	if !q.has(keyChanges) {
		return true
	}
	s := scanner{b: q.members[keyChanges]}
	s.array(func() {
		name, is := textBytes(s.value(0))
		if s.bad = s.bad || !is; !s.bad {
			each(name)
		}
	})
	return !s.bad
}
