package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/localca"
	"github.com/chuantou/chuantou/server/web"
)

// The installation's own authority lies with its keys: root.pem may be given
// to everybody, root.key to nobody.
// rootFiles names them; those of a later origin bear the number of its move.
func rootFiles(move int) (cert, key string) {
	if move == 0 {
		return "root.pem", "root.key"
	}
	return fmt.Sprintf("root-%d.pem", move), fmt.Sprintf("root-%d.key", move)
}

// makeAuthority makes one for an https origin; plain http has none.
func makeAuthority(dir, origin, name string, move int, now time.Time) error {
	if !strings.HasPrefix(origin, "https://") {
		return nil
	}
	root, key, err := localca.New(origin, name, now)
	if err != nil {
		return err
	}
	cert, secret := rootFiles(move)
	return errors.Join(writeNew(filepath.Join(keysDir(dir), cert), root), writeNew(filepath.Join(keysDir(dir), secret), key))
}

// loadAuthority is nil for an installation without one.
func loadAuthority(dir, origin string, move int, now func() time.Time) (*localca.Authority, error) {
	certName, keyName := rootFiles(move)
	cert := filepath.Join(keysDir(dir), certName)
	root, err := os.ReadFile(cert)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(keysDir(dir), keyName)
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(secret)
	if err != nil {
		return nil, err
	}
	return localca.Load(root, key, origin, now)
}

// own reports whether this server's listener speaks TLS by the installation's
// own authority: it has one, was given no certificate, and no proxy in front
// does it.
func (s *Server) own() bool {
	return s.authority != nil && s.cfg.TLSCert == "" && !s.cfg.PlainHTTP && len(s.cfg.TrustedProxies) == 0
}

// root is what the pages show of the installation's own authority.
func (s *Server) root() web.Root {
	if !s.own() {
		return web.Root{}
	}
	return web.Root{DER: s.authority.Root(), Fingerprint: httpapi.FingerprintWords(s.authority.Fingerprint()), Origin: s.settings.Origin}
}

// rootPages is the page with the root and nothing else, for plain http.
func (s *Server) rootPages() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case r.Method == http.MethodGet && (p == "/root" || p == "/root.crt" || strings.HasPrefix(p, "/assets/")):
			s.api.ServeHTTP(w, r)
		case r.Method == http.MethodGet && p == "/":
			http.Redirect(w, r, "/root", http.StatusSeeOther)
		default:
			http.NotFound(w, r)
		}
	})
}

// rootFingerprint is what a device must check the server's certificate by, zero
// where a public authority vouches for it or plain http is spoken.
func (s *Server) rootFingerprint() (out [32]byte) {
	if s.own() {
		out = s.authority.Fingerprint()
	}
	return out
}
