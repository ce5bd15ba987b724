// Package backup is the form of a backup: everything that is needed to serve
// again, as a stream that is written while the server works and read piece by
// piece. Start with Write and Read; Seal and Open put the stream under a key.
// It knows no folder and no engine: package server gives and takes.
//
// The stream is the line "chuantou-backup/1", then frames, each a type (1
// byte), a length (4 bytes, big-endian) and that many bytes:
//
//	H  header, CBOR: [format, id 16B, server 32B, origin, epoch, taken at in Unix ms, program]
//	F  a file of the data folder: CBOR [name, content]
//	P  pairs of the store, keys ascending over all frames: CBOR [key, value, key, value, …]
//	E  end, CBOR: [files, pairs, bytes of keys and values]
//
// one H, then F, then P, then one E and nothing after it. A stream without its
// end is no backup. What keeps others from reading or altering it is the seal
// around it, which is age's (age-encryption.org/v1): it streams, it shows a cut
// and a flipped bit, and age itself opens it when this program is not at hand.
package backup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

var (
	// ErrDamaged is returned by Read for what is no whole backup: cut off,
	// altered, or something else.
	ErrDamaged = errors.New("not a whole backup of 船头记")
	// ErrNewer is returned for a backup that a newer version of the program wrote.
	ErrNewer = errors.New("a newer version of the program wrote this backup: update the program")
	// ErrKey is returned by Open for a file that is sealed to another key.
	ErrKey = errors.New("the key or passphrase does not open this backup")
)

const (
	magic  = "chuantou-backup/1\n"
	format = 1

	frameHeader = 'H'
	frameFile   = 'F'
	framePairs  = 'P'
	frameEnd    = 'E'

	// framed is when a frame of pairs is written out; one more pair fits.
	framed        = 256 << 10
	maxFrameBytes = framed + store.MaxKeyBytes + store.MaxValueBytes + 64
	maxFiles      = 64
	maxNameBytes  = 100
)

// ID names one backup.
type ID [16]byte

// Header says what a backup is of.
type Header struct {
	ID      ID
	Server  syncproto.Hash // hash of the server's signing key
	Origin  string
	Epoch   string // the history that it was taken of
	Taken   int64  // server's clock when it was begun, Unix milliseconds
	Program string // the version that wrote it
}

// Summary counts what a backup holds.
type Summary struct {
	Header
	Files int
	Pairs int64
	Bytes int64 // of keys and values
}

// File is a file of the data folder beside the store.
type File struct {
	Name    string // with / between folders, below the data folder
	Content []byte
}

// Write writes a backup of the files and of one state of the store. It holds
// one frame in memory.
func Write(w io.Writer, h Header, files []File, r store.Reader) (Summary, error) {
	s := Summary{Header: h}
	if _, err := io.WriteString(w, magic); err != nil {
		return s, err
	}
	if err := writeFrame(w, frameHeader, h.append(nil)); err != nil {
		return s, err
	}
	for _, f := range files {
		s.Files++
		b := wire.AppendBytes(wire.AppendText(wire.AppendArray(nil, 2), f.Name), f.Content)
		if err := writeFrame(w, frameFile, b); err != nil {
			return s, err
		}
	}
	if err := s.pairs(w, r); err != nil {
		return s, err
	}
	b := wire.AppendUint(wire.AppendUint(wire.AppendArray(nil, 3), uint64(s.Files)), uint64(s.Pairs))
	return s, writeFrame(w, frameEnd, wire.AppendUint(b, uint64(s.Bytes)))
}

