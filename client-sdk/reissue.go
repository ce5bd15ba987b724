package clientsdk

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// reissue writes changes of a spent id anew under the next one. Nothing of the
// client is touched before its batch is applied.
type reissue struct {
	c     *Client
	was   syncproto.ReplicaID
	next  *identity
	batch localstore.Batch
	own   ownIndex
	head  chainHead // of the next id
	seed  syncproto.Seed
	anew  map[syncproto.RecordID]*crdt.Anew
	first map[syncproto.RecordID]syncproto.Seq // of the spent id's changes that are issued anew
	sums  *pageApply                           // of what leaves the bases
	// sealed are sealed values as they were and as they are: a member is taken
	// out of a set by its bytes.
	sealed map[string]syncproto.Value
}

func newReissue(c *Client, next *identity) *reissue {
	return &reissue{c: c, was: c.id.Replica, sums: &pageApply{c: c, sums: map[syncproto.Atom]*atomSums{}},
		next: next, own: c.own.clone(), head: chainHead{Link: sign.ChainStart(next.Replica)},
		anew: map[syncproto.RecordID]*crdt.Anew{}, first: map[syncproto.RecordID]syncproto.Seq{}, sealed: map[string]syncproto.Value{}}
}

// change takes one change out of the chain of the spent id and writes it anew,
// unless another store of the same line does.
func (r *reissue) change(seq syncproto.Seq, fate *syncproto.Reissued) error {
	s, err := r.c.sealedChange(ownChain{r.c, r.was}, seq)
	if err != nil {
		return err
	}
	parts, err := r.parts(&s.RawChange, seq, fate)
	if err != nil {
		return err
	}
	stored, err := r.c.store.Get(changeKey(r.was, seq))
	if err != nil {
		return err
	}
	r.batch.Put(replacedKey(r.was, seq), appendReplaced(fate, stored))
	if len(parts) == len(s.Parts) {
		r.batch.Delete(changeKey(r.was, seq))
	}
	if fate.As.Replica != r.next.Replica {
		return nil
	}
	h := syncproto.Header{Replica: r.next.Replica, Seq: fate.As.Seq, Author: s.Author, Wall: s.Wall, Offset: s.Offset,
		Replaces: syncproto.Replaced{ChangeID: syncproto.ChangeID{Replica: r.was, Seq: seq}, Hash: s.Hash}}
	return r.write(&h, parts)
}

// parts tells the parts that are issued anew, and moves them in the index.
func (r *reissue) parts(was *wire.RawChange, seq syncproto.Seq, fate *syncproto.Reissued) (out []syncproto.Part, err error) {
	for i := range was.Parts {
		if len(fate.Parts) > 0 && !slices.Contains(fate.Parts, i) {
			continue
		}
		p, err := wire.DecodePart(r.was, was.Parts[i].Bytes)
		if err != nil {
			return nil, err
		}
		if r.anew[p.Record] == nil {
			r.anew[p.Record], r.first[p.Record] = crdt.NewAnew(r.was), seq
		}
		told := r.anew[p.Record].Part(seq, &p, fate.As)
		if err := r.values(told, &p, seq, fate.As); err != nil {
			return nil, fmt.Errorf("record %s: %w", p.Record, err)
		}
		r.own.removePart(ownPart{replica: r.was, seq: seq, part: i}, p.Record)
		if fate.As.Replica == r.next.Replica {
			r.own.add(p.Record, ownPart{replica: r.next.Replica, seq: fate.As.Seq, part: len(out), wall: was.Wall, replaces: syncproto.ChangeID{Replica: r.was, Seq: seq}})
		}
		out = append(out, *told)
	}
	return out, nil
}

