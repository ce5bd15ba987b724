package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func TestHeldIsSettledByAdministrators(t *testing.T) {
	w := newWorld(t)
	admin, other := w.person("竺例敏", true), w.person("吴例舟", false)
	work := httpapi.HeldWork{Replica: syncproto.ReplicaID{4, 6: 0x40, 8: 0x80}, Record: syncproto.NewRecordID(w.clock())}
	body := map[string]any{"replica": work.Replica, "record": work.Record, "reason": "不是本镇的事"}

	a := w.login(admin)
	if got := decode[httpapi.Settled](t, w.json("/v1/admin/held/release", a.Token, body)); got != (httpapi.Settled{Parts: 2}) || w.settle.rejected || w.settle.work != work || w.settle.admin != admin.ID {
		t.Errorf("released %+v, asked %+v", got, w.settle)
	}
	if got := decode[httpapi.Settled](t, w.json("/v1/admin/held/reject", a.Token, body)); got != (httpapi.Settled{Parts: 1, Left: 1}) || w.settle.reason != "不是本镇的事" {
		t.Errorf("rejected %+v, asked %+v", got, w.settle)
	}
	if strings.Contains(w.log.String(), "不是本镇的事") {
		t.Error("the reason, which may name people, is in the log")
	}

	w.settle = settler{}
	wantProblem(t, "no administrator", w.json("/v1/admin/held/release", w.login(other).Token, body), http.StatusForbidden, syncproto.KindForbidden)
	for name, in := range map[string]any{"no record": map[string]any{"replica": work.Replica}, "no replica": map[string]any{"record": work.Record},
		"not ids": map[string]any{"replica": "x", "record": 7}, "nothing": map[string]any{}} {
		wantProblem(t, name, w.json("/v1/admin/held/reject", a.Token, in), http.StatusBadRequest, syncproto.KindBadRequest)
	}
	if !w.settle.admin.IsZero() {
		t.Errorf("something refused was asked for: %+v", w.settle)
	}
	w.settle.err = syncproto.Errorf(syncproto.KindConflict, "可能已经处理过了")
	wantProblem(t, "settled by another", w.json("/v1/admin/held/release", a.Token, body), http.StatusConflict, syncproto.KindConflict)
}

// The operator of the machine is no administrator: he says who decided.
func TestOperatorSettlesInANamedName(t *testing.T) {
	w := newWorld(t)
	admin, other := w.person("竺例敏", true), w.person("吴例舟", false)
	ask := func(method, path, body string) *http.Response {
		return w.do(request{method: method, path: path, ctype: "application/json", body: []byte(body), ctx: httpapi.AsOperator(w.t.Context())})
	}
	body := `{"replica":"` + syncproto.ReplicaID{4, 6: 0x40, 8: 0x80}.String() + `","record":"` + syncproto.NewRecordID(w.clock()).String() + `"`
	wantProblem(t, "nobody named", ask("POST", "/v1/admin/held/release", body+`}`), http.StatusBadRequest, syncproto.KindBadRequest)
	wantProblem(t, "no administrator", ask("POST", "/v1/admin/held/release", body+`,"by":"`+other.Name+`"}`), http.StatusForbidden, syncproto.KindForbidden)
	wantProblem(t, "unknown", ask("POST", "/v1/admin/held/release", body+`,"by":"谁"}`), http.StatusNotFound, syncproto.KindNotFound)
	if res := ask("POST", "/v1/admin/held/release", body+`,"by":"`+admin.Name+`"}`); res.StatusCode != http.StatusOK || w.settle.admin != admin.ID {
		t.Errorf("%d, asked %+v", res.StatusCode, w.settle)
	}
	wantProblem(t, "list for nobody", ask("GET", "/v1/admin/held", ""), http.StatusBadRequest, syncproto.KindBadRequest)
	if res := ask("GET", "/v1/admin/held?by="+admin.ID.String(), ""); res.StatusCode != http.StatusOK || w.read.viewer != admin.ID {
		t.Errorf("%d, asked for %s", res.StatusCode, w.read.viewer)
	}
}

func TestHeldIsReassignedAndDeclaredLost(t *testing.T) {
	w := newWorld(t)
	admin, other := w.person("竺例敏", true), w.person("吴例舟", false)
	token := w.login(admin).Token
	work := httpapi.HeldWork{Replica: syncproto.ReplicaID{4, 6: 0x40, 8: 0x80}, Record: syncproto.NewRecordID(w.clock())}
	in := func(more ...any) map[string]any {
		out := map[string]any{"replica": work.Replica, "record": work.Record}
		for i := 0; i < len(more); i += 2 {
			out[more[i].(string)] = more[i+1]
		}
		return out
	}
	if got := decode[httpapi.Settled](t, w.json("/v1/admin/held/reassign", token, in("place", "330903105901", "person", other.Name))); got.Parts != 2 ||
		w.settle.to != (httpapi.Assignment{Place: "330903105901", Person: other.ID}) || w.settle.admin != admin.ID {
		t.Errorf("reassigned %+v, asked %+v", got, w.settle)
	}
	wantProblem(t, "to nobody", w.json("/v1/admin/held/reassign", token, in("person", "谁")), http.StatusNotFound, syncproto.KindNotFound)
	got := decode[httpapi.HeldLost](t, w.json("/v1/admin/held/lost", token, in()))
	if len(got.Lost) != 1 || got.Lost[0].To != 2 || w.settle.declared != nil {
		t.Errorf("asked what is lost: %+v, declared %q", got, w.settle.declared)
	}
	if decode[httpapi.HeldLost](t, w.json("/v1/admin/held/lost", token, in("sure", true, "kind", "ZF", "place", "330903105901"))); len(w.settle.declared) != 2 || w.settle.declared[0] != "ZF" {
		t.Errorf("declared %q", w.settle.declared)
	}
	for _, path := range []string{"/v1/admin/held/reassign", "/v1/admin/held/lost"} {
		wantProblem(t, "no administrator", w.json(path, w.login(other).Token, in("sure", true)), http.StatusForbidden, syncproto.KindForbidden)
	}
}
