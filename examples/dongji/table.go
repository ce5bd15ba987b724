package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
	"unicode"
)

// tableRow is a row of GET /v1/timeline, as far as the table shows it.
type tableRow struct {
	Record   string    `json:"record"`
	Kind     string    `json:"kind"`
	Label    string    `json:"label"`
	Title    string    `json:"title"`
	Summary  string    `json:"summary"`
	Occurred time.Time `json:"occurred"`
	DateOnly bool      `json:"date_only"`
	Received time.Time `json:"received"`
	Where    string    `json:"where"`
	Who      []string  `json:"who"`
	Marks    []string  `json:"marks"`
}

// login opens a session as the leader, with his password.
func (s *stage) login(ctx context.Context) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	web := &http.Client{Jar: jar, Timeout: time.Minute}
	body, err := json.Marshal(map[string]string{"name": leader, "password": password})
	if err != nil {
		return nil, err
	}
	return web, call(ctx, web, http.MethodPost, "http://"+s.server.Addr+"/v1/login", body, nil)
}

// timeline reads all rows as the leader.
func (s *stage) timeline(ctx context.Context, order string) ([]tableRow, error) {
	web, err := s.login(ctx)
	if err != nil {
		return nil, err
	}
	base := "http://" + s.server.Addr
	var all []tableRow
	after := ""
	for {
		var page struct {
			Rows []tableRow `json:"rows"`
			Next string     `json:"next"`
		}
		if err := call(ctx, web, http.MethodGet, base+"/v1/timeline?limit=50&order="+order+"&after="+after, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Rows...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

func call(ctx context.Context, c *http.Client, method, url string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, req.URL.Path, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// printRows prints the merged timeline as a table, newest first.
func (s *stage) printRows(rows []tableRow) {
	s.say("\n民情时间轴（%s 看到的，按发生时间）", leader)
	for _, r := range rows {
		when := r.Occurred.In(local).Format("2006-01-02 15:04")
		if r.DateOnly {
			when = r.Occurred.In(local).Format("2006-01-02") + "      "
		}
		s.say("%s  %s%s%s%s  %s", when, pad(r.Label, 8), pad(r.Title, 34), pad(strings.Join(r.Who, "、"), 20), pad(r.Where, 30), strings.Join(append(marks(r.Summary), r.Marks...), "  "))
	}
}

func marks(summary string) []string {
	if summary == "" {
		return nil
	}
	return []string{summary}
}

// pad fills a cell to a width counted as a terminal does: Han characters take two.
func pad(s string, width int) string {
	n := 0
	for i, r := range s {
		w := 1
		if unicode.Is(unicode.Han, r) || strings.ContainsRune("（）、，。：；“”〔〕·", r) {
			w = 2
		}
		if n+w > width-1 {
			return s[:i] + "…" + strings.Repeat(" ", max(width-n-1, 0))
		}
		n += w
	}
	return s + strings.Repeat(" ", width-n)
}

// printHeld tells in words what the server holds, as each author is told.
func (s *stage) printHeld(context.Context) {
	s.say("")
	for _, name := range s.order {
		p := s.phones[name]
		if p.held > 0 || p.conflicts > 0 {
			s.say("%s（%s）：%s", name, p.owner, strings.Join(p.words, "；"))
		}
	}
}

// printCost prints bytes and time per device.
func (s *stage) printCost() {
	s.say("\n设备      上传      下载  请求  用时     推送  拉取  不同修改  待处理")
	for _, name := range s.order {
		p := s.phones[name]
		s.say("%-7s %6.1f KB %6.1f KB %4d %6d ms %5d %5d %6d %6d", name, float64(p.up)/1000, float64(p.down)/1000, p.requests, p.millis, p.pushed, p.pulled, p.conflicts, p.held)
	}
}
