package clientsdk_test

import "testing"

// A boat is prefilled from the last meeting only where a boat belongs: a
// meeting in a courtyard that names one would show it in the timeline.
func TestBoatIsPrefilledOnBoatsOnly(t *testing.T) {
	w := newWorld(t, 12)
	a, _ := w.device(personA, "A7")
	meeting := func(form string, more map[string]any) any {
		t.Helper()
		d, err := a.Create("HY")
		if err != nil {
			t.Fatal(err)
		}
		d.Fill(map[string]any{"meeting_type": form, "place_code": village, "owner_unit": unitU3.String(), "host_id": personA.String()})
		d.Fill(more)
		d.AddItem("statements", map[string]any{"speaker": "翁例娥", "mode": "原话", "text": "隔天来水"})
		d.AddItem("attendees", map[string]any{"person": personA.String(), "role": "出席"})
		d.Log("session_events", map[string]any{"event": "散会", "at": "2026-05-18T16:00:00+08:00"})
		w.submit(a, d)
		v, err := a.Get(d.Record())
		if err != nil {
			t.Fatal(err)
		}
		return v.Value("boat_id")
	}
	if got := meeting("船头会", map[string]any{"boat_id": personB.String(), "mooring": "庙子湖码头"}); got != personB.String() {
		t.Fatalf("the boat is %v", got)
	}
	if got := meeting("船头会", map[string]any{"mooring": "庙子湖码头"}); got != personB.String() {
		t.Errorf("the next meeting on a boat has %v, want the last one's", got)
	}
	if got := meeting("道地会", nil); got != nil {
		t.Errorf("a meeting in a courtyard has the boat %v", got)
	}
}
