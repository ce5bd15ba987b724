package session

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// fillOutgoing sees to it that something is to be pushed, or goes on to the pull.
func (s *Session) fillOutgoing() {
	if len(s.out.Bundles) > 0 {
		return
	}
	budget := s.cfg.PushBytes
	if s.oneByOne {
		budget = 1
	}
	var err error
	if s.out, err = s.state.Outbox(s.pushed, budget); err != nil {
		s.report.Push = fmt.Errorf("outbox: %w", err)
	}
	if err != nil || len(s.out.Bundles) == 0 {
		s.endPush()
	}
}

// endPush goes on to the pull, if one is wanted.
func (s *Session) endPush() {
	if s.out, s.phase = (Outgoing{}), phasePull; s.cfg.PushOnly {
		s.phase = phaseDone
	}
}

func (s *Session) handlePush(r Response) {
	if s.retryToken(r) {
		return
	}
	err := refusal(r)
	if err == nil {
		err = s.takeReceipt(r.Body)
		if err == nil {
			s.report.Pushed += s.out.Changes
			s.pushed, s.out = s.out.Last, Outgoing{}
			return
		}
	} else if r.Err == nil && blamesContent(r.Kind) {
		s.refused(err)
		return
	}
	s.report.Push = fmt.Errorf("push: %w", err)
	s.endPush()
}

// blamesContent reports whether a refusal is about what was sent: what comes
// after it may well be taken.
func blamesContent(k syncproto.ErrorKind) bool {
	return k == syncproto.KindBadRequest || k == syncproto.KindTooLarge || k == syncproto.KindBadSignature || k == syncproto.KindUnsupported
}

// refused narrows a refusal down to one bundle and goes on after that.
func (s *Session) refused(err error) {
	if len(s.out.Bundles) > 1 {
		s.oneByOne, s.out = true, Outgoing{}
		return
	}
	s.report.Refused++
	s.report.Push = fmt.Errorf("push: changes up to %d: %w", s.out.Last, err)
	s.pushed, s.out = s.out.Last, Outgoing{}
}

func (s *Session) takeReceipt(body []byte) error {
	c, err := wire.DecodeReceipt(body)
	if err == nil {
		err = s.checkReceipt(&c)
	}
	if err == nil {
		err = s.state.Receipt(&c)
	}
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return nil
}

func (s *Session) checkReceipt(c *syncproto.Receipt) error {
	if c.Replica != s.cfg.Replica {
		return fmt.Errorf("it is about replica %s, this is %s", c.Replica, s.cfg.Replica)
	}
	return sign.VerifyReceipt(s.cfg.ServerKey, c)
}
