package simtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/view"
)

func (s *sim) tide(d *simDevice) clientsdk.Report {
	s.t.Helper()
	r, err := d.sync()
	must(s.t, err)
	return r
}

// From a device at sea to the server and back: a late edit does not count, its
// author is told, a kill of the server changes nothing, and a writer takes it
// after all or declines it.
func TestLateEditFromDeviceToDevice(t *testing.T) {
	ctx := context.Background()
	s := calm(t)
	recorder, leader := s.deviceOf(t, 4), s.deviceOf(t, 2) // of the second township
	d, err := recorder.client.Create("ZF")
	must(t, err)
	d.Fill(map[string]any{"place_code": township2 + "901", "owner_unit": s.units[township2].String(), "visit_type": "蹲点走访", "met": "见到本人",
		"situation": "隔天来水。", "situation.personal": false, "visitor_ids": []any{recorder.who.id.String()}})
	d.AddItem("interviewees", map[string]any{"person": "曾例海"})
	must(t, recorder.client.Submit(ctx, d))
	id := d.Record()
	s.tide(recorder)
	s.tide(leader)

	s.clock.Advance(25 * time.Hour)
	v, err := recorder.client.Get(id)
	must(t, err)
	if !recorder.client.Settled(v) {
		t.Errorf("25 hours later the device does not say that the record is settled: %v", v.SettledAt)
	}
	e, err := recorder.client.Edit(id)
	must(t, err)
	must(t, recorder.client.Submit(ctx, e.Set("met", "未遇").Set("situation", "天天来水。").Add("tags", "好做法")))
	r := s.tide(recorder)
	if !slices.Equal(r.Late, []syncproto.RecordID{id}) {
		t.Errorf("the author is told of %v", r.Late)
	}
	s.server.kill()
	if again := s.tide(recorder); len(again.Late) != 0 {
		t.Error("he is told twice")
	}
	for _, who := range []*simDevice{recorder, leader} {
		s.tide(who)
		v, err := who.client.Get(id)
		must(t, err)
		if v.Value("met") != "见到本人" || v.Value("situation") != "隔天来水。" || !slices.Contains(v.Chips, view.ChipSuggested) || len(v.Suggestions) != 2 {
			t.Fatalf("%s reads %v, %v, chips %v, %+v", who.name, v.Value("met"), v.Value("situation"), v.Chips, v.Suggestions)
		}
		for _, x := range v.Suggestions {
			if x.Author != recorder.who.id || !strings.Contains(x.Reason, "24 小时") {
				t.Errorf("%s reads %+v", who.name, x)
			}
		}
	}
	// The leader takes the one, the recorder declines the other.
	must(t, leader.client.Correct(ctx, id, "met", "未遇", "核实过了"))
	s.tide(leader)
	must(t, recorder.client.Decline(ctx, id, "situation", "天天来水。", "又停了"))
	s.tide(recorder)
	for _, who := range []*simDevice{recorder, leader} {
		s.tide(who)
		v, err := who.client.Get(id)
		must(t, err)
		if v.Value("met") != "未遇" || v.Value("situation") != "隔天来水。" || len(v.Suggestions) != 0 {
			t.Errorf("after both were answered %s reads %v, %v, %+v", who.name, v.Value("met"), v.Value("situation"), v.Suggestions)
		}
	}
}
