package simtest

import (
	"net/http"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// Whom a demand is about is sealed by the device that writes it. The server
// opens it to keep the demand from him, also after a restart, and when he is
// named later.
func TestWhomADemandIsAboutNeverSeesIt(t *testing.T) {
	p := newPort(t)
	writer, about := p.device("吴例舟", "A7"), p.device("乐例红", "B2")
	me, _ := about.Identity()
	demand := func(named ...string) syncproto.RecordID {
		d, err := writer.Create("SQ")
		must(t, err)
		d.Fill(map[string]any{"content": "村里的事", "summary": "村里的事", "category": "其他", "source_channel": "电话专线", "urgency": "一般", "place_code": township + "901"})
		d.Add("raised_by", "匿名")
		for _, id := range named {
			d.Add("about_person_ids", id)
		}
		must(t, writer.Submit(t.Context(), d))
		p.sync(writer)
		return d.Record()
	}
	sees := func(c *clientsdk.Client, b *browser, id syncproto.RecordID) (device, page bool) {
		p.sync(c)
		_, err := c.Get(id)
		status, _ := b.get("/r/" + id.String())
		return err == nil, status == http.StatusOK
	}
	him, other := p.browser("乐例红"), p.browser("方例山")
	id, free := demand(me.Person.String()), demand()
	for round := range 2 {
		if device, page := sees(about, him, id); device || page {
			t.Fatalf("round %d: he sees it, on his device: %t, on a page: %t", round, device, page)
		}
		if device, page := sees(about, him, free); !device || !page {
			t.Fatalf("round %d: another demand is kept from him", round)
		}
		if status, _ := other.get("/r/" + id.String()); status != http.StatusOK {
			t.Fatalf("round %d: it is kept from everybody: %d", round, status)
		}
		p.restart()
		him, other = p.browser("乐例红"), p.browser("方例山")
	}
	d, err := writer.Edit(free)
	must(t, err)
	must(t, writer.Submit(t.Context(), d.Add("about_person_ids", me.Person.String())))
	p.sync(writer)
	if device, page := sees(about, him, free); device || page {
		t.Errorf("named later, he sees it, on his device: %t, on a page: %t", device, page)
	}
}
