// Command kindsdoc writes docs/kinds.md, the field tables of the built-in
// kinds, from the data in syncproto/schema. Run it at the top of the module:
//
//	go run ./syncproto/schema/cmd/kindsdoc
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/chuantou/chuantou/syncproto/schema"
)

func main() {
	out := flag.String("o", "docs/kinds.md", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, render(schema.Builtin()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "kindsdoc:", err)
		os.Exit(1)
	}
}
