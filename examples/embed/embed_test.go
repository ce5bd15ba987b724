package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/examples/internal/serverproc"
)

// TestReadme plays the README: two readings offline, the third with the real
// server, which then has all three.
func TestReadme(t *testing.T) {
	src, err := os.ReadFile("main.go")
	if err != nil || bytes.Count(src, []byte("\n")) > 60 {
		t.Errorf("main.go has %d lines, %v", bytes.Count(src, []byte("\n")), err)
	}
	ctx, tmp := context.Background(), t.TempDir()
	dir := filepath.Join(tmp, "device")
	for _, level := range []int{180, 175} {
		if err := run(ctx, dir, level, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := serverproc.Build(ctx, tmp)
	if err != nil {
		t.Fatal(err)
	}
	s := &serverproc.Server{Bin: bin, Data: filepath.Join(tmp, "server"), Args: []string{"-kinds", "kinds"}}
	code, err := s.Init(ctx, "http://127.0.0.1:1", "东极镇", "330903105", "管理员")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(ctx, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if err := run(ctx, dir, 170, "http://"+s.Addr, code); err != nil {
		t.Fatal(err)
	}
	c, err := clientsdk.Open(dir, clientsdk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.Query(clientsdk.Filter{Kinds: []string{"SW"}})
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d readings, %v", len(rows), err)
	}
	for _, r := range rows {
		st, err := c.Status(r.Record)
		if err != nil || st.String() != "已提交 · 已收到" || !strings.Contains(r.Title, "前岙一号窖") {
			t.Errorf("%+v %s %v", r, st, err)
		}
	}
}
