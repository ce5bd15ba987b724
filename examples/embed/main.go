// Command embed is a small app on the SDK with its own kind of record, kinds/SW.json.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"log"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto/schema"
)

//go:embed kinds/*.json
var files embed.FS

func main() {
	dir := flag.String("dir", "embed-data", "folder of this device")
	level := flag.Int("level", 180, "water level to record, in centimetres")
	server := flag.String("server", "", "server to sync with; empty: stay offline")
	code := flag.String("code", "", "one-time code, the first time")
	flag.Parse()
	if err := run(context.Background(), *dir, *level, *server, *code); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, level int, server, code string) error {
	kinds, _ := fs.Sub(files, "kinds")
	own, err := schema.Builtin().With(kinds)
	if err != nil {
		return err
	}
	c, err := clientsdk.Open(dir, clientsdk.Options{Schema: own})
	if err != nil {
		return err
	}
	defer c.Close()
	d, err := c.Create("SW")
	if err != nil {
		return err
	}
	d.Set("cistern", "前岙一号窖").Set("level_cm", level).Set("place_code", "330903105901")
	if err := d.Save(); err != nil { // durable from here on, network or not
		return err
	}
	if code != "" { // the first time in port
		err = c.Enrol(ctx, server, code, "SW1")
	}
	if drafts, _ := c.Drafts(); err == nil && server != "" {
		if err = c.Submit(ctx, drafts...); err == nil {
			_, err = c.Sync(ctx)
		}
	}
	s, _ := c.Summary()
	fmt.Println(d.Record(), s.Words())
	return err
}
