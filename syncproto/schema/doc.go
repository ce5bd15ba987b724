// Package schema holds the kinds of record as data: which fields a kind has,
// what they are called, who writes them, how two edits of one merge, who may
// see them. Forms, masks, timeline and exports are made from it; the merge
// itself never reads it, because an op carries its own merge class. A new form
// is therefore a file, not a new program.
//
// Start with Builtin, Kind and Field. A Schema and everything in it is
// immutable and safe to share; With and Parse make new ones.
//
// # Files
//
// The built-in kinds are the JSON files in kinds/, one per kind, one field a
// line; `serve -kinds DIR` adds files of the same form. Three files stand
// apart: schema.json (id, version, letters of who writes, kinds reserved for
// later), common.json (the fields every record has) and transitions.json (the
// states of a demand and of a promise, see Machine).
//
// A kind has
//
//	id, code, zh, en   the id is what records carry; reference objects have no code
//	reference          true: an object others point to, without the common fields
//	visibility         default of the field visibility
//	purpose            why the kind is kept; stands in for a field without its own
//	sections           key, zh, en: headings of the form in order; those of
//	                   common.json that the kind does not name follow
//	timeline           fields of a row: time, title, who, where, object, summary, chips;
//	                   "@kind" in title is the kind's own name. Absent: no row
//	wide               what readers beyond the record's own get: fields, note
//	fields             in form order, after the common ones
//
// A field has (what is left out is false, empty, or as said)
//
//	key, zh, en        the key is what ops carry: lower case, digits, _ and .
//	type               see Type; values, open, order, target, or_text, items, precision,
//	                   unit, max (characters), max_items, ordered, same say more of it
//	required           "always", "never" (the default) or "when" with required_when;
//	                   needs: values that must each occur in a sub-field of the list
//	who                ids of the writers in schema.json
//	merge              code of the merge rule, see Merge; left out, by type
//	from               of a computed field (EV): the field with the events it is
//	                   computed from. Its own key: the field is itself a log of values
//	meta               carried by the change itself, not by an op
//	audience           "scope" (the default), "team", "author"; "field" for entries
//	                   that have the class of the field they name
//	flag, flag_default, flagged
//	                   a switch that narrows the field (or list item) to the class
//	                   flagged. A long text has one by itself, a field KEY.personal
//	flag_when          a switch that is computed instead of stored
//	opens              field, values, audience: the wider class once the field has a value
//	sensitive          sealed by the device before it enters the history
//	off                not offered by forms until an installation switches it on
//	default            tried in order: "@source" (see Sources), a literal, or
//	                   {"value"|"from"|"field": …, "when": condition}
//	section, short     heading it stands under; in the 3-minute form
//	any_time           may be written after the edit window too, see Field.Settles
//	purpose, since     why it is collected; schema version that brought it (1)
//	no_names           must not name a private person
//	note               a remark for developers
//
// values are {"v": stored, "zh": label, "en": label}; zh is left out where it
// equals v. items are the fields of a list item, a log entry, a signature or
// the parts of a group. In a list they have merge rules of their own (LW when
// left out) and take who, audience and section from the list; entries and
// groups are one value, so their parts have none.
//
// A field of a kind whose key is that of a common field changes the members it
// names and keeps the rest.
//
// # Conditions
//
// A condition is {"when": test, "unless": test}: all of when and nothing of
// unless. A test is an object of field to predicate, all of which must hold,
// or an array of such objects, of which one must. A predicate is an array of
// values (the field has one of them), true or false (filled or not),
// {"over": n}, {"ref": [kind…]} or {"age_under": n}. Names that begin with @
// are facts that the caller knows, see Facts. An unknown fact is not true.
//
// # Members of a newer schema
//
// Members that this version does not know are kept: Marshal gives them back.
// Unknown words where meaning hangs on them (a type, a merge code, an
// audience) are refused, with the kind and the field named.
package schema
