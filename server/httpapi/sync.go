package httpapi

import (
	"fmt"
	"net/http"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// decodeSession reads [replica, wall, nonce, signature].
func decodeSession(b []byte) (q sign.SessionRequest, sig syncproto.Signature, err error) {
	r := wire.NewReader(b)
	if n := r.Array(4); r.Err() == nil && n != 4 {
		r.Failf("a session request has 4 members")
	}
	r.Fixed(q.Replica[:])
	q.Wall = r.Int()
	r.Fixed(q.Nonce[:])
	r.Fixed(sig[:])
	if err := r.Done(); err != nil {
		return sign.SessionRequest{}, syncproto.Signature{}, fmt.Errorf("session request: %w", err)
	}
	return q, sig, nil
}

func (a *API) session(q *call) error {
	req, sig, err := decodeSession(q.body)
	if err != nil {
		return err
	}
	tok, err := a.Auth.OpenSession(q.ctx, req, sig)
	if err != nil {
		return err
	}
	b := wire.AppendBytes(wire.AppendArray(nil, 3), tok[:])
	b = wire.AppendUint(b, uint64(authn.DeviceSessionLife.Seconds()))
	b = wire.AppendInt(b, a.Now().UnixMilli())
	return a.send(q, http.StatusOK, cborType, b)
}

func (a *API) push(q *call) error {
	bundles, err := wire.DecodePush(q.body)
	if err != nil {
		return err
	}
	receipt, err := a.Pusher.Push(q.ctx, q.who.Replica, bundles)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return a.send(q, http.StatusOK, cborType, wire.AppendReceipt(nil, &receipt))
}

func (a *API) reissue(q *call) error {
	req, err := wire.DecodeReissueRequest(q.body)
	if err != nil {
		return err
	}
	all, err := a.Pusher.Reissue(q.ctx, q.who.Replica, req)
	if err != nil {
		return fmt.Errorf("issue anew: %w", err)
	}
	return a.send(q, http.StatusOK, cborType, wire.AppendReissued(nil, all))
}

func (a *API) pull(q *call) error {
	req, err := wire.DecodePull(q.body)
	if err != nil {
		return err
	}
	acc, err := a.Auth.Account(q.ctx, q.who.Replica)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if acc.State != authn.Active && acc.Order() == syncproto.OrderNone {
		return authn.ErrStopped // no orders either: it gets nothing
	}
	p, err := a.Puller.Pull(q.ctx, q.who.Replica, req)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if p == nil {
		return q.NoContent(http.StatusNoContent)
	}
	return a.send(q, http.StatusOK, cborType, wire.PagePieces(p)...)
}
