package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

// HeldPart is a part of a change that is stored whole and not applied.
type HeldPart struct {
	By       Person
	Device   string
	Written  time.Time
	Received time.Time
	What     string // 改了“问情况”, without a value
	Where    string // the village of its record, "" if that is not known
	Reason   string // HoldWords, or better
}

// HeldPage is what is held in a territory. A leader is told of it: what kind,
// where, by whom, since when and why, never what it says.
type HeldPage struct {
	Complete Completeness
	Rows     []HeldRow
	More     int // held parts beyond those listed
	// Places are those that an administrator may put a record in.
	Places []HeldPlace
}

// HeldPlace is a place to choose.
type HeldPlace struct{ Code, Name string }

// HeldRow is what one replica has held in one record, told to an administrator
// by its latest part.
type HeldRow struct {
	HeldPart
	Work   HeldWork           // zero when it is not for an administrator to settle
	Whole  bool               // and nothing of its record is here: it may be given to another place
	Waits  HeldWork           // set for an administrator when it waits for a change that never came
	Parts  int                // held parts that this row stands for
	Record syncproto.RecordID // zero when there is no page of it to open
	Kind   Kind
	Title  string
	Advice string   // what would release it
	Others []string // parts of the same save: 诉求 1 条已收到
}

// HoldWords tells a third person why a part is held; the words of the reason
// itself are said to its author.
func HoldWords(r syncproto.HoldReason) string {
	switch r {
	case syncproto.HoldMissing:
		return "缺前文：它所依据的前一部分还没有到。前面的一到，会自动接上。"
	case syncproto.HoldScope:
		return "写的人没有写这条记录的权限。"
	case syncproto.HoldDelegation:
		return "代领导写的，写的人没有这位领导的委托，或者委托已经结束。"
	case syncproto.HoldRevoked:
		return "写的时候，这台设备或账号已经停用。"
	case syncproto.HoldFork:
		return "设备编号重复：同一编号下已有另一份内容。那台设备会换新编号重新上传。"
	case syncproto.HoldUnknownOp:
		return "写它的程序比服务器新，服务器还看不懂。升级后会自动接上。"
	case syncproto.HoldTooLarge:
		return "内容超过上限。"
	case syncproto.HoldInvalid:
		return "与原文对不上，接不进去。"
	}
	return "已完整存下，还没有并进记录。"
}

// heldData is the page of what is held.
type heldData struct {
	layout
	Page   HeldPage
	Strip  strip
	Alert  string // why nothing was settled
	Notice string // what was settled
	Typed  string // the reason that came with what was refused
	Ask    *lostQuestion
}

// lostQuestion is asked before changes are declared lost.
type lostQuestion struct {
	Lost
	Work HeldWork
}

func (p *Pages) held(c echo.Context, s session) error {
	return p.heldPage(c, s, http.StatusOK, heldData{Notice: settledNotice(c.QueryParam("done"), c.QueryParam("left"))})
}

// settledNotice is said once, on the page that follows a form.
func settledNotice(done, left string) string {
	out := ""
	switch done {
	case "release":
		out = "已放行，并进了记录。"
	case "reject":
		out = "已退回。写的人下次同步时看到理由，原文仍在他的设备里。"
	case "reassign":
		out = "已改派，并进了记录。写的人下次同步时看到它现在归哪里。"
	case "lost":
		out = "已声明丢失，等着它的改动并进了记录。它以后要是到了，会放回原处。"
	}
	if out != "" && left != "" && left != "0" {
		out += "还有一部分缺前文，接不上，仍在待处理。"
	}
	return out
}

func (p *Pages) heldPage(c echo.Context, s session, status int, d heldData) error {
	page, err := p.deps.Source.Held(c.Request().Context(), s.Viewer)
	if err != nil {
		return fmt.Errorf("read what is held: %w", err)
	}
	d.layout, d.Page, d.Strip = p.layout(s, "待处理", "/held"), page, page.Complete.strip("")
	return p.render(c, status, "held", d)
}

func (p *Pages) releaseHeld(c echo.Context, s session) error {
	return p.settle(c, s, "release", func(w HeldWork, _ url.Values) (int, int, error) {
		return p.deps.Settler.Release(c.Request().Context(), s.Person, w)
	})
}

func (p *Pages) rejectHeld(c echo.Context, s session) error {
	return p.settle(c, s, "reject", func(w HeldWork, f url.Values) (int, int, error) {
		return p.deps.Settler.Reject(c.Request().Context(), s.Person, w, strings.TrimSpace(f.Get("reason")))
	})
}

func (p *Pages) reassignHeld(c echo.Context, s session) error {
	return p.settle(c, s, "reassign", func(w HeldWork, f url.Values) (int, int, error) {
		return p.deps.Settler.Reassign(c.Request().Context(), s.Person, w, strings.TrimSpace(f.Get("place")))
	})
}

// lostHeld asks first: what is declared lost is not taken back.
func (p *Pages) lostHeld(c echo.Context, s session) error {
	var ask *lostQuestion
	err := p.settle(c, s, "lost", func(w HeldWork, f url.Values) (int, int, error) {
		if f.Get("sure") == "1" {
			return p.deps.Settler.DeclareLost(c.Request().Context(), s.Person, w, f.Get("kind"), strings.TrimSpace(f.Get("place")))
		}
		lost, err := p.deps.Settler.Missing(c.Request().Context(), s.Person, w)
		if err == nil {
			ask, err = &lostQuestion{lost, w}, errAsked
		}
		return 0, 0, err
	})
	if errors.Is(err, errAsked) {
		return p.heldPage(c, s, http.StatusOK, heldData{Ask: ask})
	}
	return err
}

var errAsked = errors.New("asked first")

func (p *Pages) settle(c echo.Context, s session, name string, do func(HeldWork, url.Values) (parts, left int, err error)) error {
	f, err := p.readForm(c, "session", s.token)
	if err != nil {
		return err
	}
	if !s.Admin {
		return ErrNotFound
	}
	var w HeldWork
	if w.Replica, err = syncproto.ParseReplicaID(f.Get("replica")); err == nil {
		w.Record, err = syncproto.ParseRecordID(f.Get("record"))
	}
	if err != nil {
		return errForm // the page always says both
	}
	_, left, err := do(w, f)
	var refused *syncproto.Error
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/held?done="+name+"&left="+strconv.Itoa(left))
	case errors.As(err, &refused) && refusals[refused.Kind] != 0:
		return p.heldPage(c, s, refusals[refused.Kind], heldData{Alert: refused.Text, Typed: f.Get("reason")})
	}
	return fmt.Errorf("%s what replica %s has held in record %s: %w", name, w.Replica, w.Record, err)
}
