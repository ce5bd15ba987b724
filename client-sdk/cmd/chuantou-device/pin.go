package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/term"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/vault"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A PIN is never given on the command line, where every user of the machine and
// the shell's history see it.
const (
	pinVariable    = "CHUANTOU_DEVICE_PIN"
	newPINVariable = "CHUANTOU_DEVICE_NEW_PIN"
)

// open opens the folder, with its PIN where it has one.
func (a *app) open() (*clientsdk.Client, error) {
	pin, err := a.presentPIN()
	if err != nil {
		return nil, err
	}
	a.pin = pin
	return clientsdk.Open(a.dir, clientsdk.Options{PIN: pin, Version: version()})
}

// version is the module's, "" for a build without one.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" || len(info.Main.Version) > wire.MaxVersionBytes {
		return ""
	}
	return info.Main.Version
}

// presentPIN is "" for a folder without a PIN, and for one to be made: enrol
// sets the first.
func (a *app) presentPIN() (string, error) {
	has, err := clientsdk.HasPIN(a.dir)
	if errors.Is(err, vault.ErrNone) || err == nil && !has {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	pin, err := givenPIN(a.pinFile, pinVariable)
	if pin == "" && err == nil {
		pin, err = a.ask("PIN: ")
	}
	if pin == "" && err == nil {
		err = vault.ErrNeedsPIN
	}
	return pin, err
}

// givenPIN reads a PIN from a file, else from the environment.
func givenPIN(file, variable string) (string, error) {
	if file == "" {
		return os.Getenv(variable), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("PIN file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4*vault.MaxPIN+2))
	if err != nil {
		return "", fmt.Errorf("PIN file: %w", err)
	}
	pin := strings.TrimRight(string(b), "\r\n")
	if pin == "" {
		return "", fmt.Errorf("PIN file %s is empty", file)
	}
	return pin, nil
}

// ask asks at the terminal, without showing what is typed; "" where there is none.
func (a *app) ask(prompt string) (string, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", nil
	}
	fmt.Fprint(a.errs, prompt)
	b, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.errs)
	return string(b), err
}

// askTwice asks for a new PIN; "" where nobody is there to be asked, or when
// none is typed.
func (a *app) askTwice() (string, error) {
	pin, err := a.ask("new PIN: ")
	if err != nil || pin == "" {
		return "", err
	}
	again, err := a.ask("the same again: ")
	if err == nil && again != pin {
		err = errors.New("the two are not the same: nothing was changed")
	}
	return pin, err
}

// firstPIN sets a PIN on a device that has none, if one is given, and says
// whether there is one now.
func (a *app) firstPIN() (set bool, err error) {
	if a.pin != "" {
		return true, nil
	}
	pin, err := givenPIN(a.pinFile, pinVariable)
	if pin == "" && err == nil {
		pin, err = a.askTwice()
	}
	if err != nil || pin == "" {
		return false, err
	}
	return true, clientsdk.ChangePIN(a.dir, pin, clientsdk.Options{})
}

func (a *app) changePIN(args []string) error {
	flags := flag.NewFlagSet("pin", flag.ContinueOnError)
	file := flags.String("new-file", "", "")
	none := flags.Bool("none", false, "")
	if rest, err := parse(flags, args); err != nil || len(rest) > 0 || *none && *file != "" {
		return errUsage
	}
	was, err := a.presentPIN()
	if err != nil {
		return err
	}
	pin := ""
	if !*none {
		pin, err = givenPIN(*file, newPINVariable)
		if pin == "" && err == nil {
			pin, err = a.askTwice()
		}
		if err = cmp.Or(err, missing(pin)); err != nil {
			return err
		}
	}
	if err := clientsdk.ChangePIN(a.dir, pin, clientsdk.Options{PIN: was}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"pin": pin != ""})
	}
	a.printf("%s\n", map[bool]string{true: "PIN 已设", false: "PIN 已取消"}[pin != ""])
	return nil
}

func missing(pin string) error {
	if pin == "" {
		return fmt.Errorf("no new PIN was given: use -new-file FILE or $%s, or -none to take it off", newPINVariable)
	}
	return nil
}
