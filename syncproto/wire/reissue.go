package wire

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
)

// MaxReissueBytes is how long a request to issue anew may be.
const MaxReissueBytes = 160 + syncproto.MaxReissue*44

// AppendReissueRequest appends [former, after, [seq, hash, …], signature].
func AppendReissueRequest(b []byte, q *syncproto.ReissueRequest) []byte {
	return AppendBytes(AppendReissueAsked(AppendArray(b, 4), q), q.Sig[:])
}

// AppendReissueAsked appends what the signature of a request is over: its members
// before that.
func AppendReissueAsked(b []byte, q *syncproto.ReissueRequest) []byte {
	b = AppendBytes(b, q.Former[:])
	b = AppendArray(AppendUint(b, uint64(q.After)), 2*len(q.Changes))
	for i := range q.Changes {
		b = AppendBytes(AppendUint(b, uint64(q.Changes[i].Seq)), q.Changes[i].Hash[:])
	}
	return b
}

// DecodeReissueRequest reads exactly one request.
func DecodeReissueRequest(b []byte) (q syncproto.ReissueRequest, err error) {
	r := NewReader(b)
	if n := r.Array(4); r.err == nil && n != 4 {
		r.Failf("a request to issue anew has 4 members, the last a signature by the former key")
	}
	r.Fixed(q.Former[:])
	if q.After = syncproto.Seq(r.Uint()); q.After > 1<<62 {
		r.Failf("sequence number out of range")
	}
	n := r.Array(2 * syncproto.MaxReissue)
	if n%2 != 0 {
		r.Failf("a change without its hash")
	}
	var last syncproto.Seq
	for i := 0; i < n/2 && r.err == nil; i++ {
		c := syncproto.ReissueChange{Seq: readSeq(r)}
		if c.Seq <= last {
			r.Failf("changes out of order or repeated")
		}
		last = c.Seq
		r.Fixed(c.Hash[:])
		q.Changes = append(q.Changes, c)
	}
	r.Fixed(q.Sig[:])
	if err := r.Done(); err != nil {
		return syncproto.ReissueRequest{}, fmt.Errorf("request to issue anew: %w", err)
	}
	return q, nil
}

// AppendReissued appends, for each change, null or [replica, seq, [part, …]].
func AppendReissued(b []byte, all []syncproto.Reissued) []byte {
	b = AppendArray(b, len(all))
	for i := range all {
		a := &all[i]
		if a.As.IsZero() {
			b = AppendNil(b)
			continue
		}
		b = AppendBytes(AppendArray(b, 3), a.As.Replica[:])
		b = AppendIndexes(AppendUint(b, uint64(a.As.Seq)), a.Parts)
	}
	return b
}

// DecodeReissued reads exactly one answer.
func DecodeReissued(b []byte) (all []syncproto.Reissued, err error) {
	r := NewReader(b)
	n := r.Array(syncproto.MaxReissue)
	for i := 0; i < n && r.err == nil; i++ {
		var a syncproto.Reissued
		if !r.Nil() {
			if r.Array(3) != 3 {
				r.Failf("a change issued anew has 3 members")
			}
			r.Fixed(a.As.Replica[:])
			a.As.Seq = readSeq(r)
			a.Parts = ReadIndexes(r)
		}
		all = append(all, a)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("answer to a request to issue anew: %w", err)
	}
	return all, nil
}

// AppendIndexes appends indexes of a change's parts.
func AppendIndexes(b []byte, parts []int) []byte {
	b = AppendArray(b, len(parts))
	for _, p := range parts {
		b = AppendUint(b, uint64(p))
	}
	return b
}

// ReadIndexes reads indexes of a change's parts, ascending.
func ReadIndexes(r *Reader) (parts []int) {
	n := r.Array(syncproto.MaxPartsPerChange)
	for i := 0; i < n && r.err == nil; i++ {
		p := int(r.UintMax(syncproto.MaxPartsPerChange - 1))
		if i > 0 && p <= parts[i-1] {
			r.Failf("part indexes out of order or repeated")
		}
		parts = append(parts, p)
	}
	return parts
}
