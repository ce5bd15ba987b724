package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "chuantou-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "chuantou.exe") // the ending that one system wants and none minds
	code := 1
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// result is a command that has ended.
type result struct {
	code     int
	out, err string
}

func chuantou(t *testing.T, stdin string, env []string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.Env = append(os.Environ(), env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want checks a command's end; every text must be in what it said.
func (r result) want(t *testing.T, what string, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("%s: exit status %d, want %d\n%s%s", what, r.code, code, r.out, r.err)
	}
	for _, s := range texts {
		if !strings.Contains(r.out+r.err, s) {
			t.Errorf("%s: nothing of %q in\n%s%s", what, s, r.out, r.err)
		}
	}
	if strings.Contains(r.err, "goroutine ") {
		t.Errorf("%s: a stack:\n%s", what, r.err)
	}
}

var codeShape = regexp.MustCompile(`[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){3}`)

// folder is an initialised data folder and the first administrator's code.
func folder(t *testing.T) (dir, code string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	r := chuantou(t, "", nil, "init", dir, "-origin", "http://127.0.0.1", "-name", "普陀区（示例）", "-place", "3309", "-admin", "童例宁")
	r.want(t, "init", 0)
	if code = codeShape.FindString(r.out); code == "" {
		t.Fatalf("init printed no code:\n%s", r.out)
	}
	return dir, code
}

// process is a server that runs.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	addr     string
	log      bytes.Buffer  // complete once it has ended
	stopping chan struct{} // closed when it says so
	drained  chan struct{}
	ended    bool
}

// serve starts a server and returns once it says that it listens.
func serve(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	address := filepath.Join(t.TempDir(), "address")
	p := &process{t: t, stopping: make(chan struct{}), drained: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary,
		append([]string{"serve", "-data", dir, "-listen", "127.0.0.1:0", "-address-file", address}, args...)...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	lines := bufio.NewReader(io.TeeReader(stderr, &p.log))
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the server ended at once: %v\n%s", err, p.log.String())
		}
		if strings.Contains(line, "listening") {
			break
		}
	}
	go func() {
		defer close(p.drained)
		for {
			line, err := lines.ReadString('\n')
			if strings.Contains(line, "msg=stopping") {
				close(p.stopping)
			}
			if err != nil {
				return
			}
		}
	}()
	b, err := os.ReadFile(address)
	if err != nil {
		t.Fatal(err)
	}
	p.addr = strings.TrimSpace(string(b))
	return p
}

// wait waits for its end and returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	<-p.drained
	err := p.cmd.Wait()
	p.ended = true
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop asks for a stop in order and insists that it was one.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Errorf("exit status %d\n%s", code, p.log.String())
	}
}

func (p *process) kill() {
	if !p.ended {
		_ = p.cmd.Process.Kill()
		p.wait()
	}
}
