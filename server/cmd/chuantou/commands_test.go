package main_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCommandLines(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args  string
		code  int
		texts []string
	}{
		{"", 2, []string{"chuantou serve", "CHUANTOU_DATA"}},
		{"help", 0, []string{"chuantou init", "Exit status"}},
		{"-h", 0, []string{"chuantou init"}},
		{"version", 0, []string{"go1."}},
		{"backup -h", 0, []string{"age", "verify", "-passphrase-file"}},
		{"restore -h", 0, []string{"new history"}},
		{"backup", 2, []string{"name one file"}},
		{"backup x", 2, []string{"-data is missing"}},
		{"backup x -data y", 2, []string{"-to RECIPIENT"}},
		{"backup x -data y -to z", 1, []string{"recipient"}},
		{"restore x", 2, []string{"name a backup"}},
		{"restore x y", 2, []string{"-key KEYFILE"}},
		{"admin deliver -data x", 2, []string{"want 1"}},
		{"init -h", 0, []string{"DIR/keys", "seal.key", "-origin"}},
		{"serve -h", 0, []string{"SIGTERM", "-trusted-proxy"}},
		{"admin -h", 0, []string{"standard input", "-person"}},
		{"admin code -h", 0, []string{"24 hours"}},
		{"sail", 2, []string{`no command "sail"`}},
		{"serve", 2, []string{"-data is missing"}},
		{"serve -data", 2, []string{"needs an argument"}},
		{"serve -date x", 2, []string{"-date", "serve -h"}},
		{"serve -data x y", 2, []string{`what is "y"?`}},
		{"serve -data x -log-format xml", 2, []string{"text or json"}},
		{"serve -data x -log-level loud", 2, []string{"debug, info"}},
		{"serve -data x -trusted-proxy here", 2, []string{`"here" is no address`}},
		{"init", 2, []string{"name one folder"}},
		{"init a b", 2, []string{"name one folder"}},
		{"init " + dir + "/x", 2, []string{"-origin is missing"}},
		{"admin", 2, []string{`there is no ""`}},
		{"admin devices -data x", 2, []string{"-person is missing"}},
		{"admin revoke -data x", 2, []string{"0 words", "want 1"}},
		{"admin revoke -data x y", 2, []string{`"y" is not a device`}},
		{"admin held -data x", 2, []string{"-by is missing"}},
		{"admin reject -data x -by y a b", 2, []string{"-reason is missing"}},
		{"admin release -data x -by y a", 2, []string{"1 words", "want 2"}},
		{"admin release -data x -by y a b", 2, []string{`"a" is not a device`}},
		{"admin fire -data x -person y", 2, []string{`"fire"`}},
		{"admin code -data x", 2, []string{"-person is missing"}},
		{"admin code -data " + dir + " -person x", 1, []string{"chuantou init"}},
	} {
		chuantou(t, "", nil, strings.Fields(c.args)...).want(t, c.args, c.code, c.texts...)
	}
	chuantou(t, "", []string{"CHUANTOU_DATA=" + dir}, "serve").want(t, "folder from the environment", 1, "chuantou init", dir)
	chuantou(t, "", []string{"CHUANTOU_LOG_FORMAT=xml"}, "serve", "-data", dir).want(t, "a bad one from there", 2, "text or json")
}

