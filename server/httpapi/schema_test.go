package httpapi_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/httpapi"
)

// The members that the description lists are those of the Go types.
func TestOpenAPISchemasAreTheTypes(t *testing.T) {
	w := newWorld(t)
	doc := decode[struct {
		Parts struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
				Required   []string                   `json:"required"`
			} `json:"schemas"`
		} `json:"components"`
	}](t, w.get("/v1/openapi.json", ""))
	for _, v := range []any{httpapi.Problem{}, httpapi.Timeline{}, httpapi.Row{}, httpapi.Record{}, httpapi.Field{}, httpapi.FieldValue{},
		httpapi.Note{}, httpapi.Suggestion{},
		httpapi.History{}, httpapi.HistoryEntry{}, httpapi.HistoryStep{}, httpapi.Passage{}, httpapi.Rights{}, httpapi.Conflict{}, httpapi.HeldList{}, httpapi.HeldPart{}, httpapi.Settled{}, httpapi.DeviceList{}, httpapi.Device{}, httpapi.DeviceTold{}} {
		typ := reflect.TypeOf(v)
		var have, always []string
		for i := range typ.NumField() {
			name, opts, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			have = append(have, name)
			if opts != "omitempty" && opts != "omitzero" {
				always = append(always, name)
			}
		}
		schema := doc.Parts.Schemas[typ.Name()]
		var described []string
		for name := range schema.Properties {
			described = append(described, name)
		}
		for _, list := range [][]string{have, always, described, schema.Required} {
			slices.Sort(list)
		}
		if !slices.Equal(have, described) {
			t.Errorf("%s has %q, described are %q", typ.Name(), have, described)
		}
		if !slices.Equal(always, schema.Required) {
			t.Errorf("%s always has %q, described as required are %q", typ.Name(), always, schema.Required)
		}
	}
	if res := w.get("/v1/openapi.json", ""); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d, %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
}
