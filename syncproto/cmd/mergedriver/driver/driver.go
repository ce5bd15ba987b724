// Package driver is the merge driver as a library: the black-box protocol by
// which a checker judges the merge engine, over exactly the code that device
// and server join with. Time is what the clock command says; nothing here
// touches a network, a disk or a random number.
//
// Start with Driver.Do. A device (device.go) is its records, the log of changes
// it can pass on, and the change being made; causes.go is what waits; blob.go is
// how changes travel; exchange.go lets two devices sync as package session does.
package driver

import (
	"errors"
	"fmt"
)

// Version is what hello says.
const Version = "1"

var features = []string{"text", "value", "set", "list", "log", "record", "clock", "save", "sync", "replay", "list-move"}

// Driver holds the devices and the named changes. Not safe for concurrent use.
type Driver struct {
	devices map[string]*device
	named   map[string][]byte // payloads of packed changes

	// What one command leaves for the next to use again.
	request  request
	room     room
	payloads [][]byte
	out      []byte
}

// New returns a driver that holds nothing.
func New() *Driver {
	d := &Driver{}
	d.reset()
	return d
}

func (d *Driver) reset() {
	d.devices, d.named = map[string]*device{}, map[string][]byte{}
}

// code is an error code of the protocol with what went wrong.
type code struct{ name, message string }

func (c *code) Error() string { return c.name + ": " + c.message }

func refuse(name, format string, args ...any) error {
	return &code{name, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return refuse("BAD_REQUEST", format, args...)
}

// Do carries out one command and returns its answer, without a line feed. The
// answer is good until the next call.
func (d *Driver) Do(line []byte) []byte {
	q := &d.request
	err := q.read(line)
	var out answer
	if err != nil {
		err = badRequest("%v", err)
	} else {
		out, err = d.do(q)
	}
	if err != nil {
		c := &code{"BAD_REQUEST", err.Error()}
		errors.As(err, &c)
		out = answer{{"error", c.name}, {"message", c.message}}
	}
	d.out = out.encode(d.out[:0], q.members[keyID], err == nil)
	return d.out
}

func (d *Driver) do(q *request) (answer, error) {
	op, ok := textBytes(q.members[keyOp])
	if !ok {
		return nil, badRequest("no op")
	}
	switch string(op) {
	case "hello":
		if n, ok := q.int(keyProtocol); !ok || n != 1 {
			return nil, badRequest("this driver speaks protocol 1")
		}
		return answer{{"name", "chuantou"}, {"version", Version}, {"unit", "codepoint"}, {"features", features}}, nil
	case "reset":
		d.reset()
		return nil, nil
	case "replica":
		_, err := d.newDevice(q)
		return nil, err
	case "load":
		return nil, d.load(q)
	case "pull":
		return d.exchange(q, keyFrom, keyTo, false)
	case "sync":
		return d.exchange(q, keyA, keyB, true)
	}
	run, ok := commands[string(op)]
	if !ok {
		return nil, refuse("UNSUPPORTED", "op %q", op)
	}
	dev, err := d.device(q, keyR)
	if err != nil {
		return nil, err
	}
	return run(d, dev, q)
}

// commands are those about one device.
var commands = map[string]func(d *Driver, v *device, q *request) (answer, error){
	"clock":   clock,
	"create":  create,
	"delete":  remove,
	"restore": restore,
	"ins":     insertText,
	"del":     deleteText,
	"replay":  replay,
	"set":     setValue,
	"add":     addMember,
	"remove":  removeMember,
	"lins":    insertItem,
	"lset":    setItem,
	"ldel":    deleteItem,
	"lmove":   moveItem,
	"log":     appendLog,
	"take":    take,
	"give":    give,
	"save":    save,
	"read":    read,
}

func (d *Driver) device(q *request, k key) (*device, error) {
	name, ok := textBytes(q.members[k])
	if !ok {
		return nil, badRequest("no replica is named")
	}
	if v := d.devices[string(name)]; v != nil {
		return v, nil
	}
	return nil, refuse("NO_REPLICA", "%q", name)
}

// newDevice makes the device that r names.
func (d *Driver) newDevice(q *request) (*device, error) {
	name, _ := q.text(keyR)
	if !validReplica(name) {
		return nil, badRequest("replica name %q", name)
	}
	if d.devices[name] != nil {
		return nil, refuse("EXISTS", "replica %q", name)
	}
	d.devices[name] = newDevice(name, &d.room)
	return d.devices[name], nil
}

func validReplica(name string) bool {
	if name == "" || len(name) > 32 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
