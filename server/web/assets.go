package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"
)

//go:embed assets
var assetFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// assetPath begins the address of every asset; the hash of all of them
// follows, so that a browser may keep them for ever.
const assetPath = "/assets/"

// assetSet is what browsers fetch beside the pages, and the sprite of icons
// that stands in each page.
type assetSet struct {
	hash   string
	files  map[string]assetFile
	sprite template.HTML
	icons  map[string]bool
}

type assetFile struct {
	contentType string
	body        []byte
}

var symbolID = regexp.MustCompile(`<symbol id="i-([a-z-]+)"`)

func loadAssets() (*assetSet, error) {
	a := &assetSet{files: map[string]assetFile{}, icons: map[string]bool{}}
	var style []byte
	for _, name := range []string{"tokens.css", "pages.css", "print.css"} {
		b, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			return nil, fmt.Errorf("embedded asset: %w", err)
		}
		style = append(append(style, b...), '\n')
	}
	mark, err := assetFiles.ReadFile("assets/mark.svg")
	if err != nil {
		return nil, fmt.Errorf("embedded asset: %w", err)
	}
	a.files["chuantou.css"] = assetFile{"text/css; charset=utf-8", style}
	a.files["mark.svg"] = assetFile{"image/svg+xml", mark}
	sum := sha256.Sum256(append(style, mark...))
	a.hash = hex.EncodeToString(sum[:8])
	sprite, err := assetFiles.ReadFile("assets/icons.svg")
	if err != nil {
		return nil, fmt.Errorf("embedded asset: %w", err)
	}
	a.sprite = template.HTML(sprite) //nolint:gosec // our own file, no input in it
	for _, m := range symbolID.FindAllSubmatch(sprite, -1) {
		a.icons[string(m[1])] = true
	}
	return a, nil
}

// address is where a page fetches an asset.
func (a *assetSet) address(name string) string { return assetPath + a.hash + "/" + name }

// icon draws a symbol of the sprite; a name that is none draws nothing.
func (a *assetSet) icon(name string) template.HTML {
	if !a.icons[name] {
		return ""
	}
	return template.HTML(`<svg class="i" aria-hidden="true"><use href="#i-` + name + `"/></svg>`) //nolint:gosec // name is one of our own
}

// asset serves a file. It needs no session: the log-in page uses it too.
func (p *Pages) asset(c echo.Context) error {
	setHeaders(c)
	f, ok := p.assets.files[c.Param("name")]
	if !ok {
		p.ServeError(c, ErrNotFound)
		return nil
	}
	if c.Param("hash") == p.assets.hash {
		c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return c.Blob(http.StatusOK, f.contentType, f.body)
}
