package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server"
)

const serveAbout = `chuantou serve -data DIR [-listen HOST:PORT] [flags]

Runs the installation that chuantou init made in DIR. Devices, pages and the
JSON API are on one address; GET /readyz there answers 200 once it can be used,
GET /v1/openapi.json describes the API. The operator's commands (chuantou admin)
come through DIR/admin.sock, which only the owner of DIR can open.

SIGTERM or Ctrl-C stops in order: requests under way end, then the store is
closed. A second one ends the process at once; so does a power cut, and nothing
acknowledged is lost by either.

An https origin is served with the certificate of -tls-cert, or by the
installation's own authority, which init made: its certificates renew
themselves, devices check it by the fingerprint in their QR, and browsers
install its root from the page of -root-listen. An http origin is served
plainly: for a trusted LAN. So is any behind a proxy on the same machine that is
named with -trusted-proxy 127.0.0.1, or with -plain-http.

The store is encrypted with DIR/keys/store.key. When init wrapped that with a
passphrase, it is the first line of -store-passphrase-file: a file that only the
owner reads, a systemd credential ($CREDENTIALS_DIRECTORY/NAME), /dev/stdin, or
/dev/fd/N; without it, it is asked for at the terminal.

Memory: garbage is collected when the heap has grown by half since the last
time, not doubled, for a small machine; the environment variables GOGC and
GOMEMLIMIT of the Go runtime are respected (GOGC=100 is its own default).
`

// gcPercent is how much the heap may grow between collections, in percent of
// what lives. A storm's garbage is short-lived and most of what lives is the
// store's plain bytes, which cost a collection nothing: at 50 a port of 100
// devices takes 40 MB less at its peak for a twentieth more of CPU.
const gcPercent = 50

type serveFlags struct {
	data, listen, kinds, cert, key      string
	also                                string
	plain                               bool
	rootListen, leases                  string
	passphrase                          string
	quota                               int
	proxies, format, level              string
	addressFile, profileFile, clockFile string
}

func (s *serveFlags) define(c *command) {
	c.StringVar(&s.data, "data", "", "`folder` that init made")
	c.StringVar(&s.listen, "listen", "127.0.0.1:8080", "`host:port` to listen on; port 0 picks one")
	c.StringVar(&s.kinds, "kinds", "", "`folder` of kinds of record that add to or override the built-in ones")
	c.StringVar(&s.also, "also-listen", "", "further `host:port`s, with commas between, where the same is served: while the origin moves")
	c.StringVar(&s.cert, "tls-cert", "", "PEM `file` of the certificate chain; with -tls-key the listener speaks https")
	c.StringVar(&s.key, "tls-key", "", "PEM `file` of its key")
	c.BoolVar(&s.plain, "plain-http", false, "speak plain http although the origin is https: for a proxy in front")
	c.StringVar(&s.rootListen, "root-listen", "", "`host:port` for a plain http page from which the root of the installation's own authority is installed")
	c.StringVar(&s.leases, "lease", "", "for how many `days` others' records stay open on a device that does not hear from the server; by role too: 30,网格员=14 (default 30)")
	c.StringVar(&s.passphrase, passphraseFlag, "", passphraseUsage)
	c.IntVar(&s.quota, "quota", 256, "`MiB` that one device may push in a day; beyond it the answer is \"later\", and the device keeps what it has")
	c.StringVar(&s.proxies, "trusted-proxy", "", "`addresses` or prefixes, with commas, of proxies whose X-Forwarded- headers are believed")
	c.StringVar(&s.format, "log-format", "text", "text or json")
	c.StringVar(&s.level, "log-level", "info", "debug, info, warn or error")
	c.StringVar(&s.addressFile, "address-file", "", "write the address that was bound to this `file`")
	c.StringVar(&s.profileFile, "cpu-profile", "", "write a CPU profile of the whole run to this `file`")
	c.StringVar(&s.clockFile, "clock-file", "", "for demonstrations and tests only: take the time (Unix milliseconds) from this `file`")
}

