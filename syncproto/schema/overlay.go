package schema

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Limits on a folder of kinds.
const (
	maxFiles     = 200
	maxFileBytes = 256 << 10
)

type namedTree struct {
	name string
	tree object
}

// readFolder reads the .json files at the top of a folder by name.
func readFolder(fsys fs.FS) ([]namedTree, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("kinds folder: %w", err)
	}
	var out []namedTree
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if len(out) == maxFiles {
			return nil, fmt.Errorf("kinds folder: more than %d files", maxFiles)
		}
		v, err := readFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		out = append(out, namedTree{e.Name(), v})
	}
	return out, nil
}

func readFile(fsys fs.FS, name string) (object, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err != nil {
		return nil, err
	}
	v, err := decodeTree(b, maxFileBytes)
	if err != nil {
		return nil, err
	}
	m, ok := v.(object)
	if !ok {
		return nil, errors.New("not an object")
	}
	return m, nil
}

// With returns the schema with the files of a folder laid over it, in order
// of their names. A file with an id is a whole kind, new or in place of the
// one there. A file with a patch, {"patch": KIND, …}, changes the members it
// names and, in fields, the members of single fields; a field that is not
// there is added, after the field its "after" names; null takes a member
// away. "common" may be patched like a kind.
//
// Refused, with kind and field named, is what would break stored records or
// what they promised: another merge rule for a field that is there, and a
// sensitive field that is sensitive no more.
func (s *Schema) With(fsys fs.FS) (*Schema, error) {
	trees, err := readFolder(fsys)
	if err != nil {
		return nil, err
	}
	tree, _ := copyTree(s.tree).(object)
	for _, t := range trees {
		if err := lay(tree, t.tree); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	out, err := build(tree)
	if err != nil {
		return nil, fmt.Errorf("kinds folder: %w", err)
	}
	if err := s.keptBy(out); err != nil {
		return nil, fmt.Errorf("kinds folder: %w", err)
	}
	return out, nil
}

func lay(tree, file object) error {
	kinds, _ := tree["kinds"].([]any)
	find := func(id string) int {
		return slices.IndexFunc(kinds, func(v any) bool { m, _ := v.(object); return m["id"] == id })
	}
	if v, ok := file["patch"]; ok {
		id, _ := v.(string)
		if common, ok := tree["common"].(object); ok && id == "common" {
			return patch(common, file)
		}
		i := find(id)
		if i < 0 {
			return fmt.Errorf("patch of %q: no such kind", id)
		}
		m, _ := kinds[i].(object)
		return patch(m, file)
	}
	id, ok := file["id"].(string)
	if !ok {
		return errors.New("neither a kind (id) nor a patch")
	}
	if i := find(id); i >= 0 {
		kinds[i] = file
		return nil
	}
	tree["kinds"] = append(kinds, file)
	return nil
}

func patch(kind, file object) error {
	for name, v := range file {
		switch name {
		case "patch", "fields":
		case "id":
			return errors.New("a patch cannot change the id")
		default:
			set(kind, name, v)
		}
	}
	return patchFields(kind, "fields", file["fields"])
}

func set(m object, name string, v any) {
	if v == nil {
		delete(m, name)
		return
	}
	m[name] = v
}

// patchFields lays changes over the list of fields, or items, under a name.
func patchFields(m object, name string, changes any) error {
	if changes == nil {
		return nil
	}
	list, ok := changes.([]any)
	if !ok {
		return fmt.Errorf("%s is not a list", name)
	}
	fields, _ := m[name].([]any)
	for _, v := range list {
		c, ok := v.(object)
		key, _ := c["key"].(string)
		if !ok || key == "" {
			return fmt.Errorf("%s holds something without a key", name)
		}
		i := indexKey(fields, key)
		if i < 0 {
			at := len(fields)
			if after, ok := c["after"].(string); ok {
				if at = indexKey(fields, after) + 1; at == 0 {
					return fmt.Errorf("field %s: after %q, which is not there", key, after)
				}
			}
			c = maps.Clone(c)
			delete(c, "after")
			fields = slices.Insert(slices.Clone(fields), at, any(c))
			continue
		}
		f, _ := fields[i].(object)
		for member, v := range c {
			if member != "items" && member != "after" {
				set(f, member, v)
			}
		}
		if err := patchFields(f, "items", c["items"]); err != nil {
			return fmt.Errorf("field %s: %w", key, err)
		}
	}
	m[name] = fields
	return nil
}

func indexKey(fields []any, key string) int {
	return slices.IndexFunc(fields, func(v any) bool { m, _ := v.(object); return m["key"] == key })
}

// keptBy reports the first promise of s to stored records that a newer schema
// would break.
func (s *Schema) keptBy(newer *Schema) error {
	for _, id := range s.KindIDs() {
		k, ok := newer.Kinds[id]
		if !ok {
			return fmt.Errorf("kind %s is gone", id)
		}
		if k.Reference != s.Kinds[id].Reference {
			return fmt.Errorf("kind %s: a record cannot become a reference object, nor the other way", id)
		}
		if err := fieldsKept(s.Kinds[id].Fields, k.Field); err != nil {
			return fmt.Errorf("kind %s, %w", id, err)
		}
	}
	return nil
}

func fieldsKept(old []*Field, find func(key string) (*Field, bool)) error {
	for _, f := range old {
		g, ok := find(f.Key)
		if !ok {
			continue // no longer asked for; what is stored is kept as an unknown field
		}
		if f.Merge != g.Merge || f.MergeClass() != g.MergeClass() {
			return fmt.Errorf("field %s: merge rule %s cannot become %s: stored records were merged by it", f.Path(), f.Merge, g.Merge)
		}
		if f.Sensitive && !g.Sensitive {
			return fmt.Errorf("field %s: what was sensitive stays sensitive", f.Path())
		}
		if err := fieldsKept(f.Items, g.Item); err != nil {
			return err
		}
	}
	return nil
}
