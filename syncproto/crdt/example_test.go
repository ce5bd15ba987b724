package crdt_test

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Two devices set the same field without knowing of each other. Both values
// stay until someone who has seen both sets it again.
func Example() {
	text := func(s string) syncproto.Value { return wire.Must(wire.EncodeValue(s)) }
	save := func(r *crdt.Record, device int, edit func(e *crdt.Edit)) (syncproto.Header, *syncproto.Part) {
		e := r.Clone().Edit(replicaID(device), nil)
		edit(e)
		p, _ := e.Part()
		return syncproto.Header{Replica: replicaID(device), Seq: r.Version.Of(replicaID(device)) + 1, Author: recordID(device), Wall: int64(device)}, &p
	}
	join := func(r *crdt.Record, h syncproto.Header, p *syncproto.Part) {
		if err := r.Join(h, p, crdt.Options{}); err != nil {
			fmt.Println(err)
		}
	}

	server := crdt.New(recordID(1))
	h, p := save(server, 1, func(e *crdt.Edit) {
		_ = e.Create("ZF")
		_ = e.Set("met", text("未遇"))
	})
	join(server, h, p)

	h1, p1 := save(server, 1, func(e *crdt.Edit) { _ = e.Set("met", text("见到本人")) })
	h2, p2 := save(server, 2, func(e *crdt.Edit) { _ = e.Set("met", text("见到家属")) })
	join(server, h2, p2) // in any order
	join(server, h1, p1)
	shown, _ := server.Value("met")
	fmt.Printf("shown %s, %d values, %d conflict\n", shown.Value[1:], len(server.Values("met")), len(server.Conflicts()))

	h, p = save(server, 1, func(e *crdt.Edit) { _ = e.Set("met", shown.Value) })
	join(server, h, p)
	fmt.Printf("%d value, %d conflicts\n", len(server.Values("met")), len(server.Conflicts()))
	// Output:
	// shown 见到家属, 2 values, 1 conflict
	// 1 value, 0 conflicts
}
