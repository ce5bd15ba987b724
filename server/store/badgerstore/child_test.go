package badgerstore_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

// Tests that kill a process, or fill its disk, run this test binary again with
// childEnv set to the name of one of children and childDir to its folder.
const (
	childEnv = "BADGERSTORE_TEST_CHILD"
	childDir = "BADGERSTORE_TEST_DIR"
	// childMinFree is optional, in bytes.
	childMinFree = "BADGERSTORE_TEST_MINFREE"
)

var children = map[string]func(dir string) error{"write": writeChild}

func TestMain(m *testing.M) {
	name := os.Getenv(childEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := children[name](os.Getenv(childDir)); err != nil {
		fmt.Fprintf(os.Stderr, "child %s: %v\n", name, err)
		os.Exit(1)
	}
}

func childCmd(name, dir string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+name, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

func child(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	cmd, err := childCmd(name, dir)
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// The writers of writeChild each count: update n of writer w puts n under
// "count", a large value under one of ring keys, puts a key named n and deletes
// the one named n-1. So after a crash the state of each writer is that of
// exactly one n, or something was torn or lost.
const (
	writers = 8
	ring    = 64
)

func countKey(w int) store.Key          { return store.Key(fmt.Sprintf("count/%d", w)) }
func ringKey(w int, n uint64) store.Key { return store.Key(fmt.Sprintf("ring/%d/%02d", w, n%ring)) }
func lastKey(w int, n uint64) store.Key { return store.Key(fmt.Sprintf("last/%d/%020d", w, n)) }

// ringValue is n, followed by up to 4 KiB that n determines.
func ringValue(n uint64) []byte {
	v := binary.BigEndian.AppendUint64(nil, n)
	for x := n; len(v) < 64+int(n*2654435761%4096); x = x*6364136223846793005 + 1442695040888963407 {
		v = binary.BigEndian.AppendUint64(v, x)
	}
	return v
}

func countUp(s store.Store, w int) (uint64, error) {
	var n uint64
	_, err := s.Update(context.Background(), []store.Key{countKey(w)}, func(r store.Reader) (store.Batch, error) {
		var b store.Batch
		v, err := r.Get(countKey(w))
		if err != nil {
			return b, err
		}
		n = 1
		if v != nil {
			n = binary.BigEndian.Uint64(v) + 1
		}
		b.Put(countKey(w), binary.BigEndian.AppendUint64(nil, n))
		b.Put(ringKey(w, n), ringValue(n))
		b.Put(lastKey(w, n), nil)
		b.Delete(lastKey(w, n-1))
		return b, nil
	})
	return n, err
}

// counted returns what writer w has got to, or an error when its keys do not
// agree.
func counted(r store.Reader, w int) (n uint64, err error) {
	v, err := r.Get(countKey(w))
	if err != nil {
		return 0, err
	}
	if v != nil {
		n = binary.BigEndian.Uint64(v)
	}
	for i := n; i > 0 && i+ring > n; i-- {
		if v, err := r.Get(ringKey(w, i)); err != nil || string(v) != string(ringValue(i)) {
			return 0, fmt.Errorf("writer %d is at %d, value %d is not what it wrote (%d bytes, %v)", w, n, i, len(v), err)
		}
	}
	var last []string
	err = r.Scan(lastKey(w, 0), store.PrefixEnd(lastKey(w, 0)[:7]), false, func(k store.Key, _ []byte) (bool, error) {
		last = append(last, string(k))
		return true, nil
	})
	if n > 0 && err == nil && (len(last) != 1 || last[0] != string(lastKey(w, n))) {
		err = fmt.Errorf("writer %d is at %d, but its last keys are %q", w, n, last)
	}
	return n, err
}

// writeChild prints "have w n" for what it finds, then "done w n" for each
// update that was acknowledged, until it is killed. A writer that finds the disk
// full prints "full w n" and waits for a byte on stdin.
func writeChild(dir string) error {
	minFree, _ := strconv.ParseInt(os.Getenv(childMinFree), 10, 64)
	o := options()
	o.MinFree = minFree
	s, err := badgerstore.Open(dir, o)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(word string, w int, n uint64) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(word, w, n)
	}
	err = s.View(context.Background(), 0, func(r store.Reader) error {
		for w := range writers {
			n, err := counted(r, w)
			if err != nil {
				return err
			}
			say("have", w, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range writers {
		go func() {
			for {
				n, err := countUp(s, w)
				if errors.Is(err, store.ErrFull) {
					say("full", w, n-1)
					_, err = io.ReadFull(os.Stdin, make([]byte, 1))
				} else if err == nil {
					say("done", w, n)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// progress reads the lines of children and knows what was acknowledged.
type progress struct {
	acked [writers]uint64
	lines int
}

// read takes in lines until n with that word have come, or all when the output
// ends before: then it reports false.
func (p *progress) read(out *bufio.Reader, until string, n int) (bool, error) {
	for n > 0 {
		line, err := out.ReadString('\n')
		if err == io.EOF {
			return false, nil // a torn last line was not read by anybody
		}
		if err != nil {
			return false, err
		}
		var word string
		var w int
		var at uint64
		if _, err := fmt.Sscan(line, &word, &w, &at); err != nil || w >= writers {
			return false, fmt.Errorf("line %q: %v", line, err)
		}
		if at < p.acked[w] {
			return false, fmt.Errorf("%q, but %d had been acknowledged", line, p.acked[w])
		}
		p.acked[w] = at
		p.lines++
		if word == until {
			n--
		}
	}
	return true, nil
}

// check compares what is stored with what was acknowledged.
func (p *progress) check(r store.Reader) error {
	for w := range writers {
		n, err := counted(r, w)
		if err != nil {
			return err
		}
		if n < p.acked[w] {
			return fmt.Errorf("writer %d is at %d, acknowledged was %d", w, n, p.acked[w])
		}
	}
	return nil
}
