package fold

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// formatVersion leads an encoded table.
const formatVersion = 1

// AppendBinary appends the table as FORMAT.md, "Table" says.
func (t *Table) AppendBinary(b []byte) []byte {
	var ids replicas
	for i := range t.rows {
		ids.Add(t.rows[i].first.Replica)
		if !t.rows[i].gap.IsNone() {
			ids.Add(t.rows[i].gap.Replica)
		}
	}
	if !t.end.IsNone() {
		ids.Add(t.end.Replica)
	}
	b = append(b, formatVersion)
	b = binary.AppendUvarint(b, uint64(len(ids.Replicas)))
	b = ids.Append(b)
	b = binary.AppendUvarint(b, uint64(len(t.rows)))
	for i := range t.rows {
		r := &t.rows[i]
		b = ids.appendElem(b, r.gap)
		b = ids.appendElem(b, r.first)
		b = binary.AppendUvarint(b, r.n-1)
	}
	return ids.appendElem(b, t.end)
}

// replicas are those that a table names.
type replicas struct{ strict.Replicas }

// appendElem writes an element as 0 for none, else 1 + r + R·(c − 1).
func (s replicas) appendElem(b []byte, id syncproto.ElemID) []byte {
	if id.IsNone() {
		return append(b, 0)
	}
	r, _ := s.Find(id.Replica)
	return binary.AppendUvarint(b, 1+uint64(r)+uint64(len(s.Replicas))*(id.Counter-1))
}

func (s replicas) elem(r *strict.Reader, used []bool) syncproto.ElemID {
	v, n := r.Number(), uint64(len(s.Replicas))
	if v == 0 || r.Err() != nil {
		return syncproto.ElemID{}
	}
	if n == 0 || (v-1)/n >= strict.MaxCounter {
		r.Failf("element beyond the %d replicas and counter %d", n, uint64(strict.MaxCounter))
		return syncproto.ElemID{}
	}
	used[(v-1)%n] = true
	return syncproto.ElemID{Replica: s.Replicas[(v-1)%n], Counter: (v-1)/n + 1}
}

// Decode reads a table. It accepts exactly what AppendBinary writes.
func Decode(b []byte) (*Table, error) {
	r := strict.NewReader(b)
	if v := r.Number(); v != formatVersion {
		r.Failf("format version %d, not %d", v, formatVersion)
	}
	var ids replicas
	n := r.Count(len(syncproto.ReplicaID{}), "replicas")
	ids.Replicas = r.Replicas(nil, n)
	used := make([]bool, n)
	if slices.Contains(ids.Replicas, syncproto.ReplicaID{}) {
		r.Failf("a replica without an id")
	}
	t := &Table{}
	for range r.Count(3, "runs") {
		next := row{gap: ids.elem(&r, used), first: ids.elem(&r, used), n: r.Max(strict.MaxElements-1, "elements of a run") + 1}
		if k := len(t.rows) - 1; next.first.IsNone() || k >= 0 && t.rows[k].goesOn(&next) || t.n+next.n > strict.MaxElements {
			r.Failf("a run of no element, one that goes on with the one before, or more than %d elements", strict.MaxElements)
		}
		if r.Err() != nil {
			return nil, r.Err()
		}
		t.add(next)
	}
	t.end = ids.elem(&r, used)
	if slices.Contains(used, false) {
		r.Failf("a replica is not used")
	}
	if len(t.rows) == 0 && t.end.IsNone() {
		r.Failf("table of nothing")
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("table of a fold: %w", err)
	}
	return t, nil
}
