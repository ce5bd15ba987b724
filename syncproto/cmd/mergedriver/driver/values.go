package driver

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// value makes a value of the member: a JSON scalar.
func (q *request) value() (syncproto.Value, error) {
	raw := q.members[keyValue]
	if len(raw) == 0 {
		return nil, badRequest("no value")
	}
	if t, ok := textBytes(raw); ok {
		v := syncproto.Value(wire.AppendText(make([]byte, 0, len(t)+9), string(t)))
		return v, checkValue(v)
	}
	var v any
	switch raw[0] {
	case 't', 'f':
		v = raw[0] == 't'
	case 'n':
	default:
		var ok bool
		if v, ok = number(raw); !ok {
			return nil, badRequest("value is neither string, number within range, boolean nor null")
		}
	}
	out, err := wire.EncodeValue(v)
	if err != nil {
		return nil, badRequest("value: %v", err)
	}
	return out, nil
}

// plain is a value as JSON gives it.
func plain(v syncproto.Value) any {
	x, err := wire.DecodeValue(v)
	if err != nil {
		return nil
	}
	return x
}
