// Command mergedriver holds replicas in memory and obeys commands read from
// standard input, one JSON object a line, so that a checker that knows nothing
// of the merge engine can judge it. It is a thin shell over package crdt: the
// code that device and server join with.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/chuantou/chuantou/syncproto/cmd/mergedriver/driver"
)

// maxLineBytes bounds one command, its line feed included.
const maxLineBytes = 64<<20 + 2

// gcPercent is less collecting than Go's own measure, for a program that runs
// for the length of a test; a long document's peak stays within the same bounds.
const gcPercent = 200

func main() {
	debug.SetGCPercent(gcPercent)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mergedriver:", err)
		os.Exit(1)
	}
}

// serve answers every line, in order, and flushes when no more input is ready.
func serve(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReaderSize(r, 1<<16), bufio.NewWriterSize(w, 1<<16)
	d := driver.New()
	for {
		line, err := readLine(in)
		if len(line) > 0 || err == nil {
			if _, err := out.Write(append(d.Do(line), '\n')); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if ahead, _ := in.Peek(in.Buffered()); bytes.IndexByte(ahead, '\n') < 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// readLine reads up to a line feed; the line is good until the next read. An
// over-long line is refused as a whole.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		if line == nil && err == nil {
			line = piece // most lines lie in the buffer
		} else {
			line = append(line, piece...)
		}
		if len(line) > maxLineBytes {
			return nil, fmt.Errorf("a line over the limit of %d bytes", maxLineBytes)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
			line = line[:len(line)-1]
		}
		return line, err
	}
}
