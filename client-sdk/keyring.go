package clientsdk

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// keyring holds the sealing keys this device may use: those it made and those
// the server handed out.
type keyring struct {
	byID     map[syncproto.KeyID]*seal.Key
	byHolder map[syncproto.RecordID][]*seal.Key // by id
}

func (k *keyring) add(key seal.Key) {
	if k.byID == nil {
		k.byID, k.byHolder = map[syncproto.KeyID]*seal.Key{}, map[syncproto.RecordID][]*seal.Key{}
	}
	if _, ok := k.byID[key.ID]; ok {
		return
	}
	k.byID[key.ID] = &key
	k.byHolder[key.Holder] = append(k.byHolder[key.Holder], &key)
	slices.SortFunc(k.byHolder[key.Holder], func(a, b *seal.Key) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}

func sealingKey(k syncproto.HeldKey) seal.Key {
	return seal.Key{ID: k.Key, Holder: k.Holder, Secret: k.Secret}
}

func appendKey(k seal.Key) []byte {
	return wire.AppendBytes(wire.AppendBytes(beginStored(2), k.Holder[:]), k.Secret[:])
}

func (c *Client) loadKeys() error {
	c.keys = keyring{}
	return localstore.ScanPrefix(c.store, prefixKey, func(k, v []byte) error {
		key := seal.Key{ID: syncproto.KeyID(k[len(prefixKey):])}
		r, err := openStored(v, 2)
		if err != nil {
			return fmt.Errorf("sealing key: %w", err)
		}
		r.Fixed(key.Holder[:])
		r.Fixed(key.Secret[:])
		c.keys.add(key)
		return closeStored(r, "sealing key")
	})
}

// monthKey is the holder's name in the store of the key that this replica
// uses for what belongs to no household: one for each replica and month, held
// by the person.
func (c *Client) monthKey() []byte {
	month := c.now().UTC().Format("2006-01")
	return []byte("m/monthkey/" + c.id.Replica.String() + "/" + month)
}

// sealer finds or makes the keys of one save.
type sealer struct {
	c     *Client
	batch *localstore.Batch
	fresh []seal.Key // made in this save; added to the ring once it is durable
}

// keyFor returns the key to seal with for a holder, zero for none: the
// household's, else the replica's own of the month. made reports that the key
// is new and must be wrapped into the part.
func (s *sealer) keyFor(household syncproto.RecordID) (key *seal.Key, made bool, err error) {
	if household.IsZero() {
		return s.ownKey()
	}
	for i := range s.fresh {
		if s.fresh[i].Holder == household {
			return &s.fresh[i], true, nil
		}
	}
	if keys := s.c.keys.byHolder[household]; len(keys) > 0 {
		return keys[0], false, nil
	}
	key, err = s.make(household)
	return key, true, err
}

func (s *sealer) ownKey() (*seal.Key, bool, error) {
	name := s.c.monthKey()
	v, err := s.c.store.Get(name)
	if err != nil {
		return nil, false, err
	}
	if len(v) == 8 {
		if key, ok := s.c.keys.byID[syncproto.KeyID(v)]; ok {
			return key, false, nil
		}
	}
	for i := range s.fresh {
		if s.fresh[i].Holder == s.c.id.Person {
			return &s.fresh[i], true, nil
		}
	}
	key, err := s.make(s.c.id.Person)
	if err == nil {
		s.batch.Put(name, append([]byte(nil), key.ID[:]...))
	}
	return key, true, err
}

func (s *sealer) make(holder syncproto.RecordID) (*seal.Key, error) {
	key, err := seal.NewKey(holder, s.c.opt.Random)
	if err != nil {
		return nil, err
	}
	s.batch.Put(sealKey(key.ID), appendKey(key))
	s.fresh = append(s.fresh, key)
	return &s.fresh[len(s.fresh)-1], nil
}

// wrap is the value of seal.KeysField that gives the server a key.
func (s *sealer) wrap(key *seal.Key) (syncproto.Value, error) {
	pub, err := ecdh.X25519().NewPublicKey(s.c.id.SealKey)
	if err != nil {
		return nil, fmt.Errorf("the server's sealing key: %w", err)
	}
	return seal.Wrap(pub, key)
}

// errSealed marks a value whose key is not on this device.
var errSealed = errors.New("sealed under a key that is not on this device")

// openLocked is open for callers that do not hold the client's lock.
func (c *Client) openLocked(v syncproto.Value, at seal.Place) (syncproto.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open(v, at)
}

// open returns the plain value of v, which is v itself unless it is sealed.
func (c *Client) open(v syncproto.Value, at seal.Place) (syncproto.Value, error) {
	if !wire.IsSealed(v) {
		return v, nil
	}
	plain, err := wire.DecodeValue(v)
	if err != nil {
		return nil, err
	}
	s, ok := plain.(syncproto.Sealed)
	if !ok {
		return nil, errSealed
	}
	key, ok := c.keys.byID[s.Key]
	if !ok {
		return nil, errSealed
	}
	return key.Open(s, at)
}

// seal encrypts the sensitive values of the part and wraps the keys that are
// new to the server.
func (k *compiler) seal(part *syncproto.Part, household syncproto.RecordID, s *sealer) error {
	if k.d.kind == nil {
		return nil
	}
	wrapped := map[syncproto.KeyID]*seal.Key{}
	for i := range part.Ops {
		op := &part.Ops[i]
		if !sealable(op) || !k.d.kind.IsSensitive(op.Field, op.Sub) {
			continue
		}
		key, made, err := s.keyFor(household)
		if err != nil {
			return err
		}
		if made {
			wrapped[key.ID] = key
		}
		at := seal.Place{Record: part.Record, Field: op.Field, Item: op.Item, Sub: op.Sub,
			Dot: syncproto.Dot{Replica: k.replica, Seq: k.seq, Op: uint32(i)}}
		if op.Value, err = key.Seal(op.Value, at, k.c.opt.Random); err != nil {
			return k.fail(op.Field, err)
		}
	}
	for _, key := range wrapped {
		v, err := s.wrap(key)
		if err != nil {
			return err
		}
		part.Ops = append(part.Ops, syncproto.Op{Kind: syncproto.OpAdd, Field: seal.KeysField, Value: v})
	}
	return nil
}

func sealable(op *syncproto.Op) bool {
	switch op.Kind {
	case syncproto.OpSet, syncproto.OpAdd, syncproto.OpLog:
		return len(op.Value) > 0 && !bytes.Equal(op.Value, valueNil) && !wire.IsSealed(op.Value)
	}
	return false
}
