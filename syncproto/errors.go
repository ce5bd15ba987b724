package syncproto

import (
	"errors"
	"fmt"
)

// ErrUnknownSuite is returned for a signed, hashed or sealed format made with
// algorithms this build does not know. A newer build may.
var ErrUnknownSuite = errors.New("unknown suite of algorithms: a newer version of the program may know it")

// ErrUnknownOp is returned for a part with an op kind this build does not
// know. The part is well formed; it is held, not refused.
var ErrUnknownOp = errors.New("unknown op: a newer version of the program may know it")

// HoldReason says why a part is stored whole but not applied. The numbers
// cross the wire: append, never reorder.
type HoldReason uint8

// The reasons for holding a part.
const (
	HoldMissing   HoldReason = 1 // 缺前文: prev, seen or an origin is not here yet
	HoldScope     HoldReason = 2 // the author may not write this record
	HoldRevoked   HoldReason = 3 // author or device was revoked
	HoldFork      HoldReason = 4 // a different change is already known under this number
	HoldUnknownOp HoldReason = 5 // an op of a newer version
	HoldTooLarge  HoldReason = 6 // over a limit
	HoldInvalid   HoldReason = 7 // ops that cannot be applied to the version they were made on
	HoldRejected  HoldReason = 8 // settled: an administrator did not accept it; Held.Note says why
	// HoldDelegation: written for a leader by somebody to whom he had given no
	// leave to, or whose leave had ended.
	HoldDelegation HoldReason = 9
)

// Words tells the author what happened and what to do, in the app's language.
func (h HoldReason) Words() string {
	switch h {
	case HoldMissing:
		return "缺前文：这条改动所依据的前一部分还没有到。前面的一到，会自动接上。"
	case HoldScope:
		return "不在您的范围内：这条记录不归您写。已完整存下，由管理员处理。"
	case HoldRevoked:
		return "这台设备或账号已停用。已完整存下，由管理员处理。"
	case HoldFork:
		return "设备编号重复：同一编号下收到过另一份内容。两份都已存下，这台设备会换新编号重新上传未收到的内容。"
	case HoldUnknownOp:
		return "服务器版本较旧，还看不懂这条改动。已完整存下，升级后自动处理。"
	case HoldTooLarge:
		return "内容超过上限。已完整存下，由管理员处理。"
	case HoldInvalid:
		return "这条改动与原文对不上。已完整存下，由管理员处理。"
	case HoldDelegation:
		return "没有这位领导的委托，或者委托已经结束，不能代他写这一类。已完整存下，由管理员处理。"
	case HoldRejected:
		return "管理员没有采纳这条改动。写下的内容仍在这台设备里。"
	}
	return "已完整存下，由管理员处理。"
}

// Kind classifies an error that crosses the wire. Append, never reorder.
type ErrorKind uint8

// The kinds of error a peer can answer with.
const (
	KindOther        ErrorKind = 0
	KindBadRequest   ErrorKind = 1  // malformed; retrying cannot help
	KindUnauthorized ErrorKind = 2  // no or expired session; sign in again, then retry
	KindForbidden    ErrorKind = 3  // not permitted
	KindNotFound     ErrorKind = 4  // absent, or not to be seen by this reader
	KindTooLarge     ErrorKind = 5  // over a limit named in the text
	KindLater        ErrorKind = 6  // busy or over quota; retry after a while
	KindFull         ErrorKind = 7  // the server's disk is full; nothing was taken; retry later
	KindUnsupported  ErrorKind = 8  // unknown suite or version
	KindCursor       ErrorKind = 9  // cursor hash unknown: send the whole cursor
	KindBadSignature ErrorKind = 10 // signature or chain does not verify
	KindRevoked      ErrorKind = 11 // device revoked
	KindConflict     ErrorKind = 12 // not possible in the present state
)

var kindNames = [...]string{"other", "bad-request", "unauthorized", "forbidden", "not-found", "too-large",
	"later", "full", "unsupported", "cursor", "bad-signature", "revoked", "conflict"}

func (k ErrorKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// ParseErrorKind is the inverse of String; unknown names are KindOther.
func ParseErrorKind(s string) ErrorKind {
	for i, n := range kindNames {
		if n == s {
			return ErrorKind(i)
		}
	}
	return KindOther
}

// MayRetry reports whether the same request can succeed later by itself.
func (k ErrorKind) MayRetry() bool {
	return k == KindLater || k == KindFull || k == KindUnauthorized || k == KindCursor || k == KindOther
}

// Error is an error of a kind, with a sentence that holds no sensitive value.
type Error struct {
	Kind ErrorKind
	Text string
	// Code names this very error for programs that say it in words of their own:
	// a command for operators, whose language is not that of Text. Never changed
	// once given; "" for most.
	Code string
}

func (e *Error) Error() string { return e.Text }

// Coded gives the error a code and returns it.
func (e *Error) Coded(code string) *Error {
	e.Code = code
	return e
}

// Errorf makes an Error.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// KindOf finds the kind of err, KindOther when it has none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindOther
}
