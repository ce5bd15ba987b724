package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chuantou/chuantou/examples/internal/serverproc"
	"github.com/chuantou/chuantou/syncproto"
)

// phone is a device process and its cable.
type phone struct {
	name, owner string
	cable       *cable
	cmd         *exec.Cmd
	in          io.WriteCloser
	out         *bufio.Scanner

	pushed, pulled, conflicts, held, requests int
	up, down, millis                          int64
	words                                     []string
}

// stage is the running story: server, phones, what is known so far.
type stage struct {
	dir    string
	server *serverproc.Server
	phones map[string]*phone
	order  []string
	say    func(format string, args ...any)
	// kept in the folder, so that a second run goes on where the first ended
	terminal bool // a person looks on while it runs
	progress struct {
		IDs    map[string]syncproto.RecordID
		Played map[string]bool
		Origin string
		Code   string // of the first administrator
		Code2  string // of the shared meeting
	}
}

func (s *stage) file() string  { return filepath.Join(s.dir, "story.json") }
func (s *stage) clock() string { return filepath.Join(s.dir, "clock") }

func (s *stage) load() error {
	s.progress.IDs, s.progress.Played = map[string]syncproto.RecordID{}, map[string]bool{}
	b, err := os.ReadFile(s.file())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, &s.progress)
}

func (s *stage) keep() error {
	b, err := json.MarshalIndent(&s.progress, "", " ")
	if err != nil {
		return err
	}
	tmp := s.file() + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.file())
}

// setClock moves the server's clock to a moment of the story.
func (s *stage) setClock(at string) error {
	t, err := parseClock(at)
	if err != nil {
		return err
	}
	tmp := s.clock() + ".new"
	if err := os.WriteFile(tmp, []byte(strconv.FormatInt(t.UnixMilli(), 10)), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.clock())
}

// phone starts a device process, or finds the one that runs.
func (s *stage) phone(name, owner string) (*phone, error) {
	if p := s.phones[name]; p != nil {
		return p, nil
	}
	c, err := newCable(s.server.Addr)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &phone{name: name, owner: owner, cable: c, cmd: exec.Command(self, "device", filepath.Join(s.dir, "device-"+name), c.addr)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 8<<20)
	s.phones[name] = p
	s.order = append(s.order, name)
	return p, nil
}

// close ends all processes; again it does nothing.
func (s *stage) close() {
	for name, p := range s.phones {
		p.in.Close()
		p.cmd.Wait()
		p.cable.cut()
		delete(s.phones, name)
	}
	s.server.Stop()
}

func (p *phone) do(o order) (answer, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return answer{}, err
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		return answer{}, fmt.Errorf("device %s: %w", p.name, err)
	}
	if !p.out.Scan() {
		return answer{}, fmt.Errorf("device %s ended: %v", p.name, p.out.Err())
	}
	var a answer
	if err := json.Unmarshal(p.out.Bytes(), &a); err != nil {
		return answer{}, fmt.Errorf("device %s: %w", p.name, err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("device %s: %s", p.name, a.Error)
	}
	return a, nil
}

// The administrators by whom devices are enrolled: a leader's takes both.
const firstAdmin, secondAdmin = "系统管理员（示例）", "童例宁"

// enrol gives a person's device its identity.
func (s *stage) enrol(ctx context.Context, name, owner, person, code string) (*phone, error) {
	p, err := s.phone(name, owner)
	if err != nil {
		return nil, err
	}
	if s.progress.Played["enrol "+name] {
		return p, nil
	}
	if code == "" {
		if code, err = s.server.Code(ctx, person, firstAdmin, secondAdmin); err != nil {
			return nil, err
		}
	}
	if _, err := p.do(order{Do: "enrol", Origin: s.progress.Origin, Code: code, Name: owner + "的设备"}); err != nil {
		return nil, err
	}
	s.progress.Played["enrol "+name] = true
	return p, s.keep()
}

// play writes a save on its device unless an earlier run did.
func (s *stage) play(v *save) (answer, error) {
	key := v.Device + " " + v.At + " " + v.Parts[0].Key + fmt.Sprint(v.Share, v.Join)
	if s.progress.Played[key] {
		return answer{}, nil
	}
	p := s.phones[v.Device]
	if p == nil {
		return answer{}, fmt.Errorf("no device %s", v.Device)
	}
	a, err := p.do(order{Do: "play", Clock: v.At, Save: v, IDs: s.progress.IDs})
	if err != nil {
		return a, err
	}
	for k, id := range a.IDs {
		s.progress.IDs[k] = id
	}
	s.progress.Played[key] = true
	return a, s.keep()
}

// sync brings a device's work to the server at a moment of the story.
func (s *stage) sync(name, at string) error {
	p := s.phones[name]
	if at != "" {
		if err := s.setClock(at); err != nil {
			return err
		}
	}
	a, err := p.do(order{Do: "sync", Clock: at})
	if err != nil {
		return err
	}
	r := a.Report
	p.pushed += r.Pushed
	p.pulled += r.Pulled
	p.requests += r.Requests
	p.conflicts, p.held, p.words = r.Conflicts, r.Held, r.Words
	p.up, p.down, p.millis = p.up+r.Up, p.down+r.Down, p.millis+r.Millis
	if r.Mismatches > 0 {
		return fmt.Errorf("device %s: %d atoms differ from the server", name, r.Mismatches)
	}
	return nil
}

// slowly says what has been running for over a second: each second to a person
// at a terminal, every ten to a file.
func (s *stage) slowly(what string, fn func() error) error {
	done := make(chan struct{})
	go func() {
		every := 10 * time.Second
		if s.terminal {
			every = time.Second
		}
		t := time.NewTicker(every)
		defer t.Stop()
		begun := time.Now()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				s.say("  … %s (%d s)", what, int(time.Since(begun).Seconds()))
			}
		}
	}()
	defer close(done)
	return fn()
}
