package outbox

import (
	"crypto/ecdh"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
)

// WriteFile writes all of missing as a file that anyone may carry to the
// server and only the server can open (package seal, OutboxMagic). It returns
// how many changes are in it.
func (c *Cutter) WriteFile(w io.Writer, server *ecdh.PublicKey, missing syncproto.Ranges) (changes int, err error) {
	if _, err := io.WriteString(w, seal.OutboxMagic); err != nil {
		return 0, fmt.Errorf("export outbox: %w", err)
	}
	return c.AppendFile(w, server, missing)
}

// AppendFile writes more items of such a file.
func (c *Cutter) AppendFile(w io.Writer, server *ecdh.PublicKey, missing syncproto.Ranges) (changes int, err error) {
	after := syncproto.Seq(0)
	for {
		out, err := c.Cut(Missing(complement(missing), after, last(missing)), 1<<20)
		if err != nil {
			return changes, fmt.Errorf("export outbox: %w", err)
		}
		if len(out.Bundles) == 0 {
			return changes, nil
		}
		var items []byte
		for _, bundle := range out.Bundles {
			if items, err = seal.AppendOutbox(items, server, bundle); err != nil {
				return changes, fmt.Errorf("export outbox: %w", err)
			}
		}
		if _, err := w.Write(items); err != nil {
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
