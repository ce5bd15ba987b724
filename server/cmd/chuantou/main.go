// Command chuantou is the server: init makes an installation, serve runs it,
// admin does what the operator of the machine does on it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

const usage = `chuantou is the server of 船头记: devices sync with it, leaders read on it.

  chuantou init DIR -origin URL -name NAME -place CODE -admin NAME
      make an installation in a new folder: keys, store, the first
      administrator and a one-time code for his device
  chuantou serve -data DIR [-listen HOST:PORT]
      run it; SIGTERM or Ctrl-C stops it in order
  chuantou admin code -data DIR -person NAME
      a one-time code for one device of a person (24 hours, one use)
  chuantou admin password -data DIR -person NAME
      set a person's password for the pages, read from standard input
  chuantou admin devices -data DIR -person NAME
  chuantou admin suspend | resume | revoke | wipe | retire -data DIR DEVICE
      the devices of a person, and stopping one
  chuantou admin unlock -data DIR DEVICE NUMBER
      a code, to be read over the phone, for a device that was away too long
  chuantou admin held | release | reject -data DIR -by NAME
      what is stored whole and not applied, and settling it
  chuantou admin deliver -data DIR FILE
      take in a sealed outbox that somebody carried here from a device
  chuantou backup FILE -data DIR (-to RECIPIENT | -passphrase-file FILE)
      write all that is needed to serve again, while the server goes on
  chuantou backup verify FILE, chuantou backup key FILE
      find out whether a backup is whole; make a key for backups
  chuantou restore FILE DIR
      make the installation in a backup anew
  chuantou storekey -data DIR (-new-passphrase-file FILE | -no-passphrase | -renew)
      change the key that the store is encrypted with, or what wraps it
  chuantou origin show | move NEW | finish NEW -data DIR
      the one address of the installation, should it have to change
  chuantou receipt verify FILE, chuantou audit verify | list
      whether a device's receipt is genuine, and the list of what was done whole
  chuantou version

chuantou COMMAND -h tells more of each. Every flag can be given in the
environment instead: CHUANTOU_DATA for -data, CHUANTOU_LOG_FORMAT for
-log-format. Exit status: 0 done, 1 it did not work, 2 the command line is
wrong.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for a stop in order; a second one ends the process.
	context.AfterFunc(ctx, stop)
	var err error
	switch args[0] {
	case "init":
		err = initialise(ctx, args[1:], out)
	case "serve":
		err = serve(ctx, args[1:], out, errs)
	case "admin":
		err = admin(ctx, args[1:], in, out)
	case "backup":
		err = backupCommand(ctx, args[1:], out)
	case "receipt":
		err = receiptCommand(ctx, args[1:], out)
	case "origin":
		err = origin(ctx, args[1:], in, out)
	case "audit":
		err = auditCommand(ctx, args[1:], out)
	case "restore":
		err = restore(ctx, args[1:], out)
	case "storekey":
		err = storeKey(args[1:], out)
	case "version", "-version", "--version":
		_, err = fmt.Fprintln(out, version())
	case "help", "-h", "-help", "--help":
		_, err = fmt.Fprint(out, usage)
	default:
		err = &usageError{fmt.Sprintf("there is no command %q; chuantou help lists them", args[0])}
	}
	var wrong *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(errs, "chuantou:", err)
		return 2
	}
	fmt.Fprintln(errs, "chuantou:", err)
	return 1
}

// version is the module's version, or the commit it was built from.
func version() string {
	name, commit, changed := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			name = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = " " + s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = " with changes"
			}
		}
	}
	return fmt.Sprintf("chuantou %s%s%s, %s %s/%s", name, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
