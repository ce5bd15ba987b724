package web_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
	"github.com/chuantou/chuantou/syncproto"
)

// said is a world in which every string of every page is the same text.
type said struct {
	*webtest.World
	text string
}

func (s said) Timeline(_ context.Context, _ web.Viewer, q web.TimelineQuery) (web.TimelinePage, error) {
	var p web.TimelinePage
	fill(reflect.ValueOf(&p).Elem(), s.text)
	p.Next = "next"
	if q.Order == web.ByArrival {
		p.Rows[0].Marks.New = false
	}
	return p, nil
}

func (s said) Record(_ context.Context, _ web.Viewer, id syncproto.RecordID, _ web.RecordView) (web.RecordPage, error) {
	var p web.RecordPage
	fill(reflect.ValueOf(&p).Elem(), s.text)
	p.Kind.Code = map[syncproto.RecordID]string{webtest.ID("ZF"): "ZF", webtest.ID("HY"): "HY"}[id]
	p.Sections = append(p.Sections, everyForm(p.Sections[0].Fields[0]))
	return p, nil
}

// everyForm shows a filled field in each of its forms.
func everyForm(f web.Field) web.Section {
	only := func(key string, keep func(*web.Field)) web.Field {
		g := web.Field{Key: key, Label: f.Label, Notes: f.Notes, Text: f.Text, Voice: true}
		keep(&g)
		return g
	}
	return web.Section{Label: f.Label, Fields: []web.Field{
		only("situation", func(g *web.Field) { g.Passages = f.Passages }),
		only("statements", func(g *web.Field) {
			g.Statements = append(g.Statements, f.Statements...)
			for i := range g.Statements {
				g.Statements[i].Masked, g.Statements[i].NotUsed, g.Statements[i].Struck = "", false, false
			}
		}),
		only("attendees", func(g *web.Field) {
			t := *f.Table
			t.Rows = append([]web.TableRow{{Cells: []web.Cell{{Text: f.Text}}}}, t.Rows...)
			g.Table = &t
		}),
		only("demands", func(g *web.Field) { g.Refs = f.Refs }),
		only("events", func(g *web.Field) {
			g.Events = []web.Event{f.Events[0], f.Events[0]}
			g.Events[1].Masked = ""
		}),
		only("met", func(*web.Field) {}),
	}}
}

func (s said) Held(_ context.Context, _ web.Viewer) (web.HeldPage, error) {
	var p web.HeldPage
	fill(reflect.ValueOf(&p).Elem(), s.text)
	return p, nil
}

func (s said) Viewer(ctx context.Context, token string) (web.Viewer, error) {
	v, err := s.World.Viewer(ctx, token)
	if err != nil {
		return v, err
	}
	fill(reflect.ValueOf(&v).Elem(), s.text)
	return v, nil
}

// fill sets every string to text, every number to 1, every flag, gives every
// list two items, and leaves times and ids to be real ones.
func fill(v reflect.Value, text string) {
	switch v.Interface().(type) {
	case syncproto.RecordID:
		v.Set(reflect.ValueOf(webtest.ID("V01")))
		return
	case syncproto.ReplicaID:
		v.Set(reflect.ValueOf(syncproto.PenID([16]byte{1})))
		return
	case web.Date:
		v.Set(reflect.ValueOf(web.Date{Year: 2026, Month: 5, Day: 18}))
		return
	}
	if v.Type() == reflect.TypeOf(webtest.Now) {
		v.Set(reflect.ValueOf(webtest.Now))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), text)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	default:
		panic(fmt.Sprintf("a view model holds a %s", v.Kind()))
	}
}

var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`javascript:alert(1)`,
	`</textarea></title></style><svg/onload=alert(1)>`,
	"{{.}}<!-- \u202e\u2066𠮷 & &lt;b&gt;",
}

