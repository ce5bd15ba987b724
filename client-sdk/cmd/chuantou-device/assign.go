package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// maxInput bounds what is read from standard input or a file.
const maxInput = 4 << 20

// assign carries out one FIELD=VALUE of the command line.
func (a *app) assign(d *clientsdk.Draft, s string) error {
	if s == "-" {
		return a.fromStdin(d)
	}
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is no FIELD=VALUE", s)
	}
	op := byte('=')
	if last := name[len(name)-1]; last == ':' || last == '+' || last == '-' {
		op, name = last, name[:len(name)-1]
	}
	v, err := a.read(d.Kind(), name, value, op)
	if err != nil {
		return err
	}
	switch op {
	case '+':
		addTo(a.fieldType(d.Kind(), name), d, name, v)
	case '-':
		if a.fieldType(d.Kind(), name) == schema.ClassList {
			d.RemoveItem(name, clientsdk.ItemRef(value))
		} else {
			d.Remove(name, v)
		}
	default:
		d.Set(name, v)
	}
	return d.Err()
}

func addTo(class schema.Class, d *clientsdk.Draft, name string, v any) {
	if class == schema.ClassSet {
		d.Add(name, v)
		return
	}
	d.Set(name, v) // a list or a log takes one more
}

func (a *app) read(kind, name, value string, op byte) (any, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok && op == '=' {
		b, err := readAtMost(file)
		return strings.TrimSuffix(string(b), "\n"), err
	}
	if op == ':' || op == '+' && (strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")) {
		var v any
		if err := decodeJSON(strings.NewReader(value), &v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return v, nil
	}
	return a.valueFor(kind, name, value)
}

func readAtMost(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s: over the limit of %d bytes", file, maxInput)
	}
	return b, err
}

// valueFor reads a plain text as the field wants it.
func (a *app) valueFor(kind, name, value string) (any, error) {
	k, ok := a.client.Schema().Kind(kind)
	if !ok {
		return value, nil
	}
	f, ok := k.Field(name)
	if !ok {
		return nil, fmt.Errorf("%s has no field %q: see chuantou-device kinds %s", kind, name, kind)
	}
	if value == "" {
		return nil, nil // empties the field
	}
	switch f.Type {
	case schema.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%s (%s) wants true or false", f.Zh, name)
		}
		return b, nil
	case schema.Int, schema.Number, schema.Money, schema.Year:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%s (%s) wants a number", f.Zh, name)
		}
		return n, nil
	case schema.Refs, schema.Texts, schema.Multi:
		return strings.Split(value, ","), nil
	case schema.Ref:
		if id, err := a.findRecord(value); err == nil {
			return id.String(), nil
		}
	}
	return value, nil
}

func (a *app) fieldType(kind, name string) schema.Class {
	if k, ok := a.client.Schema().Kind(kind); ok {
		if f, ok := k.Field(name); ok {
			return f.MergeClass()
		}
	}
	return schema.ClassNone
}

// fromStdin sets the fields of a JSON object.
func (a *app) fromStdin(d *clientsdk.Draft) error {
	var values map[string]any
	if err := decodeJSON(io.LimitReader(a.stdin, maxInput), &values); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return d.Fill(values).Err()
}

func decodeJSON(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
