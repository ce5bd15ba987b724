package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// InitOptions is what a new installation is told.
type InitOptions struct {
	Dir    string
	Origin string // the one address for ever: https://NAME, or http:// on a trusted LAN
	Name   string // whose installation it is
	Place  string // place code of the owner; the first administrator's territory
	Admin  string // name of the first administrator
	Store  NewStore
	Clock  func() time.Time
}

// Initialised is what Init made.
type Initialised struct {
	Keys   string // folder of the secret keys
	Person syncproto.PersonID
	Code   string
	Ticket string // syncproto.Ticket of that code, for a QR

	Expires time.Time
}

// maxNameBytes bounds the two names.
const maxNameBytes = 256

func (o *InitOptions) check() error {
	switch {
	case o.Dir == "":
		return errors.New("no data folder is named")
	case o.Origin == "":
		return errors.New("origin: say the one address devices will use for ever, for instance https://chuantou.example or http://192.0.2.10:8080")
	case checkOrigin(o.Origin) != nil:
		return checkOrigin(o.Origin)
	case !isName(o.Name):
		return errors.New("name: say whose installation this is")
	case !isName(o.Admin):
		return errors.New("admin: say the name of the person who administers it first")
	case len(o.Place) < 2 || strings.Trim(o.Place, "0123456789") != "" || len(o.Place) > 12:
		return fmt.Errorf("place %q: want the owner's place code, 2 to 12 digits", o.Place)
	}
	return nil
}

func isName(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxNameBytes && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Init makes a new installation in a folder that is new or empty: keys, store,
// the first administrator and a one-time code for his device. When it is cut
// off it can be run on the folder again; one in use is never touched.
func Init(ctx context.Context, o InitOptions) (Initialised, error) {
	if err := o.check(); err != nil {
		return Initialised{}, err
	}
	if err := claim(o.Dir, markerName); err != nil {
		return Initialised{}, err
	}
	if err := makeKeys(o.Dir); err != nil {
		return Initialised{}, err
	}
	now := time.Now
	if o.Clock != nil {
		now = o.Clock
	}
	if err := makeAuthority(o.Dir, strings.TrimRight(o.Origin, "/"), o.Name, 0, now()); err != nil {
		return Initialised{}, fmt.Errorf("local authority: %w", err)
	}
	s, err := makeStore(o.Dir, o.Store)
	if err != nil {
		return Initialised{}, err
	}
	if err := s.Close(); err != nil {
		return Initialised{}, err
	}
	set := settings{Format: settingsFormat, Origin: strings.TrimRight(o.Origin, "/"), Name: o.Name, Place: o.Place, Replica: syncproto.NewReplicaID()}
	b, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return Initialised{}, err
	}
	if err := writeNew(settingsFile(o.Dir), append(b, '\n')); err != nil {
		return Initialised{}, err
	}
	made, err := firstAdministrator(ctx, o, set)
	if err != nil {
		return Initialised{}, fmt.Errorf("first administrator: %w", err)
	}
	return made, settle(o.Dir, markerName)
}

func firstAdministrator(ctx context.Context, o InitOptions, set settings) (out Initialised, err error) {
	s, err := open(Config{Dir: o.Dir, Clock: o.Clock, Passphrase: o.Store.given()}, set)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	out.Keys, out.Person = keysDir(o.Dir), syncproto.NewRecordID(s.now())
	text := func(v string) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }
	// The owner is the first unit: what the administrator writes belongs to it
	// until there are others.
	unit := syncproto.NewRecordID(s.now())
	err = s.ingest.Author(ctx, s.settings.Replica, out.Person, "unit", unit, func(e *crdt.Edit) error {
		return errors.Join(e.Set("name", text(o.Name)), e.Set("level", text(levelOf(o.Place))), e.Set("place", text(o.Place)))
	})
	if err != nil {
		return out, err
	}
	err = s.ingest.Author(ctx, s.settings.Replica, out.Person, "person", out.Person, func(e *crdt.Edit) error {
		if err := errors.Join(e.Set("name", text(o.Admin)), e.Set("unit", text(unit.String()))); err != nil {
			return err
		}
		item, err := e.InsertItem("roles", 0)
		if err != nil {
			return err
		}
		role := e.Item("roles", item)
		return errors.Join(role.Set("role", text(string(authz.RoleAdmin))), role.Set("place", text(o.Place)))
	})
	if err != nil {
		return out, err
	}
	if out.Code, out.Expires, err = s.auth.CreateCode(ctx, out.Person); err != nil {
		return out, err
	}
	id := s.identity()
	ticket := id.Ticket(out.Code)
	out.Ticket = ticket.String()
	return out, nil
}

// levelOf is the level of the unit that a place code stands for.
func levelOf(place string) string {
	switch n := len(place); {
	case n <= 2:
		return "省"
	case n <= 4:
		return "市"
	case n <= 6:
		return "县（区）"
	case n <= syncproto.TownshipDigits:
		return "乡镇"
	}
	return "村"
}
