package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// reader takes typed members out of one object of the tree. The first thing
// that is wrong is kept in a box shared with the readers of nested objects;
// members it is not asked for are left alone.
type reader struct {
	m    object
	path string // "kind ZF, field met": for errors
	err  *error
}

func newReader(v any, path string, err *error) reader {
	m, ok := v.(object)
	r := reader{m: m, path: path, err: err}
	if !ok {
		r.fail("is not an object")
	}
	return r
}

func (r reader) fail(format string, args ...any) {
	if *r.err == nil {
		*r.err = fmt.Errorf("%s: %s", r.path, fmt.Sprintf(format, args...))
	}
}

func (r reader) str(name string) string {
	v, ok := r.m[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.fail("%s is not a text", name)
	}
	return s
}

func (r reader) strOr(name, otherwise string) string {
	if _, ok := r.m[name]; !ok {
		return otherwise
	}
	return r.str(name)
}

func (r reader) boolean(name string) bool {
	v, ok := r.m[name]
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		r.fail("%s is not true or false", name)
	}
	return b
}

// count reads a whole number from 0 to limit.
func (r reader) count(name string, limit int) int {
	v, ok := r.m[name]
	if !ok {
		return 0
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil || i < 0 || i > int64(limit) {
		r.fail("%s is not a whole number from 0 to %d", name, limit)
		return 0
	}
	return int(i)
}

func (r reader) list(name string, limit int) []any {
	v, ok := r.m[name]
	if !ok {
		return nil
	}
	a, ok := v.([]any)
	if !ok {
		r.fail("%s is not a list", name)
	}
	if len(a) > limit {
		r.fail("%s has %d entries, more than %d", name, len(a), limit)
		return nil
	}
	return a
}

func (r reader) strs(name string, limit int) []string {
	var out []string
	for _, v := range r.list(name, limit) {
		s, ok := v.(string)
		if !ok {
			r.fail("%s holds something that is not a text", name)
		}
		if slices.Contains(out, s) {
			r.fail("%s names %q twice", name, s)
		}
		out = append(out, s)
	}
	return out
}

// oneOf reads a word that must be one of the given.
func (r reader) oneOf(name, otherwise string, words ...string) string {
	s := r.strOr(name, otherwise)
	if !slices.Contains(words, s) {
		r.fail("%s %q is none of %s", name, s, strings.Join(words, ", "))
	}
	return s
}

// plain turns a literal of the tree into the Go values the rest of the
// program uses: whole numbers are int64, others float64.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case object:
		out := make(object, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	}
	return v
}
