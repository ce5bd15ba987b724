package schema_test

import (
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// The scope part of what is read beyond a household's own people names no
// villager and no phone: that is what makes the masked reading of the role
// matrix the same part as the full one.
func TestScopePartsNameNoVillager(t *testing.T) {
	// These are cadres.
	named := []string{"recorder_id", "recorder_ids", "on_behalf_of", "by", "leader", "leader_id", "members", "promiser_id", "handler_id", "host_id",
		"cadre_id", "cadre_ids", "visitor_ids", "companions"}
	s, seen := schema.Builtin(), 0
	for _, id := range s.KindIDs() {
		k, _ := s.Kind(id)
		if k.Reference || id == "HD" { // basics for a village's own staff: no m in its column
			continue
		}
		check := func(path string, f *schema.Field, class syncproto.Audience) {
			if class != syncproto.ForScope {
				return
			}
			seen++
			if f.Type == "phone" || f.Type == "idno" || f.Sensitive {
				t.Errorf("%s.%s is a %s in the scope part", id, path, f.Type)
			}
			if slices.Contains(f.Targets, "person") && !slices.Contains(named, f.Key) {
				t.Errorf("%s.%s names people in the scope part", id, path)
			}
		}
		for _, f := range k.Fields {
			check(f.Key, f, k.Audience(f.Key, "", nil))
			for _, sub := range f.Items {
				check(f.Key+"."+sub.Key, sub, k.Audience(f.Key, sub.Key, nil))
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d fields looked at", seen)
	}
}
