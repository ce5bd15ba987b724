package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"unicode/utf8"
)

// Limits on an encoded schema, checked before anything is built from it.
const (
	MaxBytes      = 2 << 20 // of one encoded schema
	maxDepth      = 16      // of nested arrays and objects
	maxNodes      = 200_000 // values in all
	maxText       = 2_000   // bytes of one string
	maxKinds      = 200
	maxFields     = 400 // of one kind, without the common ones
	maxItems      = 60  // sub-fields of one field
	maxValues     = 300
	maxConditions = 32 // tests and values in one condition
)

// object is a JSON object as decoded; a tree is made of object, []any, string,
// json.Number, bool and nil.
type object = map[string]any

// decodeTree reads one JSON value within the limits. Member names that stand
// twice in an object, invalid UTF-8 and trailing bytes are refused.
func decodeTree(b []byte, limit int) (any, error) {
	if len(b) > limit {
		return nil, fmt.Errorf("%d bytes over the limit %d", len(b), limit)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	d := decoder{json: json.NewDecoder(bytes.NewReader(b))}
	d.json.UseNumber()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, errors.New("bytes after the end")
	}
	return v, nil
}

type decoder struct {
	json  *json.Decoder
	nodes int
}

func (d *decoder) value(depth int) (any, error) {
	if d.nodes++; d.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d values", maxNodes)
	}
	t, err := d.json.Token()
	if err != nil {
		return nil, badJSON(err)
	}
	switch t := t.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if t == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case string:
		if len(t) > maxText {
			return nil, fmt.Errorf("text of %d bytes over the limit %d", len(t), maxText)
		}
	case json.Number:
		if len(t) > 24 {
			return nil, errors.New("number of more than 24 characters")
		}
	}
	return t, nil
}

func (d *decoder) object(depth int) (any, error) {
	m := object{}
	for d.json.More() {
		t, err := d.json.Token()
		if err != nil {
			return nil, badJSON(err)
		}
		key, ok := t.(string)
		if !ok {
			return nil, errors.New("member name is not a string")
		}
		if len(key) > 200 {
			return nil, errors.New("member name of more than 200 bytes")
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("member %q stands twice", key)
		}
		if m[key], err = d.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := d.json.Token()
	return m, badJSON(err)
}

func (d *decoder) array(depth int) (any, error) {
	a := []any{}
	for d.json.More() {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.json.Token()
	return a, badJSON(err)
}

func badJSON(err error) error {
	if err == nil {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("JSON ends early")
	}
	return fmt.Errorf("JSON: %w", err)
}

// encodeTree gives the canonical bytes of a tree: members sorted by name, no
// white space, numbers as they were written.
func encodeTree(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("schema: encode: %v", err)) // a tree holds only what was decoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// copyTree is a deep copy, so that an overlay never writes into its base.
func copyTree(v any) any {
	switch v := v.(type) {
	case object:
		m := maps.Clone(v)
		for k, e := range m {
			m[k] = copyTree(e)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i, e := range v {
			a[i] = copyTree(e)
		}
		return a
	}
	return v
}
