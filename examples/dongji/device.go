package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
)

// A device is a process of its own, started with the word "device": it holds
// one person's store and obeys one JSON order a line on standard input.

type order struct {
	Do     string                        `json:"do"` // enrol, play, share, join, sync, list
	Clock  string                        `json:"clock,omitempty"`
	Code   string                        `json:"code,omitempty"`
	Origin string                        `json:"origin,omitempty"`
	Name   string                        `json:"name,omitempty"`
	Save   *save                         `json:"save,omitempty"`
	IDs    map[string]syncproto.RecordID `json:"ids,omitempty"` // short id of the sample -> record
}

type answer struct {
	Error   string                        `json:"error,omitempty"`
	IDs     map[string]syncproto.RecordID `json:"ids,omitempty"` // made by this order
	Code    string                        `json:"code,omitempty"`
	Report  *report                       `json:"report,omitempty"`
	Waiting int                           `json:"waiting,omitempty"`
}

// report is what one sync did, as numbers.
type report struct {
	Pushed, Pulled, Conflicts, Held, Requests, Mismatches int
	Up, Down, Millis                                      int64
	Words                                                 []string // held work, told to its author
}

// runDevice is the device process. address is where the device reaches the
// network in port; nothing listens there while it is at sea.
func runDevice(dir, address string, in io.Reader, out io.Writer) error {
	var clock atomic.Int64
	clock.Store(time.Now().UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	c, err := clientsdk.Open(dir, clientsdk.Options{Clock: now, Dial: func(string) (syncloop.Transport, error) {
		return httptransport.New("http://"+address, httptransport.Options{Now: now})
	}})
	if err != nil {
		return err
	}
	defer c.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 8<<20)
	enc := json.NewEncoder(out)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if o.Clock != "" {
			at, err := parseClock(o.Clock)
			if err != nil {
				return err
			}
			clock.Store(at.UnixMilli())
		}
		a, err := obey(c, &o)
		if err != nil {
			a.Error = err.Error()
		}
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

var local = time.FixedZone("+08:00", 8*60*60)

func parseClock(s string) (time.Time, error) {
	return time.ParseInLocation("2006-01-02T15:04", s, local)
}

func obey(c *clientsdk.Client, o *order) (answer, error) {
	ctx := context.Background()
	switch o.Do {
	case "enrol":
		if _, ok := c.Identity(); ok {
			return answer{}, nil
		}
		return answer{}, c.Enrol(ctx, o.Origin, o.Code, o.Name)
	case "play":
		return play(ctx, c, o)
	case "sync":
		return syncDevice(ctx, c)
	}
	return answer{}, fmt.Errorf("unknown order %q", o.Do)
}

func syncDevice(ctx context.Context, c *clientsdk.Client) (answer, error) {
	begun := time.Now() // the device's own clock stands still while the story says so
	r, err := c.Sync(ctx)
	out := answer{Report: &report{Pushed: r.Pushed, Pulled: r.Pulled, Conflicts: r.Conflicts, Held: r.Held, Requests: r.Requests,
		Mismatches: r.Mismatches + r.Unresolved, Up: r.BytesUp, Down: r.BytesDown, Millis: time.Since(begun).Milliseconds()}}
	if s, serr := c.Summary(); serr == nil {
		out.Report.Words = s.Words()
	}
	return out, err
}

// play writes one save: every part a draft, all submitted together.
func play(ctx context.Context, c *clientsdk.Client, o *order) (answer, error) {
	made := map[string]syncproto.RecordID{}
	if o.IDs == nil {
		o.IDs = map[string]syncproto.RecordID{}
	}
	var drafts []*clientsdk.Draft
	// Ids first: the parts of a save point to each other.
	for i := range o.Save.Parts {
		p := &o.Save.Parts[i]
		d, err := open(c, o, p)
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", p.Key, err)
		}
		if !p.Edit && p.Key != "" {
			made[p.Key], o.IDs[p.Key] = d.Record(), d.Record()
		}
		drafts = append(drafts, d)
	}
	for i, d := range drafts {
		fields, err := resolve(o.Save.Parts[i].Fields, o.IDs)
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", o.Save.Parts[i].Key, err)
		}
		write(d, fields)
		if err := d.Err(); err != nil {
			return answer{}, fmt.Errorf("%s: %w", o.Save.Parts[i].Key, err)
		}
	}
	submit := c.Submit
	if o.Save.Share {
		submit = c.Share
	}
	if err := submit(ctx, drafts...); err != nil {
		return answer{}, fmt.Errorf("%s: %w", o.Save.Parts[0].Key, err)
	}
	a := answer{IDs: made}
	if o.Save.Share {
		code, err := clientsdk.Code(drafts[0].Record())
		if err != nil {
			return a, err
		}
		a.Code = code
	}
	return a, nil
}

func open(c *clientsdk.Client, o *order, p *part) (*clientsdk.Draft, error) {
	switch {
	case o.Save.Join != "":
		return c.Join(o.Save.Join)
	case p.Edit:
		id, ok := o.IDs[p.Key]
		if !ok {
			return nil, fmt.Errorf("not known yet")
		}
		return c.Edit(id)
	}
	return c.Create(p.Kind)
}

// write fills a draft. A list of the sample means: append these items or
// entries to what the record has.
func write(d *clientsdk.Draft, fields row) {
	for key, v := range fields {
		items, isList := v.([]any)
		if !isList || len(items) == 0 {
			d.Set(key, v)
			continue
		}
		if _, maps := items[0].(map[string]any); !maps {
			d.Set(key, v)
			continue
		}
		for _, item := range items {
			appendTo(d, key, item.(map[string]any))
		}
	}
}

// logs are the append-only fields of the kinds in the sample.
var logs = map[string]bool{"events": true, "feedback": true, "consent": true, "session_events": true, "signatures": true, "receipt": true,
	"review": true, "ends": true, "confirmed": true}

func appendTo(d *clientsdk.Draft, key string, item row) {
	if logs[key] {
		d.Log(key, item)
		return
	}
	d.AddItem(key, item)
}

// resolve replaces "@short" by record ids, adds the zone to times, and leaves
// out what is empty.
func resolve(fields row, ids map[string]syncproto.RecordID) (row, error) {
	out := row{}
	for k, v := range fields {
		x, err := resolveValue(v, ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		if l, ok := x.([]any); x != nil && (!ok || len(l) > 0) {
			out[k] = x
		}
	}
	return out, nil
}

func resolveValue(v any, ids map[string]syncproto.RecordID) (any, error) {
	switch v := v.(type) {
	case string:
		name, ok := strings.CutPrefix(v, "@")
		if !ok {
			return zoned(v), nil
		}
		id, ok := ids[name]
		if !ok {
			return nil, fmt.Errorf("nothing is known as %s", name)
		}
		return id.String(), nil
	case float64:
		if v == float64(int64(v)) {
			return int64(v), nil
		}
		return v, nil
	case []any:
		out := []any{}
		for _, x := range v {
			y, err := resolveValue(x, ids)
			if err != nil {
				return nil, err
			}
			if y != nil {
				out = append(out, y)
			}
		}
		return out, nil
	case map[string]any:
		out, err := resolve(v, ids)
		return map[string]any(out), err
	}
	return v, nil
}

func deviceMain(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dongji device DIR ADDRESS")
		return 2
	}
	if err := runDevice(args[0], args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "device:", err)
		return 1
	}
	return 0
}
