package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each load in small, against a real server process: all devices of a township
// end with the same digest, whatever the clocks of the files say.
func TestLoads(t *testing.T) {
	small := portFiles(t)
	for _, work := range []string{"w1", "w3", "w4"} {
		r, err := run(t.Context(), small, work, "", "", "", t.Logf)
		if err != nil || !r.OK || r.Devices != 4 || r.Changes != 4*(3+2) || r.Held != 0 || r.UpKB <= 0 || r.DownKB <= 0 {
			t.Errorf("%s: %+v, %v", work, r, err)
		}
		if work == "w3" && (r.Idle == nil || r.Idle.Reqs != 1) {
			t.Errorf("a device with nothing new: %+v", r.Idle)
		}
	}
	r, err := run(t.Context(), catchupFiles(t), "w2", "", "", "", t.Logf)
	if err != nil || !r.OK || r.Changes != 5+20 {
		t.Errorf("w2: %+v, %v", r, err)
	}
}

// files writes a folder of newline-delimited JSON.
func files(t *testing.T, all map[string][]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, lines := range all {
		var b strings.Builder
		for _, l := range lines {
			line, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var begin = time.Date(2025, 7, 1, 8, 0, 0, 0, time.UTC)

// iso is a day of the files, and some minutes.
func iso(day, minutes int) string {
	return begin.AddDate(0, 0, day).Add(time.Duration(minutes) * time.Minute).Format("2006-01-02T15:04:05.000Z")
}

func made(name string, township, day int) record {
	at := iso(day, len(name))
	return record{ID: name, Type: []string{"visit", "minutes", "aid"}[len(name)%3], Township: township, Village: "东屿20村", Household: "H0-1",
		Author: "欧例旺", Device: "dev-0000", CreatedAt: at, UpdatedAt: at, Title: "看水", People: []string{"苏例凤"}, Body: "隔天来水，" + name + "。", Need: "装泵",
		Status: "转交上级", Amount: int64(len(name) % 2), FollowUp: at[:10], Tags: []string{"重点"}}
}

// portFiles: four devices in two townships; each edits what lay there half a
// year before, one record of it together with its neighbour.
func portFiles(t *testing.T) string {
	all := map[string][]any{}
	for i := range 6 {
		all["base.ndjson"] = append(all["base.ndjson"], made(fmt.Sprint("base-", i), i%2, 0))
		all["ballast.ndjson"] = append(all["ballast.ndjson"], made(fmt.Sprint("ballast-", i), i%2, 1))
	}
	for d := range 4 {
		l := load{Device: fmt.Sprint("dev-", d), Township: d % 2}
		for n := range 3 {
			l.New = append(l.New, made(fmt.Sprintf("new-%d-%d", d, n), l.Township, 180))
		}
		for n, id := range []int{l.Township, l.Township + 2*(1+d/2)} {
			l.Edits = append(l.Edits, edit{ID: fmt.Sprint("base-", id), Device: l.Device, At: iso(181, n),
				Set: map[string]any{"updated_at": iso(181, n), "status": fmt.Sprint("办了 ", d), "need": "不用了"}})
		}
		all["devices.ndjson"] = append(all["devices.ndjson"], l)
	}
	return files(t, all)
}

// catchupFiles: five records edited, at the end half a year later, and twenty new ones.
func catchupFiles(t *testing.T) string {
	all := map[string][]any{}
	for i := range 5 {
		name := fmt.Sprint("old-", i)
		all["catchup_base.ndjson"] = append(all["catchup_base.ndjson"], made(name, 0, 0))
		all["catchup_edits.ndjson"] = append(all["catchup_edits.ndjson"], edit{ID: name, Device: "dev-0001", At: iso(40*i, 0), Set: map[string]any{"updated_at": iso(40*i, 0), "status": "办结"}})
	}
	for i := range 20 {
		all["catchup_new.ndjson"] = append(all["catchup_new.ndjson"], made(fmt.Sprint("new-", i), 0, 170))
	}
	return files(t, all)
}
