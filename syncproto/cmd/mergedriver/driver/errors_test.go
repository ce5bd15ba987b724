package driver_test

import (
	"fmt"
	"testing"
)

// TestErrorCodes: of several things wrong with a command the first is told, in
// this order: the op, the replica, what the line itself should say, the record,
// whether it is deleted, the item, the range. Nothing refused changes anything.
func TestErrorCodes(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "码头")
	j.lins("A", "m", "l", 0, "p", 1)
	j.create("A", "gone")
	j.delete("A", "gone")
	saved := j.ok(cmd{"op": "save", "r": "A"})["blob"].(string)
	on := func(rec string, c cmd) cmd {
		c["r"], c["rec"] = "A", rec
		return c
	}
	for _, x := range []struct {
		code string
		c    cmd
	}{
		{"UNSUPPORTED", cmd{"op": "fly", "r": "nobody"}},
		{"BAD_REQUEST", cmd{"op": 1, "r": "A"}},
		{"BAD_REQUEST", cmd{"op": "hello", "protocol": 2}},
		{"BAD_REQUEST", cmd{"op": "replica"}},
		{"BAD_REQUEST", cmd{"op": "replica", "r": ""}},
		{"BAD_REQUEST", cmd{"op": "replica", "r": "船"}},
		{"BAD_REQUEST", cmd{"op": "read"}},
		{"BAD_REQUEST", cmd{"op": "read", "r": 7}},
		{"NO_REPLICA", cmd{"op": "ins", "r": "nobody"}},
		{"NO_REPLICA", cmd{"op": "clock", "r": "nobody", "now": "noon"}},
		{"NO_REPLICA", cmd{"op": "save", "r": "nobody"}},
		{"NO_REPLICA", cmd{"op": "give", "r": "nobody", "blob": "?"}},
		{"NO_REPLICA", cmd{"op": "pull", "from": "A", "to": "nobody"}},
		{"NO_REPLICA", cmd{"op": "sync", "a": "nobody", "b": "A"}},
		{"BAD_REQUEST", cmd{"op": "sync", "a": "A"}},
		{"BAD_REQUEST", cmd{"op": "clock", "r": "A"}},
		{"BAD_REQUEST", cmd{"op": "clock", "r": "A", "now": 0.5}},
		{"BAD_REQUEST", cmd{"op": "take", "r": "A"}},
		{"BAD_REQUEST", on("never", cmd{"op": "ins", "f": "t", "at": 9})},
		{"BAD_REQUEST", on("never", cmd{"op": "ins", "f": "t", "at": "0", "text": "x"})},
		{"BAD_REQUEST", on("never", cmd{"op": "del", "f": "t", "at": 0, "n": 0})},
		{"BAD_REQUEST", on("never", cmd{"op": "set", "f": "v", "value": []int{1}})},
		{"BAD_REQUEST", on("never", cmd{"op": "set", "f": "v"})},
		{"BAD_REQUEST", on("never", cmd{"op": "add", "f": "s", "value": 1})},
		{"BAD_REQUEST", on("never", cmd{"op": "replay", "f": "t", "edits": "x"})},
		{"NO_RECORD", on("never", cmd{"op": "ins", "f": "t", "at": 9, "text": "x"})},
		{"NO_RECORD", on("never", cmd{"op": "delete"})},
		{"NO_RECORD", on("never", cmd{"op": "restore"})},
		{"NO_RECORD", on("never", cmd{"op": "lset", "f": "l", "item": "q", "value": 1})},
		{"NO_RECORD", on("never", cmd{"op": "read"})},
		{"BAD_REQUEST", on("gone", cmd{"op": "ins", "f": "", "at": 9, "text": "x"})},
		{"DELETED", on("gone", cmd{"op": "ins", "f": "t", "at": 9, "text": "x"})},
		{"DELETED", on("gone", cmd{"op": "del", "f": "t", "at": 9, "n": 1})},
		{"DELETED", on("gone", cmd{"op": "replay", "f": "t", "edits": [][]any{{9, 0, "x"}}})},
		{"DELETED", on("gone", cmd{"op": "set", "f": "v", "value": 1})},
		{"DELETED", on("gone", cmd{"op": "remove", "f": "s", "value": "x"})},
		{"DELETED", on("gone", cmd{"op": "lset", "f": "l", "item": "q", "value": 1})},
		{"DELETED", on("gone", cmd{"op": "log", "f": "g", "entry": "x"})},
		{"EXISTS", on("m", cmd{"op": "create"})},
		{"NO_ITEM", on("m", cmd{"op": "lset", "f": "l", "item": "q", "value": 1})},
		{"NO_ITEM", on("m", cmd{"op": "lmove", "f": "l", "item": "q", "to": 9})},
		{"RANGE", on("m", cmd{"op": "lmove", "f": "l", "item": "p", "to": 1})},
		{"RANGE", on("m", cmd{"op": "lins", "f": "l", "item": "q", "at": 2, "value": 1})},
		{"RANGE", on("m", cmd{"op": "ins", "f": "t", "at": -1, "text": "x"})},
		{"RANGE", on("m", cmd{"op": "ins", "f": "t", "at": 3, "text": "x"})},
		{"RANGE", on("m", cmd{"op": "del", "f": "t", "at": 1, "n": 2})},
		{"RANGE", on("m", cmd{"op": "replay", "f": "t", "edits": [][]any{{2, 0, "x"}, {4, 0, "y"}}})},
		{"BAD_REQUEST", cmd{"op": "give", "r": "A", "blob": 7}},
		{"BAD_CHANGE", cmd{"op": "give", "r": "A", "blob": saved}},
		{"BAD_REQUEST", cmd{"op": "give", "r": "A", "changes": []string{"never"}, "blob": saved}},
		{"EXISTS", cmd{"op": "load", "r": "A", "blob": "?"}},
		{"BAD_REQUEST", cmd{"op": "load", "r": "N"}},
		{"BAD_REQUEST", cmd{"op": "load", "r": "a b", "blob": saved}},
		{"BAD_CHANGE", cmd{"op": "load", "r": "N", "blob": saved[4:]}},
		{"BAD_CHANGE", cmd{"op": "load", "r": "N", "blob": "?"}},
	} {
		t.Run(fmt.Sprint(x.code, " ", x.c["op"]), func(t *testing.T) {
			j.t = t
			j.refused(x.code, x.c)
		})
	}
	j.t = t
	j.ok(cmd{"op": "load", "r": "N", "blob": saved}) // refused loads took no name
	j.same("A", "N")
	j.want(j.take("B", "b")["empty"], true)
}

// TestRefusedAmongGiven: of changes handed in together with one that is not
// known none is taken in.
func TestRefusedAmongGiven(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.take("A", "c")
	j.refused("BAD_REQUEST", cmd{"op": "give", "r": "B", "changes": []string{"c", "never"}})
	j.refused("BAD_CHANGE", cmd{"op": "give", "r": "B", "changes": []string{"c"}, "blob": "AAAA"})
	j.want(j.give("B", "c"), 0)
	j.same("A", "B")
}
