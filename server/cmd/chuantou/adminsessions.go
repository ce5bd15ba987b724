package main

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/chuantou/chuantou/server/httpapi"
)

func adminSessions(ctx context.Context, f *adminFlags) error {
	var list httpapi.SessionList
	if err := ask(ctx, f.data, "/v1/admin/sessions?person="+url.QueryEscape(f.person), nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(f.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SESSION\tFROM\tLOGGED IN\tLAST USED")
	for _, s := range list.Sessions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, s.From, s.Opened.Local().Format("2006-01-02 15:04"), s.Used.Local().Format("2006-01-02 15:04"))
	}
	return t.Flush()
}

func adminEnd(ctx context.Context, f *adminFlags) error {
	in := map[string]string{"person": f.person}
	if len(f.words) == 1 {
		in["name"] = f.words[0]
	}
	var out struct{ Ended int }
	if err := ask(ctx, f.data, "/v1/admin/sessions/end", in, &out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f.out, "%d sessions ended\n", out.Ended)
	return err
}
