package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/feed"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/sign"

	"crypto/ed25519"
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
	closing  sync.Once
}

// New opens the folder that Init made and wires everything on it.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg}
	if s.cfg.Log == nil {
		s.cfg.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.settings, err = loadSettings(cfg.Dir); err != nil {
		return nil, err
	}
	if s.keys, err = loadKeys(cfg.Dir); err != nil {
		return nil, err
	}
	if s.schema, err = loadSchema(cfg.Kinds); err != nil {
		return nil, err
	}
	if s.store, err = badgerstore.Open(storeDir(cfg.Dir), badgerstore.Options{Logger: s.cfg.Log, MustExist: true}); err != nil {
		return nil, err
	}
	if err := s.wire(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
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

func (s *Server) wire() (err error) {
	public := s.keys.sign.Public().(ed25519.PublicKey)
	if s.auth, err = authn.New(authn.Config{Store: s.store, Server: sign.KeyHash(public), Now: s.now}); err != nil {
		return err
	}
	s.dir = directory.New()
	if err := s.dir.Load(context.Background(), s.store); err != nil {
		return err
	}
	current := func() *schema.Schema { return s.schema }
	s.ingest = ingest.New(ingest.Config{Store: s.store, Devices: s, Directory: s.dir, Schema: current, Indexer: timeline.Index{},
		Key: s.keys.sign, SealKey: s.keys.seal, Now: s.now, Log: s.cfg.Log})
	if s.feed, err = feed.New(feed.Config{Store: s.store, Directory: s.dir, Schema: current, Receipts: s.ingest, CursorKey: s.keys.cursor, Now: s.now}); err != nil {
		return err
	}
	reads := &reading.Reading{Store: s.store, Directory: s.dir, Schema: current, Devices: s, Now: s.now}
	s.api, err = httpapi.New(httpapi.Config{Auth: s.auth, Pusher: s, Puller: s, Reader: reading.JSON{Reading: reads}, People: people{s},
		Identity: httpapi.Identity{SignKey: public, SealKey: s.keys.seal.PublicKey(), Origin: s.settings.Origin, Epoch: s.store.Epoch},
		Now:      s.now, Log: s.cfg.Log, Ready: s.ready})
	if err != nil {
		return err
	}
	return s.api.AddPages(func(r *httpapi.Router) (httpapi.ErrorPage, error) {
		p, err := web.Register(r, web.Deps{Source: reads, Sessions: sessions{s}, Key: s.keys.pages[:], Now: s.now, Log: s.cfg.Log})
		if err != nil {
			return nil, err
		}
		return p.ServeError, nil
	})
}

func (s *Server) ready(ctx context.Context) error {
	_, err := s.store.Epoch(ctx)
	return err
}

// Handler is the whole HTTP surface, for tests and embedders.
func (s *Server) Handler() http.Handler { return s.api }

// Close lets go of the folder. Run does it by itself.
func (s *Server) Close() (err error) {
	s.closing.Do(func() { err = s.store.Close() })
	return err
}

// graceful is how long requests under way may take to end after the signal.
const graceful = 20 * time.Second

// Run serves until ctx ends, then stops in order: no new requests, those under
// way to their end, then the store.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	admin, err := listenAdmin(s.cfg.Dir)
	if err != nil {
		l.Close()
		return err
	}
	public := httpapi.NewServer(s.api, s.cfg.Log)
	operator := httpapi.NewServer(s.api, s.cfg.Log)
	operator.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return httpapi.AsOperator(ctx) }
	failed := make(chan error, 2)
	go func() { failed <- public.Serve(l) }()
	go func() { failed <- operator.Serve(admin) }()
	s.cfg.Log.Info("listening", "addr", l.Addr().String(), "origin", s.settings.Origin)
	if s.cfg.Bound != nil {
		s.cfg.Bound(l.Addr().String())
	}
	sweep := time.NewTicker(time.Hour)
	defer sweep.Stop()
	for {
		select {
		case <-sweep.C:
			if err := s.auth.Sweep(ctx); err != nil {
				s.cfg.Log.Warn("sweep of accounts", "err", err)
			}
		case err := <-failed:
			public.Close()
			operator.Close()
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.Background(), graceful)
			defer cancel()
			s.cfg.Log.Info("stopping")
			return errors.Join(public.Shutdown(end), operator.Shutdown(end), s.Close())
		}
	}
}

// listenAdmin opens the operator's socket. One left behind by a crash is
// removed: the store's lock has shown that no other server runs on the folder.
func listenAdmin(dir string) (net.Listener, error) {
	path := AdminSocket(dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	return l, nil
}