// Whatever a cadre writes stays words: the page has the same elements and
// attributes as with harmless words, and every link leads to one of our pages.
func TestHostileTextStaysText(t *testing.T) {
	paths := []string{"/", "/?order=arrived", "/r/" + webtest.ID("ZF").String(), "/r/" + webtest.ID("HY").String(), "/r/" + webtest.ID("V01").String(), "/held"}
	plain := loggedIn(t, said{webtest.New(), "words"}, webtest.Admin.Name)
	skeletons := map[string]string{}
	for _, path := range paths {
		page := plain.page(path)
		skeletons[path] = page.skeleton()
		if len(page.text()) == 0 {
			t.Fatalf("%s is empty", path)
		}
	}
	for _, text := range hostile {
		w := loggedIn(t, said{webtest.New(), text}, webtest.Admin.Name)
		for _, path := range paths {
			a := w.get(path)
			if a.status != http.StatusOK {
				t.Fatalf("%s with %q: status %d", path, text, a.status)
			}
			page := parse(t, a.body)
			if got := page.skeleton(); got != skeletons[path] {
				t.Errorf("%s with %q: another skeleton", path, text)
			}
			for _, e := range page.all("") {
				for _, name := range []string{"href", "action", "src"} {
					if to := e.attr[name]; to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") {
						t.Errorf("%s with %q: <%s %s=%q>", path, text, e.tag, name, to)
					}
				}
			}
			if !strings.Contains(page.text(), strings.Join(strings.Fields(text), " ")) {
				t.Errorf("%s with %q: the words are not shown as they are", path, text)
			}
		}
	}
}

// Log-in and error pages escape what an address or form brought.
func TestEchoedInputIsEscaped(t *testing.T) {
	w := newBrowser(t, webtest.New())
	for _, text := range hostile {
		a := w.login(text, "wrong", "/?q="+text)
		page := parse(t, a.body)
		for _, tag := range []string{"script", "img"} {
			if n := len(page.all(tag)); n > 0 {
				t.Errorf("%q made a <%s>", text, tag)
			}
		}
		if got := page.value("name"); got != strings.TrimSpace(text) && a.status == http.StatusForbidden {
			t.Errorf("the form keeps %q, want %q", got, text)
		}
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	w := newBrowser(t, webtest.New())
	in := loggedIn(t, webtest.New(), webtest.Leader.Name)
	style := in.page("/").all("link")[0].attr["href"]
	for name, a := range map[string]answer{
		"login": w.get("/login"), "stranger": w.get("/"), "post": w.post("/login", nil), "timeline": in.get("/"),
		"record": in.get("/r/" + webtest.ID("V01").String()), "absent": in.get("/r/x"), "bad": in.get("/?since=x"),
		"nowhere": in.get("/nowhere"), "style": in.get(style), "no asset": in.get("/assets/x/y"), "method": in.post("/held", nil),
	} {
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if cached := strings.Contains(a.header.Get("Cache-Control"), "immutable"); cached != (name == "style") {
			t.Errorf("%s: Cache-Control %q", name, a.header.Get("Cache-Control"))
		}
	}
}

// Nothing on a page or in an asset is fetched from elsewhere; the pages have no
// script and no inline style.
func TestNothingFromElsewhere(t *testing.T) {
	const namespace = "http://www.w3.org/2000/svg" // a name, never fetched
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]|\burl\(|@import`)
	inline := regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|javascript:`)
	files := 0
	for _, dir := range []string{"assets", "templates"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			files++
			text := strings.ReplaceAll(string(b), namespace, "")
			if m := elsewhere.FindString(text); m != "" {
				t.Errorf("%s: %q leads elsewhere", e.Name(), m)
			}
			if m := inline.FindString(text); m != "" {
				t.Errorf("%s: %q is inline", e.Name(), m)
			}
		}
	}
	if files < 10 {
		t.Errorf("looked at %d files", files)
	}
}

// Every symbol a page draws is in its sprite, and what it links is served.
func TestIconsAndAssetsAreThere(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Admin.Name)
	drawn := 0
	for _, path := range []string{"/", "/?order=arrived", "/?kind=SJ", "/r/" + webtest.ID("M2").String(), "/r/" + webtest.ID("V06").String(), "/held"} {
		page := w.page(path)
		symbols := map[string]bool{}
		for _, s := range page.all("symbol") {
			symbols["#"+s.attr["id"]] = true
		}
		for _, u := range page.all("use") {
			drawn++
			if !symbols[u.attr["href"]] {
				t.Errorf("%s draws %s, which is not in the sprite", path, u.attr["href"])
			}
		}
		for _, l := range page.all("link") {
			if a := w.get(l.attr["href"]); a.status != http.StatusOK || a.body == "" {
				t.Errorf("%s links %s: status %d", path, l.attr["href"], a.status)
			}
		}
	}
	if drawn < 100 {
		t.Errorf("only %d icons drawn", drawn)
	}
	asked := regexp.MustCompile(`\{\{icon "([a-z-]+)"\}\}`)
	sprite, err := os.ReadFile("assets/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("templates/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllSubmatch(b, -1) {
			if !strings.Contains(string(sprite), `id="i-`+string(m[1])+`"`) {
				t.Errorf("%s asks for icon %s", e.Name(), m[1])
			}
		}
	}
}
