package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// record is one record of a workload file; see the generator's README.
type record struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	Township  int      `json:"township"`
	Village   string   `json:"village"`
	Household string   `json:"household"`
	Author    string   `json:"author"`
	Device    string   `json:"device"`
	CreatedAt string   `json:"created_at"`
	UpdatedAt string   `json:"updated_at"`
	Title     string   `json:"title"`
	People    []string `json:"people"`
	Body      string   `json:"body"`
	Need      string   `json:"need"`
	Status    string   `json:"status"`
	Amount    int64    `json:"amount"`
	FollowUp  string   `json:"follow_up"`
	Location  struct {
		Lat float64 `json:"lat"`
		Lng float64 `json:"lng"`
	} `json:"location"`
	Tags []string `json:"tags"`
}

// edit is one edit: new values of some fields.
type edit struct {
	ID     string         `json:"id"`
	Device string         `json:"device"`
	At     string         `json:"at"`
	Set    map[string]any `json:"set"`
}

// load is what one device did offline.
type load struct {
	Device   string   `json:"device"`
	Township int      `json:"township"`
	New      []record `json:"new"`
	Edits    []edit   `json:"edits"`
}

// each reads one newline-delimited file; a missing file has no lines.
func each[T any](dir, name string, fn func(T) error) error {
	f, err := os.Open(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	for line := 1; ; line++ {
		b, err := r.ReadBytes('\n')
		if len(b) > 0 {
			var v T
			if err := json.Unmarshal(b, &v); err != nil {
				return fmt.Errorf("%s line %d: %w", name, line, err)
			}
			if err := fn(v); err != nil {
				return fmt.Errorf("%s line %d: %w", name, line, err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var local = time.FixedZone("+08:00", 8*60*60)

// localTime writes the workload's UTC times as the product does.
func localTime(iso string) string {
	t, err := time.Parse(time.RFC3339, iso)
	if err != nil {
		return iso
	}
	return t.In(local).Format("2006-01-02T15:04:05+08:00")
}

func parseTime(iso string) time.Time {
	t, _ := time.Parse(time.RFC3339, iso)
	return t
}

// kindOf maps a type of the workload to a kind: visits and aid are 走访,
// minutes a shared 手记.
func kindOf(typ string) string {
	if typ == "minutes" {
		return "SJ"
	}
	return "ZF"
}

// fieldsOf maps a record's 18 fields to the fields of its kind, none left out.
// (Device and township are in the change and the place.)
func fieldsOf(r *record, place string) map[string]any {
	f := map[string]any{
		"place_code": place, "hamlet": r.Village, "place_text": r.Household, "occurred_at": localTime(r.CreatedAt), "ended_at": localTime(r.UpdatedAt),
		"summary": r.Title, "visibility": "本级及上级", "tags": anys(r.Tags),
		"geo": map[string]any{"lat": r.Location.Lat, "lng": r.Location.Lng, "datum": "WGS-84"},
	}
	if kindOf(r.Type) == "SJ" {
		f["on"], f["heard"], f["learned"], f["weather"] = r.CreatedAt[:10], r.Body, r.Need, r.Status
		f["seen"] = r.Author + "、" + strings.Join(r.People, "、") + "，" + r.FollowUp
		return f
	}
	f["visit_type"], f["visit_mode"], f["met"] = "蹲点走访", "上门", "见到本人"
	f["companions"], f["situation"], f["problems_heard"], f["purpose"] = anys(r.People), r.Body, r.Need, r.Status
	f["interviewees"] = []any{map[string]any{"person": r.Author}}
	f["next_visit_on"], f["notice_given"] = r.FollowUp, true
	f["household_mask"] = r.Household
	if r.Amount > 0 {
		f["relief_money"] = r.Amount * 100
		f["receipt"] = []any{map[string]any{"by": r.Author, "mode": "屏幕手写", "at": localTime(r.UpdatedAt)}}
	}
	return f
}

// editsOf maps the fields of an edit.
func editsOf(kind string, set map[string]any) map[string]any {
	f := map[string]any{}
	for k, v := range set {
		s, _ := v.(string)
		switch {
		case k == "updated_at":
			f["ended_at"] = localTime(s)
		case k == "status" && kind == "SJ":
			f["weather"] = s
		case k == "status":
			f["purpose"] = s
		case k == "need" && kind == "SJ":
			f["learned"] = s
		case k == "need":
			f["problems_heard"] = s
		case k == "body" && kind == "SJ":
			f["heard"] = s
		case k == "body":
			f["situation"] = s
		case k == "follow_up" && kind == "SJ":
			f["felt"] = s
		case k == "follow_up":
			f["next_visit_on"] = s
		}
	}
	return f
}

func anys(l []string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}
