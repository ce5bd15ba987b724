package wire

import (
	_ "embed"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// dictionary primes compression with the words of the domain: small bundles
// would otherwise spend most of their bytes on field names. A frame names the
// dictionary it was made with; a published dictionary is never changed, a
// better one gets the next id and both stay readable.
//
//go:embed dict1.bin
var dictionary []byte

const dictionaryID = 1

// MaxRawBytes bounds a frame after decompression.
const MaxRawBytes = 8 << 20

// Effort is how hard to compress.
type Effort int

// The efforts: devices have time and a thin link, the server the opposite.
// zstd's best level would save 6 % more but takes 36 MB a time.
const (
	EffortFast Effort = iota
	EffortThin
)

// pool keeps at most as many coders as there are processors, made when first
// needed; who comes when all are in use waits. A storm of devices would else
// make one coder each, of a megabyte or more.
type pool[T any] struct {
	free  chan T
	made  atomic.Int32
	fresh func() T
}

func newPool[T any](fresh func() T) *pool[T] {
	return &pool[T]{free: make(chan T, runtime.GOMAXPROCS(0)), fresh: fresh}
}

func (p *pool[T]) get() T {
	select {
	case c := <-p.free:
		return c
	default:
	}
	if int(p.made.Add(1)) <= cap(p.free) {
		return p.fresh()
	}
	p.made.Add(-1)
	return <-p.free
}

func (p *pool[T]) put(c T) { p.free <- c }

var encoders = [...]*pool[*zstd.Encoder]{
	EffortFast: newPool(func() *zstd.Encoder { return newEncoder(zstd.SpeedFastest) }),
	EffortThin: newPool(func() *zstd.Encoder { return newEncoder(zstd.SpeedDefault) }),
}

func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderDictRaw(dictionaryID, dictionary), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
	if err != nil {
		panic(fmt.Sprintf("zstd options: %v", err)) // constants of this file
	}
	return enc
}

// Compress makes one zstd frame of raw.
func Compress(raw []byte, e Effort) []byte {
	enc := encoders[e].get()
	defer encoders[e].put(enc)
	return enc.EncodeAll(raw, make([]byte, 0, len(raw)/2+64))
}

var decoders = newPool(func() *zstd.Decoder {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxRawBytes), zstd.WithDecoderMaxWindow(MaxRawBytes),
		zstd.WithDecoderDictRaw(dictionaryID, dictionary))
	if err != nil {
		panic(fmt.Sprintf("zstd options: %v", err))
	}
	return dec
})

// Decompress opens one frame whose size must be exactly rawBytes, a number the
// caller was told and has bounded. The frame must state that size itself, so
// nothing larger is ever allocated.
func Decompress(frame []byte, rawBytes int) ([]byte, error) {
	if rawBytes < 0 || rawBytes > MaxRawBytes {
		return nil, fmt.Errorf("%w: frame of %d bytes uncompressed over the limit %d", ErrEncoding, rawBytes, MaxRawBytes)
	}
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		return nil, fmt.Errorf("%w: zstd frame header: %v", ErrEncoding, err)
	}
	if h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(rawBytes) {
		return nil, fmt.Errorf("%w: zstd frame does not state the %d bytes it was said to hold", ErrEncoding, rawBytes)
	}
	dec := decoders.get()
	defer decoders.put(dec)
	out, err := dec.DecodeAll(frame, make([]byte, 0, rawBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: zstd: %v", ErrEncoding, err)
	}
	if len(out) != rawBytes {
		return nil, fmt.Errorf("%w: zstd frame holds %d bytes, said %d", ErrEncoding, len(out), rawBytes)
	}
	return out, nil
}
