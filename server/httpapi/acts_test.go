package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

const aReplica = "0f0e0d0c-0b0a-4908-8706-050403020100"

func TestActs(t *testing.T) {
	w := newWorld(t)
	p := w.person("张例桥", false)
	in := w.login(p)
	id := syncproto.NewRecordID(w.clock()).String()
	post := func(path, body string, csrf string) *http.Response {
		return w.do(request{method: "POST", path: "/v1/records/" + id + path, ctype: "application/json", body: []byte(body),
			cookies: []*http.Cookie{in.cookie}, header: map[string]string{"X-Chuantou-Csrf": csrf}})
	}
	const choice = `{"seen":"` + aReplica + `/7","field":"met","chosen":"` + aReplica + `/3.1","settles":["` + aReplica + `/3.1","` + aReplica + `/5.0"]}`
	acts := map[string]struct {
		path, body string
		want       []string
	}{
		"choice":       {"/choices", choice, []string{"adopt", id}},
		"comment":      {"/comments", `{"seen":"` + aReplica + `/7","text":"先核清楚再报。"}`, []string{"comment", id, "先核清楚再报。"}},
		"verdict":      {"/verdicts", `{"seen":"` + aReplica + `/7","void":true,"reason":"重复"}`, []string{"void", id, "true", "重复"}},
		"confirmation": {"/confirmations", `{"seen":"` + aReplica + `/7","result":"退回","note":"不是我说的"}`, []string{"confirm", id, "退回", "不是我说的"}},
	}
	w.read.record = httpapi.Record{Kind: "ZF", Fields: []httpapi.Field{}}
	for name, c := range acts {
		w.read.acted = nil
		for what, csrf := range map[string]string{"no CSRF token": "", "another's CSRF token": strings.Repeat("A", 22)} {
			wantProblem(t, name+", "+what, post(c.path, c.body, csrf), http.StatusForbidden, syncproto.KindForbidden)
		}
		device := w.do(request{method: "POST", path: "/v1/records/" + id + c.path, ctype: "application/json", body: []byte(c.body), bearer: w.token(w.enrolled(p))})
		wantProblem(t, name+" by a device", device, http.StatusForbidden, syncproto.KindForbidden)
		for _, bad := range []string{"", "[]", `{"seen":"7"}`, `{"seen":"` + aReplica + `/0"}`} {
			wantProblem(t, name+" "+bad, post(c.path, bad, in.CSRF), http.StatusBadRequest, syncproto.KindBadRequest)
		}
		if w.read.acted != nil {
			t.Fatalf("%s: %v was done all the same", name, w.read.acted)
		}
		rec := decode[httpapi.Record](t, post(c.path, c.body, in.CSRF))
		if rec.ID.String() != id || !slices.Equal(w.read.acted, c.want) || w.read.viewer != p.ID || w.read.change.String() != aReplica+"/7" {
			t.Errorf("%s: %v for %s at %s, answered %+v", name, w.read.acted, w.read.viewer, w.read.change, rec)
		}
	}
	if c := w.read.choice; c.Field != "met" || !c.Item.IsNone() || c.Chosen.String() != aReplica+"/3.1" || len(c.Settles) != 2 {
		t.Errorf("the choice came as %+v", c)
	}
	for kind, status := range map[syncproto.ErrorKind]int{syncproto.KindForbidden: 403, syncproto.KindNotFound: 404, syncproto.KindTooLarge: 413} {
		w.read.actErr = syncproto.Errorf(kind, "no")
		wantProblem(t, kind.String(), post("/choices", choice, in.CSRF), status, kind)
	}
	w.read.actErr = syncproto.Errorf(syncproto.KindConflict, "这一处又有了变化")
	res := post("/choices", choice, in.CSRF)
	var problem httpapi.Problem
	if err := json.Unmarshal(body(t, res), &problem); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusConflict || problem.Record == nil || problem.Record.ID.String() != id || problem.Detail != "这一处又有了变化" {
		t.Errorf("a conflict is %d %+v", res.StatusCode, problem)
	}
}

func TestAsOf(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.enrolled(w.person("张例桥", false)))
	at := "/v1/records/" + syncproto.NewRecordID(w.clock()).String()
	for path, name := range map[string]string{at: "as_of", at + "/history": "before"} {
		w.read.change = syncproto.ChangeID{}
		if res := w.get(path+"?"+name+"="+aReplica+"/12", token); res.StatusCode != http.StatusOK || w.read.change.String() != aReplica+"/12" {
			t.Errorf("%s: %d, asked for %s", path, res.StatusCode, w.read.change)
		}
		for _, bad := range []string{name + "=", name + "=12", name + "=" + aReplica + "/012", "at=" + aReplica + "/12", "%zz",
			name + "=" + aReplica + "/1&" + name + "=" + aReplica + "/2", "x=" + strings.Repeat("y", 5000)} {
			wantProblem(t, bad, w.get(path+"?"+bad, token), http.StatusBadRequest, syncproto.KindBadRequest)
		}
	}
}

func TestOpenedForAReason(t *testing.T) {
	w := newWorld(t)
	p := w.person("竺例敏", true)
	in, id := w.login(p), syncproto.NewRecordID(w.clock()).String()
	post := func(body, csrf string) *http.Response {
		return w.do(request{method: "POST", path: "/v1/records/" + id + "/open", ctype: "application/json", body: []byte(body),
			cookies: []*http.Cookie{in.cookie}, header: map[string]string{"X-Chuantou-Csrf": csrf}})
	}
	wantProblem(t, "no CSRF token", post(`{"reason":"核对"}`, ""), http.StatusForbidden, syncproto.KindForbidden)
	for _, bad := range []string{"", "[]", `{"reason":1}`} {
		wantProblem(t, bad, post(bad, in.CSRF), http.StatusBadRequest, syncproto.KindBadRequest)
	}
	if w.read.acted != nil {
		t.Fatalf("%v was done all the same", w.read.acted)
	}
	rec := decode[httpapi.Record](t, post(`{"reason":"核对低保"}`, in.CSRF))
	if rec.ID.String() != id || !slices.Equal(w.read.acted, []string{"open", id, "核对低保"}) || w.read.viewer != p.ID {
		t.Errorf("%v for %s, answered %+v", w.read.acted, w.read.viewer, rec)
	}
	w.read.actErr = syncproto.Errorf(syncproto.KindForbidden, "no")
	wantProblem(t, "nothing to open", post(`{"reason":"核对低保"}`, in.CSRF), http.StatusForbidden, syncproto.KindForbidden)
}
