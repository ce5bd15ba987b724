package main

import (
	"context"
	"fmt"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// In W4 a hundred devices hold what the server holds: ten thousand records
// each, which they would pull and join one by one for an hour of clients' CPU
// that W4 is not about. So a device is given the records as its township's
// seeder has them, the same bytes in memory, under its own identity; then it
// pulls to the end, letting the entries go by, so that its cursor stands behind
// them. That the digests it then compares are the server's shows that it holds
// what it would hold otherwise.

// imagePrefixes are the parts of a device's store that are the server's view
// of the records: bases, rows and digest sums (keys.go of package clientsdk).
var imagePrefixes = []string{"b/", "i/", "d/"}

// image is the batch that makes a store hold what the given one does.
func image(s localstore.Store) (*localstore.Batch, error) {
	out := &localstore.Batch{}
	for _, p := range imagePrefixes {
		err := localstore.ScanPrefix(s, []byte(p), func(k, v []byte) error {
			out.Put([]byte(string(k)), []byte(string(v)))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
	}
	return out, nil
}

// takeImages gives every device what its township's seeder holds.
func (f *fleet) takeImages(ctx context.Context, seeders []*boat) error {
	images := map[int]*localstore.Batch{}
	for _, s := range seeders {
		if _, err := s.sync(ctx); err != nil { // its own work is in its bases
			return err
		}
		m, err := image(s.store)
		if err != nil {
			return err
		}
		images[s.township] = m
	}
	for _, b := range f.boats {
		if err := b.takeImage(ctx, images[b.township]); err != nil {
			return fmt.Errorf("device %s: %w", b.name, err)
		}
	}
	return nil
}

func (b *boat) takeImage(ctx context.Context, m *localstore.Batch) error {
	if err := b.c.Close(); err != nil {
		return err
	}
	b.store = b.store.Clone() // open again
	if err := b.store.Apply(m); err != nil {
		return err
	}
	var err error
	if b.c, err = clientsdk.OpenStore(b.store, b.options()); err != nil {
		return err
	}
	b.link.letPass = true
	defer func() { b.link.letPass = false }()
	r, err := b.sync(ctx)
	if err == nil && r.Mismatches > 0 {
		err = fmt.Errorf("the image is not what the server has: %d atoms differ", r.Mismatches)
	}
	return err
}

// withoutEntries is an answer to a pull whose entries are taken out.
func withoutEntries(q *session.Request, r session.Response) session.Response {
	if r.Err != nil || r.Status != 200 || !strings.HasSuffix(q.Path, "/pull") {
		return r
	}
	p, err := wire.DecodePage(r.Body)
	if err != nil {
		r.Err = err
		return r
	}
	p.Entries = nil
	r.Body = wire.AppendPage(nil, p)
	return r
}
