// Package facade is the SDK for apps that are not written in Go: JSON in, JSON
// out, in the few types that gomobile can bind. A test checks every exported
// signature against them.
//
//	dev, err := facade.Open(dir)
//	dev.Enrol([]byte(`{"url":"https://port.example","code":"…","name":"A7"}`))
//	out, err := dev.New([]byte(`{"kind":"ZF","set":{"met":"见到本人"}}`))
//	dev.Submit([]byte(`{"drafts":["…"]}`))
//	dev.Sync(nil)
//
// A call that fails returns an error whose text can be shown; nothing of it
// was done then. All methods may be called from any thread; those that write
// are durable when they return.
package facade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// Device is one person's records on one device.
type Device struct {
	c      *clientsdk.Client
	ctx    context.Context
	cancel context.CancelFunc
}

// Listener is told of records that changed, by own saves or by a sync. Calls
// come one at a time, on a thread of the SDK's.
type Listener interface {
	Changed(record string)
}

// Open opens the device whose data lies in a folder without a PIN; it is made
// if absent.
func Open(dir string) (*Device, error) { return OpenWithPIN(dir, "") }

// OpenWithPIN opens one with a PIN; a folder that is made gets it. After ten
// wrong PINs the key is gone; what was not sent can then be opened by the
// server alone, see clientsdk.SealedOutbox.
func OpenWithPIN(dir, pin string) (*Device, error) {
	c, err := clientsdk.Open(dir, clientsdk.Options{PIN: pin})
	if err != nil {
		return nil, err
	}
	return newDevice(c), nil
}

// ChangePIN gives a folder another PIN, "" takes it off.
func ChangePIN(dir, was, pin string) error {
	return clientsdk.ChangePIN(dir, pin, clientsdk.Options{PIN: was})
}

func newDevice(c *clientsdk.Client) *Device {
	ctx, cancel := context.WithCancel(context.Background())
	return &Device{c: c, ctx: ctx, cancel: cancel}
}

// Close ends syncs under way and releases the folder.
func (d *Device) Close() error {
	d.cancel()
	return d.c.Close()
}

// Watch tells the listener of changes from now on until Close.
func (d *Device) Watch(l Listener) {
	changes := d.c.Watch(d.ctx)
	go func() {
		for id := range changes {
			l.Changed(id.String())
		}
	}()
}

// maxRequest bounds a request.
const maxRequest = 8 << 20

// decode reads a request strictly: a misspelt member is an error, not ignored.
func decode(request []byte, v any) error {
	if len(request) > maxRequest {
		return fmt.Errorf("request of %d bytes, at most %d are taken", len(request), maxRequest)
	}
	if len(bytes.TrimSpace(request)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(request))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("request: more than one JSON value")
	}
	return nil
}

func encode(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Enrol gives the device its identity: {"ticket","name"}, ticket being the whole
// text of the QR, or {"url","code","name"} → {"person_name","replica"}.
func (d *Device) Enrol(request []byte) ([]byte, error) {
	var q struct{ Ticket, URL, Code, Name string }
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	var err error
	if q.Ticket != "" {
		err = d.c.EnrolTicket(d.ctx, q.Ticket, q.Name)
	} else {
		err = d.c.Enrol(d.ctx, q.URL, q.Code, q.Name)
	}
	if err != nil {
		return nil, err
	}
	return d.Identity()
}

// EnrolAgain takes a new number for a device whose own is in use twice: {"code"}.
func (d *Device) EnrolAgain(request []byte) ([]byte, error) {
	var q struct{ Code string }
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	if err := d.c.ReEnrol(d.ctx, q.Code); err != nil {
		return nil, err
	}
	return d.Identity()
}

// Identity says whose device this is → {"enrolled","person","person_name","replica","device","origin"}.
func (d *Device) Identity() ([]byte, error) {
	id, ok := d.c.Identity()
	if !ok {
		return encode(map[string]any{"enrolled": false}, nil)
	}
	return encode(map[string]any{"enrolled": true, "person": id.Person, "person_name": id.PersonName, "replica": id.Replica, "device": id.Device, "origin": id.Origin}, nil)
}

// Sync pushes and pulls → what was done; the error says what is left to do.
func (d *Device) Sync() ([]byte, error) {
	r, err := d.c.Sync(d.ctx)
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"pushed": r.Pushed, "pulled": r.Pulled, "conflicts": r.Conflicts, "held": r.Held, "mismatches": r.Mismatches,
		"bytes_up": r.BytesUp, "bytes_down": r.BytesDown, "ms": r.Millis, "needs_new_id": r.NeedsNewID}, nil)
}

