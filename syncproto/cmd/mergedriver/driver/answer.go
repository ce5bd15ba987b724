package driver

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// answer is what a command is answered with besides id and ok.
type answer []member

type member struct {
	name  string
	value any
}

// encode appends an answer on one line.
func (a answer) encode(b, id []byte, ok bool) []byte {
	b = append(b, '{')
	if len(id) > 0 {
		b = append(append(append(b, `"id":`...), id...), ',')
	}
	for i := range a {
		b = append(append(append(b, '"'), a[i].name...), '"', ':') // names of ours
		b = append(appendJSON(b, a[i].value), ',')
	}
	return append(strconv.AppendBool(append(b, `"ok":`...), ok), '}')
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
