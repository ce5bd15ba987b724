package serverproc_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

// secondAdmin adds another administrator.
func (s *site) secondAdmin(name string) {
	s.t.Helper()
	admin, err := s.office.Create("person")
	must(s.t, err)
	admin.Set("name", name).Set("unit", s.unit.String())
	admin.AddItem("roles", map[string]any{"role": "管理员", "place": "99"})
	must(s.t, s.office.Submit(s.t.Context(), admin))
	syncAll(s.t, s.office)
}

// A leader's password takes two administrators, who never learn it, or his own
// device; where he is logged in is listed and ended; and the audit log tells all
// of it, with the log-ins that were refused, in words.
func TestLeadersPassword(t *testing.T) {
	s := newSite(t)
	c := s.device("A7")
	s.secondAdmin("第二管理员")
	ask := func(path string, in map[string]string, out any) error {
		return s.server.Admin(t.Context(), path, in, out)
	}
	login := func(password string) (token string, err error) {
		var out struct{ Token string }
		err = ask("/v1/login", map[string]string{"name": "张试验", "password": password}, &out)
		return out.Token, err
	}
	if err := ask("/v1/admin/passwords", map[string]string{"person": "张试验", "password": "一个人设的密码不算数"}, nil); err == nil {
		t.Error("one administrator sets a leader's password")
	}
	var got struct{ Code, Request, Ticket string }
	must(t, ask("/v1/admin/codes", map[string]string{"person": "张试验", "for": "password", "by": "管理员"}, &got))
	if got.Code != "" || got.Request == "" {
		t.Fatalf("the first administrator gets %+v", got)
	}
	must(t, ask("/v1/admin/codes", map[string]string{"confirm": got.Request, "by": "第二管理员"}, &got))
	if got.Code == "" || got.Ticket != "" {
		t.Fatalf("the second administrator gets %+v", got)
	}
	if err := s.open().Enrol(t.Context(), s.origin, got.Code, "C3"); err == nil {
		t.Error("a code for a password enrols a device")
	}
	redeem := map[string]string{"code": got.Code, "password": "本人自己定的密码很长"}
	must(t, ask("/v1/passwords", redeem, nil))
	if err := ask("/v1/passwords", redeem, nil); err == nil {
		t.Error("the code is good twice")
	}
	if _, err := login("别人猜的密码猜不着"); err == nil {
		t.Error("a wrong password is right")
	}
	_, err := login("本人自己定的密码很长")
	must(t, err)
	if out := s.chuantou("admin", "sessions", "-data", s.server.Data, "-person", "张试验"); strings.Count(out, "\n") != 2 {
		t.Errorf("sessions:\n%s", out)
	}
	if out := s.chuantou("admin", "end", "-data", s.server.Data, "-person", "张试验"); !strings.Contains(out, "1 sessions ended") {
		t.Errorf("ended:\n%s", out)
	}
	if as, err := c.SetPassword(t.Context(), "", "在自己设备上定的密码"); err != nil || as != "张试验" {
		t.Fatalf("on his own device: %q, %v", as, err)
	}
	if _, err := login("本人自己定的密码很长"); err == nil {
		t.Error("the earlier password still works")
	}
	_, err = login("在自己设备上定的密码")
	must(t, err)

	list := s.chuantou("audit", "list", "-data", s.server.Data)
	for _, what := range []string{"grants changed", "管理员@99", "code requested", "password code created", "password set", "log-ins refused", "number 1", "logged in", "sessions ended", "第二管理员"} {
		if !strings.Contains(list, what) {
			t.Errorf("the audit log does not say %q:\n%s", what, list)
		}
	}
	if strings.Contains(list, "密码很长") {
		t.Error("a password stands in the audit log")
	}
	s.chuantou("audit", "verify", "-data", s.server.Data)
	if out, err := exec.CommandContext(context.Background(), s.server.Bin, "audit", "list", "-data", s.server.Data, "-after", "x").CombinedOutput(); err == nil {
		t.Errorf("after no number:\n%s", out)
	}
}
