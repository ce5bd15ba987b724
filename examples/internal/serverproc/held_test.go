package serverproc_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// noteAt writes one note at a place and syncs.
func noteAt(t *testing.T, c *clientsdk.Client, place, words string) syncproto.RecordID {
	t.Helper()
	d, err := c.Create("SJ")
	must(t, err)
	must(t, c.Submit(context.Background(), d.Set("on", "2026-05-20").Set("heard", words).Set("visibility", "本级及上级").Set("place_code", place)))
	syncAll(t, c)
	return d.Record()
}

func syncAll(t *testing.T, cs ...*clientsdk.Client) {
	t.Helper()
	for _, c := range cs {
		_, err := c.Sync(context.Background())
		must(t, err)
	}
}

// A cadre writes where he has no business: it is stored, held, told to him in
// words; an administrator releases the one and rejects the other.
func TestHeldWorkIsSettled(t *testing.T) {
	s := newSite(t)
	c := s.device("A7")
	good, bad := noteAt(t, c, "990000002", "邻镇码头的灯坏了"), noteAt(t, c, "990000002", "写错地方的")
	for _, id := range []syncproto.RecordID{good, bad} {
		st, err := c.Status(id)
		must(t, err)
		if st.Sync != clientsdk.SyncHeld || len(st.Reasons) != 1 || !strings.Contains(st.Reasons[0], "管理员") {
			t.Fatalf("status %+v", st)
		}
	}
	me, _ := c.Identity()
	var list struct {
		Parts []struct{ Replica, Record, Words string }
	}
	must(t, s.server.Admin(t.Context(), "/v1/admin/held?by="+url.QueryEscape("管理员"), nil, &list))
	if len(list.Parts) != 2 || list.Parts[0].Replica != me.Replica.String() || list.Parts[0].Words == "" {
		t.Fatalf("the administrator sees %+v", list.Parts)
	}
	var settled struct{ Parts, Left int }
	ask := func(what string, id syncproto.RecordID) error {
		return s.server.Admin(t.Context(), "/v1/admin/held/"+what, map[string]string{"replica": me.Replica.String(), "record": id.String(),
			"by": "管理员", "reason": "请记到本镇"}, &settled)
	}
	must(t, ask("release", good))
	must(t, ask("reject", bad))
	if err := ask("release", good); err == nil {
		t.Error("released twice")
	}
	syncAll(t, c)
	if st, err := c.Status(good); err != nil || st.Sync != clientsdk.SyncReceived || len(st.Reasons) != 0 {
		t.Errorf("released: %+v, %v", st, err)
	}
	st, err := c.Status(bad)
	if err != nil || st.Sync != clientsdk.SyncReceived || len(st.Reasons) != 1 || !strings.Contains(st.Reasons[0], "请记到本镇") {
		t.Errorf("rejected: %+v, %v", st, err)
	}
	if v, err := c.Get(bad); err != nil || v.Value("heard") != "写错地方的" {
		t.Errorf("the author has not kept what he wrote: %v", err)
	}
	if sum, err := c.Summary(); err != nil || sum.Held != 0 {
		t.Errorf("still counted as held: %+v, %v", sum, err)
	}
}

// A lost phone is revoked and found again: what it had not sent arrives and is
// held, and it gets nothing any more.
func TestRevokedDeviceHandsInWhatItHas(t *testing.T) {
	s := newSite(t)
	c, other := s.device("A7"), s.device("B2")
	me, _ := c.Identity()
	d, err := c.Create("SJ")
	must(t, err)
	must(t, c.Submit(t.Context(), d.Set("on", "2026-05-20").Set("heard", "还没来得及传的").Set("visibility", "本级及上级").Set("place_code", township)))
	must(t, s.server.Admin(t.Context(), "/v1/admin/devices", map[string]string{"replica": me.Replica.String(), "state": "revoked"}, nil))
	later := noteAt(t, other, township, "停用以后别人写的")
	if _, err := c.Sync(t.Context()); syncproto.KindOf(err) != syncproto.KindRevoked {
		t.Errorf("the device is told %v", err)
	}
	if st, err := c.Status(d.Record()); err != nil || st.Sync != clientsdk.SyncHeld {
		t.Errorf("what it had: %+v, %v", st, err)
	}
	if _, err := c.Get(later); err == nil {
		t.Error("a revoked device still gets records")
	}
	var list struct {
		Devices []struct {
			Replica, State string
			Held           int
		}
	}
	must(t, s.server.Admin(t.Context(), "/v1/admin/devices?person="+url.QueryEscape("张试验"), nil, &list))
	for _, d := range list.Devices {
		if d.Replica == me.Replica.String() && (d.State != "revoked" || d.Held != 1) {
			t.Errorf("the list says %+v", d)
		}
	}
	var settled struct{ Parts int }
	must(t, s.server.Admin(t.Context(), "/v1/admin/held/release", map[string]string{"replica": me.Replica.String(), "record": d.Record().String(), "by": "管理员"}, &settled))
	syncAll(t, other)
	if v, err := other.Get(d.Record()); err != nil || v.Value("heard") != "还没来得及传的" {
		t.Errorf("the released work: %v", err)
	}
}
