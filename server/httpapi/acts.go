package httpapi

import (
	"encoding/json"

	"github.com/chuantou/chuantou/syncproto"
)

// errByDevice sends a device to its own chain: what a person writes on it is
// signed there.
var errByDevice = syncproto.Errorf(syncproto.KindForbidden, "设备请在本机上写，随同步上传；这里只收网页登录的")

// acted serves what a person does to a record from a browser: the answer is the
// record as it stands then. When his view no longer stood, it is a conflict with
// the record as it stands now.
func (a *API) acted(q *call, into any, do func(id syncproto.RecordID) error) error {
	id, err := recordID(q)
	switch {
	case err != nil:
		return err
	case !q.who.browser:
		return errByDevice
	}
	if err := q.json(into); err != nil {
		return err
	}
	err = do(id)
	if err != nil && syncproto.KindOf(err) != syncproto.KindConflict {
		return err
	}
	rec, readErr := a.Reader.Record(q.ctx, q.who.Person, id, syncproto.ChangeID{})
	switch {
	case readErr != nil:
		return readErr
	case err == nil:
		return a.sendJSON(q, rec)
	}
	p := problemOf(err)
	p.Record = &rec
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return a.send(q, p.Status, problemType, body)
}

type choiceRequest struct {
	Seen syncproto.ChangeID `json:"seen"`
	syncproto.Choice
}

func (a *API) choose(q *call) error {
	var in choiceRequest
	return a.acted(q, &in, func(id syncproto.RecordID) error {
		return a.Actor.Adopt(q.ctx, q.who.Person, id, in.Seen, in.Choice)
	})
}

type commentRequest struct {
	Seen syncproto.ChangeID `json:"seen"`
	Text string             `json:"text"`
}

func (a *API) comment(q *call) error {
	var in commentRequest
	return a.acted(q, &in, func(id syncproto.RecordID) error {
		return a.Actor.Comment(q.ctx, q.who.Person, id, in.Seen, in.Text)
	})
}

type verdictRequest struct {
	Seen   syncproto.ChangeID `json:"seen"`
	Void   *bool              `json:"void"`
	Reason string             `json:"reason"`
}

func (a *API) decideVoid(q *call) error {
	var in verdictRequest
	return a.acted(q, &in, func(id syncproto.RecordID) error {
		if in.Void == nil {
			return syncproto.Errorf(syncproto.KindBadRequest, "void: want true or false")
		}
		return a.Actor.DecideVoid(q.ctx, q.who.Person, id, in.Seen, *in.Void, in.Reason)
	})
}

type confirmationRequest struct {
	Seen   syncproto.ChangeID `json:"seen"`
	Result string             `json:"result"` // 确认, 退回
	Note   string             `json:"note"`
}

func (a *API) confirm(q *call) error {
	var in confirmationRequest
	return a.acted(q, &in, func(id syncproto.RecordID) error {
		return a.Actor.Confirm(q.ctx, q.who.Person, id, in.Seen, in.Result, in.Note)
	})
}

type openRequest struct {
	Reason string `json:"reason"`
}

// openRecord shows once what a reason opens of a record.
func (a *API) openRecord(q *call) error {
	id, err := recordID(q)
	if err != nil {
		return err
	}
	var in openRequest
	if err := q.json(&in); err != nil {
		return err
	}
	rec, err := a.Reader.Opened(q.ctx, q.who.Person, id, in.Reason)
	if err != nil {
		return err
	}
	return a.sendJSON(q, rec)
}
