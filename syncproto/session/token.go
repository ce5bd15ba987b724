package session

import (
	"encoding/base64"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const (
	// maxAuthTries bounds how often one sync signs in: the first time, once
	// after learning the server's clock, once after a token was refused.
	maxAuthTries = 3
	tokenBytes   = 24
	// tokenMargin is how long before its end a token is no longer used.
	tokenMargin = 30_000
	// maxLifetime bounds what a server may say, in seconds.
	maxLifetime = 24 * 3600
)

// askToken signs in: CBOR [replica, wall, nonce, signature].
func (s *Session) askToken(now int64) *Request {
	s.authTries++
	q := sign.SessionRequest{Audience: sign.KeyHash(s.cfg.ServerKey), Replica: s.cfg.Replica, Wall: now + s.report.Offset}
	if _, err := io.ReadFull(s.cfg.Random, q.Nonce[:]); err != nil {
		s.failAll(fmt.Errorf("sign in: %w", err))
		return nil
	}
	s.inFlight = forToken
	s.report.Requests++
	sig := s.cfg.Sign(&q)
	body := wire.AppendBytes(wire.AppendArray(nil, 4), q.Replica[:])
	body = wire.AppendBytes(wire.AppendInt(body, q.Wall), q.Nonce[:])
	return &Request{Method: methodPost, Path: "/v1/sync/session", Body: wire.AppendBytes(body, sig[:])}
}

func (s *Session) handleToken(r Response) {
	err := refusal(r)
	switch {
	case err == nil:
		err = s.takeToken(r)
	case r.Err == nil && r.Status == statusUnauthorized && r.Wall != 0 && s.authTries < maxAuthTries:
		return // the clock was off; it has been learned, Next signs in again
	}
	if err != nil {
		s.failAll(fmt.Errorf("sign in: %w", err))
	}
}

// takeToken reads CBOR [token, lifetime seconds, wall].
func (s *Session) takeToken(r Response) error {
	d := wire.NewReader(r.Body)
	if d.Array(3) != 3 {
		d.Failf("a session has 3 members")
	}
	var token [tokenBytes]byte
	d.Fixed(token[:])
	lifetime := int64(d.UintMax(maxLifetime)) * 1000
	wall := d.Int()
	if err := d.Done(); err != nil {
		return err
	}
	s.learn(wall, r)
	s.report.Token = Token{Text: base64.RawURLEncoding.EncodeToString(token[:]), Expires: r.Sent + max(lifetime-tokenMargin, lifetime/2)}
	return nil
}

// failAll ends the sync: without a token neither push nor pull is possible.
func (s *Session) failAll(err error) {
	if s.phase == phasePush && s.report.Push == nil {
		s.report.Push = err
	}
	s.report.Pull, s.phase = err, phaseDone
}

// Revoked reports whether the server told the device that it no longer may sync.
func (r *Report) Revoked() bool {
	return syncproto.KindOf(r.Push) == syncproto.KindRevoked || syncproto.KindOf(r.Pull) == syncproto.KindRevoked
}
