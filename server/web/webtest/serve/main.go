// Serve shows the pages of the invented island, to be looked at in a browser:
//
//	go run ./server/web/webtest/serve -addr 127.0.0.1:8300
//
// It prints the name and password to log in with.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/chuantou/chuantou/server/web/webtest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8300", "address to listen on")
	empty := flag.Bool("empty", false, "an island where nothing has arrived")
	flag.Parse()
	if err := run(*addr, *empty); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(addr string, empty bool) error {
	world := webtest.New()
	if empty {
		world = webtest.Empty()
	}
	h, err := webtest.Handler(world)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s  姓名 %s 或 %s，密码 %s\n", addr, webtest.Leader.Name, webtest.Admin.Name, webtest.Password)
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	return s.ListenAndServe()
}
