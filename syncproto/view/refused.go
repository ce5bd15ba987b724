package view

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// RefusedField is the log that names changes which an administrator did not
// accept: their entries in other logs stay, since none is ever taken out, and
// count for nothing. Everybody who reads the record reads it.
const RefusedField = "refused"

// RefusedSub is the sub-field of such an entry that names the change.
const RefusedSub = "change"

// InForce lists those entries of a log of the record, or of an item of it, that count.
func InForce(rec *crdt.Record, entries []crdt.LogEntry) []crdt.LogEntry {
	refused := rec.Log(RefusedField)
	if len(refused) == 0 || len(entries) == 0 {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e crdt.LogEntry) bool { return isRefused(refused, e.Dot.Change()) })
}

// isRefused reports whether one of the entries names the change. Only the
// server's own count: a device may write what it likes into a log.
func isRefused(refused []crdt.LogEntry, c syncproto.ChangeID) bool {
	return slices.ContainsFunc(refused, func(e crdt.LogEntry) bool {
		m, _ := Plain(e.Value).(map[string]any)
		return e.Dot.Replica.IsPen() && m[RefusedSub] == c.String()
	})
}
