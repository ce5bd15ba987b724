// Package acting is what a person may do from a browser: choose one of several
// versions (采用此版本), comment (阅示), confirm what was written on his behalf
// (本人确认). It judges rights and what the page showed against what stands
// now; the change itself is authored in the person's name by the server's pen
// (package ingest) and goes the way of every other.
//
// A person who wants to write more than this enrols a device.
package acting

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Pen writes for people who have no device at hand; see ingest.Ingest.Act.
type Pen interface {
	Act(ctx context.Context, author syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID,
		edit func(now *crdt.Record, facts *authz.Facts, e *crdt.Edit) error) error
}

// Acting is safe for concurrent use; every member is required.
type Acting struct {
	Pen       Pen
	Directory *directory.Directory
	Schema    func() *schema.Schema
	Now       func() time.Time
}

// The refusals that are the same for every act.
var (
	errNotFound = syncproto.Errorf(syncproto.KindNotFound, "没有这条记录，或者不归您看")
	errNotSeen  = syncproto.Errorf(syncproto.KindBadRequest, "没有说是看着记录的哪一版写的（seen）")
	errVoided   = syncproto.Errorf(syncproto.KindConflict, "这条记录已作废：要先恢复，才能再写")
)

// maxWords bounds a comment or note, in characters.
const maxWords = 2000

// act lets the person in, then does one thing to the record as his page showed
// it.
func (a *Acting) act(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, do func(x *act) error) error {
	if seen.IsZero() {
		return errNotSeen
	}
	return a.Pen.Act(ctx, person, id, seen, func(now *crdt.Record, facts *authz.Facts, e *crdt.Edit) error {
		v := a.Directory.Viewer(person).On(a.Now().In(timeline.Zone).Format(time.DateOnly))
		x := &act{Acting: a, viewer: &v, now: now, facts: facts, edit: e, schema: a.Schema()}
		if x.classes = v.Reads(facts); x.classes == syncproto.ForNobody {
			return errNotFound
		}
		// An edit by somebody who knew of the 作废 would undo it.
		if now.Deleted() {
			return errVoided
		}
		return do(x)
	})
}

// act is one act under way.
type act struct {
	*Acting
	viewer  *authz.Viewer
	classes syncproto.Audience
	now     *crdt.Record
	facts   *authz.Facts
	edit    *crdt.Edit
	schema  *schema.Schema
}

func (x *act) log(field string, entry map[string]any) error {
	v, err := wire.EncodeValue(entry)
	if err != nil {
		return err
	}
	return x.edit.Log(field, v)
}

// stamp is the server's clock as entries write it.
func (x *act) stamp() string { return x.Now().In(timeline.Zone).Format("2006-01-02T15:04Z07:00") }

var (
	errNoComment = syncproto.Errorf(syncproto.KindForbidden, "阅示由分管这个地方的领导写")
	errNoWords   = syncproto.Errorf(syncproto.KindBadRequest, "没有写内容")
)

// words reads what a person typed into a form.
func words(s string) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	switch {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return "", syncproto.Errorf(syncproto.KindBadRequest, "内容里有读不出来的字符")
	case utf8.RuneCountInString(s) > maxWords:
		return "", syncproto.Errorf(syncproto.KindTooLarge, "内容超过 %d 字，请写短一点", maxWords)
	}
	return s, nil
}

// Comment (阅示) appends to the record's comments.
func (a *Acting) Comment(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, text string) error {
	text, err := words(text)
	if err == nil && text == "" {
		err = errNoWords
	}
	if err != nil {
		return err
	}
	return a.act(ctx, person, id, seen, func(x *act) error {
		if !x.viewer.Comments(x.facts) {
			return errNoComment
		}
		return x.log("comments", map[string]any{"leader": person.String(), "text": text, "at": x.stamp()})
	})
}

// The answers of 本人确认.
const (
	Confirmed = "确认"
	SentBack  = "退回"
)

