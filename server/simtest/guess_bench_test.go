package simtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// guesser sends wrong passwords and wrong codes by turns, from a hundred
// addresses and for as many names, until the context ends; it returns how many
// were answered, and how many of these were looked at rather than told to wait.
func guesser(ctx context.Context, origin string, every time.Duration) (answered, looked int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	clients := make([]http.Client, 100)
	for i := range clients {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
		clients[i].Transport = &http.Transport{DialContext: d.DialContext}
		defer clients[i].CloseIdleConnections()
	}
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			wg.Wait()
			return answered, looked
		case <-tick.C:
		}
		path, body := "/v1/login", fmt.Sprintf(`{"name":"谁%d","password":"猜的密码第%d个"}`, n%100, n)
		if n%2 == 1 {
			path, body = "/v1/enrol", fmt.Sprintf(`{"code":"ABCD-EFGH-JKLM-%04d","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","device":"x"}`, 2222+n%7)
		}
		c := &clients[n%len(clients)]
		wg.Go(func() {
			resp, err := c.Post(origin+path, "application/json", bytes.NewReader([]byte(body)))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			if answered++; resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusBadRequest {
				looked++
			}
		})
	}
}

// BenchmarkGuessing measures how much longer a device's syncs take, each with a
// new note, while somebody guesses a hundred passwords and codes a second. Quiet
// and guessed stretches take turns, so that both see the same machine.
// cpu-of-guessing is how much of one processor the guesses cost, guesser included.
//
//	go test ./server/simtest -run xxx -bench Guessing -benchtime 1x
func BenchmarkGuessing(b *testing.B) {
	const stretch, turns = 3 * time.Second, 5
	for b.Loop() {
		p := newPort(b)
		c := p.device("吴例舟", "phone")
		one := func() time.Duration {
			d, err := c.Create("SJ")
			must(b, err)
			must(b, c.Submit(b.Context(), d.Set("on", "2026-05-20").Set("heard", "码头的灯坏了，夜里靠船看不清。").Set("visibility", "本级及上级").Set("place_code", township)))
			begun := time.Now()
			_, err = c.Sync(b.Context())
			must(b, err)
			return time.Since(begun)
		}
		var spent [2]time.Duration
		var cpu [2]time.Duration // of this process: server, device and guesser
		var syncs [2]int
		answered, looked := 0, 0
		for turn := range 2 * turns {
			ctx, stop := context.WithTimeout(b.Context(), stretch)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if turn%2 == 1 {
					n, k := guesser(ctx, p.origin, 10*time.Millisecond)
					answered, looked = answered+n, looked+k
				}
			}()
			begun := processCPU()
			for ctx.Err() == nil {
				spent[turn%2] += one()
				syncs[turn%2]++
			}
			<-done
			stop()
			cpu[turn%2] += processCPU() - begun
		}
		mean := func(i int) float64 { return spent[i].Seconds() / float64(syncs[i]) * 1000 }
		b.ReportMetric(mean(1)/mean(0), "time-ratio")
		of := cpu[0].Seconds() / float64(syncs[0]) * float64(syncs[1])
		b.ReportMetric((cpu[1].Seconds()-of)/(turns*stretch.Seconds()), "cpu-of-guessing")
		b.ReportMetric(mean(0), "ms/sync-quiet")
		b.ReportMetric(mean(1), "ms/sync-guessed")
		b.ReportMetric(float64(answered)/(turns*stretch.Seconds()), "guesses/s")
		b.ReportMetric(float64(looked)/(turns*stretch.Seconds()), "looked-at/s")
		b.ReportMetric(0, "ns/op")
	}
}
