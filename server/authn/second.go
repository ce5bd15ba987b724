package authn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A code for a leader takes two administrators: the first asks, which gives a
// name to tell the second, who confirms. Who must, is decided elsewhere.

const requestLetters = 8

var (
	// ErrNoRequest is returned for a request that is not there: it was confirmed
	// already, is over, or its name was mistyped.
	ErrNoRequest = syncproto.Errorf(syncproto.KindNotFound, "没有这个申请：已经确认过、过期了，或者号码不对").Coded("no-request")
	// ErrSameAdmin is returned when who asked wants to confirm.
	ErrSameAdmin = syncproto.Errorf(syncproto.KindForbidden, "要由另一位管理员确认").Coded("same-admin")
	// ErrOften is returned when a person asks for more codes for himself than
	// anybody needs.
	ErrOften = &LaterError{time.Hour}
)

var requestPrefix = store.Key("a/q/")

func requestKey(id string) store.Key {
	h := sha256.Sum256([]byte("chuantou/code-request/1" + id))
	return append(bytes.Clone(requestPrefix), h[:]...)
}

// codeRequest is a request as stored.
type codeRequest struct {
	person, by syncproto.PersonID
	expires    int64 // Unix milliseconds
	password   bool  // for a code that sets a password
}

func encodeRequest(q *codeRequest) []byte {
	b := wire.AppendBytes(wire.AppendArray([]byte{format}, 4), q.person[:])
	return wire.AppendBool(wire.AppendInt(wire.AppendBytes(b, q.by[:]), q.expires), q.password)
}

func decodeRequest(v []byte) (q codeRequest, err error) {
	r, err := open(v, "request for a code", 4)
	if err != nil {
		return q, err
	}
	r.Fixed(q.person[:])
	r.Fixed(q.by[:])
	q.expires, q.password = r.Int(), r.Bool()
	if err := r.Done(); err != nil {
		return codeRequest{}, fmt.Errorf("request for a code: %w", err)
	}
	return q, nil
}

// RequestCode notes that one administrator asks for a code for a person, one
// that enrols a device or one that sets his password; a second one confirms it
// within CodeLife.
func (a *Authn) RequestCode(ctx context.Context, person, by syncproto.PersonID, password bool) (id string, expires time.Time, err error) {
	if id, err = a.letters(requestLetters); err != nil {
		return "", time.Time{}, err
	}
	expires = a.Now().Add(CodeLife)
	key, value := requestKey(id), encodeRequest(&codeRequest{person, by, expires.UnixMilli(), password})
	_, err = a.Store.Update(ctx, []store.Key{key}, func(store.Reader) (b store.Batch, err error) {
		b.Put(key, value)
		return b, nil
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("request a code: %w", storeError(err))
	}
	return groupCode(id), expires, nil
}

// RequestedFor says for whom a code was asked, and whether it sets his password;
// ErrNoRequest.
func (a *Authn) RequestedFor(ctx context.Context, id string) (person syncproto.PersonID, password bool, err error) {
	err = a.Store.View(ctx, 0, func(r store.Reader) error {
		q, err := a.request(r, requestKey(plainRequest(id)))
		person, password = q.person, q.password
		return err
	})
	return person, password, err
}

// ConfirmCode ends a request by another administrator; the caller then makes
// the code. ErrNoRequest, ErrSameAdmin.
func (a *Authn) ConfirmCode(ctx context.Context, id string, by syncproto.PersonID) error {
	key := requestKey(plainRequest(id))
	_, err := a.Store.Update(ctx, []store.Key{key}, func(r store.Reader) (b store.Batch, err error) {
		q, err := a.request(r, key)
		if err == nil && q.by == by {
			err = ErrSameAdmin
		}
		if err == nil {
			b.Delete(key)
		}
		return b, err
	})
	if err != nil {
		return fmt.Errorf("confirm a code: %w", storeError(err))
	}
	return nil
}

func (a *Authn) request(r store.Reader, key store.Key) (q codeRequest, err error) {
	v, err := r.Get(key)
	if err != nil {
		return q, err
	}
	if v == nil {
		return q, ErrNoRequest
	}
	if q, err = decodeRequest(v); err == nil && a.Now().UnixMilli() >= q.expires {
		err = ErrNoRequest
	}
	return q, err
}

func plainRequest(id string) string {
	if len(id) > maxCodeInput {
		return ""
	}
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(id))
}

// OwnCode makes a code for another device of the person whose device asks. It
// is told on all of his devices, as any new one is.
func (a *Authn) OwnCode(ctx context.Context, person syncproto.PersonID) (text string, expires time.Time, err error) {
	now, key := a.Now(), person.String()
	if a.ownCodes.wait(key, now) > 0 {
		return "", time.Time{}, ErrOften
	}
	a.ownCodes.spend(key, now)
	return a.CreateCode(ctx, person)
}
