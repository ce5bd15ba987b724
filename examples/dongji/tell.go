package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The leader who looks, and the password the example gives him.
const (
	leader   = "张例桥"
	password = "dongji-2026-shili"
)

// owners are the devices of the story: three go to sea, the others stand in
// offices. OFFICE is the installation's first administrator.
var owners = []struct{ device, person, name string }{
	{"A1", "A1", "竺例敏"}, {"A7", "C5", "吴例舟"}, {"B2", "C6", "乐例红"}, {"D4", "C2", "陈例山"}, {"C3", "C3", "张例桥"}, {"C4", "C4", "李例岚"},
}

// device is the device a person's events of the story are written on.
func device(person string) string {
	for _, o := range owners {
		if o.person == person {
			return o.device
		}
	}
	return person
}

const homecoming = "2026-05-22T17:05"

// tell plays the story from the beginning, or from where an earlier run stopped.
func (s *stage) tell(ctx context.Context, t *story) error {
	if err := s.slowly("建名册，登记设备", func() error { return s.prepare(ctx, t) }); err != nil {
		return err
	}
	all := t.all()
	for i := range all {
		all[i].Device = device(all[i].Device)
	}
	if err := s.slowly("出海记录", func() error { return s.atSea(t, all) }); err != nil {
		return err
	}
	return s.slowly("回港以后", func() error { return s.afterwards(t, all) })
}

// prepare enters roster and household files and enrols everybody.
func (s *stage) prepare(ctx context.Context, t *story) error {
	if _, err := s.enrol(ctx, "OFFICE", "系统管理员", "", s.progress.Code); err != nil {
		return err
	}
	roster := t.roster()
	for i := range roster {
		if _, err := s.play(&roster[i]); err != nil {
			return err
		}
	}
	if err := s.sync("OFFICE", "2026-01-04T09:30"); err != nil {
		return err
	}
	for _, o := range owners {
		if _, err := s.enrol(ctx, o.device, o.name, s.progress.IDs[o.person].String(), ""); err != nil {
			return err
		}
	}
	if err := s.server.Password(ctx, s.progress.IDs["C3"].String(), password, firstAdmin, secondAdmin); err != nil {
		return err
	}
	if err := s.sync("A1", "2026-01-05T09:00"); err != nil {
		return err
	}
	before := append(t.files(), t.delegations()...)
	for i := range before {
		if _, err := s.play(&before[i]); err != nil {
			return err
		}
	}
	for _, name := range append([]string{"A1"}, s.order[2:]...) {
		if err := s.sync(name, "2026-05-17T18:00"); err != nil {
			return err
		}
	}
	return nil
}

// atSea is the trip: the network is really cut, everything is written on the
// devices, two recorders write one meeting, two people change one household.
func (s *stage) atSea(t *story, all []save) error {
	if s.progress.Played["home"] {
		return nil
	}
	crew := []string{"A7", "B2", "D4"}
	for _, name := range crew {
		s.phones[name].cable.cut()
	}
	if _, err := s.phones["A7"].do(order{Do: "sync", Clock: "2026-05-18T08:00"}); err == nil {
		return fmt.Errorf("the network is cut and a sync went through")
	}
	s.say("三台设备出港，断网；试着同步：没有连上，稍后自动再试，内容都在手机里")
	for i := range all {
		v := all[i]
		if v.Received > homecoming || !slices.Contains(crew, v.Device) {
			continue
		}
		if v.Share {
			if err := s.twoRecorders(&v); err != nil {
				return err
			}
			continue
		}
		if v.Parts[0].Key == "V04" {
			v = t.firstNotes(v)
		}
		if _, err := s.play(&v); err != nil {
			return err
		}
	}
	if err := s.sameHousehold(); err != nil {
		return err
	}
	return s.home(crew)
}

// twoRecorders opens a meeting as 共同记录 on one device, gives the code to
// another by word of mouth, and lets both write before one submits.
func (s *stage) twoRecorders(v *save) error {
	first := *v
	first.At = "2026-05-21T18:30"
	whole := v.Parts[0].Fields
	opening := row{}
	plain(opening, whole, "meeting_type", "title", "place_code", "island", "hamlet", "occurred_at", "host_id", "owner_unit", "recorder_id", "recorder_ids", "session_events", "attendees")
	statements := whole["statements"].([]any)
	opening["statements"] = statements[:1]
	course := whole["session_events"].([]any)
	opening["session_events"] = course[:1]
	first.Parts = []part{{Key: v.Parts[0].Key, Kind: "HY", Fields: opening}}
	a, err := s.play(&first)
	if err != nil {
		return err
	}
	if a.Code != "" {
		s.progress.Code2 = a.Code
		s.say("共同记录的口令是 %s，第二位记录人断着网输进去", a.Code)
	}
	second := save{Device: "B2", At: "2026-05-21T19:50", Received: homecoming, Join: s.progress.Code2, Parts: []part{{Key: v.Parts[0].Key, Kind: "HY", Fields: row{"statements": []any{
		row{"speaker": "@C6", "mode": "摘要", "type": "发言", "text": "水泵两台坏一台，岛上配不到零件", "said_at": "2026-05-21T18:47", "recorder_id": "@C6"},
		row{"speaker": "@H07-1", "mode": "原话", "type": "发言", "text": "路灯一半不亮，走石阶要跌跤", "said_at": "2026-05-21T19:02", "recorder_id": "@C6"},
		row{"speaker": "匿名群众", "mode": "原话", "type": "发言", "text": "垃圾船一礼拜来一趟，夏天味道大", "said_at": "2026-05-21T19:45", "recorder_id": "@C6"},
	}}}}}
	if _, err := s.play(&second); err != nil {
		return err
	}
	// The rest, and 提交 for both, on the first device.
	rest := *v
	rest.Share = false
	rest.Parts = slices.Clone(v.Parts)
	fields := row{}
	for k, x := range whole {
		if _, written := opening[k]; !written {
			fields[k] = x
		}
	}
	fields["statements"] = statements[1:]
	fields["session_events"] = course[1:]
	rest.Parts[0] = part{Key: v.Parts[0].Key, Kind: "HY", Edit: true, Fields: fields}
	_, err = s.play(&rest)
	return err
}

