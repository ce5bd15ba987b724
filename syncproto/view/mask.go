package view

import "strings"

// MaskedHousehold is the only name of a household that its wider readers get:
// the surname of its head, 仇某某户.
func MaskedHousehold(head string) string { return surname(head) + "某某户" }

// doubleSurnames are the compound surnames that are not rare.
var doubleSurnames = []string{"欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "司徒", "夏侯", "端木", "南宫"}

func surname(name string) string {
	for _, s := range doubleSurnames {
		if strings.HasPrefix(name, s) && name != s {
			return s
		}
	}
	return string([]rune(name)[:min(1, len(name))])
}
