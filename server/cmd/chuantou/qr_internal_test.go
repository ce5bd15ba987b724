package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// A terminal of 80 columns shows the whole of it, square, with its border.
func TestQRFitsATerminal(t *testing.T) {
	ticket := syncproto.Ticket{Origin: "https://chuantou.putuo.zhoushan.example:8443", Key: [32]byte{1}, Root: [32]byte{2}, Code: "2345-6789-ABCD-EFGH"}
	text, err := qrText(ticket.String())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width := utf8.RuneCountInString(lines[0])
	if width > 79 || len(lines) != (width+1)/2 {
		t.Errorf("%d columns, %d lines", width, len(lines))
	}
	for i, l := range lines {
		if utf8.RuneCountInString(l) != width || !strings.HasPrefix(l, "██") || !strings.HasSuffix(l, "██") {
			t.Errorf("line %d has no border: %q", i, l)
		}
	}
	if lines[0] != strings.Repeat("█", width) {
		t.Errorf("no border above: %q", lines[0])
	}
}
