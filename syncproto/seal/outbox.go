package seal

import (
	"bufio"
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
)

// OutboxMagic begins a sealed outbox: bundles, each sealed so that only the
// server can open it (SPEC.md §6.1). Anybody may carry the file.
const OutboxMagic = "chuantou-outbox/2\n"

// maxBoxBytes bounds one sealed bundle: a change of the largest size, the
// seeds, and what HPKE adds.
const maxBoxBytes = syncproto.MaxChangeBytes + 256<<10

var outboxInfo = []byte("chuantou/outbox/1")

// ErrOutbox is returned for what is no sealed outbox, or is cut off or altered.
var ErrOutbox = errors.New("not a whole sealed outbox of 船头记")

// AppendOutbox appends one encoded bundle, sealed to the server's X25519 key,
// as an item of a sealed outbox. HPKE rather than age: the device has the
// server's key for it already, and it is what wraps the sealing keys.
func AppendOutbox(b []byte, server *ecdh.PublicKey, bundle []byte) ([]byte, error) {
	pub, err := hpke.NewDHKEMPublicKey(server)
	if err != nil {
		return nil, fmt.Errorf("seal outbox: %w", err)
	}
	box, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), outboxInfo, bundle)
	if err != nil {
		return nil, fmt.Errorf("seal outbox: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(box)))
	return append(append(b, byte(syncproto.Suite1)), box...), nil
}

// EachOutbox reads a sealed outbox and gives fn the encoded bundles one by
// one, so that what stands before damage is not lost with what stands after:
// every bundle bears its own signature. An error of fn is returned as it is.
// It holds one item in memory.
func EachOutbox(r io.Reader, server *ecdh.PrivateKey, fn func(bundle []byte) error) error {
	priv, err := hpke.NewDHKEMPrivateKey(server)
	if err != nil {
		return fmt.Errorf("open outbox: %w", err)
	}
	in := bufio.NewReader(r)
	magic := make([]byte, len(OutboxMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != OutboxMagic {
		return fmt.Errorf("open outbox: %w: it does not begin as one", ErrOutbox)
	}
	for n := 0; ; n++ {
		item, err := outboxItem(in)
		if item == nil && err == nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("open outbox: item %d: %w", n, err)
		}
		bundle, err := hpke.Open(priv, hpke.HKDFSHA256(), hpke.AES256GCM(), outboxInfo, item)
		if err != nil {
			return fmt.Errorf("open outbox: item %d: %w: it was altered, or is for another server", n, ErrOutbox)
		}
		if err := fn(bundle); err != nil {
			return err
		}
	}
}

// outboxItem reads one box, nil at the end.
func outboxItem(in *bufio.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:1]); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(in, head[1:]); err != nil {
		return nil, fmt.Errorf("%w: it is cut off", ErrOutbox)
	}
	size := binary.BigEndian.Uint32(head[:4])
	switch {
	case size < 2 || size > maxBoxBytes:
		return nil, fmt.Errorf("%w: a length of %d", ErrOutbox, size)
	case syncproto.Suite(head[4]) != syncproto.Suite1:
		return nil, fmt.Errorf("suite %d: %w", head[4], syncproto.ErrUnknownSuite)
	}
	// Grows with what is there, not with what the length promises.
	var box bytes.Buffer
	if _, err := io.CopyN(&box, in, int64(size-1)); err != nil {
		return nil, fmt.Errorf("%w: it is cut off", ErrOutbox)
	}
	return box.Bytes(), nil
}