// values seals anew what was sealed for its old place, and tells the items that
// values name.
func (r *reissue) values(told, was *syncproto.Part, seq syncproto.Seq, now syncproto.ChangeID) (err error) {
	for i := range told.Ops {
		op, old := &told.Ops[i], &was.Ops[i]
		if !wire.IsSealed(op.Value) {
			op.Value = renamed(op.Value, r.was, func(record syncproto.RecordID) *crdt.Anew {
				if record.IsZero() {
					record = told.Record
				}
				return r.anew[record]
			})
			continue
		}
		if v, ok := r.sealed[string(op.Value)]; ok {
			op.Value = v
			continue
		}
		if op.Kind == syncproto.OpRemove || now.Replica != r.next.Replica {
			continue
		}
		from, to := placeOf(old.Field, old.Item, old.Sub, syncproto.Dot{Replica: r.was, Seq: seq, Op: uint32(i)}),
			placeOf(op.Field, op.Item, op.Sub, syncproto.Dot{Replica: now.Replica, Seq: now.Seq, Op: uint32(i)})
		from.Record, to.Record = told.Record, told.Record
		if op.Value, err = r.c.sealAnew(op.Value, from, to); err != nil {
			return err
		}
		r.sealed[string(old.Value)] = op.Value
	}
	return nil
}

// sealAnew seals a value for another place, under the same key.
func (c *Client) sealAnew(v syncproto.Value, from, to seal.Place) (syncproto.Value, error) {
	plain, err := c.open(v, from)
	if err != nil {
		return nil, err
	}
	s, err := wire.DecodeValue(v)
	if err != nil {
		return nil, err
	}
	return c.keys.byID[s.(syncproto.Sealed).Key].Seal(plain, to, c.opt.Random)
}

// write appends a change to the chain of the next id.
func (r *reissue) write(h *syncproto.Header, parts []syncproto.Part) error {
	if h.Seq != r.head.Seq+1 {
		return fmt.Errorf("%w: change %d is to be issued after %d", errAnswer, h.Seq, r.head.Seq)
	}
	raw := wire.RawChange{Header: *h, HeaderBytes: wire.AppendHeader(nil, h)}
	for i := range parts {
		b := wire.AppendPart(nil, h.Replica, &parts[i])
		if _, err := wire.DecodePart(h.Replica, b); err != nil {
			return fmt.Errorf("record %s: %w", parts[i].Record, err)
		}
		raw.Parts = append(raw.Parts, wire.RawPart{Bytes: b})
	}
	if (h.Seq-1)%syncproto.SeedBlock == 0 {
		if _, err := io.ReadFull(r.c.opt.Random, r.seed[:]); err != nil {
			return fmt.Errorf("salt seed: %w", err)
		}
		r.batch.Put(seedKey(h.Replica, syncproto.BlockOf(h.Seq)), bytes.Clone(r.seed[:]))
	}
	r.batch.Put(changeKey(h.Replica, h.Seq), wire.AppendRawChange(bytes.Clone(r.head.Link[:]), &raw))
	r.head = chainHead{Seq: h.Seq, Link: sign.Seal(raw, r.seed, r.head.Link).Link}
	return nil
}

// dropBases removes the bases, and the kept ones, that have in them what is
// issued anew: the server that gave it away has it no more, having been put back.
// It would stand there a second time under its old name. All is pulled again under
// the next id; till then such a record shows one's own part of it.
func (r *reissue) dropBases() error {
	for id, first := range r.first {
		h, err := r.c.loadBase(id)
		if err != nil {
			return err
		}
		if h != nil && h.base.Version.Covers(r.was, first) {
			r.batch.Delete(baseKey(id))
			r.sums.moveSums(baseRow{Atoms: h.atoms, Sums: h.sums}, &held{})
		}
		kept, err := r.c.loadKept(id)
		if err != nil {
			return err
		}
		if kept != nil && kept.Version.Covers(r.was, first) {
			r.batch.Delete(keptKey(id))
		}
	}
	r.sums.putSums(&r.batch)
	return nil
}

