package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// fileMagic begins an exported outbox; the bundles follow, one after another,
// the same bytes that a push would carry.
const fileMagic = "chuantou-outbox/1\n"

// maxFileBytes bounds what ReadFile takes.
const maxFileBytes = 256 << 20

// WriteFile writes all of missing as a file that anyone may carry to the
// server. It returns how many changes are in it.
func (c *Cutter) WriteFile(w io.Writer, missing syncproto.Ranges) (changes int, err error) {
	if _, err := io.WriteString(w, fileMagic); err != nil {
		return 0, fmt.Errorf("export outbox: %w", err)
	}
	after := syncproto.Seq(0)
	for {
		out, err := c.Cut(Missing(complement(missing), after, last(missing)), 1<<20)
		if err != nil {
			return changes, fmt.Errorf("export outbox: %w", err)
		}
		if len(out.Bundles) == 0 {
			return changes, nil
		}
		if _, err := w.Write(bytes.Join(out.Bundles, nil)); err != nil {
			return changes, fmt.Errorf("export outbox: %w", err)
		}
		changes += out.Changes
		after = out.Last
	}
}

func last(rs syncproto.Ranges) syncproto.Seq {
	if len(rs) == 0 {
		return 0
	}
	return rs[len(rs)-1].To
}

// complement lists the numbers between and before the runs.
func complement(rs syncproto.Ranges) syncproto.Ranges { return Missing(rs, 0, last(rs)) }

var errFile = errors.New("not an exported outbox of 船头记")

// ReadFile reads an exported outbox back into its bundles. Signatures are the
// server's to verify.
func ReadFile(r io.Reader) ([]syncproto.Bundle, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read outbox file: %w", err)
	}
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("read outbox file: over the limit of %d bytes", maxFileBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(fileMagic))
	if !ok {
		return nil, errFile
	}
	d := wire.NewReader(rest)
	var out []syncproto.Bundle
	for d.More() {
		u, err := wire.ReadBundle(d)
		if err != nil {
			return nil, fmt.Errorf("read outbox file: bundle %d: %w", len(out), err)
		}
		out = append(out, u)
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("read outbox file: %w", err)
	}
	return out, nil
}
