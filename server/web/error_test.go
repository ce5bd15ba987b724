package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
	"github.com/chuantou/chuantou/syncproto"
)

// An absent record, one that may not be seen, an address that is no id and a
// page that is not there answer with the same bytes.
func TestAbsentAndForbiddenAreOne(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	want := w.get("/r/" + webtest.ID("nobody").String())
	if want.status != http.StatusNotFound || !strings.Contains(want.body, "这里没有可以看的") {
		t.Fatalf("status %d: %s", want.status, want.body)
	}
	for _, path := range []string{"/r/x", "/r/00000000-0000-0000-0000-000000000000", "/r/%00"} {
		if a := w.get(path); a.status != want.status || a.body != want.body {
			t.Errorf("%s: status %d or another page", path, a.status)
		}
	}
	if a := w.get("/no/such/page"); a.status != http.StatusNotFound || !strings.Contains(a.body, "这里没有可以看的") {
		t.Errorf("an unknown address: status %d", a.status)
	}
}

func TestBadAddressesAreToldInWords(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	many := strings.Repeat("&kind=ZF", 65)
	for path, words := range map[string]string{
		"/?order=worst":                        "顺序只有两种",
		"/?order=arrived&order=occurred":       "写了两次",
		"/?place=330903105x":                   "2 到 12 位数字",
		"/?place=1":                            "2 到 12 位数字",
		"/?place=1234567890123":                "2 到 12 位数字",
		"/?kind=%3Cscript%3E":                  "类别",
		"/?kind=" + strings.Repeat("Z", 33):    "类别",
		"/?only=a%20b":                         "只看",
		"/?person=C5":                          "干部的编号",
		"/?since=2026-5-18":                    "2026-05-18 这样",
		"/?since=2026-02-30":                   "2026-05-18 这样",
		"/?until=0000-01-01":                   "2026-05-18 这样",
		"/?since=2026-05-24&until=2026-05-18":  "时间写反了：从 2026年5月24日 到 2026年5月18日",
		"/?after=" + strings.Repeat("x", 1100): "接着往下看的位置",
		"/?after=a%2Fb":                        "接着往下看的位置",
		"/?after=nonsense":                     "位置已经不在了",
		"/?x=" + strings.Repeat("y", 5000):     "地址太长",
		"/?a=%zz":                              "读不出来",
		"/?" + many[1:]:                        "选得太多",
	} {
		a := w.get(path)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, words) || !strings.Contains(a.body, `href="/"`) {
			t.Errorf("%.40s: status %d, want a page that says %q", path, a.status, words)
		}
	}
	for _, path := range []string{"/?isappinstalled=0&from=singlemessage", "/?place=&kind=&person=&since=&until=&after=", "/?kind=ZF&kind=ZF"} {
		if a := w.get(path); a.status != http.StatusOK {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
}

// broken answers every question with one error.
type broken struct {
	*webtest.World
	err error
}

func (b broken) Timeline(context.Context, web.Viewer, web.TimelineQuery) (web.TimelinePage, error) {
	return web.TimelinePage{}, b.err
}

func (b broken) Record(context.Context, web.Viewer, syncproto.RecordID, web.RecordView) (web.RecordPage, error) {
	return web.RecordPage{}, b.err
}

func TestErrorsOfTheSource(t *testing.T) {
	const secret = "leveldb at /var/lib: 翁例娥 140 mmHg"
	for _, c := range []struct {
		err    error
		status int
		words  string
	}{
		{errors.New(secret), http.StatusInternalServerError, "现在打不开"},
		{web.ErrNotFound, http.StatusNotFound, "这里没有可以看的"},
		{&web.QueryError{Words: "没有这个村。"}, http.StatusBadRequest, "没有这个村。"},
		{syncproto.Errorf(syncproto.KindNotFound, secret), http.StatusNotFound, "这里没有可以看的"},
		{syncproto.Errorf(syncproto.KindForbidden, secret), http.StatusNotFound, "这里没有可以看的"},
		{syncproto.Errorf(syncproto.KindBadRequest, secret), http.StatusBadRequest, "看不懂"},
		{syncproto.Errorf(syncproto.KindLater, secret), http.StatusServiceUnavailable, "正忙"},
		{syncproto.Errorf(syncproto.KindFull, secret), http.StatusServiceUnavailable, "正忙"},
		{echo.NewHTTPError(http.StatusTeapot, secret), http.StatusTeapot, "看不懂"},
		{echo.NewHTTPError(http.StatusBadGateway, secret), http.StatusBadGateway, "现在打不开"},
	} {
		w := loggedIn(t, broken{webtest.New(), c.err}, webtest.Leader.Name)
		for _, path := range []string{"/", "/r/" + webtest.ID("V01").String()} {
			a := w.get(path)
			if a.status != c.status || !strings.Contains(a.body, c.words) {
				t.Errorf("%v at %s: status %d, want %d and %q", c.err, path, a.status, c.status, c.words)
			}
			if strings.Contains(a.body, "leveldb") || strings.Contains(a.body, "翁例娥") {
				t.Errorf("%v at %s: the page shows the inside of the server", c.err, path)
			}
		}
	}
}

// A store of sessions that does not answer is no reason to say one is not
// logged in.
func TestSessionsThatFail(t *testing.T) {
	world := webtest.New()
	w := loggedIn(t, deaf{world}, webtest.Leader.Name)
	if a := w.get("/"); a.status != http.StatusServiceUnavailable {
		t.Errorf("status %d", a.status)
	}
}

type deaf struct{ *webtest.World }

func (deaf) Viewer(context.Context, string) (web.Viewer, error) {
	return web.Viewer{}, syncproto.Errorf(syncproto.KindLater, "store is busy")
}

func TestWrongMethodsAndAddresses(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	for path, status := range map[string]int{"/held": http.StatusMethodNotAllowed, "/nowhere": http.StatusNotFound} {
		if a := w.post(path, nil); a.status != status || !strings.Contains(a.body, "<h1>") {
			t.Errorf("post %s: status %d, want %d and a page", path, a.status, status)
		}
	}
	for _, path := range []string{"/logout", "/seen"} {
		if a := w.get(path); a.status != http.StatusMethodNotAllowed {
			t.Errorf("get %s: status %d", path, a.status)
		}
	}
}

func TestRegisterRefusesWhatCannotWork(t *testing.T) {
	world := webtest.New()
	now := func() time.Time { return webtest.Now }
	for name, d := range map[string]web.Deps{
		"short key":   {Source: world, Sessions: world, Now: now, Key: make([]byte, 31)},
		"no source":   {Sessions: world, Now: now, Key: webtest.Key},
		"no sessions": {Source: world, Now: now, Key: webtest.Key},
		"no clock":    {Source: world, Sessions: world, Key: webtest.Key},
	} {
		if p, err := web.Register(echo.New(), d); err == nil || p != nil {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
}
