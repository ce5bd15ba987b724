package web

import (
	"fmt"
	"net/http"
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
	Reason   string // HoldWords, or better
}

// HeldPage is what is held in a territory.
type HeldPage struct {
	Complete Completeness
	Rows     []HeldRow
	More     int // held parts beyond those listed
}

// HeldRow is one held part, told to an administrator.
type HeldRow struct {
	HeldPart
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

// heldData is the administrators' page of what is held.
type heldData struct {
	layout
	Page  HeldPage
	Strip strip
}

func (p *Pages) held(c echo.Context, s session) error {
	if !s.Admin {
		return ErrNotFound
	}
	page, err := p.deps.Source.Held(c.Request().Context(), s.Viewer)
	if err != nil {
		return fmt.Errorf("read what is held: %w", err)
	}
	return p.render(c, http.StatusOK, "held", heldData{
		layout: p.layout(s, "待处理", "/held"), Page: page, Strip: page.Complete.strip(""),
	})
}
