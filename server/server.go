package server

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chuantou/chuantou/server/acting"
	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/feed"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/localca"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// Server is a wired server on one data folder. New opens it, Run serves it,
// Close lets go of the folder.
type Server struct {
	cfg      Config
	settings settings
	keys     keys
	store    store.Store
	auth     *authn.Authn
	dir      *directory.Directory
	ingest   *ingest.Ingest
	feed     *feed.Feed
	api      *httpapi.API
	schema   *schema.Schema
	contacts contacts
	watch    *watch
	cert     tls.Certificate
	// authority is the installation's own, nil when it has none.
	authority *localca.Authority
	move      atomic.Pointer[move] // to another origin; nil for none
	moving    sync.Mutex           // one change of the origin at a time
	erasing   sync.Mutex           // one act at a time: the list is read and written
	stopping  atomic.Bool
	closing   sync.Once
}

// New opens the folder that Init made and wires everything on it.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	set, err := loadSettings(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return open(cfg, set)
}

func open(cfg Config, set settings) (*Server, error) {
	s := &Server{cfg: cfg, settings: set}
	if s.cfg.Log == nil {
		s.cfg.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.keys, err = loadKeys(cfg.Dir); err != nil {
		return nil, err
	}
	if cfg.TLSCert != "" {
		if s.cert, err = tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
	}
	if s.authority, err = loadAuthority(cfg.Dir, set.Origin, set.Moved, s.now); err != nil {
		return nil, err
	}
	if err := s.loadMove(set); err != nil {
		return nil, err
	}
	if s.schema, err = loadSchema(cfg.Kinds); err != nil {
		return nil, err
	}
	if s.cfg.Engine == nil {
		s.cfg.Engine = func(_ string, log *slog.Logger) (store.Store, error) { return openStore(cfg.Dir, cfg.Passphrase, log) }
	}
	if err := s.openEngine(); err != nil {
		return nil, err
	}
	purged, err := s.purge()
	if err == nil && purged {
		err = s.openEngine()
	}
	return s, err
}

// openEngine opens the store and wires everything on it.
func (s *Server) openEngine() error {
	engine, err := s.cfg.Engine(storeDir(s.cfg.Dir), s.cfg.Log)
	if err != nil {
		return err
	}
	s.watch = newWatch(engine)
	s.store = s.watch
	if err := s.wire(); err != nil {
		return errors.Join(err, s.store.Close())
	}
	if err := s.eraseListed(); err != nil {
		return errors.Join(err, s.store.Close())
	}
	return nil
}

func loadSchema(kinds string) (*schema.Schema, error) {
	if kinds == "" {
		return schema.Builtin(), nil
	}
	if info, err := os.Stat(kinds); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("kinds: %s is not a folder", kinds)
	}
	s, err := schema.Builtin().With(os.DirFS(kinds))
	if err != nil {
		return nil, fmt.Errorf("kinds of %s: %w", kinds, err)
	}
	return s, nil
}

func (s *Server) now() time.Time {
	if s.cfg.Clock != nil {
		return s.cfg.Clock()
	}
	return time.Now()
}

func (s *Server) identity() httpapi.Identity {
	return httpapi.Identity{SignKey: s.keys.sign.Public().(ed25519.PublicKey), SealKey: s.keys.seal.PublicKey(), Origin: s.settings.Origin,
		Root: s.rootFingerprint(), Epoch: s.store.Epoch}
}

func (s *Server) wire() (err error) {
	public := s.keys.sign.Public().(ed25519.PublicKey)
	if s.auth, err = authn.New(authn.Config{Store: s.store, Server: sign.KeyHash(public), Now: s.now}); err != nil {
		return err
	}
	if err := s.contacts.load(context.Background(), s.store); err != nil {
		return err
	}
	s.dir = directory.New()
	if err := s.dir.Load(context.Background(), s.store); err != nil {
		return err
	}
	current := func() *schema.Schema { return s.schema }
	frames := records.NewFrames()
	s.ingest = ingest.New(ingest.Config{Store: s.store, Devices: s, Directory: s.dir, Schema: current, Indexer: timeline.Index{}, Frames: frames,
		Key: s.keys.sign, SealKey: s.keys.seal, Now: s.now, Log: s.cfg.Log, Quota: s.cfg.Quota, Move: s.toldMove})
	if s.feed, err = feed.New(feed.Config{Store: s.store, Directory: s.dir, Schema: current, Receipts: s.ingest, Standings: s, Move: s.toldMove, Frames: frames, CursorKey: s.keys.cursor, Now: s.now}); err != nil {
		return err
	}
	reads := &reading.Reading{Store: s.store, Directory: s.dir, Schema: current, Devices: s, Frames: frames, Now: s.now, Note: s.Note}
	acts := &acting.Acting{Pen: s.ingest, Directory: s.dir, Schema: current, Now: s.now}
	s.api, err = httpapi.New(httpapi.Config{Auth: s.auth, Pusher: s, Puller: s, Reader: reading.JSON{Reading: reads}, Actor: acts, Settler: settler{s.ingest, reads, s, people{s}}, Traffic: s, Unlocker: s, Auditor: s, People: people{s},
		Identity: s.identity(),
		Now:      s.now, Log: s.cfg.Log, Ready: s.ready, TrustedProxies: s.cfg.TrustedProxies})
	if err != nil {
		return err
	}
	return s.api.AddPages(func(r *httpapi.Router) (httpapi.ErrorPage, error) {
		p, err := web.Register(r, web.Deps{Source: reads, Actions: acts, Settler: pageSettler{settler{s.ingest, reads, s, people{s}}}, Root: s.root(), Sessions: sessions{s}, Key: s.keys.pages[:], Now: s.now, Log: s.cfg.Log})
		if err != nil {
			return nil, err
		}
		return p.ServeError, nil
	})
}

// ready says no from the signal to stop on, so that who sends work here sends
// it elsewhere before the door is shut.
func (s *Server) ready(ctx context.Context) error {
	if s.stopping.Load() {
		return errors.New("stopping")
	}
	return s.store.View(ctx, 0, func(store.Reader) error { return nil })
}

// Handler is the whole HTTP surface, for tests and embedders.
func (s *Server) Handler() http.Handler { return s.api }

// OperatorHandler is the same surface for the operator of the machine, who
// needs no account, and what is for him alone (operator.go). Give it to nobody
// but the owner of the data folder.
func (s *Server) OperatorHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.api.ServeHTTP(w, r.WithContext(httpapi.AsOperator(r.Context())))
	})
	s.operatorRoutes(mux)
	return mux
}

// Close lets go of the folder. Run does it by itself.
func (s *Server) Close() (err error) {
	s.closing.Do(func() {
		_ = s.contacts.flush(context.Background(), s.store) // a store that stopped takes nothing more
		err = s.store.Close()
	})
	return err
}
