package clientsdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

var (
	// ErrNotEnrolled is returned by what needs to know whose device this is:
	// Submit, Sync. Drafts can be made before.
	ErrNotEnrolled = errors.New("this device is not enrolled yet: get a one-time code from your administrator and enrol first")
	// ErrEnrolled is returned by Enrol on a store that has an identity: one
	// store is one person on one device.
	ErrEnrolled = errors.New("this store is enrolled already; for another person or server use another folder")
	// ErrNeedsNewID is returned by Submit after the server found that this
	// store exists twice (a copied folder, a restored phone). See ReEnrol.
	ErrNeedsNewID = errors.New("this device's number is in use twice (a copied folder, a restored phone): get a new one-time code and enrol again; nothing is lost")
	// ErrNoRecord is returned for a record that is not on this device.
	ErrNoRecord = errors.New("no such record on this device")
	// ErrNoDraft is returned for a draft that was submitted or discarded.
	ErrNoDraft = errors.New("no such draft: it was submitted or discarded")
	// ErrUnchanged is returned by Submit and Share when the drafts change nothing.
	ErrUnchanged = errors.New("nothing was changed")
	// ErrRecordsLocked is returned for a record of somebody else's after the
	// device has not heard from the server for too long, or after Lock.
	ErrRecordsLocked = errors.New("别人的记录已锁上：联网同步一次，或者向管理员要解锁码。自己写的、草稿和待上传的都不受影响")
	// ErrNotLocked is returned by Unlock and UnlockNumber when nothing is locked.
	ErrNotLocked = errors.New("没有锁上，不用解锁")
	// ErrUnlockClosed is returned after ten wrong codes: only a sync opens now.
	ErrUnlockClosed = errors.New("解锁码错了 10 次：只有联网同步才能打开")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the client is closed")
)

// WrongCodeError is returned by Unlock for a code that does not open: it is for
// another device or number, of yesterday, or misheard.
type WrongCodeError struct{ Left int } // tries that are left

func (e *WrongCodeError) Error() string {
	return fmt.Sprintf("解锁码不对：请重新报一遍本机的号码，再要一个；还可以试 %d 次", e.Left)
}

// FieldError says what is wrong with one field of a draft. It never holds the
// field's value.
type FieldError struct {
	Kind, Field string
	Label       string // in the app's language, empty if unknown
	Err         error
}

func (e *FieldError) Error() string {
	if e.Label == "" {
		return fmt.Sprintf("%s: field %s: %v", e.Kind, e.Field, e.Err)
	}
	return fmt.Sprintf("%s: %s (%s): %v", e.Kind, e.Label, e.Field, e.Err)
}

func (e *FieldError) Unwrap() error { return e.Err }

// IncompleteError is returned by Submit for a draft that lacks required
// fields. The draft stays as it is.
type IncompleteError struct {
	Kind   string
	Record syncproto.RecordID
	Fields []MissingField
}

// MissingField names a required field that is not filled.
type MissingField struct{ Key, Label string }

func (e *IncompleteError) Error() string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, fmt.Sprintf("%s (%s)", f.Label, f.Key))
	}
	return fmt.Sprintf("%s cannot be submitted yet, still to be filled: %s", e.Kind, strings.Join(names, ", "))
}
