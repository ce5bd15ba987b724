package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestPipelined: thousands of lines at once are answered one for one, in order.
func TestPipelined(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"id":0,"op":"replica","r":"A"}` + "\n" + `{"id":1,"op":"create","r":"A","rec":"m"}` + "\r\n")
	const n = 5000
	for i := 2; i < n; i++ {
		fmt.Fprintf(&in, `{"id":%d,"op":"ins","r":"A","rec":"m","f":"t","at":%d,"text":"x"}`+"\n", i, i-2)
	}
	fmt.Fprintf(&in, `{"id":%d,"op":"read","r":"A"}`, n) // no line feed at the end
	var out bytes.Buffer
	if err := serve(strings.NewReader(in.String()), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != n+1 {
		t.Fatalf("%d answers", len(lines))
	}
	for i, l := range lines {
		var a struct {
			ID int
			OK bool
		}
		if err := json.Unmarshal([]byte(l), &a); err != nil || a.ID != i || !a.OK {
			t.Fatalf("answer %d: %s %v", i, l, err)
		}
	}
	if !strings.Contains(lines[n], strings.Repeat("x", n-2)) {
		t.Fatal("not all is there")
	}
}

// TestAnswersWithoutMoreInput: an answer is flushed before more is read.
func TestAnswersWithoutMoreInput(t *testing.T) {
	fromJudge, toDriver := io.Pipe()
	fromDriver, toJudge := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(fromJudge, toJudge) }()
	answers := bufio.NewReader(fromDriver)
	for _, line := range []string{`{"id":1,"op":"hello","protocol":1}`, `no JSON`, ``, `{"id":"x","op":"fly"}`} {
		if _, err := io.WriteString(toDriver, line+"\n"); err != nil {
			t.Fatal(err)
		}
		a, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{`no JSON`: "BAD_REQUEST", ``: "BAD_REQUEST", `{"id":"x","op":"fly"}`: `"id":"x"`}[line]
		if !strings.Contains(a, want) || !strings.Contains(a, `"ok":`) {
			t.Fatalf("%s: %s", line, a)
		}
	}
	// One line and the beginning of the next: the first is answered.
	go func() { _, _ = io.WriteString(toDriver, `{"id":5,"op":"reset"}`+"\n"+`{"id":6,`) }()
	for _, want := range []string{`"id":5`, `"id":6`} {
		a, err := answers.ReadString('\n')
		if err != nil || !strings.Contains(a, want) {
			t.Fatalf("%s: %v", a, err)
		}
		if want == `"id":5` {
			go func() { _, _ = io.WriteString(toDriver, `"op":"reset"}`+"\n") }()
		}
	}
	toDriver.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOverLongLine(t *testing.T) {
	long := io.LimitReader(endless{}, maxLineBytes+1)
	if err := serve(long, io.Discard); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Fatal(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
