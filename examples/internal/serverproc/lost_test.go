package serverproc_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
)

// withoutFirstBox is an exported outbox whose first bundle is gone.
func withoutFirstBox(t *testing.T, file []byte) []byte {
	t.Helper()
	head := bytes.IndexByte(file, '\n') + 1
	n := binary.BigEndian.Uint32(file[head:])
	return append(bytes.Clone(file[:head]), file[head+4+int(n):]...)
}

// A phone writes three changes of a note at sea; the stick with the first is
// lost, then the phone drowns. The administrator declares the first one lost:
// the others count from then on, and the note says what it lacks. Then the
// phone is fished out, dried, and syncs: all of it stands where it belongs.
func TestDeviceDrownedWithTheFirstOfThree(t *testing.T) {
	s := newSite(t)
	drowned, other := s.device("A7"), s.device("B2")
	id := noteAt(t, drowned, township, "码头。")
	syncAll(t, other)
	chance := rand.New(rand.NewPCG(7, 7))
	long := make([]rune, 40_000) // of which a bundle holds no other
	for i := range long {
		long[i] = rune(0x4e00 + chance.IntN(8000))
	}
	for _, set := range []func(*clientsdk.Draft){
		func(d *clientsdk.Draft) { d.Set("heard", "码头。"+string(long)) },
		func(d *clientsdk.Draft) { d.Set("heard", "码头。"+string(long)+"最后一句。") },
		func(d *clientsdk.Draft) { d.Set("summary", "三处改动") },
	} {
		d, err := drowned.Edit(id)
		must(t, err)
		set(d)
		must(t, drowned.Submit(t.Context(), d))
	}
	var carried bytes.Buffer
	if n, err := drowned.ExportOutbox(&carried); n != 3 || err != nil {
		t.Fatalf("exported %d, %v", n, err)
	}
	file := filepath.Join(t.TempDir(), "stick")
	must(t, os.WriteFile(file, withoutFirstBox(t, carried.Bytes()), 0o600))
	s.chuantou("admin", "deliver", "-data", s.server.Data, file)
	me, _ := drowned.Identity()
	lost := func(more ...string) string {
		args := append([]string{"admin", "lost", "-data", s.server.Data, "-by", "管理员"}, more...)
		return s.chuantou(append(args, me.Replica.String(), id.String())...)
	}
	if out := lost(); !strings.Contains(out, "changes 2 to 2 of device "+me.Replica.String()) || !strings.Contains(out, "2 parts wait") {
		t.Fatalf("what is missing:\n%s", out)
	}
	syncAll(t, other)
	if v, err := other.Get(id); err != nil || v.Value("summary") != nil {
		t.Fatalf("declared by asking: %v, %v", v.Value("summary"), err)
	}
	if out := lost("-yes"); !strings.Contains(out, "2 settled, 0 still held") {
		t.Fatalf("declared:\n%s", out)
	}
	syncAll(t, other)
	v, err := other.Get(id)
	must(t, err)
	if v.Value("summary") != "三处改动" || v.Value("heard") != "码头。最后一句。" {
		t.Errorf("without what is lost it reads %q, %.30q", v.Value("summary"), v.Value("heard"))
	}

	syncAll(t, drowned, other)
	want := "码头。" + string(long) + "最后一句。"
	for name, c := range map[string]*clientsdk.Client{"the drowned phone": drowned, "the other": other} {
		v, err := c.Get(id)
		must(t, err)
		if v.Value("heard") != want || v.Value("summary") != "三处改动" {
			t.Errorf("%s reads %d characters of %d", name, len([]rune(v.Value("heard").(string))), len([]rune(want)))
		}
	}
	if st, err := drowned.Status(id); err != nil || st.Sync != clientsdk.SyncReceived || len(st.Reasons) != 0 {
		t.Errorf("its author is told %+v, %v", st, err)
	}
}

// A cadre notes down what belongs to his own township under a neighbour's
// code. The administrator gives it where it belongs: nobody there has ever had it.
func TestHeldNoteIsGivenToItsPlace(t *testing.T) {
	s := newSite(t)
	c, other := s.device("A7"), s.device("B2")
	id := noteAt(t, c, "990000002", "其实是本镇的事")
	me, _ := c.Identity()
	work := map[string]any{"replica": me.Replica.String(), "record": id.String(), "by": "管理员"}
	for place, why := range map[string]string{"": "改派", "990000009": "地点"} {
		work["place"] = place
		if err := s.server.Admin(t.Context(), "/v1/admin/held/reassign", work, nil); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("to %q: %v", place, err)
		}
	}
	if out := s.chuantou("admin", "reassign", "-data", s.server.Data, "-by", "管理员", "-place", township, me.Replica.String(), id.String()); !strings.Contains(out, "1 settled") {
		t.Fatalf("reassigned:\n%s", out)
	}
	syncAll(t, c, other)
	for name, d := range map[string]*clientsdk.Client{"its author": c, "a colleague": other} {
		v, err := d.Get(id)
		if err != nil || v.Value("heard") != "其实是本镇的事" || v.Value("place_code") != township {
			t.Errorf("%s reads it at %v: %v", name, v.Value("place_code"), err)
		}
	}
	if st, err := c.Status(id); err != nil || st.Sync != clientsdk.SyncReceived || len(st.Reasons) != 0 {
		t.Errorf("its author is told %+v, %v", st, err)
	}
	var list struct{ Parts []struct{ Record string } }
	must(t, s.server.Admin(t.Context(), "/v1/admin/held?by="+url.QueryEscape("管理员"), nil, &list))
	if len(list.Parts) != 0 {
		t.Errorf("still held: %+v", list.Parts)
	}
	if err := s.server.Admin(t.Context(), "/v1/admin/held/reassign", map[string]any{"replica": me.Replica.String(), "record": id.String(), "by": "管理员", "place": township}, nil); err == nil {
		t.Error("reassigned twice")
	}
}
