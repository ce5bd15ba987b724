package driver

import (
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// read shows what the device shows, its unsaved edits included.
func read(_ *Driver, v *device, q *request) (answer, error) {
	records := map[string]any{}
	if q.has(keyRec) {
		r, name, err := v.record(q)
		if err != nil {
			return nil, err
		}
		records[name] = show(r)
		return answer{{"records", records}}, nil
	}
	for id, r := range v.records {
		if v.open[id] == nil {
			records[recordName(r)] = show(r)
		}
	}
	for _, e := range v.open {
		if r := e.Record(); r.Kind != "" {
			records[recordName(r)] = show(r)
		}
	}
	return answer{{"records", records}}, nil
}

func recordName(r *crdt.Record) string {
	e, _ := r.Value(nameField)
	return textOf(e.Value)
}

func show(r *crdt.Record) map[string]any {
	fields := map[string]any{}
	deleted := r.Deleted()
	if !deleted {
		long := map[string]string{}
		for _, m := range r.Set(namesField) {
			name := textOf(m.Value)
			if stored, hashed := storedField(name); hashed {
				long[stored] = name
			}
		}
		for _, f := range r.Fields() {
			if name, ok := fieldName(f.Name, long); ok {
				fields[name] = showField(r, f)
			}
		}
	}
	out := map[string]any{"deleted": deleted, "conflict": nil, "fields": fields}
	if c := r.Conflict(); c != "" {
		out["conflict"] = c
	}
	return out
}

func showField(r *crdt.Record, f crdt.FieldInfo) map[string]any {
	out := map[string]any{"kind": f.Class.String()}
	switch f.Class {
	case crdt.ClassValue:
		e, _ := r.Value(f.Name)
		out["value"], out["all"] = plain(e.Value), all(r.Values(f.Name))
	case crdt.ClassText:
		out["text"] = ""
		if doc := r.Text(f.Name); doc != nil {
			out["text"] = doc.String()
		}
	case crdt.ClassSet:
		items := []any{}
		for _, m := range r.Set(f.Name) {
			items = append(items, plain(m.Value))
		}
		out["items"] = items
	case crdt.ClassList:
		items := []any{}
		for _, it := range r.List(f.Name) {
			name, _ := it.Value(itemName)
			e, _ := it.Value(itemValue)
			items = append(items, map[string]any{"item": plain(name.Value), "value": plain(e.Value), "all": all(it.Values(itemValue))})
		}
		out["items"] = items
	case crdt.ClassLog:
		entries := []any{}
		for _, e := range r.Log(f.Name) {
			entries = append(entries, plain(e.Value))
		}
		out["entries"] = entries
	}
	return out
}

func all(entries []crdt.Entry) []any {
	out := []any{}
	for _, v := range crdt.Distinct(entries) {
		out = append(out, plain(v))
	}
	return out
}
