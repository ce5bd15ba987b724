package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// printJSON prints one object on one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows in columns; Chinese characters are two columns wide.
func (a *app) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], columns(cell))
		}
	}
	for _, row := range append([][]string{head}, rows...) {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-columns(cell)+2))
			}
		}
		a.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

func columns(s string) (n int) {
	for _, r := range s {
		if n++; r >= 0x1100 {
			n++
		}
	}
	return n
}

// named puts before an id what the record is called, where this device has it.
func (a *app) named(s string) string {
	id, err := syncproto.ParseRecordID(s)
	if err != nil {
		return s
	}
	if v, err := a.client.Get(id); err == nil && v.Title != "" {
		return v.Title + " " + s
	}
	return s
}

// plain prints a value for people.
func (a *app) plain(v any, indent string) string {
	switch v := v.(type) {
	case nil:
		return "—"
	case string:
		return strings.ReplaceAll(a.named(v), "\n", "\n"+indent)
	case bool:
		if v {
			return "是"
		}
		return "否"
	case []any:
		var lines []string
		for _, e := range v {
			lines = append(lines, a.plain(e, indent+"  "))
		}
		return strings.Join(lines, "\n"+indent)
	case map[string]any:
		var parts []string
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			parts = append(parts, k+"="+a.plain(v[k], indent))
		}
		return strings.Join(parts, "  ")
	}
	return fmt.Sprint(v)
}
