package clientsdk

import "github.com/chuantou/chuantou/syncproto"

// Digests says what the bases of each audience atom add up to, as compared
// with the server at the end of every sync. Two devices whose persons may read
// the same of an atom have the same digest of it once both are up to date.
// Atoms that the server gives no digest of are left out.
func (c *Client) Digests() map[syncproto.Atom]syncproto.AtomDigest {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[syncproto.Atom]syncproto.AtomDigest{}
	for a, s := range c.sums {
		for _, d := range s.Classes {
			out[a] = syncproto.AtomDigest{Atom: a, Classes: d.Classes, Records: s.Records, Sum: d.Sum}
		}
	}
	return out
}
