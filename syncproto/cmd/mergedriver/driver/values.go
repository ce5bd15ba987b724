package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// parseValue makes a value of a JSON scalar. A number is an integer when it is
// one within 64 bits, so that 1, 1.0 and 1e0 are one value.
func parseValue(raw json.RawMessage) (syncproto.Value, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, badRequest("value: %v", err)
	}
	switch x := v.(type) {
	case json.Number:
		n, err := number(x.String())
		if err != nil {
			return nil, badRequest("value: %v", err)
		}
		v = n
	case nil, bool, string:
	default:
		return nil, badRequest("value is neither string, number, boolean nor null")
	}
	out, err := wire.EncodeValue(v)
	if err != nil {
		return nil, badRequest("value: %v", err)
	}
	return out, nil
}

func number(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, errors.New("number out of range")
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return f, nil
}

// plain is a value as JSON gives it.
func plain(v syncproto.Value) any {
	x, err := wire.DecodeValue(v)
	if err != nil {
		return nil
	}
	return x
}

// triple is one local edit of a replay: delete n at at, then insert text.
type triple struct {
	at, n int
	text  string
}

// UnmarshalJSON reads [at, n, "text"].
func (t *triple) UnmarshalJSON(b []byte) error {
	at, rest, ok1 := leadingInt(b, '[')
	n, rest, ok2 := leadingInt(rest, ',')
	i := bytes.IndexByte(rest, ',')
	if !ok1 || !ok2 || i < 0 || b[len(b)-1] != ']' {
		return errors.New("an edit is [at, n, text]")
	}
	t.at, t.n = at, n
	return json.Unmarshal(rest[i+1:len(rest)-1], &t.text)
}

// leadingInt reads an integer that follows the separator.
func leadingInt(b []byte, sep byte) (n int, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != sep {
		return 0, nil, false
	}
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	i := 0
	for i < len(b) && (b[i] == '-' || b[i] >= '0' && b[i] <= '9') {
		i++
	}
	n, err := strconv.Atoi(string(b[:i]))
	return n, b[i:], err == nil
}
