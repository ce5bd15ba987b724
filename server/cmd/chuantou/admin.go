package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server"
)

func admin(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) error {
	if len(args) == 0 || args[0] != "code" && args[0] != "password" {
		return &usageError{"admin: say code or password"}
	}
	f := flag.NewFlagSet("admin "+args[0], flag.ContinueOnError)
	data := f.String("data", "", "folder of the running server")
	person := f.String("person", "", "name or id of the person")
	if err := parse(f, args[1:], errs); err != nil {
		return err
	}
	if *data == "" || *person == "" {
		return &usageError{"admin: say -data and -person"}
	}
	if args[0] == "code" {
		return adminCode(ctx, *data, *person, out)
	}
	return adminPassword(ctx, *data, *person, in, out)
}

func adminCode(ctx context.Context, data, person string, out io.Writer) error {
	var a struct {
		Code       string    `json:"code"`
		Expires    time.Time `json:"expires"`
		PersonName string    `json:"person_name"`
	}
	if err := ask(ctx, data, "/v1/admin/codes", map[string]string{"person": person}, &a); err != nil {
		return fmt.Errorf("admin code: %w", err)
	}
	fmt.Fprintf(out, "%s   for a device of %s, until %s, one use\n", a.Code, a.PersonName, a.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

func adminPassword(ctx context.Context, data, person string, in io.Reader, out io.Writer) error {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	var a struct {
		Login string `json:"login"`
	}
	if err := ask(ctx, data, "/v1/admin/passwords", map[string]string{"person": person, "password": strings.TrimRight(line, "\r\n")}, &a); err != nil {
		return fmt.Errorf("admin password: %w", err)
	}
	fmt.Fprintf(out, "password set; log in as %s\n", a.Login)
	return nil
}

// ask posts to the running server through the operator's socket.
func ask(ctx context.Context, data, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	socket := server.AdminSocket(data)
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://operator"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no server answers at %s: is `chuantou serve` running on this folder? (%w)", socket, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var p struct{ Detail string }
		if json.Unmarshal(answer, &p) == nil && p.Detail != "" {
			return fmt.Errorf("%s", p.Detail)
		}
		return fmt.Errorf("%s", resp.Status)
	}
	return json.Unmarshal(answer, out)
}