var (
	errNotYours  = syncproto.Errorf(syncproto.KindForbidden, "本人确认只能由被代为记录的领导本人来做")
	errConfirmed = syncproto.Errorf(syncproto.KindConflict, "这条记录您已经确认过了")
	errResult    = syncproto.Errorf(syncproto.KindBadRequest, "本人确认要么“确认”，要么“退回”")
	errWhy       = syncproto.Errorf(syncproto.KindBadRequest, "退回要写明原因")
	errUnsent    = syncproto.Errorf(syncproto.KindConflict, "这条记录还没有提交")
)

// Confirm (本人确认) answers for what was written on the person's behalf.
// result is Confirmed, or SentBack with a note.
func (a *Acting) Confirm(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, result, note string) error {
	note, err := words(note)
	switch {
	case err != nil:
		return err
	case result != Confirmed && result != SentBack:
		return errResult
	case result == SentBack && note == "":
		return errWhy
	}
	return a.act(ctx, person, id, seen, func(x *act) error {
		switch {
		case onBehalfOf(x.now) != person:
			return errNotYours
		case x.facts.Draft:
			return errUnsent
		case lastAnswer(x.now, person) == Confirmed && result == Confirmed:
			return errConfirmed
		}
		entry := map[string]any{"by": person.String(), "at": x.stamp(), "result": result}
		if note != "" {
			entry["note"] = note
		}
		return x.log("confirmed", entry)
	})
}

var (
	errNoVoid      = syncproto.Errorf(syncproto.KindForbidden, "作废待裁定由管理员来定")
	errNotDisputed = syncproto.Errorf(syncproto.KindConflict, "是不是作废已经定了，您的决定没有写入。请看现在的内容")
	errWhyVoid     = syncproto.Errorf(syncproto.KindBadRequest, "作废要写明理由")
)

// DecideVoid settles 作废待裁定: one voided the record, another changed it
// unaware. It is void, with a reason, or it is not. What came after the version
// that the person saw survives either way.
func (a *Acting) DecideVoid(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, void bool, reason string) error {
	reason, err := words(reason)
	if err == nil && void && reason == "" {
		err = errWhyVoid
	}
	if err != nil {
		return err
	}
	return a.act(ctx, person, id, seen, func(x *act) error {
		switch {
		case !x.viewer.Voids(x.facts):
			return errNoVoid
		case x.now.Conflict() == "" || x.edit.Record().Conflict() == "":
			return errNotDisputed
		case !void:
			return x.edit.Restore()
		}
		v, err := wire.EncodeValue(reason)
		if err != nil {
			return err
		}
		return x.edit.Delete(v)
	})
}

// Rights is what a person may do to a record from a browser.
type Rights struct {
	Decide  bool // choose one of several versions
	Comment bool
	Confirm bool // the record was written on his behalf, and he has not confirmed it
	Void    bool // 作废待裁定: say whether it is void
}

// May says what the viewer may do to a record as it stands.
func May(v *authz.Viewer, rec *crdt.Record, facts *authz.Facts) Rights {
	if rec.Deleted() {
		return Rights{}
	}
	return Rights{Decide: v.Decides(facts), Comment: v.Comments(facts), Void: rec.Conflict() != "" && v.Voids(facts),
		Confirm: onBehalfOf(rec) == v.Person && !facts.Draft && lastAnswer(rec, v.Person) != Confirmed}
}

// onBehalfOf is the leader a record was written for, zero when there is none or
// when devices named different ones.
func onBehalfOf(rec *crdt.Record) syncproto.PersonID {
	values := crdt.Distinct(rec.Values("on_behalf_of"))
	if len(values) != 1 {
		return syncproto.PersonID{}
	}
	return view.AsRef(view.Plain(values[0]))
}

func lastAnswer(rec *crdt.Record, person syncproto.PersonID) (result string) {
	for _, e := range rec.Log("confirmed") {
		if m, ok := view.Plain(e.Value).(map[string]any); ok && view.AsRef(m["by"]) == person {
			result, _ = m["result"].(string)
		}
	}
	return result
}
