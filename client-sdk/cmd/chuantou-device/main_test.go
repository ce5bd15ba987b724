package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
)

// terminal is one device's command line.
type terminal struct {
	t   *testing.T
	dir string
}

// run runs a command and returns what it printed and its exit code.
func (d terminal) run(stdin string, args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"-dir", d.dir}, args...), strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

// ok runs a command that must succeed.
func (d terminal) ok(args ...string) string {
	d.t.Helper()
	out, errs, code := d.run("", args...)
	if code != exitOK {
		d.t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return out
}

// json runs a command with -json and reads its one object.
func (d terminal) json(args ...string) map[string]any {
	d.t.Helper()
	out := d.ok(append([]string{"-json"}, args...)...)
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil || strings.Count(out, "\n") != 1 {
		d.t.Fatalf("%v printed no single JSON object: %q", args, out)
	}
	return v
}

// fails runs a command that must fail and say so.
func (d terminal) fails(code int, want string, args ...string) {
	d.t.Helper()
	out, errs, got := d.run("", args...)
	if got != code || !strings.Contains(errs, want) || strings.Contains(errs, "panic") {
		d.t.Errorf("%v: exit %d, %q %q: want %d and %q", args, got, out, errs, code, want)
	}
}

func has(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

var visit = []string{"new", "ZF", "visit_type=企业走访", "visit_mode=上门", "met=见到本人", "place_code=330903105901", "org_name=船厂",
	"owner_unit=" + fakeserver.ID(103).String(), "situation=吃水要挑", "notice_given=true", `interviewees+={"person":"曾例海"}`, "tags+=好做法"}

func TestADay(t *testing.T) {
	server := fakeserver.New(1, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	a, b := terminal{t, filepath.Join(t.TempDir(), "a")}, terminal{t, filepath.Join(t.TempDir(), "b")}

	has(t, a.ok("status"), "尚未注册")
	a.fails(exitError, "先注册：chuantou-device enrol", "sync")
	a.fails(exitError, "unknown or used", "enrol", srv.URL, "guess")
	has(t, a.ok("enrol", srv.URL, server.Code(fakeserver.ID(1)), "-name", "A7"), "方例远")
	b.ok("enrol", srv.URL, server.Code(fakeserver.ID(2)), "-name", "B2")
	a.fails(exitError, "enrolled already", "enrol", srv.URL, "again")

	// A draft, corrected, submitted.
	d := a.json(visit...)
	draft, record := d["draft"].(string), d["record"].(string)
	has(t, a.ok("list"), "草稿", draft)
	a.ok("edit", draft, "situation=岛上吃水要挑", "tags-=好做法")
	has(t, a.ok("show", draft), "岛上吃水要挑", "A7-001")
	a.fails(exitError, "none of its values, 见到本人 / 见到家属 / 未遇", "edit", draft, "met=见到邻居")
	a.fails(exitError, "has no field", "edit", draft, "nothing=1")
	a.ok("submit", draft)
	has(t, a.ok("status", record), "已提交 · 待上传")
	has(t, a.ok("status"), "待上传 1 条")

	// The outbox as a file.
	file := filepath.Join(t.TempDir(), "outbox")
	has(t, a.ok("export-outbox", file), "1 条")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if bundles, err := server.OpenOutbox(f); err != nil || len(bundles) != 1 {
		t.Errorf("%d bundles, %v", len(bundles), err)
	}
	a.fails(exitError, "exists", "export-outbox", file)

	if r := a.json("sync"); r["ok"] != true || r["pushed"] != 1.0 || r["mismatches"] != 0.0 {
		t.Errorf("%v", r)
	}
	has(t, a.ok("status", record), "已提交 · 已收到")
	b.ok("sync")
	rows := b.json("list", "-kind", "ZF")["records"].([]any)
	if len(rows) != 1 || rows[0].(map[string]any)["record"] != record {
		t.Fatalf("%v", rows)
	}

	// Both change it apart; the conflict is shown and settled.
	number := rows[0].(map[string]any)["number"].(string)
	a.ok("edit", number, "-submit", "met=未遇")
	b.ok("edit", record, "-submit", "met=见到家属")
	a.ok("sync")
	has(t, b.ok("sync"), "有不同修改 1 条")
	has(t, b.ok("show", record), "有不同修改", "未遇", "见到家属")
	b.fails(exitError, "these are", "resolve", record, "visit_mode", "1")
	b.fails(exitError, "1 to 2", "resolve", record, "met", "3")
	b.ok("resolve", record, "met", "=未遇")
	b.fails(exitError, "nothing of this record", "resolve", record, "met", "1")
	b.ok("sync")
	a.ok("sync")
	if v := a.ok("show", record); strings.Contains(v, "有不同修改") {
		t.Errorf("not settled:\n%s", v)
	}
	// An id is shown with what the record is called.
	unit := a.json("new", "unit", "-submit", "name=东极镇", "level=乡镇", "place=330903105")["record"].(string)
	named := a.json("new", "ZF", "met=未遇", "owner_unit="+unit)["draft"].(string)
	has(t, a.ok("show", named), "东极镇 "+unit)
	a.ok("discard", named)
	if h := a.json("history", record)["history"].([]any); len(h) < 2 {
		t.Errorf("history: %v", h)
	}
	a.ok("void", record, "写错户")
	if rows := a.json("list")["records"].([]any); len(rows) != 0 {
		t.Errorf("a voided record is listed: %v", rows)
	}
	has(t, a.ok("list", "-voided"), "已作废")
	a.ok("restore", record)
}

func TestJoin(t *testing.T) {
	server := fakeserver.New(2, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	a, b := terminal{t, filepath.Join(t.TempDir(), "a")}, terminal{t, filepath.Join(t.TempDir(), "b")}
	a.ok("enrol", srv.URL, server.Code(fakeserver.ID(1)))
	b.ok("enrol", srv.URL, server.Code(fakeserver.ID(2)))
	m := a.json("new", "HY", "meeting_type=道地会", "place_code=330903105902", `statements:=[{"speaker":"翁例娥","mode":"原话","text":"隔天来水"}]`)
	a.ok("share", m["draft"].(string))
	code := m["code"].(string)
	j := b.json("join", code, `statements+={"speaker":"仇例娣","mode":"原话","text":"路灯不亮"}`)
	if j["record"] != m["record"] {
		t.Fatalf("%v joined %v", j, m)
	}
	b.ok("share", j["draft"].(string))
	a.ok("sync")
	b.ok("sync")
	a.ok("sync")
	has(t, a.ok("show", m["record"].(string)), "隔天来水", "路灯不亮", "草稿 · 已收到", code)
	b.fails(exitError, "no 0, O, 1 or I", "join", "7K3M-QX2P-9BH0")
	b.fails(exitError, "-anyway", "join", "7K3M-QX2P-9BHA")
}

func TestUsage(t *testing.T) {
	d := terminal{t, filepath.Join(t.TempDir(), "d")}
	d.fails(exitUsage, "usage: chuantou-device")
	d.fails(exitUsage, "no command", "frobnicate")
	for _, args := range [][]string{{"new"}, {"submit"}, {"submit", "-all", "x"}, {"void", "x"}, {"show"}, {"enrol", "x"}, {"list", "x"}, {"sync", "x"}} {
		d.fails(exitUsage, "usage: chuantou-device [-dir DIR] [-json] [-pin-file FILE] "+args[0], args...)
	}
	d.fails(exitError, "no kind", "new", "XX")
	d.fails(exitError, "no FIELD=VALUE", "new", "ZF", "met")
	d.fails(exitError, "no such record", "show", "12345678")
	d.fails(exitError, "no drafts", "submit", "-all")
	d.fails(exitError, "is no day", "list", "-from", "yesterday")
	has(t, d.ok("kinds"), "ZF", "走访记录")
	has(t, d.ok("kinds", "ZF"), "situation", "met", "未遇")
	if out, _, code := d.run("", "help"); code != exitOK || !strings.Contains(out, "export-outbox") {
		t.Errorf("help: %d %s", code, out)
	}
}

func TestStdin(t *testing.T) {
	d := terminal{t, filepath.Join(t.TempDir(), "d")}
	out, errs, code := d.run(`{"met":"未遇","headcount":3}`, "new", "ZF", "-")
	if code != exitError || !strings.Contains(errs, "headcount") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	out, errs, code = d.run(`{"met":"未遇","scene":"门锁着"}`, "-json", "new", "ZF", "-")
	if code != exitOK || !strings.Contains(out, "草稿") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, errs, code = d.run(`{"met":`, "new", "ZF", "-"); code != exitError || !strings.Contains(errs, "not JSON") {
		t.Errorf("%d %s", code, errs)
	}
}

// TestTimes: times are shown in the zone that records are written in.
func TestTimes(t *testing.T) {
	if got := shortTime("2026-05-21T08:30+08:00") + " " + shortTime("2026-05-21T00:30:00Z"); got != "2026-05-21 08:30 2026-05-21 08:30" {
		t.Errorf("times %s", got)
	}
}

// TestLocked: a folder is open in one place at a time.
func TestLocked(t *testing.T) {
	d := terminal{t, filepath.Join(t.TempDir(), "d")}
	d.ok("status")
	a := &app{ctx: context.Background(), dir: d.dir, out: &bytes.Buffer{}}
	err := a.run(command{run: func(*app, []string) error {
		d.fails(exitError, "already open", "status")
		return nil
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
}
