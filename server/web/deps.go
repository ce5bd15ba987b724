package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Deps is what the pages need from the rest of the server.
type Deps struct {
	Source   Source
	Actions  Actions
	Settler  Settler
	Sessions Sessions
	Root     Root             // what vouches for this address; the zero value when a public authority does
	Key      []byte           // at least 32 secret bytes; signs the tokens of forms, so it must survive a restart
	Now      func() time.Time // the server's clock
	Log      *slog.Logger     // nil logs nothing
}

// Source answers what a viewer may see, already masked for that viewer. All
// methods may be called concurrently; returned values belong to the caller.
//
// An error of *QueryError becomes a page that shows its words; ErrNotFound
// becomes a page that does not tell absent from not permitted; any other
// error is logged and shown as "not right now".
type Source interface {
	// Timeline returns one page of rows in the order of the query: by
	// occurrence newest first, a row of day precision below the timed rows of
	// its day; by arrival newest arrival first, rows that arrived together by
	// occurrence.
	Timeline(ctx context.Context, v Viewer, q TimelineQuery) (TimelinePage, error)
	// Record returns one record, ErrNotFound when it is absent, not to be seen
	// by this viewer, or has no such change, alike.
	Record(ctx context.Context, v Viewer, id syncproto.RecordID, at RecordView) (RecordPage, error)
	// Opened is Record with what a reason opens besides, after the reason was
	// noted where it cannot be taken back. An error of *syncproto.Error refuses
	// in words that the page shows.
	Opened(ctx context.Context, v Viewer, id syncproto.RecordID, reason string) (RecordPage, error)
	// Held lists what is held in the viewer's territory, newest arrival first;
	// with works to settle for an administrator alone.
	Held(ctx context.Context, v Viewer) (HeldPage, error)
}

// Actions is what a viewer may do to a record from a page; seen is the last
// change that his page showed. An error of *syncproto.Error refuses in words
// that the page shows: KindConflict when what he saw no longer stands. Nothing
// is written then.
type Actions interface {
	Adopt(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, choice syncproto.Choice) error
	Comment(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, text string) error
	// DecideVoid says of a record whether it is void, when one voided it and
	// another changed it unaware; void wants a reason.
	DecideVoid(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, void bool, reason string) error
	// Confirm answers for what was written on the person's behalf: result is
	// 确认, or 退回 with a note.
	Confirm(ctx context.Context, person syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, result, note string) error
}

// Settler settles what one replica has held in one record, for an administrator
// who answers for it. Errors refuse like those of Actions. parts were settled,
// left are still held: something they need is not here.
type Settler interface {
	Release(ctx context.Context, admin syncproto.PersonID, w HeldWork) (parts, left int, err error)
	Reject(ctx context.Context, admin syncproto.PersonID, w HeldWork, reason string) (parts, left int, err error)
	// Reassign releases a record that is held whole and gives it to a place.
	Reassign(ctx context.Context, admin syncproto.PersonID, w HeldWork, place string) (parts, left int, err error)
	// Missing tells what it waits for that never came; DeclareLost declares that
	// this never will, and joins what waits. Kind and place are wanted of a record of
	// which nothing is here.
	Missing(ctx context.Context, admin syncproto.PersonID, w HeldWork) (Lost, error)
	DeclareLost(ctx context.Context, admin syncproto.PersonID, w HeldWork, kind, place string) (parts, left int, err error)
}

// Lost is what held work waits for that never came.
type Lost struct {
	Runs    []LostRun
	Nothing bool   // of the record is here
	Kinds   []Kind // that it may be of, then
}

// LostRun are changes From to To of one device.
type LostRun struct {
	By, Device string
	From, To   syncproto.Seq
}

// HeldWork names what one replica has held in one record.
type HeldWork struct {
	Replica syncproto.ReplicaID
	Record  syncproto.RecordID
}

// Sessions is who is calling: from logging in to what was seen until then, the
// life of one browser session.
type Sessions interface {
	// Login checks name and password and opens a session. ErrBadLogin when
	// they do not fit, *LaterError when this name or remote must wait first.
	// Delays between attempts are the implementation's matter.
	Login(ctx context.Context, name, password, remote string) (token string, err error)
	// Viewer finds who a token stands for, ErrNoSession when nobody.
	Viewer(ctx context.Context, token string) (Viewer, error)
	// Logout ends a session; an unknown token is no error.
	Logout(ctx context.Context, token string) error
	// Open lists where a person is logged in, the oldest first; End ends one of
	// his sessions by its name, ErrNoSession when there is none.
	Open(ctx context.Context, v Viewer, token string) ([]OpenSession, error)
	End(ctx context.Context, v Viewer, name string) error
	// SetPassword sets the password of the person whose one-time code is shown,
	// under a log-in name or, where that is empty, his own. *LaterError as for
	// Login; an error of *syncproto.Error refuses in words that the page shows.
	SetPassword(ctx context.Context, remote, code, name, password string) error
	// SeenUpTo is how far this person has marked arrivals as seen, the zero
	// Seen when never.
	SeenUpTo(ctx context.Context, v Viewer) (Seen, error)
	// MarkSeen moves that forward. The mark comes back from a form and is not
	// to be trusted: one that does not parse is a *QueryError, an older one
	// than the present is ignored.
	MarkSeen(ctx context.Context, v Viewer, s Seen) error
}

// Viewer is the person behind a session.
type Viewer struct {
	Person syncproto.PersonID
	Name   string
	Post   string // 东极镇党委书记
	Unit   string // stands on what the viewer prints
	Area   string // the territory in words: 东极镇
	Admin  bool   // may settle what is held
}

// Seen is a place in the order of arrival: an opaque mark that only the
// Source reads, and when the person was there.
type Seen struct {
	Mark string
	At   time.Time
}

var (
	// ErrNotFound says there is no such thing for this viewer.
	ErrNotFound = errors.New("not found, or not to be seen by this viewer")
	// ErrNoSession says a token is unknown, expired or revoked.
	ErrNoSession = errors.New("no session behind this token")
	// ErrBadLogin says name and password do not fit; never which of the two.
	ErrBadLogin = errors.New("name and password do not fit")
)

// LaterError is returned by Login when there were too many attempts.
type LaterError struct{ After time.Duration }

func (e *LaterError) Error() string { return "too many attempts, wait " + e.After.String() }

// QueryError is a request that cannot be answered as it stands. Words is a
// sentence for the person: what is wrong and what would be right.
type QueryError struct{ Words string }

func (e *QueryError) Error() string { return e.Words }
