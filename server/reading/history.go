package reading

import (
	"time"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// maxHistory bounds how many changes one page lists.
const maxHistory = 500

// change is one joined part with the header of its change.
type change struct {
	syncproto.Header
	part  syncproto.Part
	first bool
	step  records.Step
	gone  bool // content destroyed
}

// changes reads a record's history from the stored bundles, in apply order.
func (g *Reading) changes(r store.Reader, id syncproto.RecordID) ([]change, error) {
	steps, err := records.Steps(r, id, 0, maxHistory)
	if err != nil {
		return nil, err
	}
	type place struct {
		replica syncproto.ReplicaID
		from    syncproto.Seq
	}
	frames := map[place][]wire.RawChange{}
	var out []change
	for i, s := range steps {
		at := place{s.Replica, s.Bundle}
		if frames[at] == nil {
			u, err := records.LoadBundle(r, s.Replica, s.Bundle)
			if err != nil {
				return nil, err
			}
			raw, err := wire.Decompress(u.Frame, u.RawBytes)
			if err != nil {
				return nil, err
			}
			if frames[at], err = wire.DecodeFrame(raw, s.Replica, s.Bundle, u.Count); err != nil {
				return nil, err
			}
		}
		raw := &frames[at][s.Seq-s.Bundle]
		c := change{Header: raw.Header, first: i == 0, step: s}
		if raw.Parts[s.Part].Withheld() {
			c.gone = true
		} else if c.part, err = wire.DecodePart(s.Replica, raw.Parts[s.Part].Bytes); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// clockWarning is the distance from which a clock is said to be wrong.
const clockWarning = 5 * time.Minute

func (g *Reading) historyEntry(l *loaded, c *change) web.HistoryEntry {
	_, device := g.Devices.DeviceName(c.Replica)
	out := web.HistoryEntry{Received: time.UnixMilli(c.step.Received).In(timeline.Zone), Written: time.UnixMilli(c.Wall).In(timeline.Zone),
		By: g.person(c.Author), Device: device, What: whatOf(c)}
	if d := time.Duration(c.Offset) * time.Millisecond; d > clockWarning || d < -clockWarning {
		out.Clock = "设备时间可能不准"
	}
	if out.Received.Sub(out.Written) > lateAfter {
		out.How = "回港补传"
	}
	if c.gone {
		out.What = "该内容已依法删除"
		return out
	}
	named := map[string]bool{}
	for i := range c.part.Ops {
		op := &c.part.Ops[i]
		if op.Field == "" || op.Field == seal.KeysField || hiddenField(op.Field) || named[op.Field] || c.first && op.Kind != syncproto.OpSet {
			continue
		}
		named[op.Field] = true
		if !c.first {
			out.Steps = append(out.Steps, g.step(l, op))
		}
	}
	return out
}

func whatOf(c *change) string {
	if c.first {
		return "提交"
	}
	for i := range c.part.Ops {
		switch c.part.Ops[i].Kind {
		case syncproto.OpDelete:
			return "作废"
		case syncproto.OpRestore:
			return "恢复"
		}
	}
	if c.part.Kind != "" {
		return "写入同一条记录"
	}
	return "修改"
}

func (g *Reading) step(l *loaded, op *syncproto.Op) web.Step {
	f := l.field(op.Field)
	label := op.Field
	if f != nil {
		label = f.Zh
	}
	out := web.Step{Label: label}
	if a := l.class(op.Field, op.Item, op.Sub); !l.classes.Has(a) {
		out.Masked = maskedWords(a)
		return out
	}
	if op.Kind == syncproto.OpSet && op.Item.IsNone() || op.Kind == syncproto.OpAdd {
		v := view.Plain(op.Value)
		if out.Masked = sealedWords(v); out.Masked == "" && (f == nil || !linked(f)) {
			out.New = g.words(f, v)
		}
	}
	if op.Kind == syncproto.OpLog {
		m, _ := view.Plain(op.Value).(map[string]any)
		for _, key := range []string{"event", "result", "what", "as"} {
			if s, ok := m[key].(string); ok && out.New == "" {
				out.New = s
			}
		}
	}
	return out
}
