package main

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func adminDevices(ctx context.Context, f *adminFlags) error {
	var list httpapi.DeviceList
	if err := ask(ctx, f.data, "/v1/admin/devices?person="+url.QueryEscape(f.person), nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(f.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tNAME\tSTATE\tENROLLED\tLAST SYNC\tCHANGES\tHELD\t")
	for _, d := range list.Devices {
		last, marks := "unknown since the server started", ""
		if d.LastSync != nil {
			last = d.LastSync.Local().Format("2006-01-02 15:04")
		}
		if d.New {
			marks += " 新设备"
		}
		if d.Forked {
			marks += " number in use twice"
		}
		if d.Gaps > 0 {
			marks += fmt.Sprintf(" %d gaps", d.Gaps)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", d.Replica, d.Name, d.State, d.Enrolled.Local().Format("2006-01-02"), last, d.Received, d.Held, marks)
	}
	return t.Flush()
}

func adminSuspend(ctx context.Context, f *adminFlags) error { return setState(ctx, f, "suspended") }
func adminResume(ctx context.Context, f *adminFlags) error  { return setState(ctx, f, "active") }
func adminRevoke(ctx context.Context, f *adminFlags) error  { return setState(ctx, f, "revoked") }

func setState(ctx context.Context, f *adminFlags, state string) error {
	replica, err := syncproto.ParseReplicaID(f.words[0])
	if err != nil {
		return &usageError{fmt.Sprintf("admin: %q is not a device as devices lists it", f.words[0])}
	}
	var d httpapi.Device
	if err := ask(ctx, f.data, "/v1/admin/devices", map[string]any{"replica": replica, "state": state}, &d); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "%s (%s, %s) is %s\n", d.Name, d.PersonName, d.Replica, d.State)
	return err
}
