package column_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

var first, second = syncproto.ReplicaID{0: 0x0b, 6: 0x40, 8: 0x80}, syncproto.ReplicaID{0: 0x30, 6: 0x40, 8: 0x80, 15: 1}

// parse reads a state and writes what it read, text and all.
func parse(b []byte) ([]byte, error) {
	s := column.New()
	defer s.Release()
	text, _, _, err := s.Parse(b)
	if err != nil {
		return nil, err
	}
	return s.Append(append(column.AppendHead(nil, column.Folded(b), len(text)), text...)), nil
}

// TestParseRefusesEach has a state for each thing that a reader checks.
func TestParseRefusesEach(t *testing.T) {
	a := hex.EncodeToString(first[:])
	b := hex.EncodeToString(second[:])
	for _, c := range []struct{ name, state, why string }{
		{"version", "03 00 00", "version"},
		{"folded, of no replica", "02 00 00", "folded away"},
		{"folded without a floor", "02 0161 01" + a + "00 01 00 00 00 00 00", "folded away"},
		{"folded to no element", "02 00 01" + a + "05 00 00 00", "no element"},
		{"replica that never had an element", "02 0161 02" + a + b + "0500 0100 00 0000 00 00 00", "has and had"},
		{"number not in its shortest form", "01 8000 00", "shortest"},
		{"number too long", "01 ffffffffffffffffffff01", "shortest"},
		{"text beyond the end", "01 7f", "over"},
		{"not UTF-8", "01 01ff 01" + a + "00 00 00 00 00", "UTF-8"},
		{"text without elements", "01 0161 00", "visible"},
		{"text too short", "01 0161 01" + a + "00 01 00 00 00", "visible"},
		{"replicas out of order", "01 026162 02" + b + a + "0000 0000 00000100 00ff 00 00", "out of order"},
		{"replica twice", "01 026162 02" + a + a + "0000 0000 00000100 0000 00 00", "out of order"},
		{"a span twice", "01 0161 01" + a + "01 0000 0001 0000 00 00", "twice"},
		{"a span beyond the last", "01 0161 01" + a + "01 0000 0002 0000 00 00", "nowhere"},
		{"a span of another replica", "01 0461626364 02" + a + b + "0101 00000000 0000000000000000 04030000 00000000 00 00", "nowhere"},
		{"depth 0", "01 0161 01" + a + "00 00 01 00 00", "depth"},
		{"depth too large", "01 0161 01" + a + "00 00 02 00 00", "depth"},
		{"depth not that of the origins", "01 0161 02" + a + b + "0000 0000 00000000 0201 00 01", "depth"},
		{"span goes on with the one before", "01 026162 01" + a + "01 0000 0000 0001 00 00", "goes on"},
		{"origin told though foretold", "01 026162 02" + a + b + "0000 0000 00000000 0000 01 0301 00", "foretold"},
		{"origin not there", "01 026162 02" + a + b + "0000 0000 00000000 0001 01 0309 00", "not there"},
		{"origin beyond the last span", "01 0161 01" + a + "00 00 00 01 0300 00", "beyond"},
		{"left origin on the right", "01 026162 02" + a + b + "0000 0000 00000000 0001 01 0002 00", "between"},
		{"more deleted than there are", "01 00 01" + a + "00 00 00 00 01 0001", "more deleted"},
		{"too many elements", "01 00 01" + a + "01 ffffff07 ffffff07 0000 0000 00 01 00ffffff07", "more than"},
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(c.state, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := parse(raw); !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want something about %q", c.name, err, c.why)
		}
	}
}

// Whatever is read is written as the same bytes.
func FuzzParse(f *testing.F) {
	f.Add(column.AppendEmpty(nil))
	f.Add(column.AppendBegun(nil, first, "船头", 2))
	for _, state := range []string{
		// FORMAT.md's example
		"010461786264010b000000000040008000000000000000020002000002030000030001" + "0300",
		// several replicas, tombstones, origins not foretold (package text, TestFormatIsFinal)
		"0111e888b9e5a4a7717779c3a97ae4bc9a3132030b0000000000400080000000000000003000000000004000800000000000" +
			"0001550000000000400080000000000000020302030001000000000001000000000000000100000001000100010000000000" +
			"010100020203000002000500000002000500030003030001020c010f0703030000000200",
	} {
		b, err := hex.DecodeString(state)
		if err != nil {
			f.Fatal(err)
		}
		if again, err := parse(b); err != nil || !bytes.Equal(again, b) {
			f.Fatalf("%x reads as %x: %v", b, again, err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := parse(b)
		if err != nil && !errors.Is(err, strict.ErrInvalid) {
			t.Fatalf("refused with %v", err)
		}
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("accepted %x, writes %x", b, again)
		}
	})
}
