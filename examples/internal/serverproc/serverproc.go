// Package serverproc runs the real server for the examples: it builds the
// binary, initialises a folder, starts the process and stops it by its id.
package serverproc

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is one server process on a data folder.
type Server struct {
	Bin  string // the built binary
	Data string // its data folder
	Addr string // host:port it is bound to, once started
	Args []string
	TLS  bool      // it serves https
	Log  io.Writer // what the process prints; nil: a file beside the data folder

	cmd  *exec.Cmd
	done chan error
}

// Build compiles the server into dir.
func Build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "chuantou")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/chuantou/chuantou/server/cmd/chuantou").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return bin, nil
}

// Ready reports whether the folder has been initialised.
func Ready(data string) bool {
	_, err := os.Stat(filepath.Join(data, "store"))
	return err == nil
}

// Init initialises the folder and returns the first administrator's one-time code.
func (s *Server) Init(ctx context.Context, origin, name, place, admin string) (string, error) {
	out, err := exec.CommandContext(ctx, s.Bin, "init", "-origin", origin, "-name", name, "-place", place, "-admin", admin, s.Data).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("init: %w\n%s", err, out)
	}
	code := regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){3,}`).FindString(string(out))
	if code == "" {
		return "", fmt.Errorf("init printed no code:\n%s", out)
	}
	return code, nil
}

// Start runs the server and waits until it answers.
func (s *Server) Start(ctx context.Context, listen string) error {
	address := filepath.Join(filepath.Dir(s.Data), filepath.Base(s.Data)+".address")
	os.Remove(address)
	if s.Log == nil {
		f, err := os.OpenFile(filepath.Join(filepath.Dir(s.Data), filepath.Base(s.Data)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		s.Log = f
	}
	s.cmd = exec.Command(s.Bin, append([]string{"serve", "-data", s.Data, "-listen", listen, "-address-file", address}, s.Args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.Log, s.Log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	s.done = make(chan error, 1)
	go func() { s.done <- s.cmd.Wait() }()
	return s.await(ctx, address)
}

func (s *Server) await(ctx context.Context, address string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.Kill()
			return ctx.Err()
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("the server ended at once: %v (see %s.log)", err, s.Data)
		case <-tick.C:
		}
		b, err := os.ReadFile(address)
		if err != nil || len(b) == 0 {
			continue
		}
		s.Addr = strings.TrimSpace(string(b))
		resp, err := s.ready()
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// ready asks the server whether it can be used. Whoever answers there was
// started here: its certificate is not looked at.
func (s *Server) ready() (*http.Response, error) {
	if !s.TLS {
		return http.Get("http://" + s.Addr + "/readyz")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return client.Get("https://" + s.Addr + "/readyz")
}

// Stop ends the process in order; Kill ends it at once.
func (s *Server) Stop() error {
	if s.cmd == nil {
		return nil
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	err := <-s.done
	s.cmd = nil
	return err
}

// Kill ends the process without warning, as a power cut does.
func (s *Server) Kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		<-s.done
		s.cmd = nil
	}
}

// Admin posts to an administrative route, or with nothing to send gets it, over
// the socket in the data folder, which only the folder's owner can open.
func (s *Server) Admin(ctx context.Context, path string, in, out any) error {
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(s.Data, "admin.sock"))
	}}}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("admin %s: %w", path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("admin %s: %s: %s", path, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// Code makes a one-time enrolment code for a person, by name or id. For a leader
// it takes two administrators where there are two: the first asks, the second
// confirms.
func (s *Server) Code(ctx context.Context, person string, admins ...string) (string, error) {
	var out struct{ Code, Request string }
	in := map[string]string{"person": person}
	if len(admins) > 0 {
		in["by"] = admins[0]
	}
	err := s.Admin(ctx, "/v1/admin/codes", in, &out)
	if err == nil && out.Request != "" && len(admins) > 1 {
		err = s.Admin(ctx, "/v1/admin/codes", map[string]string{"confirm": out.Request, "by": admins[1]}, &out)
	}
	return out.Code, err
}

// Password sets a person's web password; a leader's, where two administrators
// are named, by a code that the two give him.
func (s *Server) Password(ctx context.Context, person, password string, admins ...string) error {
	if len(admins) < 2 {
		return s.Admin(ctx, "/v1/admin/passwords", map[string]string{"person": person, "password": password}, nil)
	}
	var out struct{ Code, Request string }
	err := s.Admin(ctx, "/v1/admin/codes", map[string]string{"person": person, "for": "password", "by": admins[0]}, &out)
	if err == nil && out.Request != "" {
		err = s.Admin(ctx, "/v1/admin/codes", map[string]string{"confirm": out.Request, "by": admins[1]}, &out)
	}
	if err != nil {
		return err
	}
	return s.Admin(ctx, "/v1/passwords", map[string]string{"code": out.Code, "password": password}, nil)
}

// Usage is what the operating system says of the process.
type Usage struct {
	CPU      time.Duration // user and system
	PeakRSS  int64         // bytes
	DiskUsed int64         // bytes of the data folder
}

// Usage reads /proc; it works on Linux only.
func (s *Server) Usage() (Usage, error) {
	u, err := ProcessUsage(s.cmd.Process.Pid)
	if err != nil {
		return u, err
	}
	err = filepath.Walk(s.Data, func(_ string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // a file that compaction has just removed
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			u.DiskUsed += diskBytes(info)
		}
		return nil
	})
	return u, err
}

// clockTick is the unit of times in /proc: 100 a second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// ProcessUsage reads /proc for any process.
func ProcessUsage(pid int) (u Usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, field := range f[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(n) * clockTick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return u, err
			}
			u.PeakRSS = kb << 10
		}
	}
	return u, nil
}
