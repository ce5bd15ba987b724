package chuantou_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/chuantou/chuantou/"

// forbidden lists imports that no build of a package may reach, and why. A
// package ending in /... stands for itself and everything below it.
var forbidden = []struct{ pkg, dep, why string }{
	{"syncproto/...", module + "server", "the vocabulary and the merge rules know no server"},
	{"syncproto/...", module + "client-sdk", "nor a client"},
	{"syncproto/...", "net/http", "the protocol has no sockets"},
	{"syncproto/...", "github.com/dgraph-io/badger", "nor a store"},
	{"syncproto/crdt", module + "syncproto/schema", "join never reads the schema: two schema versions must not show two winners"},
	{"syncproto/text/...", module + "syncproto/wire", "the text engine stands alone"},
	{"syncproto/text/tree", "github.com/chuantou", "an order of numbers, whatever they stand for"},
	{"syncproto/text/edit", module + "syncproto/text/tree", "an edit is read and written without any text"},
	{"syncproto/text", module + "syncproto/text/fold", "a text may be folded, and knows of no fold"},
	{"syncproto/session", module + "syncproto/crdt", "the sync state machine moves bytes, it merges nothing"},
	{"server/...", module + "syncproto/simnet", "the simulation's clock and network are for tests"},
	{"client-sdk/...", module + "syncproto/simnet", "likewise"},
	{"server/...", module + "syncproto/history", "the checker is for tests"},
	{"client-sdk/...", module + "syncproto/history", "likewise"},
	{"syncproto/history", "github.com/chuantou", "what judges the system shares no code with it"},
	{"server/...", module + "client-sdk", "the server must not need a client"},
	{"client-sdk/...", module + "server", "a device must not need a server"},
	{"client-sdk/...", "github.com/labstack/echo", "a device serves nothing"},
	{"server/authz", module + "server/store", "rights are a pure function"},
	{"server/store", "github.com/dgraph-io/badger", "the contract knows no engine"},
	{"server/httpapi", "github.com/dgraph-io/badger", "nor do the routes"},
	{"server/web", module + "server/store", "pages know view models only"},
}

// deps lists, per package of the module, everything its build reaches.
func deps(t *testing.T, env ...string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...")
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok {
			stderr = string(e.Stderr)
		}
		t.Fatalf("go list: %v\n%s", err, stderr)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 0 {
			all[f[0]] = f[1:]
		}
	}
	return all
}

func matches(pattern, pkg string) bool {
	root, deep := strings.CutSuffix(pattern, "/...")
	return pkg == module+root || deep && strings.HasPrefix(pkg, module+root+"/")
}

func TestImportArrows(t *testing.T) {
	all := deps(t)
	for _, f := range forbidden {
		found := false
		for pkg, reached := range all {
			if !matches(f.pkg, pkg) {
				continue
			}
			found = true
			for _, dep := range reached {
				if dep == f.dep || strings.HasPrefix(dep, f.dep+"/") {
					t.Errorf("%s reaches %s: %s", pkg, dep, f.why)
				}
			}
		}
		if !found {
			t.Errorf("no package matches %s: the table is out of date", f.pkg)
		}
	}
}

// notHere skips loudly on a machine that cannot run a check, and fails in CI.
func notHere(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// A browser must be able to load the client: no Badger, no Echo in its build.
func TestBrowserBuildIsLean(t *testing.T) {
	for _, dep := range deps(t, "GOOS=js", "GOARCH=wasm")[module+"client-sdk"] {
		if strings.Contains(dep, "dgraph-io/badger") || strings.Contains(dep, "labstack/echo") {
			t.Errorf("client-sdk for js/wasm reaches %s", dep)
		}
	}
}

// The vocabulary takes clocks and chance as arguments.
func TestProtocolReadsNoClock(t *testing.T) {
	out, err := exec.Command("git", "grep", "-nE", `time\.Now\(|math/rand|rand\.Read\(|crypto/rand`, "--",
		"syncproto/*.go", ":!*_test.go", ":!syncproto/cmd/*", ":!syncproto/*/cmd/*", ":!syncproto/vectors/gen/*").Output()
	if e, ok := err.(*exec.ExitError); err != nil && (!ok || e.ExitCode() != 1) {
		notHere(t, "not a git checkout: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "uuid.") {
			t.Errorf("a clock or a source of chance of its own: %s", strings.TrimSpace(line))
		}
	}
}

// No check-in, ranking, points or tracking: neither as a route nor as a field.
func TestHardProductRule(t *testing.T) {
	out, err := exec.Command("git", "grep", "-niE", `"/?(v1/)?(check[-_]?in|ranking|leaderboard|points|online[-_]?time|app[-_]?usage|track|tracking)["/]`, "--",
		"server/*.go", "client-sdk/*.go", "server/httpapi/openapi.json").Output()
	if e, ok := err.(*exec.ExitError); err != nil && (!ok || e.ExitCode() != 1) {
		notHere(t, "not a git checkout: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "_test.go") {
			t.Errorf("looks like a forbidden feature: %s", strings.TrimSpace(line))
		}
	}
}