func serve(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	c := newCommand("serve", serveAbout, out)
	var f serveFlags
	f.define(c)
	if err := c.parse(args); err != nil {
		return err
	}
	if err := cmp.Or(c.noWords(), c.need("data")); err != nil {
		return err
	}
	cfg, err := f.config(errs)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if f.profileFile != "" {
		w, err := os.Create(f.profileFile)
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
		if err := pprof.StartCPUProfile(w); err != nil {
			return errors.Join(err, w.Close())
		}
		defer func() { pprof.StopCPUProfile(); err = errors.Join(err, w.Close()) }()
	}
	cfg.Log.Info("starting", "version", version(), "data", f.data)
	return keepServing(ctx, cfg)
}

func (f *serveFlags) config(errs io.Writer) (server.Config, error) {
	log, err := logger(errs, f.format, f.level)
	if err != nil {
		return server.Config{}, err
	}
	cfg := server.Config{Dir: f.data, Listen: f.listen, Kinds: f.kinds, TLSCert: f.cert, TLSKey: f.key, PlainHTTP: f.plain, RootListen: f.rootListen, Log: log,
		Passphrase: storePassphrase(f.passphrase), AlsoListen: strings.FieldsFunc(f.also, func(c rune) bool { return c == ',' || c == ' ' })}
	if cfg.TrustedProxies, err = prefixes(f.proxies); err != nil {
		return server.Config{}, err
	}
	if f.quota < 1 || f.quota > 1<<20 {
		return server.Config{}, &usageError{fmt.Sprintf("quota %d: want 1 to %d MiB", f.quota, 1<<20)}
	}
	cfg.Quota = int64(f.quota) << 20
	if f.leases != "" {
		if cfg.Leases, err = server.ParseLeases(f.leases); err != nil {
			return server.Config{}, &usageError{err.Error()}
		}
	}
	if f.clockFile != "" {
		log.Warn("the clock is taken from a file: for demonstrations and tests only", "file", f.clockFile)
		cfg.Clock = func() time.Time { return fileClock(f.clockFile) }
	}
	if f.addressFile != "" {
		cfg.Bound = func(addr string) {
			if err := writeAddress(f.addressFile, addr); err != nil {
				log.Error("address file", "err", err)
			}
		}
	}
	return cfg, nil
}

// keepServing opens the folder again when its store has stopped after an
// input/output error: the disk may have had a bad moment, and on a boat nobody
// is there to start the process again. It waits longer each time.
func keepServing(ctx context.Context, cfg server.Config) error {
	const least, most = time.Second, time.Minute
	bound := cfg.Bound
	cfg.Bound = func(addr string) {
		cfg.Listen = addr // the port stays what it was
		if bound != nil {
			bound(addr)
		}
	}
	for wait := least; ; wait = min(2*wait, most) {
		began := time.Now()
		s, err := server.New(cfg)
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
		if err = s.Run(ctx); err == nil {
			return nil
		}
		if !errors.Is(err, server.ErrStoreStopped) {
			return fmt.Errorf("serve: %w", err)
		}
		if time.Since(began) > most {
			wait = least
		}
		cfg.Log.Error("the store stopped; opening it again", "after", wait, "err", err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("serve: %w", err)
		case <-time.After(wait):
		}
	}
}

// writeAddress makes the file appear whole, for who waits for it.
func writeAddress(name, addr string) error {
	tmp := name + ".tmp"
	if err := os.WriteFile(tmp, []byte(addr+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// fileClock is the time written in a file, the system's when there is none.
func fileClock(name string) time.Time {
	b, err := os.ReadFile(name)
	if err != nil {
		return time.Now()
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return time.Now()
	}
	return time.UnixMilli(ms)
}

func prefixes(list string) (out []netip.Prefix, err error) {
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if addr, e := netip.ParseAddr(s); e == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, &usageError{fmt.Sprintf("trusted-proxy: %q is no address and no prefix such as 10.0.0.0/8", s)}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func logger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, &usageError{fmt.Sprintf("log-level %q: want debug, info, warn or error", level)}
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, &usageError{fmt.Sprintf("log-format %q: want text or json", format)}
}
