package driver

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// request is one command; which members are used depends on Op.
type request struct {
	ID       json.RawMessage `json:"id"`
	Op       string          `json:"op"`
	Protocol int             `json:"protocol"`

	R     string  `json:"r"`
	Rec   string  `json:"rec"`
	F     string  `json:"f"`
	Item  string  `json:"item"`
	A     string  `json:"a"`
	B     string  `json:"b"`
	From  string  `json:"from"`
	As    string  `json:"as"`
	Entry *string `json:"entry"`

	At      *int            `json:"at"`
	N       *int            `json:"n"`
	To      json.RawMessage `json:"to"` // a device's name, or an index
	Now     *int64          `json:"now"`
	Text    *string         `json:"text"`
	Value   json.RawMessage `json:"value"`
	Edits   []triple        `json:"edits"`
	Changes []string        `json:"changes"`
	Blob    json.RawMessage `json:"blob"` // base64, or true
}

// triple is one local edit of a replay: delete n at at, then insert text.
type triple struct {
	at, n int
	text  string
}

// UnmarshalJSON reads [at, n, "text"].
func (t *triple) UnmarshalJSON(b []byte) error {
	var at, n int
	out := [...]any{&at, &n, &t.text}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw) != len(out) {
		return badRequest("an edit is [at, n, text]")
	}
	for i := range raw {
		if err := json.Unmarshal(raw[i], out[i]); err != nil {
			return err
		}
	}
	t.at, t.n = at, n
	return nil
}

// parse reads one command. Most are plain: one object of known members, all
// integers and strings. Those are read in one pass; all others, and all that
// is wrong, go to encoding/json, which says what is JSON and what is not.
// What it returns is good until the next call.
func (p *parser) parse(line []byte) (*request, error) {
	p.q = request{}
	s := scanner{b: line, plain: true, names: p.names}
	if s.command(&p.q); s.plain {
		return &p.q, nil
	}
	p.q = request{}
	err := json.Unmarshal(line, &p.q)
	if err != nil && p.q.ID == nil {
		// The reading may have ended before the id, which stands anywhere.
		var only struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(line, &only) == nil {
			p.q.ID = only.ID
		}
	}
	return &p.q, err
}

type parser struct {
	q     request
	names names
}

// names keeps one copy of each short string that commands name things by.
type names map[string]string

const (
	maxNames     = 1 << 12
	maxNameBytes = 64
)

func (n names) of(b []byte) string {
	if t, ok := n[string(b)]; ok {
		return t
	}
	t := string(b)
	if n != nil && len(n) < maxNames && len(b) <= maxNameBytes {
		n[t] = t
	}
	return t
}

// scanner reads plain JSON. What it does not know how to read makes it not plain.
type scanner struct {
	b     []byte
	off   int
	plain bool
	names names
}