// firstNotes is V04 as it was first written, a draft until the morning of the
// way home; two people go on with it that evening, within its 24 hours.
func (t *story) firstNotes(v save) save {
	v.At = "2026-05-22T08:40"
	p := v.Parts[0]
	p.Fields = clone(p.Fields)
	p.Fields["situation"] = "隔天来水。"
	v.Parts = []part{p}
	return v
}

func clone(r row) row {
	out := row{}
	for k, v := range r {
		out[k] = v
	}
	return out
}

// sameHousehold lets two cadres change one household while apart, and one
// write where she has no business.
func (s *stage) sameHousehold() error {
	for _, v := range []save{
		{Device: "A7", At: "2026-05-20T10:40", Received: homecoming, Parts: []part{{Key: "H05", Edit: true, Fields: row{"address": "石屋岙1号（示例），院门朝南"}}}},
		{Device: "B2", At: "2026-05-20T17:10", Received: homecoming, Parts: []part{{Key: "H05", Edit: true, Fields: row{"address": "石屋岙1号后屋（示例）"}}}},
		{Device: "B2", At: "2026-05-21T09:00", Received: homecoming, Parts: []part{{Key: "V99", Kind: "ZF", Fields: row{"visit_type": "入户走访", "visit_mode": "上门", "met": "未遇",
			"visitor_ids": []any{"@C6"}, "recorder_id": "@C6", "owner_unit": "@U5", "place_code": "330903105903", "household_id": "@H10", "household_mask": "陈某某户", "occurred_at": "2026-05-21T08:30", "purpose": "顺路看望"}}}},
	} {
		if _, err := s.play(&v); err != nil {
			return err
		}
	}
	return nil
}

// home brings the devices back: plugged in again, each pushes and pulls, then
// once more for what the others brought.
func (s *stage) home(crew []string) error {
	for _, name := range crew {
		if err := s.phones[name].cable.plug(); err != nil {
			return err
		}
	}
	for _, name := range []string{"A7", "B2", "A7"} {
		if err := s.sync(name, homecoming); err != nil {
			return err
		}
	}
	s.say("5月22日 17:05 回港，同步完")
	s.progress.Played["home"] = true
	return s.keep()
}

// apart lets two people go on with V04, each without knowing of the other.
func apart() []save {
	return []save{
		{Device: "A7", At: "2026-05-22T19:00", Received: "2026-05-23T08:00", Parts: []part{{Key: "V04", Edit: true, Fields: row{"situation": "隔天来水。水缸要人挑。", "purpose": "看用水、看水缸"}}}},
		{Device: "B2", At: "2026-05-22T18:30", Received: "2026-05-23T08:00", Parts: []part{{Key: "V04", Edit: true, Fields: row{"situation": "独居老人，隔天来水。", "purpose": "看独居老人用水"}}}},
	}
}

// afterwards plays what came later, day by day, each brought to the server by
// its own device.
func (s *stage) afterwards(t *story, all []save) error {
	later := slices.DeleteFunc(slices.Clone(all), func(v save) bool { return v.Received <= homecoming })
	later = append(apart(), later...)
	for i := 0; i < len(later); {
		at := later[i].Received
		devices := map[string]bool{}
		var order []string
		for ; i < len(later) && later[i].Received == at; i++ {
			if _, err := s.play(&later[i]); err != nil {
				return err
			}
			if !devices[later[i].Device] {
				devices[later[i].Device] = true
				order = append(order, later[i].Device)
			}
		}
		key := "synced " + at + strings.Join(order, ",")
		if s.progress.Played[key] {
			continue
		}
		for _, name := range order {
			if err := s.sync(name, at); err != nil {
				return err
			}
		}
		s.progress.Played[key] = true
		if err := s.ahead(later, i); err != nil {
			return err
		}
	}
	for _, name := range s.order {
		if err := s.sync(name, "2026-09-18T06:30"); err != nil {
			return err
		}
	}
	return s.keep()
}

// ahead lets the devices that write next see what the others brought: an
// official who acts on a demand has it in front of him.
func (s *stage) ahead(later []save, i int) error {
	if i == len(later) {
		return nil
	}
	next := map[string]bool{}
	for _, v := range later[i:] {
		if v.Received != later[i].Received {
			break
		}
		if next[v.Device] {
			continue
		}
		next[v.Device] = true
		if err := s.sync(v.Device, later[i-1].Received); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) figures() (f figures) {
	f.Devices = len(s.phones)
	for _, p := range s.phones {
		f.Pushed += p.pushed
		f.Pulled += p.pulled
		f.Conflicts = max(f.Conflicts, p.conflicts)
		f.Held += p.held
		f.BytesUp += p.up
		f.BytesDown += p.down
	}
	return f
}
