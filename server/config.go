// Package server is the one place that wires the server's parts together: keys
// and store from a folder, accounts, ingest, feeds, reads, routes and pages.
// Start with Init, then New and Run; cmd/chuantou is a thin shell over them.
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/chuantou/chuantou/server/store"
)

var (
	// ErrNotInitialised is returned for a folder that `chuantou init` has not seen.
	ErrNotInitialised = errors.New("nothing is here yet: run `chuantou init` on this folder first")
	// ErrInitialised is returned by Init for a folder that is in use already.
	ErrInitialised = errors.New("this folder is initialised already; nothing was changed")
	// ErrUnfinished is returned for a folder in which Init was cut off. Nothing
	// was served from it yet: Init may be run on it again.
	ErrUnfinished = errors.New("`chuantou init` did not finish in this folder: run it again")
	// ErrHalfRestored is returned for a folder in which Restore was cut off.
	// Nothing was served from it: Restore may be run on it again.
	ErrHalfRestored = errors.New("`chuantou restore` did not finish in this folder: run it again")
	// ErrOtherServer is returned for a backup that is not this server's.
	ErrOtherServer = errors.New("the backup is of another server")
	// ErrOtherHistory is returned by MarkBackedUp for a backup of a history that
	// was left by a restore: what is in it says nothing of the present one.
	ErrOtherHistory = errors.New("the backup is of a history before a restore; take a new one")
	// ErrStoreStopped is returned by Run when the store takes nothing more after
	// an input/output error. What was acknowledged is on disk; opening the
	// folder again, New and Run, finds it.
	ErrStoreStopped = errors.New("the store stopped after an input/output error")
)

// Config says how to run a server. Dir is required.
type Config struct {
	Dir    string // what Init made
	Listen string // host:port; port 0 picks one
	// AlsoListen are further ones, where the same is served: for an address that
	// the installation moves to.
	AlsoListen []string
	Kinds      string // folder of kinds of record that add to or override the built-in ones; "" for none
	Log        *slog.Logger
	// TLSCert and TLSKey are PEM files. Without them an https origin is served
	// by the installation's own authority, an http one plainly.
	TLSCert, TLSKey string
	// PlainHTTP has the listener speak plain HTTP whatever the origin: for a
	// proxy in front, which TrustedProxies names as a rule.
	PlainHTTP bool
	// RootListen, if set, is a host:port at which the page with the root of the
	// installation's own authority is served over plain HTTP, and nothing else:
	// browsers that do not know the root yet cannot come by https.
	RootListen string
	// TrustedProxies may name the caller's address and scheme in X-Forwarded-
	// headers; nobody else may.
	TrustedProxies []netip.Prefix
	// FoldAfter is how long a record must have been left alone before the server
	// drops deleted text from its state (the log keeps it); 0 for 30 days.
	FoldAfter time.Duration
	// Leases say how long others' records stay open on a device that does not
	// hear from the server; nil for DefaultLease.
	Leases Leases
	// Quota is how many bytes, compressed, one device may push in a day; 0 for
	// ingest.DefaultQuota. Beyond it the server answers "later".
	Quota int64
	// Clock is the server's clock, nil for the system's. Another is for
	// demonstrations and tests alone: receipts and ledger years are taken from it.
	Clock func() time.Time
	// Bound is told the address the listener got; may be nil.
	Bound func(addr string)
	// Passphrase is asked for when the store's key is wrapped.
	Passphrase Passphrase
	// Engine opens the store in its folder; nil for Badger, with the store's key.
	Engine func(dir string, log *slog.Logger) (store.Store, error)
}

func (c *Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("no data folder is named")
	case c.FoldAfter < 0:
		return fmt.Errorf("records are to be folded after %s", c.FoldAfter)
	case c.PlainHTTP && c.TLSCert != "":
		return errors.New("a certificate is of no use to a plain http listener: leave out the one or the other")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return fmt.Errorf("TLS needs both files: certificate %q, key %q", c.TLSCert, c.TLSKey)
	}
	return nil
}
