package text

// deleteRun deletes n elements from first on.
func (d *Doc) deleteRun(first ref, n int32) {
	for end := first.Index + n; first.Index < end; {
		slot := d.slot(first)
		it := &d.items[slot]
		from, to := first.Index-it.index, min(it.n, end-it.index)
		first.Index = it.index + to
		if it.size > 0 {
			d.kill(slot, from, to)
		}
	}
}

// kill turns elements from..to of a visible item into tombstones. If a
// tombstone of the same run is their neighbour, it takes them over, so that a
// run deleted one by one does not fall to pieces.
func (d *Doc) kill(slot, from, to int32) {
	it := &d.items[slot]
	n, size := to-from, d.bytes(it, to)
	if from > 0 {
		size -= d.bytes(it, from)
	}
	d.live -= int(size)
	d.chars -= int(n)
	if from > 0 == (to < it.n) || !d.yield(slot, from > 0, n, size) {
		d.bury(slot, from, to)
	}
}

// yield gives the first or last n elements of an item to the tombstone beside
// it, if that is of the same run and near in the order.
func (d *Doc) yield(slot int32, last bool, n, size int32) bool {
	it := &d.items[slot]
	beside := d.order.Beside(slot, last)
	if beside < 0 {
		return false
	}
	other := &d.items[beside]
	if other.size > 0 || other.n+n > maxItem {
		return false
	}
	if last {
		if !other.continues(it) {
			return false
		}
		other.index -= n
		other.left = other.element(-1)
		if d.ways != nil { // its own led from what is its second part now
			d.ways[beside] = d.wayOf(beside)
		}
		d.hold(beside, other.element(0), n)
	} else {
		if !it.continues(other) {
			return false
		}
		d.hold(beside, it.element(0), n)
		it.index, it.off = it.index+n, it.off+size
		it.left = it.element(-1)
	}
	other.n += n
	it.n, it.size = it.n-n, it.size-size
	d.order.Add(slot, -n)
	return true
}

// bury makes elements from..to an item of their own, without text.
func (d *Doc) bury(slot, from, to int32) {
	if to < d.items[slot].n {
		d.cut(slot, to)
	}
	if from > 0 {
		first := d.items[slot].element(from)
		d.cut(slot, from)
		slot = d.slot(first)
	}
	d.items[slot].size = 0
	d.order.Add(slot, from-to)
}

// compact gives back the bytes of deleted text once they are the larger part.
func (d *Doc) compact() {
	if len(d.buf) < 2*d.live+4096 {
		return
	}
	buf := make([]byte, 0, d.live+d.live/4)
	for slot := range d.order.All() {
		it := &d.items[slot]
		buf = append(buf, d.buf[it.off:it.off+it.size]...)
		it.off = int32(len(buf)) - it.size
	}
	d.buf = buf
}
