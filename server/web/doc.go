// Package web is the leader's pages: log in, the merged timeline of one's
// territory, a record with everything that was ever said about it, and what is
// held. They are rendered on the server with html/template, need no script,
// work at 360 px and print on A4. They stay, when there is an app beside them,
// as the print and no-script view.
//
// The package shows and never decides: what a reader may see, what a clash
// counts as and in which order rows stand is settled by whoever implements
// Source. It knows no store and no schema; it gets plain structs whose strings
// are already words (TimelineRow, RecordPage, HeldRow) and turns them into
// pages. What it does decide is how things look: dates, chips and their order,
// day headers, the words of empty pages and errors.
//
// Start from Deps and Register, then Source and TimelineRow.
//
// A page is safe by construction: html/template escapes every string, the
// policy header allows no script, no inline style and nothing from elsewhere,
// and every form carries a token bound to the session. GET never changes state.
package web
