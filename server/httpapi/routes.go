package httpapi

import (
	"time"

	"github.com/chuantou/chuantou/syncproto/wire"
)

// access says who may call a route.
type access uint8

const (
	closed   access = iota // the zero value opens nothing
	public                 // anyone; answers nothing about records or people
	byProof                // anyone, and the body is the proof: a code, a signature, a password
	device                 // a device's token
	sender                 // the same, also of a device that was stopped: what it brings is held, it gets its orders and nothing else
	viewer                 // a device's token or a person's session
	admin                  // a viewer who is 管理员, or the operator on the server's own machine
	page                   // a browser's session; others are sent to log in
	openPage               // a page that strangers need in order to log in
)

// openPages are the pages that need no session: the log-in form, what it is
// sent to, the style and pictures it is drawn with, the root that vouches for
// this address, and where the camera leads that reads an enrolment QR.
var openPages = map[string]bool{
	"GET /login": true, "POST /login": true, "GET /assets/:hash/:name": true,
	"GET /password": true, "POST /password": true,
	"GET /root": true, "GET /root.crt": true, "GET /enrol": true,
}

const (
	cborType = "application/cbor"
	jsonType = "application/json"
)

// route is a row of the table.
type route struct {
	method, path string
	who          access
	body         string        // content type wanted, empty for no body
	limit        int64         // of the body, bytes
	work         time.Duration // for answering, once the body is there
	serve        func(*API, *call) error
}

const (
	maxPullBytes    = 64 << 10
	maxJSONBytes    = 64 << 10
	maxChoiceBytes  = 128 << 10 // names up to syncproto.MaxSettles versions
	maxSessionBytes = 1 << 10

	quick = 15 * time.Second
	long  = 2 * time.Minute
)

var routes = []route{
	{"POST", "/v1/enrol", byProof, jsonType, maxJSONBytes, quick, (*API).enrol},
	{"POST", "/v1/sync/session", byProof, cborType, maxSessionBytes, quick, (*API).session},
	{"POST", "/v1/sync/push", sender, cborType, wire.MaxPushBytes, long, (*API).push},
	{"POST", "/v1/sync/reissue", device, cborType, wire.MaxReissueBytes, long, (*API).reissue},
	{"POST", "/v1/sync/pull", sender, cborType, maxPullBytes, long, (*API).pull},

	{"POST", "/v1/sync/wiped", sender, jsonType, maxJSONBytes, quick, (*API).wiped},
	{"POST", "/v1/codes", device, jsonType, maxJSONBytes, quick, (*API).ownCode},

	{"POST", "/v1/login", byProof, jsonType, maxJSONBytes, long, (*API).login},
	{"POST", "/v1/passwords", byProof, jsonType, maxJSONBytes, long, (*API).redeemPassword},
	{"POST", "/v1/me/password", device, jsonType, maxJSONBytes, long, (*API).ownPassword},
	{"GET", "/v1/me/sessions", viewer, "", 0, quick, (*API).ownSessions},
	{"POST", "/v1/me/sessions/end", viewer, jsonType, maxJSONBytes, quick, (*API).endOwnSession},
	{"POST", "/v1/logout", viewer, "", 0, quick, (*API).logout},
	{"GET", "/v1/me", viewer, "", 0, quick, (*API).me},
	{"GET", "/v1/timeline", viewer, "", 0, quick, (*API).timeline},
	{"GET", "/v1/records/:id", viewer, "", 0, quick, (*API).record},
	{"GET", "/v1/records/:id/history", viewer, "", 0, quick, (*API).history},
	{"POST", "/v1/records/:id/open", viewer, jsonType, maxJSONBytes, quick, (*API).openRecord},
	{"POST", "/v1/records/:id/choices", viewer, jsonType, maxChoiceBytes, quick, (*API).choose},
	{"POST", "/v1/records/:id/comments", viewer, jsonType, maxJSONBytes, quick, (*API).comment},
	{"POST", "/v1/records/:id/verdicts", viewer, jsonType, maxJSONBytes, quick, (*API).decideVoid},
	{"POST", "/v1/records/:id/confirmations", viewer, jsonType, maxJSONBytes, quick, (*API).confirm},
	{"GET", "/v1/held", viewer, "", 0, quick, (*API).held},

	{"GET", "/v1/admin/devices", admin, "", 0, quick, (*API).listDevices},
	{"POST", "/v1/admin/devices", admin, jsonType, maxJSONBytes, quick, (*API).changeDevice},
	{"POST", "/v1/admin/unlock", admin, jsonType, maxJSONBytes, quick, (*API).unlock},
	{"GET", "/v1/admin/held", admin, "", 0, quick, (*API).heldBy},
	{"POST", "/v1/admin/held/release", admin, jsonType, maxJSONBytes, long, (*API).releaseHeld},
	{"POST", "/v1/admin/held/reject", admin, jsonType, maxJSONBytes, long, (*API).rejectHeld},
	{"POST", "/v1/admin/held/reassign", admin, jsonType, maxJSONBytes, long, (*API).reassignHeld},
	{"POST", "/v1/admin/held/lost", admin, jsonType, maxJSONBytes, long, (*API).lostHeld},
	{"POST", "/v1/admin/codes", admin, jsonType, maxJSONBytes, quick, (*API).createCode},
	{"GET", "/v1/admin/sessions", admin, "", 0, quick, (*API).listSessions},
	{"POST", "/v1/admin/sessions/end", admin, jsonType, maxJSONBytes, quick, (*API).endSession},
	{"POST", "/v1/admin/passwords", admin, jsonType, maxJSONBytes, long, (*API).setPassword},

	{"GET", "/healthz", public, "", 0, quick, (*API).healthz},
	{"GET", "/readyz", public, "", 0, quick, (*API).readyz},
	{"GET", "/v1/openapi.json", public, "", 0, quick, (*API).openapi},
}

// Route is a row of the table as others may see it.
type Route struct {
	Method, Path string
	// Who is one of public, proof, device, sender, viewer, admin, page, open-page.
	Who string
}

var accessNames = map[access]string{public: "public", byProof: "proof", device: "device", sender: "sender", viewer: "viewer",
	admin: "admin", page: "page", openPage: "open-page"}

// Routes lists what Echo serves, each with who may call it; Who is empty for a
// route without a row, which the guard closes to everybody.
func (a *API) Routes() []Route {
	var out []Route
	for _, r := range a.echo.Routes() {
		row := Route{Method: r.Method, Path: r.Path}
		if t := a.table[r.Method+" "+r.Path]; t != nil {
			row.Who = accessNames[t.who]
		}
		out = append(out, row)
	}
	return out
}
