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
	if t, err := textOfJSON(raw); err == nil && raw[0] == '"' {
		v := syncproto.Value(wire.AppendText(make([]byte, 0, len(t)+9), t))
		return v, checkValue(v)
	}
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
