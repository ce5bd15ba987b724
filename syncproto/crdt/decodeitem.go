package crdt

// maxRegister bounds the concurrent dots of one item in a stored state.
const maxRegister = 1 << 20

// item reads the 5 members of an item; its id takes two.
func (d *decoder) item() *item {
	it := &item{id: d.elem()}
	if d.arrayNext() {
		n := d.Array(maxRegister)
		if n == 1 {
			d.Failf("one life dot in an array")
		}
		for i := 0; i < n && d.Err() == nil; i++ {
			it.life = append(it.life, d.ref())
			if i > 0 {
				d.ascending(it.life[i-1], it.life[i])
			}
		}
	} else {
		it.life = []ref{d.ref()}
	}
	d.places(it)
	it.fields = d.fields(false)
	return it
}

func (d *decoder) ascending(a, b ref) {
	if d.Err() == nil && d.r.compareRefs(a, b) >= 0 {
		d.Failf("dots out of order or repeated")
	}
}

// places reads an item's places; the one it was born at is written as a dot.
func (d *decoder) places(it *item) {
	if !d.arrayNext() {
		it.places = []place{{d.ref(), it.id}}
		return
	}
	n := d.Array(3 * maxRegister)
	if n%3 != 0 {
		d.Failf("places cut short")
	}
	for i := 0; i < n/3 && d.Err() == nil; i++ {
		it.places = append(it.places, place{d.ref(), d.place()})
		if i > 0 {
			d.ascending(it.places[i-1].ref, it.places[i].ref)
		}
	}
	if n == 3 && len(it.places) == 1 && it.places[0].at == it.id {
		d.Failf("the first place in an array")
	}
}