func (s *Summary) pairs(w io.Writer, r store.Reader) error {
	var body []byte
	members := 0
	flush := func() error {
		if members == 0 {
			return nil
		}
		err := writeFrame(w, framePairs, append(wire.AppendArray(nil, members), body...))
		body, members = body[:0], 0
		return err
	}
	err := r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
		body = wire.AppendBytes(wire.AppendBytes(body, k), v)
		members += 2
		s.Pairs++
		s.Bytes += int64(len(k) + len(v))
		if len(body) >= framed {
			return true, flush()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func writeFrame(w io.Writer, kind byte, b []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(b)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

func (h *Header) append(b []byte) []byte {
	b = wire.AppendUint(wire.AppendArray(b, 7), format)
	b = wire.AppendBytes(wire.AppendBytes(b, h.ID[:]), h.Server[:])
	b = wire.AppendText(wire.AppendText(b, h.Origin), h.Epoch)
	return wire.AppendText(wire.AppendInt(b, h.Taken), h.Program)
}

func readHeader(b []byte) (h Header, err error) {
	r := wire.NewReader(b)
	n := r.Array(64)
	if v := r.Uint(); r.Err() == nil && v > format {
		return h, ErrNewer
	}
	if r.Err() == nil && n != 7 {
		r.Failf("a header of %d members", n)
	}
	r.Fixed(h.ID[:])
	r.Fixed(h.Server[:])
	h.Origin = r.Text(1 << 10)
	h.Epoch = r.Text(1 << 10)
	h.Taken = r.Int()
	h.Program = r.Text(1 << 10)
	if err := r.Done(); err != nil {
		return Header{}, fmt.Errorf("header: %w", err)
	}
	return h, nil
}

// Sink takes what Read finds, in the order of the stream. Slices are valid
// during the call. An error ends the reading and is returned.
type Sink interface {
	Header(Header) error
	File(File) error
	Pair(k store.Key, v []byte) error
}

// Read reads a backup to its end. Until it has returned without an error
// nothing that the sink was given can be relied on: the end may be missing.
func Read(r io.Reader, to Sink) (Summary, error) {
	in := &reader{r: bufio.NewReaderSize(r, 64<<10), to: to}
	if err := in.run(); err != nil {
		return Summary{}, fmt.Errorf("read backup: %w", err)
	}
	return in.sum, nil
}

type reader struct {
	r    *bufio.Reader
	to   Sink
	sum  Summary
	last store.Key
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func (in *reader) run() error {
	got := make([]byte, len(magic))
	if _, err := io.ReadFull(in.r, got); err != nil {
		return in.cut(err)
	}
	if !bytes.HasPrefix(got, []byte("chuantou-backup/")) {
		return damaged("it does not begin as one")
	}
	if string(got) != magic {
		return ErrNewer
	}
	for stage := byte(0); ; {
		kind, b, err := in.frame()
		if err != nil {
			return err
		}
		if !follows(stage, kind) {
			return damaged("a frame %q after %q", kind, stage)
		}
		stage = kind
		if err := in.take(kind, b); err != nil {
			return err
		}
		if kind == frameEnd {
			return in.end()
		}
	}
}

func follows(stage, kind byte) bool {
	switch kind {
	case frameHeader:
		return stage == 0
	case frameFile:
		return stage == frameHeader || stage == frameFile
	case framePairs, frameEnd:
		return stage != 0
	}
	return false
}

// frame reads one frame; memory grows with what is there, not with what the
// length promises.
func (in *reader) frame() (kind byte, b []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(in.r, head[:]); err != nil {
		return 0, nil, in.cut(err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > maxFrameBytes {
		return 0, nil, damaged("a frame of %d bytes", size)
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, in.r, int64(size)); err != nil {
		return 0, nil, in.cut(err)
	}
	return head[0], body.Bytes(), nil
}

// cut words the end of the stream where there should be more. Errors of the
// seal pass through.
func (in *reader) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it is cut off")
	}
	return err
}

func (in *reader) take(kind byte, b []byte) (err error) {
	switch kind {
	case frameHeader:
		if in.sum.Header, err = readHeader(b); err == nil {
			err = in.to.Header(in.sum.Header)
		} else if !errors.Is(err, ErrNewer) {
			err = damaged("%v", err)
		}
	case frameFile:
		err = in.file(b)
	case framePairs:
		err = in.readPairs(b)
	case frameEnd:
		r := wire.NewReader(b)
		n, files, pairs, size := r.Array(3), r.Uint(), r.Uint(), r.Uint()
		if r.Done() != nil || n != 3 || files != uint64(in.sum.Files) || pairs != uint64(in.sum.Pairs) || size != uint64(in.sum.Bytes) {
			err = damaged("it does not hold what its end says")
		}
	}
	return err
}

func (in *reader) file(b []byte) error {
	r := wire.NewReader(b)
	n := r.Array(2)
	f := File{Name: r.Text(maxNameBytes), Content: r.Bytes(maxFrameBytes)}
	if in.sum.Files++; r.Done() != nil || n != 2 || in.sum.Files > maxFiles {
		return damaged("file %d", in.sum.Files)
	}
	return in.to.File(f)
}

func (in *reader) readPairs(b []byte) error {
	r := wire.NewReader(b)
	n := r.Array(len(b))
	for ; n >= 2 && r.Err() == nil; n -= 2 {
		k, v := store.Key(r.Bytes(store.MaxKeyBytes)), r.Bytes(store.MaxValueBytes)
		if r.Err() != nil {
			break
		}
		if bytes.Compare(k, store.FirstKey) < 0 || bytes.Compare(k, in.last) <= 0 {
			return damaged("keys out of order")
		}
		in.last = append(in.last[:0], k...)
		in.sum.Pairs++
		in.sum.Bytes += int64(len(k) + len(v))
		if err := in.to.Pair(k, v); err != nil {
			return err
		}
	}
	if err := r.Done(); err != nil || n != 0 {
		return damaged("a frame of pairs (%v)", err)
	}
	return nil
}

// end makes sure that nothing follows; the seal shows only here that its last
// piece is there.
func (in *reader) end() error {
	switch _, err := in.r.ReadByte(); {
	case err == nil:
		return damaged("something follows its end")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}
