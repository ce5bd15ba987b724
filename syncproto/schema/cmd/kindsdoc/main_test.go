package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chuantou/chuantou/syncproto/schema"
)

func TestPageIsUpToDate(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "docs", "kinds.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, render(schema.Builtin())) {
		t.Fatal("docs/kinds.md is out of date: go run ./syncproto/schema/cmd/kindsdoc")
	}
}

func TestPageNamesEveryField(t *testing.T) {
	s := schema.Builtin()
	page := render(s)
	for _, id := range s.KindIDs() {
		for _, f := range s.Kinds[id].Fields {
			if !f.Companion() && !bytes.Contains(page, []byte("`"+f.Key+"`")) {
				t.Errorf("%s.%s is not on the page", id, f.Key)
			}
		}
	}
}
