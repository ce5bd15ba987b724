package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// valued finds the record and reads the value that a command names.
func (a *app) valued(args []string, n int) (id syncproto.RecordID, value any, err error) {
	if len(args) != n {
		return id, nil, errUsage
	}
	if id, err = a.findRecord(args[0]); err != nil {
		return id, nil, err
	}
	v, err := a.client.Get(id)
	if err != nil {
		return id, nil, err
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(args[2], "@")); err == nil && args[2][0] == '@' {
		if n < 1 || n > len(v.Suggestions) || v.Suggestions[n-1].Field != args[1] {
			return id, nil, fmt.Errorf("%s is no 更正建议 of %s: see show %s", args[2], args[1], id)
		}
		return id, v.Suggestions[n-1].New, nil
	}
	value, err = a.valueFor(v.Kind, args[1], args[2])
	return id, value, err
}

func (a *app) resolve(args []string) error {
	if len(args) != 3 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err != nil {
		return err
	}
	v, err := a.client.Get(id)
	if err != nil {
		return err
	}
	c, err := findConflict(v, args[1])
	if err != nil {
		return err
	}
	r, err := a.resolution(v, c, args[2])
	if err != nil {
		return err
	}
	return a.client.Resolve(a.ctx, id, r)
}

// findConflict finds a conflict by its field, or by item and sub-field.
func findConflict(v *clientsdk.View, name string) (*clientsdk.Conflict, error) {
	var names []string
	for _, c := range v.Conflicts() {
		at := c.Field
		if c.Item != "" {
			at = fmt.Sprintf("%s %s", c.Item, c.Sub)
		}
		if at == name {
			return &c, nil
		}
		names = append(names, strconv.Quote(at))
	}
	if len(names) == 0 {
		return nil, errors.New("nothing of this record is to be settled")
	}
	return nil, fmt.Errorf("%q is not to be settled; these are: %s", name, strings.Join(names, ", "))
}

// resolution reads which version is chosen, or what is written instead.
func (a *app) resolution(v *clientsdk.View, c *clientsdk.Conflict, arg string) (clientsdk.Resolution, error) {
	if other, ok := strings.CutPrefix(arg, "="); ok {
		value, err := any(other), error(nil)
		if c.Item == "" {
			value, err = a.valueFor(v.Kind, c.Field, other)
		}
		return c.Write(value), err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > len(c.Values) {
		return clientsdk.Resolution{}, fmt.Errorf("which version? Want 1 to %d, or =VALUE", len(c.Values))
	}
	return c.Choose(n - 1), nil
}

func (a *app) correct(args []string) error {
	id, value, err := a.valued(args, 4)
	if err != nil {
		return err
	}
	return a.client.Correct(a.ctx, id, args[1], value, args[3])
}

func (a *app) decline(args []string) error {
	id, value, err := a.valued(args, 4)
	if err != nil {
		return err
	}
	return a.client.Decline(a.ctx, id, args[1], value, args[3])
}

func (a *app) merge(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	one, err := a.findRecord(args[0])
	if err != nil {
		return err
	}
	other, err := a.findRecord(args[1])
	if err != nil {
		return err
	}
	stays, err := a.client.Merge(a.ctx, one, other)
	if err == nil {
		a.printf("留下的是 %s\n", stays)
	}
	return err
}

func (a *app) split(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err == nil {
		err = a.client.Split(a.ctx, id)
	}
	return err
}

func (a *app) void(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err == nil {
		err = a.client.Void(a.ctx, id, args[1])
	}
	return err
}

func (a *app) restore(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	id, err := a.findRecord(args[0])
	if err == nil {
		err = a.client.Restore(a.ctx, id)
	}
	return err
}
