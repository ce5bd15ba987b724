package schema

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/chuantou/chuantou/syncproto"
)

// Schema is a set of kinds. It is immutable.
type Schema struct {
	ID       string
	Version  int
	Kinds    map[string]*Kind
	Common   *Kind      // the fields every record has, before a kind changes some
	Writers  []Writer   // who may write a field
	Reserved []Value    // ids that may be pointed to and are not kinds yet
	Machines []*Machine // states computed from events, by kind

	tree    object // what Marshal gives, unknown members included
	encoded []byte
}

// Writer is a relation to the record, or a role, that fields name in Who.
type Writer struct{ ID, Letter, Zh, En string }

//go:embed kinds/*.json
var files embed.FS

var builtin = sync.OnceValue(func() *Schema {
	sub, err := fs.Sub(files, "kinds")
	if err != nil {
		panic(fmt.Sprintf("schema: %v", err)) // the folder is in the binary
	}
	s, err := assemble(sub)
	if err != nil {
		panic(fmt.Sprintf("schema: built-in kinds: %v", err)) // the tests read them too
	}
	return s
})

// Builtin is the schema in the binary.
func Builtin() *Schema { return builtin() }

// assemble puts the files of a complete folder into one tree.
func assemble(fsys fs.FS) (*Schema, error) {
	trees, err := readFolder(fsys)
	if err != nil {
		return nil, err
	}
	tree := object{}
	kinds := []any{}
	for _, t := range trees {
		switch t.name {
		case "schema.json":
			for name, v := range t.tree {
				tree[name] = v
			}
		case "common.json":
			tree["common"] = t.tree
		case "transitions.json":
			tree["transitions"] = t.tree
		default:
			kinds = append(kinds, t.tree)
		}
	}
	tree["kinds"] = kinds
	return build(tree)
}

// Parse reads what Marshal wrote, here or in a newer version. It refuses what
// it cannot give a meaning to and names kind and field; members it does not
// know are kept.
func Parse(b []byte) (*Schema, error) {
	v, err := decodeTree(b, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	tree, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("schema: not an object")
	}
	s, err := build(tree)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return s, nil
}

// Marshal gives the canonical encoding: JSON without white space, members by
// name, kinds by id, with all members that came in. The caller must not
// change the bytes.
func (s *Schema) Marshal() []byte { return s.encoded }

// Hash names the schema: SHA-256 of its canonical encoding.
func (s *Schema) Hash() syncproto.Hash { return sha256.Sum256(s.encoded) }

// Kind finds a kind by its id.
func (s *Schema) Kind(id string) (*Kind, bool) {
	k, ok := s.Kinds[id]
	return k, ok
}

// Machine finds the states of a kind.
func (s *Schema) Machine(kind string) (*Machine, bool) {
	for _, m := range s.Machines {
		if m.Kind == kind {
			return m, true
		}
	}
	return nil, false
}

// KindIDs lists the kinds, records before reference objects, by id.
func (s *Schema) KindIDs() []string {
	out := make([]string, 0, len(s.Kinds))
	for id := range s.Kinds {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b string) int {
		if x, y := s.Kinds[a].Reference, s.Kinds[b].Reference; x != y {
			if y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return out
}
