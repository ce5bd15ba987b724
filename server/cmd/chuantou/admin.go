package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/authn"
)

const adminAbout = `chuantou admin code     -data DIR -person NAME
chuantou admin password -data DIR -person NAME [-login NAME] < FILE

code makes a one-time code for one device of a person: 24 hours, one use. Give
it to that person alone, by voice or on paper; whoever enrols with it writes in
that name.

password sets what a person logs in with on the pages. The password is the
first line of standard input, at least 10 characters. His earlier one stops
working and his open sessions end.

Both work on a server that runs, through DIR/admin.sock, and on one that does
not. Where two people have one name, use the id of the person's record.
`

func admin(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	c := newCommand("admin", adminAbout, out)
	data := c.String("data", "", "`folder` that init made")
	person := c.String("person", "", "`name` or id of the person")
	login := c.String("login", "", "password: the `name` to log in with, when not the person's own")
	if err := c.parse(args); err != nil {
		return err
	}
	if what != "code" && what != "password" {
		return &usageError{fmt.Sprintf("admin: %q is neither code nor password; chuantou admin -h tells of them", what)}
	}
	if err := cmp.Or(c.noWords(), c.need("data", "person")); err != nil {
		return err
	}
	if what == "code" {
		return adminCode(ctx, *data, *person, out)
	}
	return adminPassword(ctx, *data, *person, *login, in, out)
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
	_, err := fmt.Fprintf(out, "%s   for a device of %s, until %s, one use\n", a.Code, a.PersonName, a.Expires.Local().Format("2006-01-02 15:04"))
	return err
}

func adminPassword(ctx context.Context, data, person, login string, in io.Reader, out io.Writer) error {
	// One byte over the limit lets the server say that it is too long.
	line, err := bufio.NewReader(io.LimitReader(in, authn.MaxPassword+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("admin password: standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return errors.New("admin password: no password on standard input")
	}
	var a struct {
		Login string `json:"login"`
	}
	if err := ask(ctx, data, "/v1/admin/passwords", map[string]string{"person": person, "login": login, "password": line}, &a); err != nil {
		return fmt.Errorf("admin password: %w", err)
	}
	_, err = fmt.Fprintf(out, "password set; log in as %s\n", a.Login)
	return err
}

// ask posts to the installation in a folder as its operator.
func ask(ctx context.Context, data, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://operator"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&operator{data: data}).do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var p struct {
			Detail string `json:"detail"`
		}
		if json.Unmarshal(answer, &p) == nil && p.Detail != "" {
			return errors.New(p.Detail)
		}
		return errors.New(resp.Status)
	}
	return json.Unmarshal(answer, out)
}
