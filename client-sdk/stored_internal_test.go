package clientsdk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// again decodes stored bytes and encodes what it read, by the name of the format.
var again = map[string]func([]byte) ([]byte, error){
	"identity": func(v []byte) ([]byte, error) {
		d, err := decodeIdentity(v)
		if err != nil {
			return nil, err
		}
		return d.append(), nil
	},
	"place": func(v []byte) ([]byte, error) { p, err := decodePlace(v); return p.append(), err },
	"token": func(v []byte) ([]byte, error) { t, err := decodeToken(v); return appendToken(t), err },
	"head":  func(v []byte) ([]byte, error) { h, err := decodeChainHead(v); return h.append(), err },
	"base":  func(v []byte) ([]byte, error) { b, err := decodeBaseRow(v); return b.append(), err },
	"kept":  func(v []byte) ([]byte, error) { state, err := decodeKept(v); return appendKept(state), err },
	"replaced": func(v []byte) ([]byte, error) {
		fate, change, err := decodeReplaced(v)
		if err != nil {
			return nil, err
		}
		return appendReplaced(&fate, change), nil
	},
	"row": func(v []byte) ([]byte, error) { r, err := decodeRow(v); return r.append(), err },
	"backups": func(v []byte) ([]byte, error) {
		k, err := decodeBackups(v)
		if err != nil {
			return nil, err
		}
		return k.append(), nil
	},
	"sums": func(v []byte) ([]byte, error) {
		s, err := decodeAtomSums(v)
		if err != nil {
			return nil, err
		}
		return s.append(), nil
	},
}

var storedSamples = map[string][]byte{
	"identity": (&identity{Origin: "https://x", Replica: syncproto.ReplicaID{1}, Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Person: syncproto.PersonID{2},
		PersonName: "方例远", Device: "A7", ServerKey: make([]byte, 32), SealKey: make([]byte, 32), Former: []syncproto.ReplicaID{{3}}}).append(),
	"place": (&place{Cursor: []byte("cursor"), Epoch: "1", Offset: -5}).append(),
	"token": appendToken(session.Token{Text: "t", Expires: 7}),
	"head":  (&chainHead{Seq: 9, Link: syncproto.Hash{1}}).append(),
	"base": (&baseRow{Atoms: []syncproto.Atom{"ref", "t:1"}, Sums: []classSum{{Classes: syncproto.ForAll, Hash: syncproto.Hash{4}}},
		State: []byte{1, 2, 3}}).append(),
	"replaced": appendReplaced(&syncproto.Reissued{As: syncproto.ChangeID{Replica: syncproto.ReplicaID{1}, Seq: 2}, Parts: []int{0, 3}}, []byte{1, 2}),
	"kept":     appendKept([]byte{1, 2, 3}),
	"backups": (&backups{Epoch: "1", Verified: []backedUp{{Wall: 7, Ranges: syncproto.Ranges{{From: 1, To: 5}}}, {Wall: 9, Ranges: syncproto.Ranges{{From: 1, To: 8}}}},
		Dropped: syncproto.Ranges{{From: 1, To: 3}}}).append(),
	"row":  (&Row{Record: syncproto.RecordID{1}, Kind: "ZF", Title: "走访", Status: StatusDraft, Conflict: true}).append(),
	"sums": (&atomSums{Records: 3, Classes: []classDigest{{Classes: syncproto.ForAll, Sum: syncproto.Digest{5}}}}).append(),
}

func TestStoredValues(t *testing.T) {
	for name, v := range storedSamples {
		got, err := again[name](v)
		if err != nil || !bytes.Equal(got, v) {
			t.Errorf("%s: came back as %x, %v: want %x", name, got, err, v)
		}
		newer := append([]byte{storedFormat + 1}, v[1:]...)
		if _, err := again[name](newer); !errors.Is(err, localstore.ErrNewer) {
			t.Errorf("%s of a newer program: %v", name, err)
		}
		for i := range v {
			if _, err := again[name](v[:i]); err == nil {
				t.Errorf("%s cut to %d bytes was taken", name, i)
			}
		}
		if _, err := again[name](append(bytes.Clone(v), 0)); err == nil {
			t.Errorf("%s with a byte too many was taken", name)
		}
	}
}

func FuzzStored(f *testing.F) {
	names := sortedKeys(again)
	for i, name := range names {
		f.Add(byte(i), storedSamples[name])
	}
	f.Fuzz(func(t *testing.T, which byte, v []byte) {
		name := names[int(which)%len(names)]
		got, err := again[name](v)
		if err != nil {
			return
		}
		if !bytes.Equal(got, v) {
			t.Fatalf("%s: %x came back as %x", name, v, got)
		}
	})
}

func fuzzClient(tb testing.TB) (*Client, *fakeserver.Server) {
	now := func() time.Time { return time.UnixMilli(1_800_000_000_000) }
	server := fakeserver.New(1, now)
	c, err := OpenStore(localstore.NewMemory(), Options{Clock: now, Random: rand.NewChaCha8([32]byte{1}), Dial: server.Dial})
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Enrol(context.Background(), "https://fake.example", server.Code(fakeserver.ID(1)), "A7"); err != nil {
		tb.Fatal(err)
	}
	return c, server
}

