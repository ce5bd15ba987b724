// Package httpapi is the server's HTTP surface (docs/http.md): it names the
// routes, says who may call each, bounds what comes in, and turns an error
// into a status. It decides nothing about records: what a request means is
// behind the small interfaces Pusher, Puller, Reader and People.
//
// Two rules hold everything together. A route exists only by its row in one
// table (routes.go), which also says who may call it; one middleware
// (access.go) asks that table before anything else of a request is looked at,
// and a path without a row is answered 404 whatever Echo knows. And a status
// is chosen in one place (errors.go).
//
// Echo (github.com/labstack/echo/v4) is used for routing alone.
package httpapi
