package clientsdk

import (
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
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

// householdMask is the masked name of a household, nil when its head is not
// known here.
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
	return view.MaskedHousehold(name)
}
