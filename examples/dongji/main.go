// Command dongji plays the sample island: it starts the real server on an
// embedded Badger, lets devices leave port and write with no network, brings
// them back, prints the merged timeline and what it cost, and stays up so that
// a browser can look.
//
//	go run ./examples/dongji            # stays up; prints the page's address and log-in
//	go run ./examples/dongji -once      # ends after the story
//	go run ./examples/dongji -once -json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chuantou/chuantou/examples/internal/serverproc"
)

// figures is what -json prints.
type figures struct {
	Devices      int   `json:"devices"`
	Pushed       int   `json:"changes_pushed"`
	Pulled       int   `json:"records_pulled"`
	Conflicts    int   `json:"conflicts"`
	Held         int   `json:"held"`
	BytesUp      int64 `json:"bytes_up"`
	BytesDown    int64 `json:"bytes_down"`
	Millis       int64 `json:"ms"`
	TimelineRows int   `json:"timeline_rows"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "device" {
		os.Exit(deviceMain(os.Args[2:]))
	}
	data := flag.String("data", "", "folder for server and devices (default: dongji-data in the system's temporary folder)")
	once := flag.Bool("once", false, "end after the story instead of staying up")
	asJSON := flag.Bool("json", false, "print one JSON object on standard output and nothing else there")
	listen := flag.String("listen", "127.0.0.1:0", "address the server listens on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *data, *listen, *once, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "dongji:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, data, listen string, once, asJSON bool) error {
	if data == "" {
		data = filepath.Join(os.TempDir(), "dongji-data")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	begun := time.Now()
	out := os.Stdout
	if asJSON {
		out = os.Stderr
	}
	s := &stage{dir: data, phones: map[string]*phone{}, terminal: isTerminal(out), say: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }}
	s.say("数据在 %s", data)
	if err := s.load(); err != nil {
		return err
	}
	s.server = &serverproc.Server{Data: filepath.Join(data, "server"), Args: []string{"-clock-file", s.clock()}}
	defer s.close()
	if err := s.open(ctx, listen); err != nil {
		return err
	}
	sample, err := loadSample()
	if err != nil {
		return err
	}
	if err := s.tell(ctx, newStory(sample)); err != nil {
		return err
	}
	rows, err := s.timeline(ctx, "occurred")
	if err != nil {
		return err
	}
	f := s.figures()
	f.TimelineRows, f.Millis = len(rows), time.Since(begun).Milliseconds()
	s.printRows(rows)
	s.printHeld(ctx)
	s.printCost()
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
			return err
		}
	}
	if once {
		return nil
	}
	s.say("\n网页：http://%s/   用户名 %s   密码 %s   （Ctrl-C 结束）", s.server.Addr, leader, password)
	<-ctx.Done()
	return nil
}

// open builds, initialises and starts the server.
func (s *stage) open(ctx context.Context, listen string) (err error) {
	if err := s.slowly("编译服务器", func() (err error) {
		s.server.Bin, err = serverproc.Build(ctx, s.dir)
		return err
	}); err != nil {
		return err
	}
	if err := s.setClock("2026-01-04T08:00"); err != nil {
		return err
	}
	if !serverproc.Ready(s.server.Data) {
		s.progress.Origin = "http://127.0.0.1"
		code, err := s.server.Init(ctx, s.progress.Origin, "普陀区（示例）", "3309", firstAdmin)
		if err != nil {
			return err
		}
		s.progress.Code = code
		if err := s.keep(); err != nil {
			return err
		}
	}
	return s.slowly("启动服务器", func() error { return s.server.Start(ctx, listen) })
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