// renamedSince tells a part that was made on a form opened under a former id in
// the names of the present one.
func (c *Client) renamedSince(under syncproto.ReplicaID, p *syncproto.Part) (*syncproto.Part, error) {
	ids := c.replicas()
	for i := slices.Index(ids, under); i >= 0 && i < len(ids)-1; i++ {
		known := map[syncproto.RecordID]*crdt.Anew{}
		var err error
		anew := func(id syncproto.RecordID) *crdt.Anew {
			a, ok := known[id]
			if !ok && err == nil {
				a, err = c.anewOf(ids[i], id)
				known[id] = a
			}
			return a
		}
		if a := anew(p.Record); a != nil {
			p = a.Later(c.id.Replica, p)
		}
		for j := range p.Ops {
			p.Ops[j].Value = renamed(p.Ops[j].Value, ids[i], func(record syncproto.RecordID) *crdt.Anew {
				if record.IsZero() {
					record = p.Record
				}
				return anew(record)
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// anewOf tells how a record's changes of a former id were issued anew, from
// what was kept of them; nil when none was.
func (c *Client) anewOf(former syncproto.ReplicaID, id syncproto.RecordID) (a *crdt.Anew, err error) {
	err = localstore.ScanPrefix(c.store, join(prefixReplaced, former[:]), func(k, v []byte) error {
		seq := seqOfKey(k)
		fate, stored, err := decodeReplaced(v)
		if err != nil {
			return err
		}
		change, _, err := decodeOwn(former, seq, stored)
		if err != nil {
			return err
		}
		for i := range change.Parts {
			if len(fate.Parts) > 0 && !slices.Contains(fate.Parts, i) {
				continue
			}
			p, err := wire.DecodePart(former, change.Parts[i].Bytes)
			if err != nil {
				return fmt.Errorf("%w: change %d issued anew: %w", errStored, seq, err)
			}
			if p.Record != id {
				continue
			}
			if a == nil {
				a = crdt.NewAnew(former)
			}
			a.Part(seq, &p, fate.As)
		}
		return nil
	})
	return a, err
}

// prefixReplaced keeps changes of a former id that were issued anew:
// r/ replica seq.
var prefixReplaced = []byte("r/")

func replacedKey(r syncproto.ReplicaID, seq syncproto.Seq) []byte {
	return join(prefixReplaced, r[:], u64(uint64(seq)))
}

func appendReplaced(fate *syncproto.Reissued, change []byte) []byte {
	b := wire.AppendUint(wire.AppendBytes(beginStored(4), fate.As.Replica[:]), uint64(fate.As.Seq))
	return wire.AppendBytes(wire.AppendIndexes(b, fate.Parts), change)
}

func decodeReplaced(v []byte) (fate syncproto.Reissued, change []byte, err error) {
	r, err := openStored(v, 4)
	if err != nil {
		return fate, nil, fmt.Errorf("change issued anew: %w", err)
	}
	r.Fixed(fate.As.Replica[:])
	fate.As.Seq = syncproto.Seq(r.Uint())
	fate.Parts = wire.ReadIndexes(r)
	change = r.Bytes(len(v))
	return fate, change, closeStored(r, "change issued anew")
}

// renamed tells the items that a value names: RECORD#ITEM in a reference,
// FIELD/ITEM in what a signature covers. anew knows the new names of a record's
// items, those of the value's own for the zero id; nil when they are as before.
func renamed(v syncproto.Value, was syncproto.ReplicaID, anew func(syncproto.RecordID) *crdt.Anew) syncproto.Value {
	if !bytes.Contains(v, []byte(was.String())) {
		return v
	}
	plain, err := wire.DecodeValue(v)
	if err != nil {
		return v
	}
	out, err := wire.EncodeValue(renamedIn(plain, was, anew))
	if err != nil {
		return v
	}
	return out
}

func renamedIn(v any, was syncproto.ReplicaID, anew func(syncproto.RecordID) *crdt.Anew) any {
	switch v := v.(type) {
	case string:
		return renamedText(v, was, anew)
	case []any:
		for i := range v {
			v[i] = renamedIn(v[i], was, anew)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[renamedText(k, was, anew)] = renamedIn(e, was, anew)
		}
		return out
	}
	return v
}

func renamedText(s string, was syncproto.ReplicaID, anew func(syncproto.RecordID) *crdt.Anew) string {
	head, counter, ok := strings.Cut(s, was.String()+":")
	n, err := strconv.ParseUint(counter, 10, 63)
	if !ok || err != nil || head == "" {
		return s
	}
	name, mark := head[:len(head)-1], head[len(head)-1]
	var record syncproto.RecordID
	field := name
	if mark == '#' {
		if record, err = syncproto.ParseRecordID(name); err != nil {
			return s
		}
		field = ""
	}
	if a := anew(record); a != nil && (mark == '#' || mark == '/') {
		return head + a.Item(field, syncproto.ElemID{Replica: was, Counter: n}).String()
	}
	return s
}