// next skips white space and returns the byte there, 0 at the end.
func (s *scanner) next() byte {
	for ; s.off < len(s.b); s.off++ {
		switch c := s.b[s.off]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) is(c byte) bool {
	if s.next() != c {
		return false
	}
	s.off++
	return true
}

func (s *scanner) want(c byte) {
	if !s.is(c) {
		s.plain = false
	}
}

func (s *scanner) command(q *request) {
	s.want('{')
	var seen uint32
	for first := true; s.plain && !s.is('}'); first = false {
		if !first {
			s.want(',')
		}
		key := s.bytes()
		s.want(':')
		if !s.plain {
			return
		}
		bit := s.member(q, key)
		if bit == 0 || seen&bit != 0 {
			s.plain = false // unknown, or told twice
		}
		seen |= bit
	}
	s.plain = s.plain && s.next() == 0 && s.off == len(s.b)
}

// member reads one member and says which, as a bit.
func (s *scanner) member(q *request, key []byte) uint32 {
	switch string(key) {
	case "id":
		q.ID = s.scalar()
		return 1 << 0
	case "op":
		q.Op = s.name()
		return 1 << 1
	case "r":
		q.R = s.name()
		return 1 << 2
	case "rec":
		q.Rec = s.name()
		return 1 << 3
	case "f":
		q.F = s.name()
		return 1 << 4
	case "item":
		q.Item = s.name()
		return 1 << 5
	case "as":
		q.As = s.text()
		return 1 << 6
	case "entry":
		q.Entry = pointer(s.text())
		return 1 << 7
	case "text":
		q.Text = pointer(s.text())
		return 1 << 8
	case "at":
		q.At = pointer(s.int())
		return 1 << 9
	case "n":
		q.N = pointer(s.int())
		return 1 << 10
	case "to":
		q.To = s.scalar()
		return 1 << 11
	case "value":
		q.Value = s.scalar()
		return 1 << 12
	case "blob":
		q.Blob = s.scalar()
		return 1 << 13
	case "edits":
		q.Edits = list(s, (*scanner).triple)
		return 1 << 14
	case "changes":
		q.Changes = list(s, (*scanner).text)
		return 1 << 15
	}
	return 0
}

func pointer[T any](v T) *T { return &v }

func list[T any](s *scanner, element func(*scanner) T) []T {
	out := []T{}
	s.want('[')
	for first := true; s.plain && !s.is(']'); first = false {
		if !first {
			s.want(',')
		}
		out = append(out, element(s))
	}
	return out
}

func (s *scanner) triple() (t triple) {
	s.want('[')
	t.at = s.int()
	s.want(',')
	t.n = s.int()
	s.want(',')
	t.text = s.text()
	s.want(']')
	return t
}

// scalar is a string or number as it stands.
func (s *scanner) scalar() json.RawMessage {
	c, from := s.next(), s.off
	switch {
	case c == '"':
		s.quoted()
	case c == '-' || c >= '0' && c <= '9':
		s.int()
	default:
		s.plain = false
	}
	return s.b[from:s.off]
}

func (s *scanner) int() int {
	c, from := s.next(), s.off
	if c == '-' {
		s.off++
	}
	first := s.off
	n := 0
	for ; s.off < len(s.b) && s.off-first < 18 && s.b[s.off] >= '0' && s.b[s.off] <= '9'; s.off++ {
		n = 10*n + int(s.b[s.off]-'0')
	}
	digits := s.off - first
	if digits == 0 || digits == 18 || digits > 1 && s.b[first] == '0' {
		s.plain = false
	}
	if s.off < len(s.b) {
		switch s.b[s.off] {
		case '.', 'e', 'E':
			s.plain = false
		}
	}
	if first > from {
		n = -n
	}
	return n
}

// text reads a string.
func (s *scanner) text() (t string) {
	raw, escaped := s.quoted()
	switch {
	case !s.plain:
	case escaped:
		s.plain = json.Unmarshal(raw, &t) == nil
	default:
		t = string(raw[1 : len(raw)-1])
	}
	return t
}

func (s *scanner) name() string { return s.names.of(s.bytes()) }

// bytes reads a string without escapes; it lies in the line.
func (s *scanner) bytes() []byte {
	raw, escaped := s.quoted()
	if escaped || !s.plain {
		s.plain = false
		return nil
	}
	return raw[1 : len(raw)-1]
}

// quoted finds a string and its end, and tells whether it has escapes.
func (s *scanner) quoted() (raw []byte, escaped bool) {
	if s.next() != '"' {
		s.plain = false
		return nil, false
	}
	from := s.off
	for i := from + 1; ; i++ {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			break
		}
		if k := bytes.IndexByte(s.b[i:i+n], '\\'); k >= 0 {
			escaped = true
			i += k + 1 // and the byte behind it
			continue
		}
		s.off = i + n + 1
		raw = s.b[from:s.off]
		s.plain = s.plain && (escaped && json.Valid(raw) || !escaped && printable(raw))
		return raw, escaped
	}
	s.plain = false
	return nil, false
}

// printable tells whether b is UTF-8 without control characters.
func printable(b []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if (x|(x-' '*each))&high != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		switch {
		case b[i] < ' ':
			return false
		case b[i] >= utf8.RuneSelf:
			return utf8.Valid(b[i:]) && bytes.IndexFunc(b[i:], func(r rune) bool { return r < ' ' }) < 0
		}
	}
	return true
}

// textOfJSON reads a string.
func textOfJSON(raw json.RawMessage) (t string, err error) {
	s := scanner{b: raw, plain: true}
	if t = s.text(); s.plain && s.off == len(raw) {
		return t, nil
	}
	err = json.Unmarshal(raw, &t)
	return t, err
}

// answer is what a command is answered with besides id and ok.
type answer []member

type member struct {
	name  string
	value any
}

// encode appends an answer on one line.
func (a answer) encode(b []byte, id json.RawMessage) []byte {
	b = append(b, '{')
	if len(id) > 0 {
		b = append(append(append(b, `"id":`...), id...), ',')
	}
	for i := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, a[i].name), ':') // names of ours
		b = appendJSON(b, a[i].value)
	}
	return append(b, '}')
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case base64Text:
		return append(append(append(b, '"'), v...), '"')
	}
	w := bytes.NewBuffer(b)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("driver: answer does not encode: " + err.Error()) // it is made of plain values here
	}
	return bytes.TrimSuffix(w.Bytes(), []byte{'\n'})
}

// base64Text needs no escapes.
type base64Text string
