// Package clientsdk is a field device of 船头记: records are written with no
// network, kept durably, and synced when there is one. The same code runs on a
// phone (through facade), in a browser (with a store of its own) and at a
// terminal (cmd/chuantou-device).
//
// # The first calls
//
//	c, err := clientsdk.Open(dir, clientsdk.Options{})   // one folder: one person on one device
//	err = c.Enrol(ctx, "https://port.example", code, "A7")
//	d, err := c.Create("ZF")                             // a visit
//	d.Set("met", "见到本人").Set("situation", "吃水要挑") // as often as one likes
//	err = d.Save()                                       // durable, and only here
//	err = c.Submit(ctx, d)                               // durable, and on its way
//	report, err := c.Sync(ctx)
//
// Get and Query read, Status and Summary say where things stand, Watch tells of
// changes, Edit begins a change to a record that is there, Join writes into
// another device's meeting by its code.
//
// # What is promised
//
//   - Save, Submit, Share, Resolve, Void and Restore return when their work
//     would survive a crash, and change nothing when they fail. Sync applies
//     each page whole or not at all.
//   - What was submitted stays on the device until the server acknowledged it,
//     and 35 days after it said that a verified backup has it. The outbox is not a queue but a question: which own changes are
//     not in the server's last receipt. A server that lost its last day is given
//     it again without anybody asking.
//   - Nothing typed and taken back before Submit is in what Submit makes:
//     drafts are outside the shared history.
//   - No clock decides a merge, and nothing received changes a clock. Of values
//     set apart all stay and are shown; Resolve chooses.
//
// # Base and overlay
//
// Of each record the device keeps the server's state, its base, which pages
// replace or advance and nothing else does; what is shown is the base with
// those of the device's own changes joined on top that the base does not cover,
// the overlay. A change that the server holds stays in the overlay, with the
// reason in Status. So a narrowed view, a restored server or a rejected change
// is never a merge problem: the newer view is taken, the own work replayed.
//
// # What a draft is
//
// A draft remembers the version the form showed, text ids included, and what
// the person changed on it. Two drafts of one record are two windows: what they
// change is concurrent, on one device as on two. Submit of several drafts is
// one change with a part for each record: they arrive together.
//
// # Errors
//
// A FieldError names the field and what is wrong, never the value; an
// IncompleteError lists what is still to be filled. ErrNotEnrolled, ErrNoRecord,
// ErrNoDraft and ErrNeedsNewID say what to do. An error of Sync means only that
// something is left to do; syncloop.Loop tries again.
//
// # What a thief of the folder has
//
// Open encrypts: names and values of everything, under a random key that the
// person's PIN and the device's key wrap (package vault). Ten wrong PINs destroy
// the key. What the server lacks then still lies in the folder, sealed so that
// only the server can open it (SealedOutbox); drafts are gone. A store given to
// OpenStore is the caller's to protect.
//
// # Plain for now
//
//   - A store that exists twice (a copied folder) is told by Summary and takes a
//     new id with ReEnrol, which issues anew what the server does not have. Until
//     then it takes nothing in. Work that the server held or lost again under
//     the old id is not followed under the new one.
//   - Where a digest differs the whole atom is asked for again.
package clientsdk