func TestInit(t *testing.T) {
	dir, _ := folder(t)
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{"": 0o700, "keys": 0o700, "store": 0o700, "keys/sign.key": 0o600, "keys/seal.key": 0o600, "keys/cursor.key": 0o600,
			"keys/pages.key": 0o600, "server.json": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s has mode %04o, want %04o", name, got, want)
			}
		}
	}
	keys := map[string]bool{}
	for _, name := range []string{"sign.key", "seal.key", "cursor.key", "pages.key"} {
		keys[read(t, filepath.Join(dir, "keys", name))] = true
	}
	if len(keys) != 4 {
		t.Error("two keys are the same")
	}
	before := read(t, filepath.Join(dir, "keys", "seal.key"))
	again := func(dir string, more ...string) result {
		return chuantou(t, "", nil, append([]string{"init", "-origin", "http://127.0.0.1", "-name", "普陀区", "-place", "3309", "-admin", "童例宁", dir}, more...)...)
	}
	again(dir).want(t, "init a second time", 1, "initialised already", "nothing was changed")
	if err := os.Remove(filepath.Join(dir, "server.json")); err != nil {
		t.Fatal(err)
	}
	again(dir).want(t, "init where something lies", 1, "not empty")
	if read(t, filepath.Join(dir, "keys", "seal.key")) != before {
		t.Error("init replaced a key that was there")
	}
	for name, flags := range map[string][]string{"origin": {"-origin", "ftp://x"}, "path": {"-origin", "http://x/y"}, "place": {"-place", "舟山"}, "name": {"-name", "a\x07"}, "long": {"-admin", strings.Repeat("长", 200)}} {
		dir := filepath.Join(t.TempDir(), "data")
		again(dir, flags...).want(t, "init with a bad "+name, 1, "init:")
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a refused init left a folder", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An init that was cut off served nobody yet: it is said, and done over.
func TestInitCutOff(t *testing.T) {
	dir, _ := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "INITIALISING"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	chuantou(t, "", nil, "serve", "-data", dir).want(t, "serve", 1, "did not finish", "chuantou init")
	chuantou(t, "", nil, "init", dir, "-origin", "http://127.0.0.1", "-name", "普陀区", "-place", "3309", "-admin", "童例宁").want(t, "init again", 0)
	serve(t, dir).stop()
}

func TestServeRefuses(t *testing.T) {
	empty := t.TempDir()
	chuantou(t, "", nil, "serve", "-data", empty).want(t, "an empty folder", 1, "run `chuantou init`")
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 0 {
		t.Errorf("it left something there: %v, %v", entries, err)
	}
	chuantou(t, "", nil, "serve", "-data", filepath.Join(empty, "none")).want(t, "no folder", 1, "run `chuantou init`")

	dir, _ := folder(t)
	quiet := []string{"serve", "-data", dir, "-listen", "127.0.0.1:0"}
	with := func(more ...string) result { return chuantou(t, "", nil, append(quiet, more...)...) }
	with("-kinds", filepath.Join(dir, "none")).want(t, "no folder of kinds", 1, "kinds")
	with("-tls-cert", "x").want(t, "half of TLS", 1, "both files")
	with("-tls-cert", "x", "-tls-key", "y").want(t, "no certificate", 1, "TLS")
	with("-listen", "nowhere").want(t, "no address", 1, "listen")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	with("-listen", l.Addr().String()).want(t, "a port in use", 1, "listen", l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "keys", "sign.key")
	if runtime.GOOS != "windows" {
		if err := os.Chmod(key, 0o644); err != nil {
			t.Fatal(err)
		}
		with().want(t, "a key open to others", 1, key, "0644", "chmod 600")
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := read(t, key)
	for name, b := range map[string]string{"cut": good[:30], "empty": "", "garbage": strings.Repeat("x", 64)} {
		if err := os.WriteFile(key, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		with().want(t, "a key that is "+name, 1, key, "damaged")
	}
	if err := os.WriteFile(key, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "server.json")
	was := read(t, settings)
	for _, b := range []string{"", "{}", "{", strings.Replace(was, `"format": 1`, `"format": 9`, 1)} {
		if err := os.WriteFile(settings, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		with().want(t, "bad settings", 1, settings)
	}
	if err := os.WriteFile(settings, []byte(was), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "admin.sock")
	if err := os.WriteFile(socket, []byte("somebody's notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	with().want(t, "something else in the socket's place", 1, socket, "move it away")
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	p := serve(t, dir)
	with().want(t, "a folder in use", 1, "in use")
	p.stop()
}
