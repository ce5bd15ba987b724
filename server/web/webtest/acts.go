package webtest

import (
	"context"
	"slices"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
)

// numbered gives the changes and versions of a record their names, as if each
// line of its history were one change of one replica.
func numbered(p *web.RecordPage) {
	replica := syncproto.ReplicaID(p.ID)
	replica[6] = replica[6]&0x0f | 0x40
	for i := range p.History {
		p.History[i].Change = syncproto.ChangeID{Replica: replica, Seq: syncproto.Seq(len(p.History) - i)}
	}
	p.Seen = p.History[0].Change
	for i := range p.Clashes {
		for k := range p.Clashes[i].Values {
			p.Clashes[i].Values[k].Dot = syncproto.Dot{Replica: replica, Seq: syncproto.Seq(k + 1), Op: uint32(i)}
		}
	}
}

// past is a record as it stood after a change: as far as an invented one can
// tell, with the lines of its history up to there.
func past(p web.RecordPage, at syncproto.ChangeID) (web.RecordPage, error) {
	i := slices.IndexFunc(p.History, func(h web.HistoryEntry) bool { return h.Change == at })
	if i < 0 {
		return web.RecordPage{}, web.ErrNotFound
	}
	p.History = p.History[i:]
	p.Seen, p.AsOf, p.May = at, &web.AsOf{Entry: p.History[0]}, web.Rights{}
	if len(p.History) > 1 {
		p.AsOf.Before = p.History[1].Change
	}
	p.Clashes = slices.Clone(p.Clashes)
	for i := range p.Clashes {
		p.Clashes[i].Choose = false
	}
	return p, nil
}

// change takes one act into a record.
func (w *World) change(person syncproto.PersonID, id syncproto.RecordID, do func(p *web.RecordPage) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.records[id]
	switch {
	case !ok:
		return syncproto.Errorf(syncproto.KindNotFound, "没有这条记录，或者不归您看")
	case person != Leader.Person:
		return syncproto.Errorf(syncproto.KindForbidden, "这一处不归您定")
	}
	p.History = slices.Clone(p.History)
	p.Comments = slices.Clone(p.Comments)
	if err := do(&p); err != nil {
		return err
	}
	last := p.Seen
	last.Seq++
	p.Seen = last
	p.History = slices.Insert(p.History, 0, web.HistoryEntry{Change: last, Received: Now, Written: Now, By: short(c3), Device: "网页登录", What: "采用此版本"})
	w.records[id] = p
	return nil
}

// Adopt settles a clash.
func (w *World) Adopt(_ context.Context, person syncproto.PersonID, id syncproto.RecordID, _ syncproto.ChangeID, choice syncproto.Choice) error {
	if err := choice.Check(); err != nil {
		return err
	}
	return w.change(person, id, func(p *web.RecordPage) error {
		for i, c := range p.Clashes {
			var dots []syncproto.Dot
			value := ""
			for _, v := range c.Values {
				if dots = append(dots, v.Dot); v.Dot == choice.Chosen {
					value = v.Value
				}
			}
			if c.Field == choice.Field && choice.Names(dots) {
				p.Clashes = slices.Delete(slices.Clone(p.Clashes), i, i+1)
				for s := range p.Sections {
					for f := range p.Sections[s].Fields {
						if field := &p.Sections[s].Fields[f]; field.Key == choice.Field {
							field.Text = value
						}
					}
				}
				return nil
			}
		}
		return syncproto.Errorf(syncproto.KindConflict, "您打开这一页以后，这一处又有了变化，您的选择没有写入。请看现在的内容再定")
	})
}

// Comment adds to the record's comments.
func (w *World) Comment(_ context.Context, person syncproto.PersonID, id syncproto.RecordID, _ syncproto.ChangeID, text string) error {
	if text == "" {
		return syncproto.Errorf(syncproto.KindBadRequest, "没有写内容")
	}
	return w.change(person, id, func(p *web.RecordPage) error {
		p.Comments = append(p.Comments, web.Comment{By: c3, At: Now, Text: text, Via: "网页登录"})
		return nil
	})
}

