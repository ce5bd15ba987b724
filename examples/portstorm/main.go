// Command portstorm plays a load against a real server process that it starts
// itself, over TCP: whole clients on the public SDK, whose stores are in
// memory, as many as the files say. It prints one line of JSON.
//
//	node generate.mjs --out out/w1-d100
//	go run ./examples/portstorm -data out/w1-d100 -work w1 -json
//
// w1: every device comes back to port at once, each with what it wrote. w2:
// one device comes back after months to 20,000 changed records. w3: w1, then
// everybody syncs again with nothing new. w4: w1 on a server that already
// holds the ballast, and devices that hold what of it is their township's; they
// are given it as an image of another device's records, see image.go.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chuantou/chuantou/examples/internal/serverproc"
)

// result is the line of figures. Times are seconds, sizes as named; up and
// down are bytes of the socket, headers included, mean over the devices.
type result struct {
	Work    string  `json:"work"`
	OK      bool    `json:"ok"` // all devices of a township ended with the same digest
	Devices int     `json:"devices"`
	Changes int     `json:"changes"`
	WallS   float64 `json:"wall_s"`
	CPUS    float64 `json:"cpu_s"`
	Client  float64 `json:"client_cpu_s"`
	RSSMB   float64 `json:"rss_MB"`
	DiskMB  float64 `json:"disk_MB"`
	UpKB    float64 `json:"up_KB"`
	DownKB  float64 `json:"down_KB"`
	RecS    float64 `json:"rec_s"` // changes made durable a second, over the pushes' wall time
	AckP50  float64 `json:"ack_p50"`
	AckP99  float64 `json:"ack_p99"`
	SyncP50 float64 `json:"sync_p50"`
	SyncP99 float64 `json:"sync_p99"`
	Reqs    int     `json:"reqs"`
	Held    int     `json:"held"`
	Idle    *idle   `json:"idle,omitempty"`
	Setup   float64 `json:"setup_s"`
	Error   string  `json:"error,omitempty"`
}

type idle struct {
	UpB   float64 `json:"up_B"`
	DownB float64 `json:"down_B"`
	Reqs  float64 `json:"reqs"`
	Ms    float64 `json:"ms"`
}

func main() {
	data := flag.String("data", "", "folder that the workload generator wrote")
	work := flag.String("work", "w1", "w1, w2, w3 or w4")
	asJSON := flag.Bool("json", false, "print one line of JSON and nothing else on standard output")
	keep := flag.String("keep", "", "folder for the server's data (default: a temporary one, removed afterwards)")
	profile := flag.String("server-profile", "", "have the server write a CPU profile to this file")
	clients := flag.String("client-profile", "", "write a CPU profile of the clients' storm to this file")
	bound := flag.Duration("timeout", time.Hour, "give up after this long")
	flag.Parse()
	if *data == "" || (*work != "w1" && *work != "w2" && *work != "w3" && *work != "w4") {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := context.WithTimeout(context.Background(), *bound)
	defer stop()
	r, err := run(ctx, *data, *work, *keep, *profile, *clients, func(format string, args ...any) {
		if !*asJSON {
			fmt.Printf(format+"\n", args...)
		}
	})
	if err != nil {
		r.Error, r.OK = err.Error(), false
	}
	b, jerr := json.Marshal(r)
	if jerr != nil {
		fmt.Fprintln(os.Stderr, jerr)
		os.Exit(1)
	}
	fmt.Println(string(b))
	if err != nil || !r.OK {
		os.Exit(1)
	}
}

func run(ctx context.Context, data, work, keep, profile, clients string, say func(string, ...any)) (r result, err error) {
	r.Work = work
	dir := keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "portstorm"); err != nil {
			return r, err
		}
		defer os.RemoveAll(dir)
	}
	begun := time.Now()
	// The files' devices are away for months of their own clocks and edit all the
	// time: what they hold of others is lent for ever.
	server := &serverproc.Server{Data: filepath.Join(dir, "server"), Args: []string{"-log-level", "warn", "-lease", "0"}}
	if profile != "" {
		server.Args = append(server.Args, "-cpu-profile", profile)
	}
	if server.Bin, err = serverproc.Build(ctx, dir); err != nil {
		return r, err
	}
	code, err := server.Init(ctx, "http://127.0.0.1", "负载（示例）", "99", "管理员（示例）")
	if err != nil {
		return r, err
	}
	if err := server.Start(ctx, "127.0.0.1:0"); err != nil {
		return r, err
	}
	defer server.Stop()
	f := &fleet{server: server}
	s := &storm{ctx: ctx, data: data, fleet: f, code: code, say: say, r: &r, begun: begun, profile: clients}
	switch work {
	case "w2":
		err = s.catchup()
	default:
		err = s.port(work)
	}
	return r, err
}
