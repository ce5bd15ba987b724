// STAND-IN: replace this file by the real engine (same API); it exists so that
// dependants compile meanwhile.

package text

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

var (
	ErrMissing = errors.New("text: missing element")
	ErrInvalid = errors.New("text: invalid edit")
	ErrRange   = errors.New("text: index out of range")
)

type Edit struct {
	Inserts []Insert
	Deletes []Delete
}
type Insert struct {
	Counter     uint64
	Left, Right syncproto.ElemID
	Text        string
}
type Delete struct {
	First syncproto.ElemID
	N     int
}
type Passage struct {
	Replica syncproto.ReplicaID
	First   syncproto.ElemID
	Text    string
}
type Change struct {
	At, Del int
	Ins     string
}

type elem struct {
	id, left, right syncproto.ElemID
	r               rune
	dead            bool
}
type Doc struct {
	e    []elem
	high map[syncproto.ReplicaID]uint64
}

func New() *Doc { return &Doc{high: map[syncproto.ReplicaID]uint64{}} }

func (d *Doc) Len() (n int) {
	for i := range d.e {
		if !d.e[i].dead {
			n++
		}
	}
	return n
}
func (d *Doc) String() string {
	var b []rune
	for i := range d.e {
		if !d.e[i].dead {
			b = append(b, d.e[i].r)
		}
	}
	return string(b)
}
func (d *Doc) Highest(r syncproto.ReplicaID) uint64 { return d.high[r] }
func (d *Doc) find(id syncproto.ElemID) int {
	for i := range d.e {
		if d.e[i].id == id {
			return i
		}
	}
	return -1
}
func (d *Doc) Clone() *Doc {
	c := New()
	c.e = append(c.e, d.e...)
	for k, v := range d.high {
		c.high[k] = v
	}
	return c
}
func (d *Doc) Check(author syncproto.ReplicaID, e Edit) error { return d.Clone().apply(author, e) }
func (d *Doc) Apply(author syncproto.ReplicaID, e Edit) error {
	if err := d.Check(author, e); err != nil {
		return err
	}
	return d.apply(author, e)
}
func (d *Doc) apply(author syncproto.ReplicaID, e Edit) error {
	for _, in := range e.Inserts {
		if in.Counter != d.high[author]+1 {
			return fmt.Errorf("%w: counter %d after %d", ErrMissing, in.Counter, d.high[author])
		}
		if !utf8.ValidString(in.Text) || in.Text == "" {
			return ErrInvalid
		}
		left := in.Left
		c := in.Counter
		for _, r := range in.Text {
			if err := d.integrate(elem{id: syncproto.ElemID{Replica: author, Counter: c}, left: left, right: in.Right, r: r}); err != nil {
				return err
			}
			left = syncproto.ElemID{Replica: author, Counter: c}
			c++
		}
	}
	for _, x := range e.Deletes {
		for i := range x.N {
			k := d.find(syncproto.ElemID{Replica: x.First.Replica, Counter: x.First.Counter + uint64(i)})
			if k < 0 {
				return fmt.Errorf("%w: delete target", ErrMissing)
			}
			d.e[k].dead = true
		}
	}
	return nil
}

func (d *Doc) pos(id syncproto.ElemID, none int) (int, error) {
	if id.IsNone() {
		return none, nil
	}
	k := d.find(id)
	if k < 0 {
		return 0, fmt.Errorf("%w: origin %s", ErrMissing, id)
	}
	return k, nil
}

func (d *Doc) integrate(n elem) error {
	l, err := d.pos(n.left, -1)
	if err != nil {
		return err
	}
	r, err := d.pos(n.right, len(d.e))
	if err != nil {
		return err
	}
	if r <= l {
		return ErrInvalid
	}
	dest, scanning := l+1, false
	for i := l + 1; ; i++ {
		if !scanning {
			dest = i
		}
		if i == len(d.e) || i == r {
			break
		}
		o := &d.e[i]
		ol, _ := d.pos(o.left, -1)
		or, _ := d.pos(o.right, len(d.e))
		if ol < l {
			break
		}
		if ol == l {
			switch {
			case or < r:
				scanning = true
			case or == r:
				if n.id.Compare(o.id) < 0 {
					goto done
				}
				scanning = false
			default:
				scanning = false
			}
		}
	}
done:
	d.e = append(d.e, elem{})
	copy(d.e[dest+1:], d.e[dest:])
	d.e[dest] = n
	d.high[n.id.Replica] = n.id.Counter
	return nil
}

func (d *Doc) Replace(author syncproto.ReplicaID, at, del int, ins string) (Edit, error) {
	return d.ReplaceFrom(author, d.high[author]+1, at, del, ins)
}
func (d *Doc) ReplaceFrom(author syncproto.ReplicaID, next uint64, at, del int, ins string) (Edit, error) {
	var e Edit
	if at < 0 || del < 0 || at+del > d.Len() {
		return e, ErrRange
	}
	if !utf8.ValidString(ins) {
		return e, ErrInvalid
	}
	seen, k := 0, 0
	for k < len(d.e) && seen < at {
		if !d.e[k].dead {
			seen++
		}
		k++
	}
	if ins != "" {
		in := Insert{Counter: next, Text: ins}
		if k > 0 {
			in.Left = d.e[k-1].id
		}
		if k < len(d.e) {
			in.Right = d.e[k].id
		}
		e.Inserts = []Insert{in}
	}
	for j, left := k, del; left > 0; j++ {
		if d.e[j].dead {
			continue
		}
		left--
		id := d.e[j].id
		if n := len(e.Deletes); n > 0 && e.Deletes[n-1].First.Replica == id.Replica && e.Deletes[n-1].First.Counter+uint64(e.Deletes[n-1].N) == id.Counter {
			e.Deletes[n-1].N++
		} else {
			e.Deletes = append(e.Deletes, Delete{id, 1})
		}
	}
	d.high[author] = next - 1
	if err := d.apply(author, e); err != nil {
		return Edit{}, err
	}
	return e, nil
}

