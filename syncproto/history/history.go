// Package history judges whether a system that many wrote to has kept what it
// acknowledged. It is told what was done, by those who did it: each save with
// what its form showed when it was opened, and what became of it (a Log); and
// what each reader reads at the end (a View). It knows nothing of how records
// are merged, sent or stored: it asks only that
//
//   - a value once acknowledged is shown, alone or among others, until a later
//     save whose form showed it replaced it; and is not shown after that;
//   - each inserted code point that nobody deleted is in the text exactly once,
//     a deleted one is not, and those of one insertion are in their order;
//   - members, log entries and items likewise; voided is what somebody voided
//     knowing all of it;
//   - all who may read a field read the same of it.
//
// Values, members, entries and the code points inserted into one text have to
// be unique within their field: that is how a reader's view is told apart.
// What was undone is expected of nobody. What was held is expected of nobody but its author, what nobody was told
// about may be there or not.
//
// For tests only.
package history

// Kind is what an Act does.
type Kind uint8

// The kinds of act.
const (
	Set    Kind = iota + 1 // Field reads Value in place of the values Saw
	Text                   // Field reads After where the form showed Before
	Add                    // Value becomes a member of the set Field
	Remove                 // Value, which the form showed, is none any more
	Append                 // Value is an entry more of the log Field
	Insert                 // Value names a new item of the list Field
	Strike                 // the item Value is struck out
	Void                   // the record is voided, for the reason Value
)

// Act is one thing that a save does to a record.
type Act struct {
	Kind          Kind
	Field         string
	Value         string
	Saw           []string // of Set: the values that the form showed
	Before, After string   // of Text
}

// Fate is what became of a save's share of one record.
type Fate uint8

// The fates.
const (
	Unknown Fate = iota // nobody was told: it may be there or not
	Acked               // acknowledged and applied
	Held                // acknowledged, not applied, and said so with a reason
	Undone              // acknowledged, and the server said that it counts for nothing: whoever wrote it reads what stood before
	Lost                // acknowledged, but whoever could give it again is gone and so is the server's copy
)

// Part is a save's share of one record.
type Part struct {
	Save   int    // number of the save
	By     string // whose: the device
	Record string
	Acts   []Act
	// Opened and Saved say when its form was opened and saved, Known when its
	// fate was learned (the last time, if the server had lost it), on the clock of the one who keeps the log.
	Opened, Saved, Known int
	// Synced says when its writer last had all that there was, before the form
	// was opened; Narrows that it says who else may read the record. An author
	// who may not read a field when his save arrives replaces nothing in it:
	// what his form showed stays, beside what he wrote. Blind says that he may not
	// read the fields at the end.
	Synced         int
	Narrows, Blind bool
	// Demoted says that it was applied once, and held when it came to a server
	// that had lost it: who had it keeps what he had.
	Demoted bool
	Fate    Fate
	Reason  string // of Held
}

// Log is all that was done.
type Log struct {
	parts    map[string][]*Part // by record
	records  []string           // in the order they were first written
	acts     int
	readings map[place]reading
}

type place struct{ record, field string }

// reading is how the first reader read a field.
type reading struct{ by, what string }

// New returns an empty log.
func New() *Log { return &Log{parts: map[string][]*Part{}, readings: map[place]reading{}} }

// Note takes a part into the log. Its fate may be changed afterwards.
func (l *Log) Note(p *Part) {
	if _, known := l.parts[p.Record]; !known {
		l.records = append(l.records, p.Record)
	}
	l.parts[p.Record] = append(l.parts[p.Record], p)
	l.acts += len(p.Acts)
}

// Records lists the records written to, in the order of their first save.
func (l *Log) Records() []string { return l.records }

// Parts lists what was saved of a record.
func (l *Log) Parts(record string) []*Part { return l.parts[record] }

// Acts counts all acts.
func (l *Log) Acts() int { return l.acts }

// Count counts the parts with a fate.
func (l *Log) Count(f Fate) (n int) {
	for _, parts := range l.parts {
		for _, p := range parts {
			if p.Fate == f {
				n++
			}
		}
	}
	return n
}

// View is what a reader is shown of a record. A field is in the member of its
// class; of an item's fields the name is what the one who keeps the log calls
// it, the same in acts and views.
type View struct {
	Values map[string][]string // all that stand, one or several
	Texts  map[string]string
	Sets   map[string][]string
	Logs   map[string][]string
	Items  map[string][]Item
	Voided bool
	// Contested: voided by one, changed by another who did not know.
	Contested bool
}

// Item is one item of a list.
type Item struct {
	Name   string
	Struck bool
}

// Reader is one who reads at the end.
type Reader struct {
	Name string
	// Device is the writer whose own unapplied saves he sees, "" for none.
	Device string
	// May says which fields of the record he may read.
	May func(field string) bool
}

// sure says how far a part counts for a reader: applied for certain, perhaps,
// or not at all.
type sure uint8

const (
	no sure = iota
	perhaps
	yes
)

func (r *Reader) counts(p *Part) sure {
	switch {
	case p.Fate == Acked:
		return yes
	case p.Fate == Held && p.By != r.Device, p.Fate == Undone:
		return no
	}
	return perhaps
}
