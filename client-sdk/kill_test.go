package clientsdk_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// killChild, when set, makes the test binary a device that works until it is
// killed: "DIR SEED".
const killChild = "CHUANTOU_TEST_DEVICE"

func TestMain(m *testing.M) {
	if args := os.Getenv(killChild); args != "" {
		dir, seed, _ := strings.Cut(args, "|")
		if err := workForEver(dir, seed); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// workForEver writes and syncs without end. Before each call it prints "try"
// with what it is about to do, after it "done" with the same.
func workForEver(dir, seed string) error {
	c, err := clientsdk.Open(dir, clientsdk.Options{})
	if err != nil {
		return err
	}
	var n uint64
	fmt.Sscan(seed, &n)
	r := rand.New(rand.NewPCG(n, 1))
	ctx := context.Background()
	for i := 0; ; i++ {
		what, call, err := nextCall(ctx, c, r, fmt.Sprintf("%s-%d", seed, i))
		if err != nil {
			return err
		}
		fmt.Println("try", what)
		if err := call(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Println("done", what)
	}
}

func nextCall(ctx context.Context, c *clientsdk.Client, r *rand.Rand, text string) (string, func() error, error) {
	rows, err := c.Query(clientsdk.Filter{Kinds: []string{"ZF"}})
	if err != nil {
		return "", nil, err
	}
	switch n := r.IntN(10); {
	case n == 0:
		return "sync", func() error { _, err := c.Sync(ctx); return err }, nil
	case n < 3:
		d, err := c.Create("ZF")
		if err != nil {
			return "", nil, err
		}
		d.Set("situation", text)
		return fmt.Sprintf("draft %s %s", d.ID(), text), d.Save, nil
	case n < 6 && len(rows) > 0:
		id := rows[r.IntN(len(rows))].Record
		d, err := c.Edit(id)
		if err != nil {
			return "", nil, err
		}
		d.Set("summary", text)
		return fmt.Sprintf("record %s %s", id, text), func() error { return c.Submit(ctx, d) }, nil
	}
	d, err := c.Create("ZF")
	if err != nil {
		return "", nil, err
	}
	d.Fill(map[string]any{"visit_type": "企业走访", "visit_mode": "上门", "met": "未遇", "place_code": village, "owner_unit": unitU3.String(),
		"org_name": "船厂", "summary": text, "notice_given": true})
	return fmt.Sprintf("record %s %s", d.Record(), text), func() error { return c.Submit(ctx, d) }, nil
}

// history is what the checker knows: for each record and draft the text of the
// last call that returned, and those of calls that may or may not have.
type history struct {
	done  map[string]string
	maybe map[string][]string
	saved int
}

func (h *history) line(t *testing.T, line string) {
	word, what, _ := strings.Cut(line, " ")
	if word == "error" {
		t.Fatalf("the device: %s", what)
	}
	if what == "sync" {
		return
	}
	i := strings.LastIndexByte(what, ' ')
	key, text := what[:i], what[i+1:]
	switch word {
	case "try":
		h.maybe[key] = append(h.maybe[key], text)
	case "done":
		h.done[key], h.maybe[key] = text, nil
		h.saved++
	}
}

// TestKilledDevice kills a device at random moments, many times, and checks
// that whatever it was told is saved is there, on the device and after a last
// sync on the server.
func TestKilledDevice(t *testing.T) {
	const rounds = 20
	seed := uint64(os.Getpid())
	r := rand.New(rand.NewPCG(seed, 2))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	server := fakeserver.New(9, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "device")
	c := openDir(t, dir)
	if err := c.Enrol(context.Background(), srv.URL, server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	c.Close()

	h := &history{done: map[string]string{}, maybe: map[string][]string{}}
	for round := range rounds {
		killRound(t, dir, fmt.Sprint(seed, "/", round), 1+r.IntN(40), h)
	}
	c = openDir(t, dir)
	if _, err := c.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.check(t, c, server)
	if h.saved < rounds {
		t.Errorf("only %d calls returned in %d rounds", h.saved, rounds)
	}
	t.Logf("%d acknowledged calls, %d records and drafts, %d kills", h.saved, len(h.done), rounds)
}

func openDir(t *testing.T, dir string) *clientsdk.Client {
	t.Helper()
	c, err := clientsdk.Open(dir, clientsdk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// killRound lets the device work until it has printed so many lines and kills
// it in the middle of whatever it does then.
func killRound(t *testing.T, dir, seed string, lines int, h *history) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killChild+"="+dir+"|"+strings.NewReplacer(" ", "", "/", "").Replace(seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	for n := 0; s.Scan(); n++ {
		h.line(t, s.Text())
		if n == lines {
			cmd.Process.Kill() // what it printed meanwhile is read on
		}
	}
	cmd.Wait()
	if cmd.ProcessState.Success() {
		t.Fatal("the device ended by itself")
	}
}

func (h *history) check(t *testing.T, c *clientsdk.Client, server *fakeserver.Server) {
	for key, want := range h.done {
		what, id, _ := strings.Cut(key, " ")
		allowed := append([]string{want}, h.maybe[key]...)
		var got string
		if what == "draft" {
			d, err := c.Draft(clientsdk.DraftID(id))
			if err != nil {
				t.Errorf("an acknowledged draft is lost: %v", err)
				continue
			}
			v, err := d.View()
			if err != nil {
				t.Fatal(err)
			}
			got, _ = v.Value("situation").(string)
		} else {
			record, err := syncproto.ParseRecordID(id)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Get(record)
			if err != nil {
				t.Errorf("an acknowledged record is lost: %v", err)
				continue
			}
			got, _ = v.Value("summary").(string)
			rec := server.Record(record)
			if rec == nil {
				t.Errorf("record %s did not reach the server", id)
				continue
			}
			if e, _ := rec.Value("summary"); fmt.Sprint(plainOf(e.Value)) != got || len(rec.Values("summary")) != 1 {
				t.Errorf("record %s: the server has another summary than the device", id)
			}
		}
		if !contains(allowed, got) {
			t.Errorf("%s reads %q, acknowledged was %q (maybe %q)", key, got, want, h.maybe[key])
		}
	}
}

func plainOf(v syncproto.Value) any {
	out, _ := wire.DecodeValue(v)
	return out
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}
