package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/chuantou/chuantou/server"
)

const originAbout = `chuantou origin show   -data DIR
chuantou origin move   -data DIR NEW
chuantou origin finish -data DIR [-leave-behind] NEW

The address of an installation is for ever: browsers keep what they keep under
it, devices look for the server there. Where it must change all the same, move
makes what the new address needs (an authority with a root of its own, where the
installation has one) and tells devices in their next receipts, which the
server's key signs. Until finish the server answers at both addresses, where
both lead to it: serve -also-listen adds a listener. show counts the devices that
have heard. finish makes NEW the address from the next start on; a device that has
not heard needs a new QR then, so finish is refused while there is one, unless
with -leave-behind. In browsers people log in anew, and trust the new root first.

move and finish ask for the new address once more on standard input.
`

func origin(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	c := newCommand("origin", originAbout, out)
	data := c.String("data", "", "`folder` that init made")
	leave := c.Bool("leave-behind", false, "finish: although some devices have not heard")
	if err := c.parse(args); err != nil {
		return err
	}
	if err := c.need("data"); err != nil {
		return err
	}
	switch {
	case what == "show" && len(c.words) == 0:
		return askOrigin(ctx, *data, nil, out)
	case (what == "move" || what == "finish") && len(c.words) == 1:
	default:
		return &usageError{"origin: want show, move NEW or finish NEW; chuantou origin -h tells more"}
	}
	next := c.words[0]
	fmt.Fprintf(out, "type the new address once more to %s: ", what)
	line, err := bufio.NewReader(io.LimitReader(in, 4<<10)).ReadString('\n')
	if typed := strings.TrimSpace(line); typed != next {
		return fmt.Errorf("origin %s: %q was typed, not %q: nothing is done (%v)", what, typed, next, err)
	}
	ask := map[string]any{"Move": next}
	if what == "finish" {
		ask = map[string]any{"Finish": next, "LeaveBehind": *leave}
	}
	if err := askOrigin(ctx, *data, ask, out); err != nil || what == "move" {
		return err
	}
	_, err = fmt.Fprintln(out, "from the next start of the server on")
	return err
}

// askOrigin sends a request, nil to look, and prints how things stand.
func askOrigin(ctx context.Context, data string, what map[string]any, out io.Writer) error {
	method, body := http.MethodGet, []byte(nil)
	if what != nil {
		var err error
		if body, err = json.Marshal(what); err != nil {
			return err
		}
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://operator/operator/origin", bytes.NewReader(body))
	if err != nil {
		return err
	}
	var s server.OriginState
	err = (&operator{data: data}).stream(req, func(r io.Reader) error { return json.NewDecoder(r).Decode(&s) })
	if err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	fmt.Fprintf(out, "origin: %s\n", s.Origin)
	if s.Next == "" {
		return nil
	}
	fmt.Fprintf(out, "moves to: %s, since %s\n", s.Next, s.Began.Local().Format("2006-01-02 15:04"))
	if s.Root != "" {
		fmt.Fprintf(out, "its root: %s\n", s.Root)
	}
	_, err = fmt.Fprintf(out, "devices that have heard: %d, that have not: %d\n", s.Heard, s.Unheard)
	return err
}
