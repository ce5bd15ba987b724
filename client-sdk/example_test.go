package clientsdk_test

import (
	"context"
	"fmt"
	"log"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
)

// exampleDevice is an enrolled device on a store in memory, with a server in
// the same process and a clock that stands still. An app calls
// clientsdk.Open(dir, clientsdk.Options{}) and Enrol instead.
func exampleDevice(server *fakeserver.Server, person int) *clientsdk.Client {
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Clock: exampleClock, Dial: server.Dial})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Enrol(context.Background(), "https://port.example", server.Code(fakeserver.ID(person)), "A7"); err != nil {
		log.Fatal(err)
	}
	return c
}

func exampleClock() time.Time { return time.Date(2026, 5, 20, 2, 30, 0, 0, time.UTC) }

// exampleVisit is what a form fills in.
func exampleVisit(situation string) map[string]any {
	return map[string]any{
		"visit_type": "企业走访", "visit_mode": "上门", "met": "见到本人", "org_name": "前岙船厂", "place_code": "330903105901",
		"owner_unit": fakeserver.ID(103), "interviewees": []any{map[string]any{"person": "船厂厂长"}},
		"situation": situation, "notice_given": true,
	}
}

// A visit: written with no network, submitted, synced.
func Example() {
	server := fakeserver.New(1, exampleClock)
	c := exampleDevice(server, 1)
	defer c.Close()
	ctx := context.Background()

	d, err := c.Create("ZF")
	if err != nil {
		log.Fatal(err)
	}
	d.Fill(exampleVisit("缆桩断了两根，大风时船靠不住。"))
	if err := d.Save(); err != nil { // durable, at every change of the form
		log.Fatal(err)
	}
	if err := c.Submit(ctx, d); err != nil { // 提交
		log.Fatal(err)
	}
	s, _ := c.Status(d.Record())
	fmt.Println(s)

	if _, err := c.Sync(ctx); err != nil { // back in port
		log.Fatal(err)
	}
	s, _ = c.Status(d.Record())
	fmt.Println(s)
	v, _ := c.Get(d.Record())
	fmt.Println(v.Number)
	// Output:
	// 已提交 · 待上传
	// 已提交 · 已收到
	// ZF-330903105-20260520-A7-001
}

// A form that is not complete says what is missing, and stays a draft.
func ExampleClient_Submit_incomplete() {
	c := exampleDevice(fakeserver.New(2, exampleClock), 1)
	defer c.Close()
	d, err := c.Create("CN")
	if err != nil {
		log.Fatal(err)
	}
	d.Set("text", "6月30日前修好系缆桩").Set("due_on", "2026-06-30").Set("owner_unit", fakeserver.ID(103)).Set("place_code", "330903105901").Set("origin_ref", fakeserver.ID(7))
	if err := d.Save(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Submit(context.Background(), d))
	s, _ := c.Status(d.Record())
	fmt.Println(s)
	// Output:
	// submit: CN cannot be submitted yet, still to be filled: 承诺人 (promiser_id)
	// 草稿 · 草稿
}

// Two devices change one record while apart: both values stay until a person chooses.
func ExampleClient_Resolve() {
	server := fakeserver.New(3, exampleClock)
	a, b := exampleDevice(server, 1), exampleDevice(server, 2)
	defer a.Close()
	defer b.Close()
	ctx := context.Background()
	d, err := a.Create("ZF")
	if err != nil {
		log.Fatal(err)
	}
	a.Submit(ctx, d.Fill(exampleVisit("无")))
	a.Sync(ctx)
	b.Sync(ctx)

	mine, _ := a.Edit(d.Record())
	a.Submit(ctx, mine.Set("met", "见到家属"))
	theirs, _ := b.Edit(d.Record())
	b.Submit(ctx, theirs.Set("met", "未遇"))
	a.Sync(ctx)
	b.Sync(ctx)

	v, _ := b.Get(d.Record())
	f, _ := v.Field("met")
	fmt.Println(f.Mark, len(f.All))
	conflict := v.Conflicts()[0]
	for i, version := range conflict.Values {
		if version.Value == "见到家属" {
			b.Resolve(ctx, d.Record(), conflict.Choose(i)) // 采用此版本
		}
	}
	v, _ = b.Get(d.Record())
	fmt.Println(v.Value("met"))
	// Output:
	// 有不同修改 2
	// 见到家属
}

// A second recorder joins a meeting by its code, with no network.
func ExampleClient_Join() {
	server := fakeserver.New(4, exampleClock)
	a, b := exampleDevice(server, 1), exampleDevice(server, 2)
	defer a.Close()
	defer b.Close()
	ctx := context.Background()
	m, err := a.Create("HY")
	if err != nil {
		log.Fatal(err)
	}
	m.Set("meeting_type", "道地会").Set("place_code", "330903105902")
	m.AddItem("statements", map[string]any{"speaker": "翁例娥", "mode": "原话", "text": "隔天来水，我挑不动"})
	if err := a.Share(ctx, m); err != nil { // 共同记录
		log.Fatal(err)
	}
	code, _ := clientsdk.Code(m.Record()) // shown on the first recorder's screen

	j, err := b.Join(code)
	if err != nil {
		log.Fatal(err)
	}
	j.AddItem("statements", map[string]any{"speaker": "解例生", "mode": "原话", "text": "路灯一半不亮"})
	if err := b.Share(ctx, j); err != nil {
		log.Fatal(err)
	}
	b.Sync(ctx) // in any order, whenever there is a network
	a.Sync(ctx)
	v, _ := a.Get(m.Record())
	for _, s := range v.Value("statements").([]any) {
		fmt.Println(s.(map[string]any)["text"])
	}
	s, _ := a.Status(m.Record())
	fmt.Println(len(code), s)
	// Unordered output:
	// 隔天来水，我挑不动
	// 路灯一半不亮
	// 14 草稿 · 已收到
}

// Watch tells which records changed, by own saves or by a sync.
func ExampleClient_Watch() {
	c := exampleDevice(fakeserver.New(5, exampleClock), 1)
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := c.Watch(ctx)
	d, err := c.Create("ZF")
	if err != nil {
		log.Fatal(err)
	}
	if err := d.Fill(exampleVisit("无")).Save(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-changes == d.Record())
	// Output: true
}
