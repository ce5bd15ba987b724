package authn

import (
	"net/netip"
	"sync"
	"time"
)

// remoteKey is what attempts from an address are counted under: the address,
// or of IPv6 the /64 that one subscriber has to himself.
func remoteKey(remote string) string {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return remote
	}
	addr = addr.Unmap()
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return addr.String()
}

// limiter is a set of token buckets, one a key, in bounded memory. Only
// failures spend, so wait comes first and spend after; attempts under way at
// the same moment may overdraw a bucket, and then wait for it to fill.
type limiter struct {
	burst float64
	every time.Duration // one token
	most  int           // buckets remembered

	mu sync.Mutex
	m  map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(burst int, every time.Duration, most int) *limiter {
	return &limiter{burst: float64(burst), every: every, most: most, m: map[string]bucket{}}
}

func (l *limiter) filled(b bucket, now time.Time) bucket {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(l.burst, b.tokens+float64(d)/float64(l.every))
		b.at = now
	}
	return b
}

// wait is how long until an attempt may be made, 0 for now.
func (l *limiter) wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.m[key]
	if !ok {
		return 0
	}
	if b = l.filled(b, now); b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) * float64(l.every))
}

// spend counts a failure.
func (l *limiter) spend(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.m[key]
	if !ok {
		l.makeRoom(now)
		b = bucket{tokens: l.burst, at: now}
	}
	b = l.filled(b, now)
	b.tokens = max(b.tokens-1, -l.burst)
	l.m[key] = b
}

// makeRoom forgets full buckets, which say nothing; failing that, any one:
// whoever fills the table from many addresses meets the limit over all.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.m) < l.most {
		return
	}
	for k, b := range l.m {
		if l.filled(b, now).tokens >= l.burst {
			delete(l.m, k)
		}
	}
	for k := range l.m {
		if len(l.m) < l.most {
			return
		}
		delete(l.m, k)
	}
}

// delays makes each failure in a row wait twice as long as the one before.
type delays struct {
	most int
	mu   sync.Mutex
	m    map[string]delay
}

type delay struct {
	failures int
	until    time.Time
}

const (
	freeFailures = 3 // typing errors
	maxDelay     = 15 * time.Minute
)

func newDelays(most int) *delays { return &delays{most: most, m: map[string]delay{}} }

// begin counts an attempt as failed until clear says otherwise, so that
// attempts side by side do not all go through. It returns how long to wait
// when it is too early for one; such an attempt is not counted.
func (d *delays) begin(key string, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.m[key]
	if wait := e.until.Sub(now); ok && wait > 0 {
		return wait
	}
	if !ok {
		d.makeRoom(now)
	}
	if ok && now.Sub(e.until) > maxDelay {
		e.failures = 0
	}
	e.failures++
	e.until = now
	if n := e.failures - freeFailures; n >= 0 {
		e.until = now.Add(min(maxDelay, time.Second<<min(n, 20)))
	}
	d.m[key] = e
	return 0
}

func (d *delays) clear(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, key)
}

func (d *delays) makeRoom(now time.Time) {
	if len(d.m) < d.most {
		return
	}
	for k, e := range d.m {
		if now.Sub(e.until) > maxDelay {
			delete(d.m, k)
		}
	}
	for k := range d.m {
		if len(d.m) < d.most {
			return
		}
		delete(d.m, k)
	}
}

// knownPairs are names with addresses from which they logged in: while everybody
// together guesses too much, these need not wait. Bounded; a restart forgets.
type knownPairs struct {
	most int
	mu   sync.Mutex
	m    map[string]struct{}
}

func newKnownPairs(most int) *knownPairs { return &knownPairs{most: most, m: map[string]struct{}{}} }

func (k *knownPairs) has(pair string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.m[pair]
	return ok
}

func (k *knownPairs) add(pair string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for old := range k.m {
		if len(k.m) < k.most {
			break
		}
		delete(k.m, old)
	}
	k.m[pair] = struct{}{}
}
