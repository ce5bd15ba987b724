package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

// The forms of a record's page. Each is sent to an address below the record's
// own, carries what the page showed, and leads back to the record.

// notices are said once, on the page that follows a form.
var notices = map[string]string{
	"adopt":   "已采用您选的版本。没有选的也留在来历里，各部手机下次同步时都看得到。",
	"comment": "阅示已写入，能看到这条记录的人都看得到。",
	"confirm": "本人确认已写入。",
	"void":    "已按您定的写入，各部手机下次同步时都看得到。",
}

// formAct is what every form on a record's page carries.
type formAct struct {
	Address string // of the record
	Token   string
	Seen    string
}

// adoption is the form behind one version of a clash.
type adoption struct {
	Act     formAct
	Clash   Clash
	Version Version
}

// typed is what a person wrote into a form that was refused: it must not be
// lost.
type typed struct {
	Comment string
	Note    string
	Reason  string
	Look    string // the reason to see more
}

// act serves one form of a record: do writes, refused words go back onto the
// record's page.
func (p *Pages) act(name string, do func(c echo.Context, s session, id syncproto.RecordID, seen syncproto.ChangeID, f url.Values) error) handler {
	return func(c echo.Context, s session) error {
		f, err := p.readForm(c, "session", s.token)
		if err != nil {
			return err
		}
		id, err := syncproto.ParseRecordID(c.Param("id"))
		if err != nil {
			return ErrNotFound
		}
		seen, err := syncproto.ParseChangeID(f.Get("seen"))
		if err != nil {
			return errForm // the page always says it
		}
		err = do(c, s, id, seen, f)
		var refused *syncproto.Error
		switch {
		case err == nil:
			return c.Redirect(http.StatusSeeOther, recordAddress(id)+"?done="+name)
		case errors.As(err, &refused) && refusals[refused.Kind] != 0:
			return p.refuse(c, s, id, refused, typed{Comment: f.Get("text"), Note: f.Get("note"), Reason: f.Get("reason")})
		}
		return fmt.Errorf("%s on record %s: %w", name, id, err)
	}
}

// open shows once what a stated reason opens of a record. It is no page to come
// back to: whoever loads it again states a reason again.
func (p *Pages) open(c echo.Context, s session) error {
	f, err := p.readForm(c, "session", s.token)
	if err != nil {
		return err
	}
	id, err := syncproto.ParseRecordID(c.Param("id"))
	if err != nil {
		return ErrNotFound
	}
	page, err := p.deps.Source.Opened(c.Request().Context(), s.Viewer, id, f.Get("look"))
	var refused *syncproto.Error
	switch {
	case errors.As(err, &refused) && refusals[refused.Kind] != 0:
		return p.refuse(c, s, id, refused, typed{Look: f.Get("look")})
	case errors.As(err, &refused) && refused.Kind == syncproto.KindNotFound:
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("open record %s: %w", id, err)
	}
	return p.render(c, http.StatusOK, "record", p.recordData(s, page))
}

// refusals are the kinds of error that go back onto the page, and its status.
var refusals = map[syncproto.ErrorKind]int{
	syncproto.KindBadRequest: http.StatusBadRequest,
	syncproto.KindForbidden:  http.StatusForbidden,
	syncproto.KindConflict:   http.StatusConflict,
	syncproto.KindTooLarge:   http.StatusRequestEntityTooLarge,
}

// refuse shows the record as it stands now, with why nothing was written.
func (p *Pages) refuse(c echo.Context, s session, id syncproto.RecordID, why *syncproto.Error, kept typed) error {
	page, err := p.deps.Source.Record(c.Request().Context(), s.Viewer, id, RecordView{})
	if err != nil {
		return fmt.Errorf("read record %s: %w", id, err)
	}
	d := p.recordData(s, page)
	d.Alert, d.Typed = why.Text, kept
	return p.render(c, refusals[why.Kind], "record", d)
}

func (p *Pages) adopt(c echo.Context, s session, id syncproto.RecordID, seen syncproto.ChangeID, f url.Values) error {
	choice := syncproto.Choice{Field: f.Get("field"), Sub: f.Get("sub")}
	err := choice.Item.UnmarshalText([]byte(f.Get("item")))
	if err == nil {
		choice.Chosen, err = syncproto.ParseDot(f.Get("chosen"))
	}
	for _, settled := range f["settles"] {
		var d syncproto.Dot
		if err == nil {
			d, err = syncproto.ParseDot(settled)
			choice.Settles = append(choice.Settles, d)
		}
	}
	if err != nil {
		return &QueryError{"送来的选择读不出来。请回到记录重新选。"}
	}
	return p.deps.Actions.Adopt(c.Request().Context(), s.Person, id, seen, choice)
}

func (p *Pages) comment(c echo.Context, s session, id syncproto.RecordID, seen syncproto.ChangeID, f url.Values) error {
	return p.deps.Actions.Comment(c.Request().Context(), s.Person, id, seen, f.Get("text"))
}

func (p *Pages) confirm(c echo.Context, s session, id syncproto.RecordID, seen syncproto.ChangeID, f url.Values) error {
	return p.deps.Actions.Confirm(c.Request().Context(), s.Person, id, seen, f.Get("result"), f.Get("note"))
}

func (p *Pages) decideVoid(c echo.Context, s session, id syncproto.RecordID, seen syncproto.ChangeID, f url.Values) error {
	verdict := f.Get("verdict")
	if verdict != "void" && verdict != "restore" {
		return &QueryError{"要么仍作废，要么恢复。请回到记录重新选。"}
	}
	return p.deps.Actions.DecideVoid(c.Request().Context(), s.Person, id, seen, verdict == "void", f.Get("reason"))
}
