// Command chuantou is the server: init makes an installation, serve runs it,
// admin works on a running one through the operator's socket in its folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chuantou/chuantou/server"
)

const usage = `chuantou: the server of 船头记

  chuantou init  -origin URL -name NAME -place CODE -admin NAME DIR
      make an installation: keys, store, the first administrator's one-time code
  chuantou serve -data DIR [-listen HOST:PORT] [-kinds DIR]
      run it; SIGTERM or Ctrl-C stops it in order
  chuantou admin code     -data DIR -person NAME|ID
      a one-time code for a person's device (24 hours, one use)
  chuantou admin password -data DIR -person NAME|ID
      set the password for the web pages, read from standard input
  chuantou version

Every flag can be given in the environment too: CHUANTOU_DATA for -data.
Exit status: 0 done, 1 it did not work, 2 the command line is wrong.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args[0] {
	case "init":
		err = initialise(ctx, args[1:], out, errs)
	case "serve":
		err = serve(ctx, args[1:], errs)
	case "admin":
		err = admin(ctx, args[1:], in, out, errs)
	case "version":
		fmt.Fprintln(out, version())
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, usage)
	default:
		fmt.Fprintf(errs, "chuantou: there is no command %q\n\n%s", args[0], usage)
		return 2
	}
	var wrong *usageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(errs, "chuantou:", err)
		return 2
	case err != nil:
		fmt.Fprintln(errs, "chuantou:", err)
		return 1
	}
	return 0
}

// usageError is a command line that cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// parse reads flags; what is not given comes from CHUANTOU_NAME.
func parse(f *flag.FlagSet, args []string, errs io.Writer) error {
	f.SetOutput(errs)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &usageError{err.Error()}
	}
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	var err error
	f.VisitAll(func(x *flag.Flag) {
		name := "CHUANTOU_" + strings.ToUpper(strings.ReplaceAll(x.Name, "-", "_"))
		if v, ok := os.LookupEnv(name); ok && !given[x.Name] && err == nil {
			if e := x.Value.Set(v); e != nil {
				err = &usageError{fmt.Sprintf("%s: %v", name, e)}
			}
		}
	})
	return err
}

func initialise(ctx context.Context, args []string, out, errs io.Writer) error {
	f := flag.NewFlagSet("init", flag.ContinueOnError)
	var o server.InitOptions
	f.StringVar(&o.Origin, "origin", "", "the one address devices use for ever: https://NAME, or http://ADDRESS on a trusted LAN")
	f.StringVar(&o.Name, "name", "", "whose installation this is")
	f.StringVar(&o.Place, "place", "", "place code of the owner")
	f.StringVar(&o.Admin, "admin", "", "name of the first administrator")
	if err := parse(f, args, errs); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &usageError{"init: say the folder to make, as the last word"}
	}
	o.Dir = f.Arg(0)
	made, err := server.Init(ctx, o)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	fmt.Fprintf(out, `installation made in %s
keys:  %s
       keep a copy elsewhere, not beside the data: who has them and a backup has everything,
       and without seal.key the sealed values of a restored backup cannot be read
first administrator: %s
one-time code:       %s   (until %s, one use)

next: chuantou serve -data %s -listen :8080
`, o.Dir, made.Keys, o.Admin, made.Code, made.Expires.Local().Format("2006-01-02 15:04"), o.Dir)
	return nil
}

func serve(ctx context.Context, args []string, errs io.Writer) error {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	data := f.String("data", "", "folder that init made")
	listen := f.String("listen", "127.0.0.1:8080", "address to listen on; port 0 picks one")
	kinds := f.String("kinds", "", "folder of kinds of record that add to or override the built-in ones")
	format := f.String("log-format", "text", "text or json")
	level := f.String("log-level", "info", "debug, info, warn or error")
	addressFile := f.String("address-file", "", "write the address that was bound to this file")
	profile := f.String("cpu-profile", "", "write a CPU profile of the whole run to this file")
	clockFile := f.String("clock-file", "", "for demonstrations and tests only: take the time (Unix milliseconds) from this file")
	if err := parse(f, args, errs); err != nil {
		return err
	}
	if *data == "" {
		return &usageError{"serve: say the folder with -data"}
	}
	log, err := logger(errs, *format, *level)
	if err != nil {
		return err
	}
	cfg := server.Config{Dir: *data, Listen: *listen, Kinds: *kinds, Log: log}
	if *clockFile != "" {
		log.Warn("the clock is taken from a file: for demonstrations and tests only", "file", *clockFile)
		cfg.Clock = func() time.Time { return fileClock(*clockFile) }
	}
	if *addressFile != "" {
		cfg.Bound = func(addr string) {
			if err := os.WriteFile(*addressFile, []byte(addr+"\n"), 0o600); err != nil {
				log.Error("address file", "err", err)
			}
		}
	}
	if *profile != "" {
		w, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer w.Close()
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	s, err := server.New(cfg)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return s.Run(ctx)
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
