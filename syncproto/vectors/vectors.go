// Package vectors holds test vectors that any language can use: one file is one
// case, named for it. A file is a short text header, an empty line and the
// input in hexadecimal, wrapped at 64 digits:
//
//	decoder: bundle
//	expect: refuse
//	says: trailing bytes
//	why: one byte after a whole bundle
//
//	a9010102…
//
// "expect: accept" means the decoder takes the input and encoding the result
// again gives the same bytes; "expect: refuse" that nothing is taken and the
// error contains what "says" names. Made by `go run ./syncproto/vectors/gen`.
package vectors

import (
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed cases/*.txt
var files embed.FS

// Case is one vector.
type Case struct {
	Name    string
	Decoder string
	Accept  bool
	Says    string
	Why     string
	Input   []byte
}

// All returns the vectors of one decoder, or of every decoder for "".
func All(decoder string) ([]Case, error) {
	names, err := fs.Glob(files, "cases/*.txt")
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := parse(strings.TrimSuffix(strings.TrimPrefix(name, "cases/"), ".txt"), string(b))
		if err != nil {
			return nil, err
		}
		if decoder == "" || c.Decoder == decoder {
			out = append(out, c)
		}
	}
	return out, nil
}

func parse(name, text string) (Case, error) {
	c := Case{Name: name}
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return c, fmt.Errorf("vector %s has no body", name)
	}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "decoder":
			c.Decoder = value
		case "expect":
			c.Accept = value == "accept"
		case "says":
			c.Says = value
		case "why":
			c.Why = value
		default:
			return c, fmt.Errorf("vector %s: header %q", name, key)
		}
	}
	in, err := hex.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return c, fmt.Errorf("vector %s: %w", name, err)
	}
	c.Input = in
	return c, nil
}
