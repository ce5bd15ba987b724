package badgerstore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

// These run in children: TestFileLimit in a process whose files may not grow,
// the others on a small disk of their own, where one may be mounted.

func init() {
	children["limit"] = limitChild
	children["full"] = onSmallDisk(fullChild)
	children["crowded"] = onSmallDisk(crowdedChild)
}

func TestFileLimit(t *testing.T) { runChild(t, "limit") }

func TestFullDisk(t *testing.T) {
	needsMount(t)
	runChild(t, "full")
}

// TestCrowdedDisk: another program takes the whole disk in a moment, while the
// store is writing.
func TestCrowdedDisk(t *testing.T) {
	needsMount(t)
	runChild(t, "crowded")
}

func needsMount(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("NOT RUN: no small disk can be mounted here (%v), it needs root; TestFileLimit runs everywhere", err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}

const (
	smallDisk    = 240 << 20
	smallMinFree = 96 << 20
)

// onSmallDisk runs fn in a folder of a disk of its own.
func onSmallDisk(fn func(dir string) error) func(dir string) error {
	return func(dir string) error {
		if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprint("size=", smallDisk)); err != nil {
			return err
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
		return fn(dir)
	}
}

// runChild runs a child on plain stores, and another on encrypted ones.
func runChild(t *testing.T, name string) {
	inBothForms(t, func(t *testing.T) { runOne(t, name) })
}

func runOne(t *testing.T, name string) {
	out, err := child(t, name, t.TempDir()).Output()
	t.Logf("child %s:\n%s", name, out)
	if err != nil {
		t.Fatalf("child %s: %v", name, err)
	}
	if !strings.HasSuffix(string(out), "all there\n") {
		t.Errorf("child %s did not come to its end", name)
	}
}

// filler is one store that is filled until it refuses, and what it acknowledged.
type filler struct {
	s     *badgerstore.Store
	opts  badgerstore.Options
	dir   string
	acked map[string]byte
	next  int
}

func (f *filler) open() error {
	var err error
	f.s, err = badgerstore.Open(f.dir, f.opts)
	return err
}

// write does n updates of 40 KiB by several callers, or fewer when it is refused:
// then it returns how.
func (f *filler) write(n int) (done int, refused error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				mu.Lock()
				i := f.next
				if f.next++; n == 0 || refused != nil {
					mu.Unlock()
					return
				}
				n--
				mu.Unlock()
				k := fmt.Sprintf("k%06d", i)
				_, err := f.s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
					var b store.Batch
					b.Put(store.Key(k), incompressible(i))
					return b, nil
				})
				mu.Lock()
				if err != nil {
					refused = err
				} else {
					f.acked[k] = byte(i)
					done++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return done, refused
}

func incompressible(i int) []byte {
	v := make([]byte, 40<<10)
	x := uint64(i)*2 + 1
	for j := range v {
		x = x*6364136223846793005 + 1442695040888963407
		v[j] = byte(x >> 56)
	}
	v[0] = byte(i)
	return v
}

// check reads everything that was acknowledged.
func (f *filler) check() error {
	return f.s.View(context.Background(), 0, func(r store.Reader) error {
		for k := range f.acked {
			var i int
			fmt.Sscanf(k, "k%d", &i)
			if v, err := r.Get(store.Key(k)); err != nil || !bytes.Equal(v, incompressible(i)) {
				return fmt.Errorf("value of %s: %d bytes, %v", k, len(v), err)
			}
		}
		return nil
	})
}

// step says what it is about and fails unless err is want.
func step(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: %v, want %v", what, err, want)
	}
	fmt.Printf("%s: %v\n", what, err)
	return nil
}

// steps runs what until one fails.
func steps(what ...func() error) error {
	for _, fn := range what {
		if err := fn(); err != nil {
			return err
		}
	}
	return nil
}

func limitChild(dir string) error {
	f := &filler{dir: dir, opts: options(), acked: map[string]byte{}}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	limit := func(n uint64) func() error {
		return func() error {
			return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(n, was.Max), Max: was.Max})
		}
	}
	write := func(what string, n int, want error) func() error {
		return func() error {
			done, err := f.write(n)
			return step(fmt.Sprintf("%s, %d updates", what, done), err, want)
		}
	}
	return steps(
		limit(1<<20),
		func() error { return step("open, files limited", f.open(), store.ErrFull) },
		limit(was.Cur),
		f.open,
		write("write", 300, nil),
		limit(1<<20),
		write("write, files limited", 300, store.ErrFull),
		f.check,
		limit(was.Cur),
		write("write, limit lifted", 400, nil),
		limit(1<<20),
		write("write, files limited again", 1, store.ErrFull),
		limit(was.Cur),
		func() error { return step("close", f.s.Close(), nil) },
		f.open,
		f.check,
		write("write, open again", 10, nil),
		f.check,
		func() error { return step("close", f.s.Close(), nil) },
		func() error { fmt.Println("all there"); return nil },
	)
}

