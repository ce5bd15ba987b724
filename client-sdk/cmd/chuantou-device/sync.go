package main

import (
	"errors"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

func (a *app) sync(args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	r, err := a.client.Sync(a.ctx)
	if errors.Is(err, clientsdk.ErrNotEnrolled) {
		return err
	}
	if r.Wiped && !a.json {
		a.printf("%v\n", clientsdk.ErrWiped)
		return nil
	}
	if a.json {
		out := map[string]any{"ok": err == nil, "pushed": r.Pushed, "refused": r.Refused, "pulled": r.Pulled, "requests": r.Requests, "conflicts": r.Conflicts,
			"held": r.Held, "mismatches": r.Mismatches, "bytes_up": r.BytesUp, "bytes_down": r.BytesDown, "ms": r.Millis, "needs_new_id": r.NeedsNewID, "wiped": r.Wiped}
		if err != nil {
			out["error"] = err.Error()
		}
		return errors.Join(a.printJSON(out), err)
	}
	if err != nil && r.Requests > 0 && syncproto.KindOf(err) == syncproto.KindOther {
		a.printf("没有连上，稍后自动再试；内容都在手机里\n")
	}
	if err == nil || r.Pushed+r.Pulled > 0 { // of a sync that did nothing its reason is enough
		a.printf("上传 %d 条，收到 %d 条；%d 字节上，%d 字节下，%d 次请求，%d 毫秒\n", r.Pushed, r.Pulled, r.BytesUp, r.BytesDown, r.Requests, r.Millis)
	}
	for _, id := range r.Late {
		a.printf("%s：提交满 24 小时以后改的没有生效，留作更正建议；要采用请写更正，见 show %s\n", a.named(id.String()), id)
	}
	return errors.Join(err, a.printSummary())
}

func (a *app) printSummary() error {
	s, err := a.client.Summary()
	if err != nil {
		return err
	}
	for _, line := range s.Words() {
		a.printf("%s\n", line)
	}
	return nil
}

func (a *app) status(args []string) error {
	if len(args) > 1 {
		return errUsage
	}
	if len(args) == 1 {
		return a.statusOf(args[0])
	}
	s, err := a.client.Summary()
	if err != nil {
		return err
	}
	id, enrolled := a.client.Identity()
	if a.json {
		return a.printJSON(map[string]any{"enrolled": enrolled, "person": id.PersonName, "device": id.Device, "origin": id.Origin, "pending": s.Pending,
			"drafts": s.Drafts, "old_drafts": s.OldDrafts, "held": s.Held, "held_reasons": append([]string{}, s.HeldReasons...),
			"conflicts": s.Conflicts, "needs_new_id": s.NeedsNewID, "locked": s.Locked, "hand_back": s.HandBack, "new_devices": append([]clientsdk.Device{}, s.NewDevices...)})
	}
	if !enrolled {
		a.printf("尚未注册\n")
	} else {
		a.printf("%s  %s  %s\n", id.PersonName, id.Device, id.Origin)
	}
	if len(s.Words()) == 0 {
		a.printf("全部已收到\n")
	}
	return a.printSummary()
}

func (a *app) statusOf(name string) error {
	id, err := a.findRecord(name)
	if err != nil {
		d, draftErr := a.findDraft(name)
		if draftErr != nil {
			return err
		}
		id = d.Record()
	}
	s, err := a.client.Status(id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"record": id, "status": s.Record, "sync": s.Sync, "reasons": s.Reasons, "siblings": s.Siblings, "edited": s.Edited})
	}
	a.printf("%s\n", s)
	for _, r := range s.Reasons {
		a.printf("%s\n", r)
	}
	if s.Siblings > 0 {
		a.printf("同时提交的 %d 条待处理\n", s.Siblings)
	}
	return nil
}