// FuzzDraft reads stored drafts and looks at them as a form would.
func FuzzDraft(f *testing.F) {
	c, _ := fuzzClient(f)
	d, err := c.Create("HY")
	if err != nil {
		f.Fatal(err)
	}
	d.Set("title", "会").AddItem("statements", map[string]any{"text": "话", "speaker": "谁"})
	d.Add("recorder_ids", fakeserver.ID(2))
	f.Add(d.append())
	if err := c.Share(context.Background(), d); err != nil {
		f.Fatal(err)
	}
	e, err := c.Edit(d.Record())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Set("title", "另一个").append())
	f.Fuzz(func(t *testing.T, v []byte) {
		d, err := c.decodeDraft("x", v)
		if err != nil {
			if d != nil {
				t.Fatal("refused and half read")
			}
			return
		}
		if !bytes.Equal(d.append(), v) {
			t.Fatalf("%x came back as %x", v, d.append())
		}
		d.View()
		c.Submit(context.Background(), d)
	})
}

// FuzzPage applies pages whose entries hold arbitrary bytes: a page is applied
// whole, or the store is as it was.
func FuzzPage(f *testing.F) {
	other, server := fuzzClient(f)
	d, err := other.Create("unit")
	if err != nil {
		f.Fatal(err)
	}
	if err := other.Submit(context.Background(), d.Fill(map[string]any{"name": "东极镇", "level": "乡镇", "place": "330903105"})); err != nil {
		f.Fatal(err)
	}
	other.Sync(context.Background())
	for _, states := range []bool{false, true} {
		server.AsStates = states
		c, err := OpenStore(localstore.NewMemory(), Options{Clock: other.opt.Clock, Random: rand.NewChaCha8([32]byte{2}), Dial: server.Dial})
		if err != nil {
			f.Fatal(err)
		}
		if err := c.Enrol(context.Background(), "https://fake.example", server.Code(fakeserver.ID(2)), "B2"); err != nil {
			f.Fatal(err)
		}
		spy := &spyLink{Transport: c.link}
		c.link = spy
		c.Sync(context.Background())
		p, err := wire.DecodePage(spy.page)
		if err != nil || len(p.Entries) == 0 {
			f.Fatal(p, err)
		}
		raw, err := wire.Decompress(p.Entries[0].Frame, p.Entries[0].RawBytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(states, p.Entries[0].Count, raw)
	}
	f.Fuzz(func(t *testing.T, states bool, count int, raw []byte) {
		c, _ := fuzzClient(t)
		defer c.Close()
		before := dump(t, c)
		e := syncproto.Entry{Kind: syncproto.EntryChanges, Atom: "ref", Replica: syncproto.ReplicaID{5}, From: 1, Count: count,
			RawBytes: len(raw), Frame: wire.Compress(raw, wire.EffortFast)}
		if states {
			e.Kind = syncproto.EntryStates
		}
		c.mu.Lock()
		_, err := c.applyPage(&syncproto.Page{Epoch: "1", Cursor: []byte("c"), Entries: []syncproto.Entry{e}}, nil)
		c.mu.Unlock()
		if err != nil && before != dump(t, c) {
			t.Fatalf("a page was half applied: %v", err)
		}
		rows, err := c.Query(Filter{Kinds: c.Schema().KindIDs(), Voided: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			c.Get(r.Record)
			c.History(r.Record)
		}
	})
}

// spyLink keeps the last page that came.
type spyLink struct {
	syncloop.Transport
	page []byte
}

func (l *spyLink) Do(ctx context.Context, q *session.Request) session.Response {
	r := l.Transport.Do(ctx, q)
	if q.Path == "/v1/sync/pull" && r.Status == 200 && l.page == nil {
		l.page = r.Body
	}
	return r
}

// dump is all that the store holds, and the client beside it.
func dump(t *testing.T, c *Client) string {
	var b bytes.Buffer
	if err := c.store.Scan(nil, nil, func(k, v []byte) error { fmt.Fprintf(&b, "%x=%x\n", k, v); return nil }); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&b, c.place, c.receipt, len(c.cache), len(c.sums))
	return b.String()
}

func FuzzEnrolment(f *testing.F) {
	f.Add([]byte(`{"replica":"6f1f9d2e-58a5-4a0c-9d5e-2a3f4b5c6d7e","person":"01900000-0000-7000-8000-000000000001","server_key":"AAAA","seal_key":"AAAA"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := decodeEnrolment(b, "A7", ed25519.NewKeyFromSeed(make([]byte, 32)))
		if err != nil {
			if id != nil {
				t.Fatal("refused and half read")
			}
			return
		}
		if _, err := decodeIdentity(id.append()); err != nil {
			t.Fatal(err)
		}
	})
}
