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
		_, err := fmt.Fprintln(f.out, "没有待处理的")
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
	replica, err := syncproto.ParseReplicaID(f.words[0])
	if err != nil {
		return &usageError{fmt.Sprintf("admin %s: %q is not a device as held lists it", what, f.words[0])}
	}
	record, err := syncproto.ParseRecordID(f.words[1])
	if err != nil {
		return &usageError{fmt.Sprintf("admin %s: %q is not a record as held lists it", what, f.words[1])}
	}
	in := map[string]any{"replica": replica, "record": record, "by": f.by}
	if what == "reject" {
		in["reason"] = f.reason
	}
	var out httpapi.Settled
	if err := ask(ctx, f.data, "/v1/admin/held/"+what, in, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "%d settled, %d still held\n", out.Parts, out.Left)
	return err
}
