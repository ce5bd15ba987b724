package httpapi

import (
	_ "embed"
	"net/http"

	"github.com/chuantou/chuantou/syncproto"
)

const textType = "text/plain; charset=utf-8"

func (a *API) healthz(q *call) error { return a.send(q, http.StatusOK, textType, []byte("ok\n")) }

func (a *API) readyz(q *call) error {
	if err := a.Ready(q.ctx); err != nil {
		a.Log.WarnContext(q.ctx, "not ready", "err", err)
		return syncproto.Errorf(syncproto.KindLater, "not ready")
	}
	return a.send(q, http.StatusOK, textType, []byte("ok\n"))
}

//go:embed openapi.json
var openapiJSON []byte

func (a *API) openapi(q *call) error { return a.send(q, http.StatusOK, jsonType, openapiJSON) }