func Merge(edits ...Edit) (out Edit) {
	for _, e := range edits {
		for _, in := range e.Inserts {
			n := len(out.Inserts)
			if n > 0 {
				p := &out.Inserts[n-1]
				last := p.Counter + uint64(utf8.RuneCountInString(p.Text)) - 1
				if in.Counter == last+1 && in.Left.Counter == last && in.Right == p.Right {
					p.Text += in.Text
					continue
				}
			}
			out.Inserts = append(out.Inserts, in)
		}
		out.Deletes = append(out.Deletes, e.Deletes...)
	}
	return out
}

func Diff(old, new string) []Change {
	a, b := []rune(old), []rune(new)
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < len(a)-i && j < len(b)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	if i == len(a) && i == len(b) {
		return nil
	}
	return []Change{{i, len(a) - i - j, string(b[i : len(b)-j])}}
}

func (d *Doc) Passages() (out []Passage) {
	for i := range d.e {
		x := &d.e[i]
		if x.dead {
			continue
		}
		n := len(out)
		if n > 0 && out[n-1].Replica == x.id.Replica && out[n-1].First.Counter+uint64(utf8.RuneCountInString(out[n-1].Text)) == x.id.Counter {
			out[n-1].Text += string(x.r)
			continue
		}
		out = append(out, Passage{x.id.Replica, x.id, string(x.r)})
	}
	return out
}

func putID(b []byte, id syncproto.ElemID) []byte {
	return binary.AppendUvarint(append(b, id.Replica[:]...), id.Counter)
}
func getID(b []byte) (id syncproto.ElemID, rest []byte, err error) {
	if len(b) < 17 {
		return id, nil, ErrInvalid
	}
	copy(id.Replica[:], b)
	c, n := binary.Uvarint(b[16:])
	if n <= 0 {
		return id, nil, ErrInvalid
	}
	id.Counter = c
	return id, b[16+n:], nil
}

func (e Edit) AppendBinary(author syncproto.ReplicaID, b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.Inserts)))
	for _, in := range e.Inserts {
		b = putID(putID(binary.AppendUvarint(b, in.Counter), in.Left), in.Right)
		b = append(binary.AppendUvarint(b, uint64(len(in.Text))), in.Text...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Deletes)))
	for _, x := range e.Deletes {
		b = binary.AppendUvarint(putID(b, x.First), uint64(x.N))
	}
	return b
}

func uv(b *[]byte) uint64 {
	v, n := binary.Uvarint(*b)
	if n <= 0 {
		*b = nil
		return 1 << 62
	}
	*b = (*b)[n:]
	return v
}

func DecodeEdit(author syncproto.ReplicaID, b []byte) (e Edit, err error) {
	for n := uv(&b); n > 0; n-- {
		if len(b) == 0 {
			return Edit{}, ErrInvalid
		}
		var in Insert
		in.Counter = uv(&b)
		if in.Left, b, err = getID(b); err != nil {
			return Edit{}, err
		}
		if in.Right, b, err = getID(b); err != nil {
			return Edit{}, err
		}
		l := uv(&b)
		if l > uint64(len(b)) {
			return Edit{}, ErrInvalid
		}
		in.Text, b = string(b[:l]), b[l:]
		e.Inserts = append(e.Inserts, in)
	}
	for n := uv(&b); n > 0; n-- {
		if len(b) == 0 {
			return Edit{}, ErrInvalid
		}
		var x Delete
		if x.First, b, err = getID(b); err != nil {
			return Edit{}, err
		}
		x.N = int(uv(&b))
		e.Deletes = append(e.Deletes, x)
	}
	if len(b) != 0 {
		return Edit{}, ErrInvalid
	}
	return e, nil
}

func (d *Doc) AppendBinary(b []byte) []byte {
	b = binary.AppendUvarint(append(b, 0), uint64(len(d.e)))
	for i := range d.e {
		x := &d.e[i]
		b = putID(putID(putID(b, x.id), x.left), x.right)
		r := uint64(x.r) << 1
		if x.dead {
			r = 1
		}
		b = binary.AppendUvarint(b, r)
	}
	return b
}

func Decode(b []byte) (*Doc, error) {
	if len(b) == 0 || b[0] != 0 {
		return nil, ErrInvalid
	}
	b = b[1:]
	d := New()
	var err error
	for n := uv(&b); n > 0; n-- {
		var x elem
		if x.id, b, err = getID(b); err != nil {
			return nil, err
		}
		if x.left, b, err = getID(b); err != nil {
			return nil, err
		}
		if x.right, b, err = getID(b); err != nil {
			return nil, err
		}
		r := uv(&b)
		x.dead, x.r = r == 1, rune(r>>1)
		d.e = append(d.e, x)
		d.high[x.id.Replica] = max(d.high[x.id.Replica], x.id.Counter)
	}
	if len(b) != 0 {
		return nil, ErrInvalid
	}
	return d, nil
}
