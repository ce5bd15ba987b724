// Package syncproto is the vocabulary of 船头记 (Chuantou): the words that the
// device, the server and the wire share, and nothing that touches a disk, a
// socket or a clock. SPEC.md beside this file is the authority on formats.
//
//	op              one mutation of a record (Op)
//	change          what one save writes: (replica, seq), one part per record (Change)
//	part            one record's share of a change (Part)
//	dot             (replica, seq, op index within its part): identity of an op (Dot)
//	version vector  per record: replica -> its latest joined change of it (VersionVector)
//	seen            the version a change was made on; it replaces only what that covers
//	join            a change onto a state (package crdt)
//	bundle          a run of one replica's changes with a signed chain head (Bundle)
//	receipt         signed proof of what the server has, holds, has backed up (Receipt)
//	held            stored whole, not applied, with a reason (Held, HoldReason)
//	base, overlay   the server's view of a record, replaced or advanced by it alone;
//	                the changes it does not cover yet, joined on top
//	audience atom   the unit by which records are fed to readers (Atom)
//	cursor          opaque place in one server's feeds; only that server reads it (Cursor)
//	claimed time    the author's clock at the save; offset: its distance to the server's
//	outbox          authored, not yet acknowledged changes
//	conflict        concurrent values a person must be shown; all are kept
//	tombstone       what is kept of a deleted element so that late edits find their place
//
// Start with Change, then crdt.Record.
package syncproto