func fullChild(dir string) error {
	opts := options()
	opts.MinFree = smallMinFree
	f := &filler{dir: filepath.Join(dir, "store"), opts: opts, acked: map[string]byte{}}
	other := filepath.Join(dir, "other")
	writeUntilFull := func() error {
		done, err := f.write(1 << 20)
		if done == 0 {
			return fmt.Errorf("refused at once: %v", err)
		}
		return step(fmt.Sprintf("write until refused, %d updates", done), err, store.ErrFull)
	}
	return steps(
		func() error { return fill(other, 60<<20) },
		f.open,
		writeUntilFull,
		f.check,
		func() error { return os.Remove(other) }, // it works again without being opened again
		writeUntilFull,
		f.check,
		func() error { return step("close", f.s.Close(), nil) },
		func() error { return fillUp(other) },
		func() error { return step("open, disk full to the last byte", f.open(), store.ErrFull) },
		func() error { return os.Remove(other) },
		f.open,
		f.check,
		func() error { return step("close", f.s.Close(), nil) },
		func() error { fmt.Println("all there"); return nil },
	)
}

// crowdedChild lets a child write and takes the whole disk meanwhile. Mostly
// the child finds out in time, refuses, and goes on when there is room again; it
// may be killed too, for Badger's files are mapped. What it acknowledged must be
// there whatever becomes of it.
func crowdedChild(dir string) error {
	storeDir, other := filepath.Join(dir, "store"), filepath.Join(dir, "other")
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var p progress
	for round := range 8 {
		how, err := crowd(storeDir, other, &p, rng.IntN(6000))
		if err == nil {
			err = checkCounts(storeDir, &p)
		}
		if err != nil {
			return fmt.Errorf("seed %d, round %d: %w", seed, round, err)
		}
		fmt.Printf("writer %s; acknowledged %v\n", how, p.acked)
	}
	fmt.Println("all there")
	return nil
}

// crowd runs a writer, takes the disk after so many acknowledgements, gives it
// back when all have been refused, and kills the writer once it has gone on.
func crowd(dir, other string, p *progress, after int) (how string, err error) {
	cmd, err := childCmd("write", dir)
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Env = append(cmd.Env, fmt.Sprint(childMinFree, "=", smallMinFree))
	in, err1 := cmd.StdinPipe()
	pipe, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return "", err
	}
	out := bufio.NewReader(pipe)
	wentOn := false
	err = steps(
		func() error { _, err := p.read(out, "done", after); return err },
		func() error { return fillUp(other) },
		func() error { _, err := p.read(out, "full", writers); return err },
		func() error { return os.Remove(other) },
		func() error { in.Write(make([]byte, writers)); return nil }, // it may have died
		func() error { wentOn, err = p.read(out, "done", 100); return err },
		func() error { cmd.Process.Kill(); return nil },
		func() error { _, err := p.read(out, "", 1); return err },
	)
	cmd.Process.Kill()
	cmd.Wait()
	switch {
	case err != nil:
		return "", err
	case wentOn:
		return "refused and went on", nil
	case strings.Contains(said.String(), "signal SIGBUS"):
		return "was killed by the full disk", nil
	}
	return "", fmt.Errorf("the writer ended: %v, %s", cmd.ProcessState, &said)
}

func checkCounts(dir string, p *progress) error {
	o := options()
	o.MinFree = smallMinFree
	s, err := badgerstore.Open(dir, o)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.View(context.Background(), 0, p.check)
}

func fill(name string, n int) error { return os.WriteFile(name, make([]byte, n), 0o600) }

// fillUp takes all the room there is: most of it at one stroke, then what is left.
func fillUp(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	size := int64(0)
	for part := int64(smallDisk); part >= 4096; {
		if err := unix.Fallocate(int(file.Fd()), 0, size, part); errors.Is(err, unix.ENOSPC) {
			part /= 2
		} else if err != nil {
			return err
		} else {
			size += part
		}
	}
	return nil
}
