package main

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

// printTicket prints what a device enrols by: as text, as the fingerprint that
// people compare, and as a QR for a camera.
func printTicket(out io.Writer, ticket string) error {
	t, err := syncproto.ParseTicket(ticket)
	if err != nil {
		return err
	}
	picture, err := qrText(ticket)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n\n%s\n", ticket, picture)
	if t.Root != [32]byte{} {
		fmt.Fprintf(out, "fingerprint of the root, to compare: %s\n", httpapi.FingerprintWords(t.Root))
	}
	return nil
}

// quiet is the white border a QR needs, in modules.
const quiet = 2

// qrText draws a QR with half blocks, dark on light: two rows of it to a line,
// on any terminal that prints text.
func qrText(text string) (string, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("QR: %w", err)
	}
	var b strings.Builder
	for y := -quiet; y < c.Size+quiet; y += 2 {
		for x := -quiet; x < c.Size+quiet; x++ {
			// Light modules are printed, for a terminal that writes light on dark.
			switch top, below := c.Black(x, y), c.Black(x, y+1); {
			case !top && !below:
				b.WriteRune('█')
			case !top:
				b.WriteRune('▀')
			case !below:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
