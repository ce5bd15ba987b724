package web_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web/webtest"
)

// void are the elements that have no end.
var void = []string{"meta", "link", "input", "br", "col"}

// node is an element of a page; the parser takes our pages as loose XML, and a
// tag that is not closed is an error.
type node struct {
	tag  string
	attr map[string]string
	kids []*node
	own  string // text directly in it
	up   *node
}

func parse(t *testing.T, page string) *node {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.Entity = false, xml.HTMLEntity
	root := &node{tag: "root"}
	at := root
	for {
		tok, err := d.RawToken() // not Token, which would invent missing ends
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("page is not well formed: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{tag: tok.Name.Local, attr: map[string]string{}, up: at}
			for _, a := range tok.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			at.kids = append(at.kids, n)
			if !slices.Contains(void, n.tag) {
				at = n
			}
		case xml.EndElement:
			if tok.Name.Local != at.tag {
				t.Fatalf("</%s> closes <%s>", tok.Name.Local, at.tag)
			}
			at = at.up
		case xml.CharData:
			at.own += string(tok)
			at.kids = append(at.kids, &node{tag: "#text", own: string(tok), up: at})
		}
	}
	if at != root {
		t.Fatalf("<%s> is not closed", at.tag)
	}
	return root
}

// all finds elements by tag and, when given, class; "" is any tag.
func (n *node) all(tag string, class ...string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.tag != "#text" && (tag == "" || k.tag == tag) && k.has(class) {
			out = append(out, k)
		}
		out = append(out, k.all(tag, class...)...)
	}
	return out
}

func (n *node) has(classes []string) bool {
	own := strings.Fields(n.attr["class"])
	for _, c := range classes {
		if !slices.Contains(own, c) {
			return false
		}
	}
	return true
}

func (n *node) byID(id string) *node {
	for _, e := range n.all("") {
		if e.attr["id"] == id {
			return e
		}
	}
	return &node{}
}

// text is the text of an element with runs of white space as one space.
func (n *node) text() string {
	var b strings.Builder
	var walk func(*node)
	walk = func(n *node) {
		if n.tag == "#text" {
			b.WriteString(n.own)
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// skeleton is the page without its words: tags and names of attributes.
func (n *node) skeleton() string {
	var b strings.Builder
	for _, e := range n.all("") {
		b.WriteString(e.tag)
		names := make([]string, 0, len(e.attr))
		for a := range e.attr {
			names = append(names, a)
		}
		slices.Sort(names)
		b.WriteString("[" + strings.Join(names, " ") + "]\n")
	}
	return b.String()
}

// browser is a reader with cookies who does not follow redirects by itself.
type browser struct {
	t    *testing.T
	base string
	*http.Client
}

type answer struct {
	status int
	header http.Header
	body   string
}

func newBrowser(t *testing.T, b webtest.Backend) *browser {
	t.Helper()
	h, err := webtest.Handler(b)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// loggedIn is a browser in which name has logged in through the form.
func loggedIn(t *testing.T, b webtest.Backend, name string) *browser {
	t.Helper()
	w := newBrowser(t, b)
	if a := w.login(name, webtest.Password, "/"); a.status != http.StatusSeeOther {
		t.Fatalf("log in as %s: status %d: %s", name, a.status, a.body)
	}
	return w
}

func (w *browser) login(name, password, next string) answer {
	w.t.Helper()
	form := w.get("/login")
	return w.post("/login", url.Values{
		"token": {parse(w.t, form.body).value("token")}, "name": {name}, "password": {password}, "next": {next},
	})
}

func (w *browser) get(path string) answer {
	w.t.Helper()
	resp, err := w.Get(w.base + path)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.read(resp)
}

func (w *browser) post(path string, form url.Values) answer {
	w.t.Helper()
	resp, err := w.PostForm(w.base+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.read(resp)
}

func (w *browser) read(resp *http.Response) answer {
	w.t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// page gets and parses a page that must be there.
func (w *browser) page(path string) *node {
	w.t.Helper()
	a := w.get(path)
	if a.status != http.StatusOK {
		w.t.Fatalf("%s: status %d: %s", path, a.status, a.body)
	}
	return parse(w.t, a.body)
}

// value is the value of the first input of that name.
func (n *node) value(name string) string {
	for _, e := range n.all("input") {
		if e.attr["name"] == name {
			return e.attr["value"]
		}
	}
	return ""
}

// rowIDs are the names of the records whose rows stand on a page, in order.
func rowIDs(page *node) []string {
	var out []string
	for _, e := range page.all("a", "ev") {
		for _, name := range webtest.Occurrence {
			if e.attr["href"] == "/r/"+webtest.ID(name).String() {
				out = append(out, name)
			}
		}
	}
	return out
}
