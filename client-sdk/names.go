package clientsdk

import (
	"strings"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// postOf is the title of a person's present post.
func (c *Client) postOf(person syncproto.PersonID) any {
	posts, _ := c.fieldOf(person, "post").([]any)
	for _, p := range posts {
		if m, ok := p.(map[string]any); ok && schema.Empty(m["to"]) {
			return m["title"]
		}
	}
	return nil
}

// placeName finds a place's name by its code, "" when it is not here.
func (c *Client) placeName(code string) string {
	if code == "" {
		return ""
	}
	var ids []syncproto.RecordID
	err := localstore.ScanPrefix(c.store, prefixRow, func(_, v []byte) error {
		row, err := decodeRow(v)
		if row.Kind == "place" {
			ids = append(ids, row.Record)
		}
		return err
	})
	for i := 0; i < len(ids) && err == nil; i++ {
		if got, _ := c.fieldOf(ids[i], "code").(string); got == code {
			name, _ := c.fieldOf(ids[i], "name").(string)
			return name
		}
	}
	return ""
}

// householdMask is the only name of a household that its wider readers get:
// the head's surname, 仇某某户.
func (c *Client) householdMask(household syncproto.RecordID) any {
	head, _ := c.fieldOf(household, "head_person_id").(string)
	name, _ := c.fieldOf(asRef(head), "name").(string)
	if name == "" {
		members, _ := c.fieldOf(household, "members").([]any)
		for _, m := range members {
			if m, ok := m.(map[string]any); ok && m["relation"] == "0" {
				name, _ = m["name"].(string)
			}
		}
	}
	if name == "" {
		return nil
	}
	return surname(name) + "某某户"
}

// doubleSurnames are the compound surnames that are not rare.
var doubleSurnames = []string{"欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "司徒", "夏侯", "端木", "南宫"}

func surname(name string) string {
	for _, s := range doubleSurnames {
		if strings.HasPrefix(name, s) && name != s {
			return s
		}
	}
	return string([]rune(name)[:1])
}
