package simtest

import (
	"context"
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// A device's own work is only named to it, until a verified backup has it: from
// then on the device may have dropped it, and a feed read from its beginning
// brings it whole. The receipt says what is backed up, also to an idle device.
func TestBackedUpWorkIsEchoed(t *testing.T) {
	w := newWorld(t)
	d := w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
	for _, s := range []string{"一", "二", "三"} {
		d.visit(map[string]any{"situation": s})
	}
	d.sync()
	own := func() (named, whole int) {
		page, err := w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{})
		must(t, err)
		for i := range page.Entries {
			switch e := &page.Entries[i]; {
			case e.Kind == syncproto.EntryOwn:
				named += int(e.To-e.From) + 1
			case e.Kind == syncproto.EntryChanges && e.Replica == d.replica:
				whole += e.Count
			case e.Kind == syncproto.EntryStates: // for a reader who may not read all of the atom
				whole += e.Count
			}
		}
		return named, whole
	}
	if named, whole := own(); named != 3 || whole != 0 {
		t.Errorf("before a backup %d are named, %d sent", named, whole)
	}
	page, err := w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{Cursor: d.cursor})
	must(t, err)
	if page != nil {
		t.Errorf("an idle device gets %+v", page)
	}
	_, err = w.store.Update(context.Background(), []store.Key{records.LogKey(d.replica)}, func(r store.Reader) (b store.Batch, err error) {
		l, err := records.LoadLog(r, d.replica)
		l.BackedUp = syncproto.Ranges{{From: 1, To: 3}}
		b.Put(records.LogKey(d.replica), l.Append(nil))
		return b, err
	})
	must(t, err)
	page, err = w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{Cursor: d.cursor})
	must(t, err)
	if page == nil || page.Receipt == nil || page.Receipt.Level != syncproto.LevelBackedUp || !page.Receipt.BackedUp.Covers(page.Receipt.Received) {
		t.Errorf("after the backup: %+v", page)
	}
	if named, whole := own(); named != 0 || whole != 3 {
		t.Errorf("after the backup %d are named, %d sent", named, whole)
	}
	// Work after the backup is named again, and makes the level what it was.
	d.visit(map[string]any{"situation": "四"})
	if c := d.pushAll(20); c.Level != syncproto.LevelDurable || !c.BackedUp.Contains(3) || c.BackedUp.Contains(4) {
		t.Errorf("receipt %+v", c)
	}
}