// Schema is the kinds of record with their fields, as package schema writes them.
func (d *Device) Schema() []byte { return bytes.Clone(d.c.Schema().Marshal()) }

// ExportOutbox writes what the server lacks to a new file and says how many
// changes are in it.
func (d *Device) ExportOutbox(file string) (int, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := d.c.ExportOutbox(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(file))
	}
	return n, nil
}

// recordRequest is {"record"} and what some calls add to it.
type recordRequest struct {
	Record syncproto.RecordID
	Reason string
}

// Get shows a record: {"record"} → clientsdk.View.
func (d *Device) Get(request []byte) ([]byte, error) {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	return encode(d.c.Get(q.Record))
}

// History lists a record's saves: {"record"} → [clientsdk.Contribution].
func (d *Device) History(request []byte) ([]byte, error) {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	return encode(d.c.History(q.Record))
}

// Changes lists a record's changes as the server has them, with a network:
// {"record","before"} → {"changes":[clientsdk.PastChange],"earlier"}.
func (d *Device) Changes(request []byte) ([]byte, error) {
	var q struct {
		Record syncproto.RecordID
		Before syncproto.ChangeID
	}
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	list, earlier, err := d.c.Changes(d.ctx, q.Record, q.Before)
	return encode(map[string]any{"changes": list, "earlier": earlier}, err)
}

// AsOf shows a record as it stood after a change, with a network:
// {"record","change"} → clientsdk.Past.
func (d *Device) AsOf(request []byte) ([]byte, error) {
	var q struct {
		Record syncproto.RecordID
		Change syncproto.ChangeID
	}
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	return encode(d.c.AsOf(d.ctx, q.Record, q.Change))
}

// Status says where a record stands: {"record"} → {"status","sync","reasons","siblings","edited"}.
func (d *Device) Status(request []byte) ([]byte, error) {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	s, err := d.c.Status(q.Record)
	return encode(map[string]any{"status": s.Record, "sync": s.Sync, "reasons": s.Reasons, "siblings": s.Siblings, "edited": s.Edited}, err)
}

// Summary is what a home screen says → {"lines",…}.
func (d *Device) Summary() ([]byte, error) {
	s, err := d.c.Summary()
	return encode(map[string]any{"lines": s.Words(), "pending": s.Pending, "drafts": s.Drafts, "old_drafts": s.OldDrafts, "held": s.Held, "held_reasons": append([]string{}, s.HeldReasons...),
		"conflicts": s.Conflicts, "needs_new_id": s.NeedsNewID, "clock_off": s.ClockOff}, err)
}

// Conflicts lists the values of which several versions stand: {"record"} →
// [clientsdk.Conflict], each version with its name, value, who, when and on
// which device.
func (d *Device) Conflicts(request []byte) ([]byte, error) {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return nil, err
	}
	v, err := d.c.Get(q.Record)
	if err != nil {
		return nil, err
	}
	conflicts := v.Conflicts()
	if conflicts == nil {
		conflicts = []clientsdk.Conflict{}
	}
	return encode(conflicts, nil)
}

// Resolve settles one: {"record","field","chosen","settles"}, for an item of a
// list with {"item","sub"} too. chosen is the version that becomes the value,
// settles lists all that were shown; {"write":true,"value"} in place of chosen
// writes another. An error when the versions are no longer those that stand.
func (d *Device) Resolve(request []byte) error {
	var q struct {
		Record syncproto.RecordID
		clientsdk.Resolution
	}
	if err := decode(request, &q); err != nil {
		return err
	}
	return d.c.Resolve(d.ctx, q.Record, q.Resolution)
}

// Void voids a record: {"record","reason"}.
func (d *Device) Void(request []byte) error {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return err
	}
	return d.c.Void(d.ctx, q.Record, q.Reason)
}

// Restore takes a record out of the voided: {"record"}.
func (d *Device) Restore(request []byte) error {
	var q recordRequest
	if err := decode(request, &q); err != nil {
		return err
	}
	return d.c.Restore(d.ctx, q.Record)
}
