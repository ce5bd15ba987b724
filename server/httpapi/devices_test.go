package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func TestDevicesOfAPerson(t *testing.T) {
	w := newWorld(t)
	admin, owner := w.person("竺例敏", true), w.person("吴例舟", false)
	f := w.enrolled(owner)
	a := w.login(admin)
	list := decode[httpapi.DeviceList](t, w.get("/v1/admin/devices?person="+owner.ID.String(), a.Token))
	if len(list.Devices) != 1 {
		t.Fatalf("%+v", list)
	}
	d := list.Devices[0]
	if d.Replica != f.replica || d.PersonName != owner.Name || d.State != "active" || !d.New || d.Received != 12 || d.Held != 1 {
		t.Errorf("%+v", d)
	}
	change := func(in map[string]any) *http.Response { return w.json("/v1/admin/devices", a.Token, in) }
	if got := decode[httpapi.Device](t, change(map[string]any{"replica": f.replica, "name": "公用平板", "state": "suspended"})); got.Name != "公用平板" || got.State != "suspended" {
		t.Errorf("%+v", got)
	}
	if got := decode[httpapi.Device](t, change(map[string]any{"replica": f.replica, "state": "active"})); got.State != "active" || got.Name != "公用平板" {
		t.Errorf("%+v", got)
	}
	w.token(f)
	if got := decode[httpapi.Device](t, change(map[string]any{"replica": f.replica, "state": "revoked"})); got.State != "revoked" {
		t.Errorf("%+v", got)
	}
	wantProblem(t, "back from revoked", change(map[string]any{"replica": f.replica, "state": "active"}), http.StatusConflict, syncproto.KindConflict)
	for name, in := range map[string]map[string]any{"nothing": {}, "no change": {"replica": f.replica}, "no such state": {"replica": f.replica, "state": "lost"}, "no replica": {"state": "active"}} {
		wantProblem(t, name, change(in), http.StatusBadRequest, syncproto.KindBadRequest)
	}
	wantProblem(t, "no such device", change(map[string]any{"replica": syncproto.ReplicaID{7, 6: 0x40, 8: 0x80}, "state": "revoked"}), http.StatusNotFound, syncproto.KindNotFound)
	w.pass(8 * 24 * time.Hour)
	a = w.login(admin)
	if again := decode[httpapi.DeviceList](t, w.get("/v1/admin/devices?person="+owner.ID.String(), a.Token)); again.Devices[0].New {
		t.Error("still marked as new after eight days")
	}
}

func TestDevicesAreForWhoMayAdmitTheirOwner(t *testing.T) {
	w := newWorld(t)
	admin, other, owner := w.person("竺例敏", true), w.person("另一位管理员", true), w.person("吴例舟", false)
	f := w.enrolled(other)
	a := w.login(admin)
	wantProblem(t, "devices of who is out of his hands", w.get("/v1/admin/devices?person="+other.ID.String(), a.Token), http.StatusForbidden, syncproto.KindForbidden)
	wantProblem(t, "revoking one", w.json("/v1/admin/devices", a.Token, map[string]any{"replica": f.replica, "state": "revoked"}), http.StatusForbidden, syncproto.KindForbidden)
	b := w.login(owner)
	wantProblem(t, "no administrator", w.get("/v1/admin/devices?person="+owner.ID.String(), b.Token), http.StatusForbidden, syncproto.KindForbidden)
}
