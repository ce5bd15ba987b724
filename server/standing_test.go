package server_test

import (
	"reflect"
	"testing"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/authz"
)

func TestParseLeases(t *testing.T) {
	got, err := server.ParseLeases("45, 网格员=14,管理员=7,督查员=0")
	if want := (server.Leases{"": 45, authz.RoleGrid: 14, authz.RoleAdmin: 7, authz.RoleInspector: server.NoLease}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "-1", "367", "x", "船长=3", "网格员", "网格员=", "30,"} {
		if got, err := server.ParseLeases(s); err == nil {
			t.Errorf("%q reads as %v", s, got)
		}
	}
}
