package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/audit"
	"github.com/chuantou/chuantou/server/authz"
)

// noteGrants takes down whose roles an update changes, in the same update: a
// grant that counts stands in the audit log. Several at once are one entry.
func (t *txn) noteGrants() error {
	e := audit.Entry{Wall: t.now, What: "grants changed"}
	var about []string
	for _, id := range t.order {
		w := t.recs[id]
		if !w.dirty || w.rec.Kind != "person" {
			continue
		}
		was, is := t.in.Directory.Person(id).Grants, t.in.Directory.GrantsOf(w.rec)
		if slices.Equal(was, is) {
			continue
		}
		if e.By.IsZero() {
			e.By = w.by
		}
		about = append(about, fmt.Sprintf("of %s by %s: had %s, has %s", id, w.by, grantWords(was), grantWords(is)))
	}
	if about == nil {
		return nil
	}
	t.audits = true
	e.About = strings.Join(about, "; ")
	return audit.AppendIn(t.r, &t.b, e)
}

func grantWords(all []authz.Grant) string {
	if len(all) == 0 {
		return "none"
	}
	var out []string
	for _, g := range all {
		out = append(out, fmt.Sprintf("%s@%s", g.Role, g.Place))
	}
	return strings.Join(out, ", ")
}
