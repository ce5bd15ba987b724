package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/syncproto"
)

// errorPage is an error in words: what is so, why, one way on.
type errorPage struct {
	layout
	Icon   string
	Head   string
	Text   string
	Link   string
	Target string
}

// ServeError answers err with a page in words. The server's own error handler
// may call it for addresses that no route knows.
func (p *Pages) ServeError(c echo.Context, err error) {
	setHeaders(c)
	p.serveError(c, err, session{})
}

func (p *Pages) serveError(c echo.Context, err error, s session) {
	ctx := c.Request().Context()
	if c.Response().Committed || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return
	}
	status, page := errorWords(err)
	if status >= http.StatusInternalServerError {
		p.deps.Log.ErrorContext(ctx, "page", "path", c.Path(), "err", err)
	}
	page.layout = p.layout(s, page.Head, "")
	if err := p.render(c, status, "error", page); err != nil {
		p.deps.Log.ErrorContext(ctx, "error page", "err", err)
		if err := c.NoContent(http.StatusInternalServerError); err != nil {
			p.deps.Log.WarnContext(ctx, "error page", "err", err)
		}
	}
}

var errorPages = map[int]errorPage{
	http.StatusBadRequest: {Icon: "hold", Head: "这个地址里有看不懂的地方",
		Text: "请从时间轴重新选。", Link: "回时间轴", Target: "/"},
	http.StatusForbidden: {Icon: "clock", Head: "这一页放得太久了",
		Text: "为防别人冒用，放久的页面不能再提交。什么都没有改动。请回到时间轴再做一次。", Link: "回时间轴", Target: "/"},
	// One page for what does not exist and what this reader may not see: it
	// must not tell them apart.
	http.StatusNotFound: {Icon: "search", Head: "这里没有可以看的",
		Text: "可能没有这一页，也可能不在您能看的范围里。两种情况这里显示得一样。", Link: "回时间轴", Target: "/"},
	http.StatusMethodNotAllowed: {Icon: "hold", Head: "这个地址不能这样打开",
		Text: "请从时间轴进去。", Link: "回时间轴", Target: "/"},
	http.StatusRequestEntityTooLarge: {Icon: "hold", Head: "送来的内容太大了",
		Text: "什么都没有改动。请返回上一页，写短一点再试。", Link: "回时间轴", Target: "/"},
	http.StatusServiceUnavailable: {Icon: "clock", Head: "服务器正忙",
		Text: "记录都在，没有丢。请过一会儿再打开。", Link: "再试一次", Target: "/"},
	http.StatusInternalServerError: {Icon: "hold", Head: "这一页现在打不开",
		Text: "记录都在，没有丢。原因已记在服务器的日志里；过一会儿还打不开，请告诉管理员。", Link: "再试一次", Target: "/"},
}

// errorWords is the one place where an error becomes a status.
func errorWords(err error) (int, errorPage) {
	status := http.StatusInternalServerError
	var query *QueryError
	var he *echo.HTTPError
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, errForm):
		status = http.StatusForbidden
	case errors.As(err, &query):
		page := errorPages[http.StatusBadRequest]
		page.Text = query.Words
		return http.StatusBadRequest, page
	case errors.As(err, &he):
		status = he.Code
	default:
		status = statusOfKind(syncproto.KindOf(err))
	}
	if page, ok := errorPages[status]; ok {
		return status, page
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return status, errorPages[http.StatusBadRequest]
	}
	return status, errorPages[http.StatusInternalServerError]
}

func statusOfKind(k syncproto.ErrorKind) int {
	switch k {
	case syncproto.KindNotFound, syncproto.KindForbidden:
		return http.StatusNotFound
	case syncproto.KindBadRequest:
		return http.StatusBadRequest
	case syncproto.KindLater, syncproto.KindFull:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
