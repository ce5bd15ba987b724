package main

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func adminHeld(ctx context.Context, f *adminFlags) error {
	var list httpapi.HeldList
	if err := ask(ctx, f.data, "/v1/admin/held?by="+url.QueryEscape(f.by), nil, &list); err != nil {
		return err
	}
	if len(list.Parts) == 0 {
		_, err := fmt.Fprintln(f.out, "nothing is held")
		return err
	}
	t := tabwriter.NewWriter(f.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tRECORD\tCHANGE\tKIND\tBY\tRECEIVED\tWHY")
	for _, p := range list.Parts {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s %s\t%s\t%s\n", p.Replica, p.Record, p.Seq, p.Kind, p.By, p.Device, p.Received.Local().Format("2006-01-02 15:04"), p.Words)
	}
	if list.More > 0 {
		fmt.Fprintf(t, "… %d more\n", list.More)
	}
	return t.Flush()
}

func adminRelease(ctx context.Context, f *adminFlags) error { return settleHeld(ctx, f, "release") }
func adminReject(ctx context.Context, f *adminFlags) error  { return settleHeld(ctx, f, "reject") }

func settleHeld(ctx context.Context, f *adminFlags, what string) error {
	in, err := heldWork(f, what)
	if err != nil {
		return err
	}
	if what == "reject" {
		in["reason"] = f.reason
	}
	return askSettled(ctx, f, what, in)
}

func adminReassign(ctx context.Context, f *adminFlags) error {
	in, err := heldWork(f, "reassign")
	if err != nil {
		return err
	}
	in["place"], in["person"] = f.place, f.person
	return askSettled(ctx, f, "reassign", in)
}

func askSettled(ctx context.Context, f *adminFlags, what string, in map[string]any) error {
	var out httpapi.Settled
	if err := ask(ctx, f.data, "/v1/admin/held/"+what, in, &out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f.out, "%d settled, %d still held\n", out.Parts, out.Left)
	return err
}

// heldWork is the request that names what one device has held in one record.
func heldWork(f *adminFlags, what string) (map[string]any, error) {
	replica, err := syncproto.ParseReplicaID(f.words[0])
	if err != nil {
		return nil, &usageError{fmt.Sprintf("admin %s: %q is not a device as held lists it", what, f.words[0])}
	}
	record, err := syncproto.ParseRecordID(f.words[1])
	if err != nil {
		return nil, &usageError{fmt.Sprintf("admin %s: %q is not a record as held lists it", what, f.words[1])}
	}
	return map[string]any{"replica": replica, "record": record, "by": f.by}, nil
}

func adminLost(ctx context.Context, f *adminFlags) error {
	in, err := heldWork(f, "lost")
	if err != nil {
		return err
	}
	in["sure"], in["kind"], in["place"] = f.yes, f.kind, f.place
	var out httpapi.HeldLost
	if err := ask(ctx, f.data, "/v1/admin/held/lost", in, &out); err != nil {
		return err
	}
	for _, run := range out.Lost {
		fmt.Fprintf(f.out, "changes %d to %d of device %s (%s %s)\n", run.From, run.To, run.Replica, run.By, run.Device)
	}
	switch {
	case f.yes:
		_, err = fmt.Fprintf(f.out, "are declared lost; %d settled, %d still held\n", out.Parts, out.Left)
	case out.Nothing:
		_, err = fmt.Fprintf(f.out, "never came, the beginning of the record among them; %d parts wait for them. To declare them lost: the same with -yes, -kind and -place\n", out.Left)
	default:
		_, err = fmt.Fprintf(f.out, "never came; %d parts wait for them. To declare them lost: the same with -yes\n", out.Left)
	}
	return err
}
