package records

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Bundle is a stored run of one replica's changes.
type Bundle struct {
	Count    int
	Received int64 // server's clock at arrival, Unix milliseconds
	PrevLink syncproto.Hash
	Hashes   []syncproto.Hash // of each change: redelivery and forks are told by them
	Salts    []syncproto.Salt // of each part, in order; the seed is forgotten
	Sig      syncproto.Signature
	RawBytes int
	Frame    []byte
}

// Append encodes the bundle.
func (u *Bundle) Append(b []byte) []byte {
	b = wire.AppendUint(begin(b, 8), uint64(u.Count))
	b = wire.AppendInt(b, u.Received)
	b = wire.AppendBytes(b, u.PrevLink[:])
	hashes := make([]byte, 0, 32*len(u.Hashes))
	for i := range u.Hashes {
		hashes = append(hashes, u.Hashes[i][:]...)
	}
	salts := make([]byte, 0, 16*len(u.Salts))
	for i := range u.Salts {
		salts = append(salts, u.Salts[i][:]...)
	}
	b = wire.AppendBytes(wire.AppendBytes(b, hashes), salts)
	b = wire.AppendBytes(b, u.Sig[:])
	b = wire.AppendUint(b, uint64(u.RawBytes))
	return wire.AppendBytes(b, u.Frame)
}

// DecodeBundle reads a stored bundle; its frame aliases v.
func DecodeBundle(v []byte) (u Bundle, err error) {
	r, err := open(v, 8, "bundle")
	if err != nil {
		return u, err
	}
	u.Count = int(r.UintMax(wire.MaxBundleChanges))
	u.Received = r.Int()
	r.Fixed(u.PrevLink[:])
	hashes, salts := r.Bytes(len(v)), r.Bytes(len(v))
	if len(hashes) != 32*u.Count || len(salts)%16 != 0 {
		r.Failf("%d bytes of hashes, %d of salts for %d changes", len(hashes), len(salts), u.Count)
	}
	for ; len(hashes) >= 32; hashes = hashes[32:] {
		u.Hashes = append(u.Hashes, syncproto.Hash(hashes[:32]))
	}
	for ; len(salts) >= 16; salts = salts[16:] {
		u.Salts = append(u.Salts, syncproto.Salt(salts[:16]))
	}
	r.Fixed(u.Sig[:])
	u.RawBytes = int(r.UintMax(wire.MaxRawBytes))
	u.Frame = r.Bytes(len(v))
	return u, done(r, "bundle")
}

// Log is what is known of one replica's chain.
type Log struct {
	Received syncproto.Ranges
	// Head and Link are the highest change received and its chain link; links
	// of others are recomputed from the bundles.
	Head syncproto.Seq
	Link syncproto.Hash
	Held uint64 // parts held now
	// Rejected are parts that an administrator did not accept: they stay listed
	// among the holds so that their author is told.
	Rejected uint64
	Forked   bool
	Gaps     uint64 // bundles that arrived with a gap before them: evidence, shown
	// BackedUp is what of Received is in a backup that was read back and found whole.
	BackedUp syncproto.Ranges
	// Lost is what an administrator declared will never come. What comes after
	// all counts (package ingest).
	Lost syncproto.Ranges
}

// Append encodes the log.
func (l *Log) Append(b []byte) []byte {
	members := 7
	switch {
	case len(l.Lost) > 0:
		members = 9
	case len(l.BackedUp) > 0:
		members = 8
	}
	b = appendRanges(begin(b, members), l.Received)
	b = wire.AppendUint(b, uint64(l.Head))
	b = wire.AppendBytes(b, l.Link[:])
	b = wire.AppendUint(wire.AppendUint(b, l.Held), l.Rejected)
	b = wire.AppendBool(b, l.Forked)
	b = wire.AppendUint(b, l.Gaps)
	if members >= 8 {
		b = appendRanges(b, l.BackedUp)
	}
	if members == 9 {
		b = appendRanges(b, l.Lost)
	}
	return b
}

func appendRanges(b []byte, rs syncproto.Ranges) []byte {
	b = wire.AppendArray(b, 2*len(rs))
	for _, r := range rs {
		b = wire.AppendUint(wire.AppendUint(b, uint64(r.From)), uint64(r.To))
	}
	return b
}

func readRanges(r *wire.Reader, limit int) (rs syncproto.Ranges) {
	for n := r.Array(limit); n > 1 && r.Err() == nil; n -= 2 {
		rs = append(rs, syncproto.Range{From: syncproto.Seq(r.Uint()), To: syncproto.Seq(r.Uint())})
	}
	return rs
}

// DecodeLog reads a log; nil is the log of an unknown replica.
func DecodeLog(v []byte) (l Log, err error) {
	if v == nil {
		return l, nil
	}
	r, err := openAny(v, "replica log")
	if err != nil {
		return l, err
	}
	members := r.Array(9)
	if r.Err() == nil && members < 7 {
		r.Failf("replica log of %d members", members)
	}
	l.Received = readRanges(r, len(v))
	l.Head = syncproto.Seq(r.Uint())
	r.Fixed(l.Link[:])
	l.Held, l.Rejected = r.Uint(), r.Uint()
	l.Forked = r.Bool()
	l.Gaps = r.Uint()
	if members >= 8 {
		l.BackedUp = readRanges(r, len(v))
	}
	if members == 9 {
		l.Lost = readRanges(r, len(v))
	}
	return l, done(r, "replica log")
}
