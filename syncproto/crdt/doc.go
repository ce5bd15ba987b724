// Package crdt is the state of one record and the one merge law of the
// project: join, a part of a change onto a state. Local edits, pushes, pulls,
// couriers and simulations all go through Record.Join, so no two of them can
// come to different results. SPEC.md §1 is the law in words; this package is
// the law in code. It never reads a schema: the op fixes the merge class.
//
// A field is known by its name and its class:
//
//	value  a register: every value whose set no later set had seen stays
//	text   a text.Doc: code points with ids, nothing lost, nothing back
//	set    members by value; an add wins over a concurrent remove
//	list   items with places and a life of their own; an item is a map of fields
//	log    append only, in Lamport order
//
// An op removes only what its context covers: what the part's Seen covers and
// what earlier ops of the same part did. All content of a deleted record or a
// struck-out item stays in the state.
//
// Start with Record.Join and the readers in read.go; Record.Edit cuts a part
// from what a person did. Parts that wait for their causes (MissingError) are
// kept by whoever joins.
package crdt