// DecideVoid settles 作废待裁定.
func (w *World) DecideVoid(_ context.Context, person syncproto.PersonID, id syncproto.RecordID, _ syncproto.ChangeID, void bool, reason string) error {
	if void && reason == "" {
		return syncproto.Errorf(syncproto.KindBadRequest, "作废要写明理由")
	}
	return w.change(person, id, func(p *web.RecordPage) error {
		p.Void, p.May.Void, p.Marks.VoidDisputed = nil, false, false
		if void {
			p.Void, p.Status = &web.Void{By: short(c3), At: Now, Reason: reason}, "已作废"
		}
		return nil
	})
}

// Confirm answers for a record that was written on somebody's behalf.
func (w *World) Confirm(_ context.Context, person syncproto.PersonID, id syncproto.RecordID, _ syncproto.ChangeID, result, note string) error {
	if result != "确认" && note == "" {
		return syncproto.Errorf(syncproto.KindBadRequest, "退回要写明原因")
	}
	return w.change(person, id, func(p *web.RecordPage) error {
		if !p.May.Confirm {
			return syncproto.Errorf(syncproto.KindForbidden, "本人确认只能由被代为记录的领导本人来做")
		}
		p.May.Confirm, p.Marks.ToConfirm = false, false
		return nil
	})
}

// Release takes what is held off the list.
func (w *World) Release(_ context.Context, _ syncproto.PersonID, of web.HeldWork) (parts, left int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, row := range w.held {
		if row.Work == of && !of.Record.IsZero() {
			w.held = slices.Delete(slices.Clone(w.held), i, i+1)
			return row.Parts, 0, nil
		}
	}
	return 0, 0, syncproto.Errorf(syncproto.KindConflict, "这条记录没有这台设备待处理的改动，可能已经处理过了")
}

// Reject does the same, with a reason.
func (w *World) Reject(ctx context.Context, admin syncproto.PersonID, of web.HeldWork, reason string) (parts, left int, err error) {
	if reason == "" {
		return 0, 0, syncproto.Errorf(syncproto.KindBadRequest, "退回要写明理由")
	}
	w.mu.Lock()
	w.Reasons = append(w.Reasons, reason)
	w.mu.Unlock()
	return w.Release(ctx, admin, of)
}

// Reassign does the same, with a place.
func (w *World) Reassign(ctx context.Context, admin syncproto.PersonID, of web.HeldWork, place string) (parts, left int, err error) {
	if place == "" {
		return 0, 0, syncproto.Errorf(syncproto.KindBadRequest, "改派要写明地点")
	}
	w.mu.Lock()
	w.Reasons = append(w.Reasons, "到 "+place)
	w.mu.Unlock()
	return w.Release(ctx, admin, of)
}

// Missing says that one change of a tablet never came.
func (w *World) Missing(_ context.Context, _ syncproto.PersonID, of web.HeldWork) (web.Lost, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range w.held {
		if row.Waits == of && !of.Record.IsZero() {
			return web.Lost{Runs: []web.LostRun{{By: c5.Name, Device: row.Device, From: 12, To: 12}}}, nil
		}
	}
	return web.Lost{}, syncproto.Errorf(syncproto.KindConflict, "这些改动等的不是没有到的前文，声明丢失不能解决")
}

// DeclareLost takes what waits off the list.
func (w *World) DeclareLost(_ context.Context, _ syncproto.PersonID, of web.HeldWork, _, _ string) (parts, left int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, row := range w.held {
		if row.Waits == of && !of.Record.IsZero() {
			w.held = slices.Delete(slices.Clone(w.held), i, i+1)
			return row.Parts, 0, nil
		}
	}
	return 0, 0, syncproto.Errorf(syncproto.KindConflict, "这条记录没有这台设备待处理的改动，可能已经处理过了")
}
