package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Root is the certificate of the installation's own authority.
type Root struct {
	DER         []byte // nil for none
	Fingerprint string // of it, as people compare it
	Origin      string // the one address it vouches for
}

// rootData is the page from which the root is installed, read by people who
// have no session and mostly over plain http.
type rootData struct {
	layout
	Root Root
}

func (p *Pages) root(c echo.Context, _ session) error {
	if p.deps.Root.DER == nil {
		return ErrNotFound
	}
	return p.render(c, http.StatusOK, "root", rootData{p.layout(session{}, "信任这台服务器", ""), p.deps.Root})
}

func (p *Pages) rootFile(c echo.Context, _ session) error {
	if p.deps.Root.DER == nil {
		return ErrNotFound
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="chuantou-root.crt"`)
	return c.Blob(http.StatusOK, "application/x-x509-ca-cert", p.deps.Root.DER)
}

// enrolPage is where a camera leads that reads an enrolment QR: what the QR
// says stays behind the # and never reaches the server.
func (p *Pages) enrolPage(c echo.Context, _ session) error {
	return p.render(c, http.StatusOK, "enrol", rootData{p.layout(session{}, "登记这台设备", ""), p.deps.Root})
}
