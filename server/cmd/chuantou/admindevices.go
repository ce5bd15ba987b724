package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func adminDevices(ctx context.Context, f *adminFlags) error {
	var list httpapi.DeviceList
	if err := ask(ctx, f.data, "/v1/admin/devices?person="+url.QueryEscape(f.person), nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(f.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tNAME\tSTATE\tENROLLED\tLAST SYNC\tLAST SAID\tCHANGES\tHELD\t")
	for _, d := range list.Devices {
		last, marks := "never", ""
		if d.LastSync != nil {
			last = d.LastSync.Local().Format("2006-01-02 15:04")
		}
		if d.New {
			marks += " 新设备"
		}
		marks += ordered(&d)
		if d.Forked {
			marks += " number in use twice"
		}
		if d.Gaps > 0 {
			marks += fmt.Sprintf(" %d gaps", d.Gaps)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", d.Replica, d.Name, d.State, d.Enrolled.Local().Format("2006-01-02"), last, said(d.Told), d.Received, d.Held, marks)
	}
	return t.Flush()
}

func adminSuspend(ctx context.Context, f *adminFlags) error { return setState(ctx, f, "suspended") }
func adminResume(ctx context.Context, f *adminFlags) error  { return setState(ctx, f, "active") }
func adminRevoke(ctx context.Context, f *adminFlags) error  { return setState(ctx, f, "revoked") }

func adminRetire(ctx context.Context, f *adminFlags) error { return setState(ctx, f, "retiring") }

func adminWipe(ctx context.Context, f *adminFlags) error {
	return changeDevice(ctx, f, map[string]any{"state": "revoked", "wipe": true})
}

func adminLease(ctx context.Context, f *adminFlags) error {
	days, err := strconv.Atoi(f.words[1])
	if err != nil {
		return &usageError{fmt.Sprintf("admin lease: %q are no days", f.words[1])}
	}
	return changeDevice(ctx, f, map[string]any{"lease_days": days})
}

func adminUnlock(ctx context.Context, f *adminFlags) error {
	replica, err := deviceNamed(f.words[0])
	if err != nil {
		return err
	}
	var out struct {
		Code string
		Days int
	}
	if err := ask(ctx, f.data, "/v1/admin/unlock", map[string]any{"replica": replica, "number": f.words[1], "days": f.days}, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "%s   opens this device for %d days, once\n", out.Code, out.Days)
	return err
}

func deviceNamed(word string) (syncproto.ReplicaID, error) {
	replica, err := syncproto.ParseReplicaID(word)
	if err != nil {
		return replica, &usageError{fmt.Sprintf("admin: %q is not a device as devices lists it", word)}
	}
	return replica, nil
}

func setState(ctx context.Context, f *adminFlags, state string) error {
	return changeDevice(ctx, f, map[string]any{"state": state})
}

func changeDevice(ctx context.Context, f *adminFlags, in map[string]any) error {
	replica, err := deviceNamed(f.words[0])
	if err != nil {
		return err
	}
	in["replica"] = replica
	var d httpapi.Device
	if err := ask(ctx, f.data, "/v1/admin/devices", in, &d); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "%s (%s, %s) is %s%s\n", d.Name, d.PersonName, d.Replica, d.State, ordered(&d))
	return err
}

// ordered says what a device was told to do with itself, and its lease.
func ordered(d *httpapi.Device) (out string) {
	switch {
	case d.Wiped != nil:
		out = ", wiped " + d.Wiped.Local().Format("2006-01-02 15:04")
	case d.Wipe:
		out = ", told to wipe itself, has not said yet that it did"
	}
	if d.LeaseDays > 0 {
		out += fmt.Sprintf(", lease %d days", d.LeaseDays)
	}
	return out
}

// said is what a device last said of itself. After that nothing is known.
func said(t *httpapi.DeviceTold) string {
	if t == nil {
		return "nothing"
	}
	out := fmt.Sprintf("%d waiting", t.Waiting)
	if t.Oldest != nil {
		out += " since " + t.Oldest.Local().Format("2006-01-02")
	}
	out += fmt.Sprintf(", %d drafts; unknown since %s", t.Drafts, t.At.Local().Format("2006-01-02 15:04"))
	if t.AwayUntil != "" {
		out += "; away until " + t.AwayUntil
	}
	if off := time.Duration(t.OffsetMS) * time.Millisecond; off.Abs() >= time.Minute {
		out += "; its clock is off by " + (-off).Round(time.Second).String()
	}
	if t.Version != "" {
		out += "; " + t.Version
	}
	return out
}
