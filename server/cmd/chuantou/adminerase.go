package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// adminErase shows what an erasure would take; with what that printed it is done.
func adminErase(ctx context.Context, f *adminFlags) error {
	id, err := syncproto.ParseRecordID(f.words[0])
	if err != nil {
		return &usageError{fmt.Sprintf("admin erase: %q is no record's id", f.words[0])}
	}
	fields := strings.Split(f.words[1], ",")
	erase := func(preview bool) (changes []syncproto.ChangeID, err error) {
		body, err := json.Marshal(map[string]any{"record": id, "fields": fields, "basis": f.basis, "by": f.by, "preview": preview})
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://operator/operator/erase", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		var out struct{ Changes []syncproto.ChangeID }
		err = (&operator{data: f.data}).stream(req, func(r io.Reader) error { return json.NewDecoder(r).Decode(&out) })
		return out.Changes, err
	}
	changes, err := erase(true)
	if err != nil {
		return err
	}
	token := confirmation(id, fields, f.basis, changes)
	switch f.confirm {
	case "":
		fmt.Fprintf(f.out, "of record %s, fields %s: what %d changes said would be destroyed for ever, here and in every copy that devices take\n", id, f.words[1], len(changes))
		for _, c := range changes {
			fmt.Fprintf(f.out, "  %s\n", c)
		}
		_, err = fmt.Fprintf(f.out, "nothing was done yet; to do it: the same command with -confirm %s\n", token)
		return err
	case token:
	default:
		return fmt.Errorf("admin erase: -confirm %s is not of this erasure as it is now: look at the preview again", f.confirm)
	}
	if changes, err = erase(false); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "erased what %d changes said; keep a copy of %s/erasures apart from the backups\nthe files lose it at the server's next start; backups of before hold it until they are destroyed\n", len(changes), f.data)
	return err
}

// confirmation names an erasure and what it would take.
func confirmation(id syncproto.RecordID, fields []string, basis string, changes []syncproto.ChangeID) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %q %v", id, fields, basis, changes)
	return hex.EncodeToString(h.Sum(nil)[:4])
}
