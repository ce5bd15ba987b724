// Command chuantou-device is a field device at a terminal: it records with no
// network, keeps everything in a folder, and syncs when told to. It is the
// SDK's calls one by one, for trying things, for scripts, and for whoever
// prefers a keyboard.
//
//	chuantou-device -dir me enrol https://port.example CODE -name A7
//	chuantou-device -dir me new ZF visit_type=入户走访 met=见到本人 situation=吃水要挑
//	chuantou-device -dir me submit DRAFT
//	chuantou-device -dir me sync
//
// The folder is encrypted. Its key is wrapped by a PIN, if one was set, and by a
// key of this machine, which lies in a file beside the folder.
//
// Run it without arguments for help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/vault"
	"github.com/chuantou/chuantou/syncproto"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// dirVariable names the folder when -dir does not.
const dirVariable = "CHUANTOU_DEVICE"

func main() {
	privateFiles()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// app is one run of the command.
type app struct {
	ctx    context.Context
	dir    string
	json   bool
	stdin  io.Reader
	out    io.Writer
	errs   io.Writer
	client *clientsdk.Client
	// pinFile is the -pin-file, pin the PIN that opened the folder, if any.
	pinFile, pin string
}

// errUsage asks for the help of the command.
var errUsage = errors.New("usage")

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("chuantou-device", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", os.Getenv(dirVariable), "folder of this device's data")
	asJSON := flags.Bool("json", false, "print JSON")
	pinFile := flags.String("pin-file", "", "file with the PIN")
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		if err != nil && !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stderr, "chuantou-device: %v\n\n", err)
		}
		printHelp(stderr)
		return exitUsage
	}
	name := flags.Arg(0)
	c, ok := commands[name]
	if !ok {
		if name == "help" {
			printHelp(stdout)
			return exitOK
		}
		fmt.Fprintf(stderr, "chuantou-device: there is no command %q\n\n", name)
		printHelp(stderr)
		return exitUsage
	}
	a := &app{ctx: ctx, dir: *dir, json: *asJSON, pinFile: *pinFile, stdin: stdin, out: stdout, errs: stderr}
	if a.dir == "" {
		a.dir = "device"
	}
	switch err := a.run(c, flags.Args()[1:]); {
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "usage: chuantou-device [-dir DIR] [-json] [-pin-file FILE] %s %s\n%s\n", name, c.args, c.help)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "chuantou-device: %v\n", err)
		if hint := hintFor(err); hint != "" {
			fmt.Fprintf(stderr, "  %s\n", hint)
		}
		return exitError
	}
	return exitOK
}

func (a *app) run(c command, args []string) (err error) {
	if c.closed {
		return c.run(a, args)
	}
	client, err := a.open()
	if err != nil {
		return err
	}
	a.client = client
	defer func() { err = errors.Join(err, client.Close()) }()
	return c.run(a, args)
}

// hintFor names what to do about an error.
func hintFor(err error) string {
	var incomplete *clientsdk.IncompleteError
	switch {
	case errors.Is(err, clientsdk.ErrNotEnrolled):
		return "先注册：chuantou-device enrol https://服务器 注册码"
	case errors.Is(err, clientsdk.ErrNeedsNewID):
		return "向管理员要新的注册码，再：chuantou-device enrol -again 注册码"
	case syncproto.KindOf(err) == syncproto.KindUnauthorized:
		return "服务器不认识这台设备，多半是恢复过备份：向管理员要新的注册码，再：chuantou-device enrol -again 注册码；什么都不会丢"
	case errors.Is(err, vault.ErrNeedsPIN):
		return "用 -pin-file FILE 或 $" + pinVariable + " 给出 PIN，或者在终端里运行，会问"
	case errors.Is(err, vault.ErrDropped):
		return "没上传的都封在文件夹里的 outbox.sealed，只有服务器打得开：把这个文件交给管理员"
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, localstore.ErrDamaged):
		return "这个文件夹坏了，打不开。没上传的还封在里面的 outbox.sealed：把这个文件交给管理员，再用另一个 -dir 重新注册；不要删原来的文件夹"
	case errors.Is(err, vault.ErrNewer), errors.Is(err, localstore.ErrNewer):
		return "这个文件夹是新版程序写的：请用新版程序打开"
	case errors.Is(err, clientsdk.ErrRecordsLocked):
		return "同步一次就打开：chuantou-device sync；没有网络时：chuantou-device unlock"
	case errors.Is(err, localstore.ErrLocked):
		return "另一个 chuantou-device 正在用这个文件夹：等它结束，或者换一个 -dir"
	case errors.As(err, &incomplete):
		return "草稿还在；补上再提交：chuantou-device edit 草稿 字段=内容…"
	case errors.Is(err, clientsdk.ErrNoRecord):
		return "看看这里有什么：chuantou-device list；或者先同步：chuantou-device sync"
	}
	return ""
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, `usage: chuantou-device [-dir DIR] [-json] [-pin-file FILE] COMMAND …

A field device at a terminal. Its data lies in DIR (or $`+dirVariable+`, else ./device),
encrypted. Where a PIN is set it is read from FILE, else from $`+pinVariable+`, else
asked for at the terminal. People who share a machine have a DIR each.

`)
	for _, name := range order {
		c := commands[name]
		fmt.Fprintf(w, "  %-13s %s\n  %-13s   %s\n", name, c.args, "", c.short)
	}
	fmt.Fprint(w, `
FIELD=VALUE sets a field to a text (true, false and numbers where the field
wants them); FIELD:=JSON to any value; FIELD+=VALUE or FIELD+=JSON adds a member,
an item or an entry; FIELD=@FILE reads the text from a file; "-" reads a JSON
object of fields from standard input. Fields are listed by: kinds KIND.
RECORD and DRAFT are ids, unambiguous ends of ids, or numbers as list shows them.
`)
}
