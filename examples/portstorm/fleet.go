package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/examples/internal/serverproc"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
)

// boat is one simulated device: a whole client on the memory store, with its
// own connection to the server and its own clock.
type boat struct {
	name     string
	township int
	c        *clientsdk.Client
	store    *localstore.Memory
	link     *timedLink
	clock    atomic.Int64
	kinds    map[syncproto.RecordID]string
	up, down int64 // bytes on the socket when the storm began
}

// timedLink notes when the last push was acknowledged.
type timedLink struct {
	*httptransport.Transport
	acked   time.Time
	letPass bool // entries of pages are dropped, see image.go
}

// Do is syncloop.Transport.
func (l *timedLink) Do(ctx context.Context, q *session.Request) session.Response {
	r := l.Transport.Do(ctx, q)
	if strings.HasSuffix(q.Path, "/push") {
		l.acked = time.Now()
	}
	if l.letPass {
		r = withoutEntries(q, r)
	}
	return r
}

// fleet is the devices of a run and what they have in common.
type fleet struct {
	server *serverproc.Server
	boats  []*boat
	ids    sync.Map // workload id -> RecordID
	kinds  sync.Map // workload id -> kind
}

// townshipCode is a place code that cannot be taken for a real one.
func townshipCode(t int) string { return fmt.Sprintf("9900%05d", t) }

func (f *fleet) open(name string) (*boat, error) {
	b := &boat{name: name, kinds: map[syncproto.RecordID]string{}}
	b.clock.Store(time.Now().UnixMilli())
	link, err := httptransport.New("http://"+f.server.Addr, httptransport.Options{Now: b.now})
	if err != nil {
		return nil, err
	}
	b.link, b.store = &timedLink{Transport: link}, localstore.NewMemory()
	b.c, err = clientsdk.OpenStore(b.store, b.options())
	return b, err
}

func (b *boat) now() time.Time { return time.UnixMilli(b.clock.Load()) }

func (b *boat) options() clientsdk.Options {
	return clientsdk.Options{Clock: b.now, Dial: func(string) (syncloop.Transport, error) { return b.link, nil }}
}

// admit makes persons for the boats, one each, and enrols them. The office
// writes the roster as everybody writes: in signed changes.
func (f *fleet) admit(ctx context.Context, adminCode string, names []string, township func(i int) int) error {
	office, err := f.open("office")
	if err != nil {
		return err
	}
	origin := "http://" + f.server.Addr
	if err := office.c.Enrol(ctx, origin, adminCode, "office"); err != nil {
		return err
	}
	if _, err := office.c.Sync(ctx); err != nil {
		return err
	}
	unit := map[int]string{}
	for i := range names {
		t := township(i)
		if unit[t] == "" {
			if unit[t], err = office.write(ctx, "unit", map[string]any{"name": fmt.Sprintf("第%d镇", t), "level": "乡镇", "place": townshipCode(t)}); err != nil {
				return err
			}
		}
	}
	people := make([]string, len(names))
	for i, name := range names {
		d, err := office.c.Create("person")
		if err != nil {
			return err
		}
		d.Set("name", "人员"+name).Set("unit", unit[township(i)])
		d.AddItem("roles", map[string]any{"role": "乡镇（街道）领导", "place": townshipCode(township(i)), "line": "民政/帮扶"})
		people[i] = d.Record().String()
		if err := office.c.Submit(ctx, d); err != nil {
			return err
		}
	}
	if _, err := office.c.Sync(ctx); err != nil {
		return err
	}
	for i, name := range names {
		code, err := f.server.Code(ctx, people[i])
		if err != nil {
			return err
		}
		b, err := f.open(name)
		if err != nil {
			return err
		}
		b.township = township(i)
		if err := b.c.Enrol(ctx, origin, code, name); err != nil {
			return err
		}
		f.boats = append(f.boats, b)
	}
	return nil
}

func (b *boat) write(ctx context.Context, kind string, fields map[string]any) (string, error) {
	d, err := b.c.Create(kind)
	if err != nil {
		return "", err
	}
	fill(d, fields)
	if err := b.c.Submit(ctx, d); err != nil {
		return "", err
	}
	return d.Record().String(), nil
}

// fill sets fields; lists of maps become items or log entries.
func fill(d *clientsdk.Draft, fields map[string]any) {
	for k, v := range fields {
		l, ok := v.([]any)
		if !ok || len(l) == 0 {
			d.Set(k, v)
			continue
		}
		if _, maps := l[0].(map[string]any); !maps {
			d.Set(k, v)
			continue
		}
		for _, item := range l {
			if k == "receipt" {
				d.Log(k, item)
			} else {
				d.AddItem(k, item.(map[string]any))
			}
		}
	}
}

// create writes one record of the workload.
func (f *fleet) create(ctx context.Context, b *boat, r *record) error {
	b.clock.Store(parseTime(r.CreatedAt).UnixMilli())
	d, err := b.c.Create(kindOf(r.Type))
	if err != nil {
		return err
	}
	fill(d, fieldsOf(r, townshipCode(r.Township)))
	if err := d.Err(); err != nil {
		return fmt.Errorf("record %s: %w", r.ID, err)
	}
	if err := b.c.Submit(ctx, d); err != nil {
		return fmt.Errorf("record %s: %w", r.ID, err)
	}
	f.ids.Store(r.ID, d.Record())
	f.kinds.Store(r.ID, kindOf(r.Type))
	return nil
}

// edit writes one edit of the workload.
func (f *fleet) edit(ctx context.Context, b *boat, e *edit) error {
	id, ok := f.ids.Load(e.ID)
	if !ok {
		return fmt.Errorf("edit of %s, which nobody wrote", e.ID)
	}
	kind, _ := f.kinds.Load(e.ID)
	b.clock.Store(parseTime(e.At).UnixMilli())
	d, err := b.c.Edit(id.(syncproto.RecordID))
	if err != nil {
		return fmt.Errorf("edit of %s: %w", e.ID, err)
	}
	fill(d, editsOf(kind.(string), e.Set))
	if err := b.c.Submit(ctx, d); err != nil && !errors.Is(err, clientsdk.ErrUnchanged) {
		return fmt.Errorf("edit of %s: %w", e.ID, err)
	}
	return nil
}

// together runs fn for all boats at once and returns the first error.
func (f *fleet) together(fn func(b *boat) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(f.boats))
	for i, b := range f.boats {
		wg.Go(func() {
			if err := fn(b); err != nil {
				errs[i] = fmt.Errorf("device %s: %w", b.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// timeouts: a device keeps trying until the run is called off.
func (b *boat) sync(ctx context.Context) (clientsdk.Report, error) {
	b.clock.Store(time.Now().UnixMilli())
	r, err := b.c.Sync(ctx)
	if err == nil && r.Unresolved > 0 {
		err = fmt.Errorf("%d atoms differ from the server", r.Unresolved)
	}
	return r, err
}
