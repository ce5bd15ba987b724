package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/httpapi"
)

const (
	// graceful is how long requests under way may take to end after the
	// signal. A thin link may take longer; it is cut, and resumes later.
	graceful = 20 * time.Second
	// brief is the same when the store takes nothing more anyhow.
	brief = 2 * time.Second

	sweepEvery = time.Hour
	// foldAfter is longer than a device is away as a rule.
	foldAfter = 30 * 24 * time.Hour
)

// Run serves until ctx ends, then stops in order: no new requests, those under
// way to their end, then the store. It returns nil for a stop in order and an
// error, ErrStoreStopped among them, for one that was not asked for.
func (s *Server) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	public, operator, err := s.listen()
	if err != nil {
		return err
	}
	also, err := s.listenAlso()
	if err != nil {
		return errors.Join(err, public.Close(), operator.Close())
	}
	servers := []*http.Server{
		httpapi.NewServer(s.api, s.cfg.Log),
		httpapi.NewServer(s.OperatorHandler(), s.cfg.Log),
	}
	listeners := []net.Listener{public, operator}
	if s.cfg.RootListen != "" {
		l, err := s.listenRoot()
		if err != nil {
			return errors.Join(err, public.Close(), operator.Close())
		}
		listeners, servers = append(listeners, l), append(servers, httpapi.NewServer(s.rootPages(), s.cfg.Log))
	}
	for _, l := range also {
		listeners, servers = append(listeners, l), append(servers, httpapi.NewServer(s.api, s.cfg.Log))
	}
	failed := make(chan error, len(servers))
	for i, l := range listeners {
		go func() { failed <- servers[i].Serve(l) }()
	}
	s.warnOfPlainHTTP(public.Addr())
	s.warnOfKeys()
	if s.cfg.Bound != nil {
		s.cfg.Bound(public.Addr().String())
	}
	s.cfg.Log.Info("listening", "addr", public.Addr().String(), "origin", s.settings.Origin, "tls", s.cfg.TLSCert != "" || s.own())
	go s.sweep(ctx)
	go s.keepContacts(ctx)
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
		s.stop(brief, servers)
	case cause := <-s.watch.stopped:
		err = fmt.Errorf("%w: %w", ErrStoreStopped, cause)
		s.stop(brief, servers)
	case <-ctx.Done():
		s.stop(graceful, servers)
	}
	return err
}

// sweep forgets expired sessions and codes, and folds records, now and then.
func (s *Server) sweep(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := s.noteRefused(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("audit log", "err", err)
		}
		if err := s.auth.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("sweep of accounts", "err", err)
		}
		if err := s.ingest.Sweep(ctx, cmp.Or(s.cfg.FoldAfter, foldAfter)); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("sweep of records", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the servers, letting requests under way end within limit.
func (s *Server) stop(limit time.Duration, servers []*http.Server) {
	s.stopping.Store(true)
	s.cfg.Log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, h := range servers {
		if err := h.Shutdown(ctx); err != nil {
			s.cfg.Log.Warn("requests under way were cut off", "after", limit, "err", err)
			_ = h.Close() // what is left of it has no more to say
		}
	}
}

func (s *Server) listen() (public, operator net.Listener, err error) {
	if public, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	if operator, err = listenAdmin(s.cfg.Dir); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return s.secured(public), operator, nil
}

// listenAlso opens the listeners beside the first.
func (s *Server) listenAlso() (out []net.Listener, err error) {
	for _, addr := range s.cfg.AlsoListen {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			for _, l := range out {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("listen: %w", err)
		}
		out = append(out, s.secured(l))
	}
	return out, nil
}

// secured has a listener speak TLS where the server does.
func (s *Server) secured(public net.Listener) net.Listener {
	switch {
	case s.cfg.TLSCert != "":
		public = tls.NewListener(public, &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}})
	case s.own():
		public = tls.NewListener(public, s.tls())
	}
	return public
}

// listenRoot opens the plain listener for the page with the root.
func (s *Server) listenRoot() (net.Listener, error) {
	if !s.own() {
		return nil, errors.New("root page: this installation's address is not vouched for by an authority of its own")
	}
	l, err := net.Listen("tcp", s.cfg.RootListen)
	if err != nil {
		return nil, fmt.Errorf("root page: %w", err)
	}
	s.cfg.Log.Info("the root can be fetched", "at", "http://"+l.Addr().String()+"/root", "fingerprint", httpapi.FingerprintWords(s.authority.Fingerprint()))
	return l, nil
}

// maxSocketPath is what every system takes for the path of a unix socket.
const maxSocketPath = 103

// listenAdmin opens the operator's socket, which only the owner of the folder
// can open. One left behind by a crash is removed: the store's lock has shown
// that no other server runs on the folder.
func listenAdmin(dir string) (net.Listener, error) {
	path := AdminSocket(dir)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("operator's socket: the path %s has %d bytes, a socket's takes %d: choose a shorter data folder", path, len(path), maxSocketPath)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("operator's socket: %w", err)
	case info.Mode().IsRegular() && info.Size() > 0 || info.IsDir():
		return nil, fmt.Errorf("operator's socket: %s is something else: move it away", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("operator's socket: %w", err)
		}
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("operator's socket: %w", err)
	}
	return l, nil
}

// warnOfKeys says so when one stolen disk would give both the store and what opens
// it, or lets the thief answer as this server. The folder of the keys, and each
// file in it, may be a link to another volume.
func (s *Server) warnOfKeys() {
	store, keys := storeDir(s.cfg.Dir), keysDir(s.cfg.Dir)
	const move = "move the folder of the keys to another volume and leave a symbolic link"
	warn := func(text string) { s.cfg.Log.Warn(text, "keys", keys) }
	same, err := sameVolume(keys, store)
	if err != nil {
		s.cfg.Log.Warn("where the keys lie cannot be told", "err", err)
		return
	}
	sealed, openly, err := s.storeKeyBeside()
	switch {
	case err != nil:
		s.cfg.Log.Warn("where the store's key lies cannot be told", "err", err)
	case !sealed && same:
		warn("the store is not encrypted, and keys and data share a volume: whoever takes the disk reads all, sealed values too; restore a backup into a new folder for an encrypted store, and " + move)
	case !sealed:
		warn("the store is not encrypted: whoever takes the disk reads all but sealed values; restore a backup into a new folder for an encrypted one")
	case openly:
		warn("the store's key and the store share a volume: whoever takes the disk reads all; " + move + ", or wrap the store's key with a passphrase (chuantou storekey)")
	case same:
		warn("keys and data share a volume: whoever takes the disk can sign as this server; " + move)
	}
}

// warnOfPlainHTTP says so when passwords and tokens would cross a network in
// the open although the installation's address is an https one.
func (s *Server) warnOfPlainHTTP(addr net.Addr) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() || s.cfg.TLSCert != "" || s.own() || len(s.cfg.TrustedProxies) > 0 || !strings.HasPrefix(s.settings.Origin, "https:") {
		return
	}
	s.cfg.Log.Warn("the origin is https but this listener speaks plain http to the network: give a certificate, or listen on 127.0.0.1 behind a proxy")
}
