package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func (a *app) lock(args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	if err := a.client.Lock(); err != nil {
		return err
	}
	return a.printSummary()
}

func (a *app) unlock(args []string) error {
	switch len(args) {
	case 0:
		number, err := a.client.UnlockNumber()
		if err != nil {
			return err
		}
		id, _ := a.client.Identity()
		if a.json {
			return a.printJSON(map[string]any{"number": number, "replica": id.Replica})
		}
		a.printf("本机号码 %s（设备编号 %s）：报给管理员，拿到解锁码后运行 chuantou-device unlock 解锁码\n", number, id.Replica)
		return nil
	case 1:
		days, err := a.client.Unlock(args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{"days": days})
		}
		a.printf("已打开 %d 天；联网同步一次就恢复正常\n", days)
		return nil
	}
	return errUsage
}

func (a *app) devices(args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	all := a.client.Devices()
	if a.json {
		return a.printJSON(map[string]any{"devices": all})
	}
	if len(all) == 0 {
		a.printf("没有别的设备\n")
		return nil
	}
	var rows [][]string
	for _, d := range all {
		rows = append(rows, []string{d.Name, d.Enrolled.Local().Format(time.DateOnly), map[bool]string{true: "新设备"}[d.New], d.Replica.String()})
	}
	a.table([]string{"名称", "登记", "", "编号"}, rows)
	return nil
}

func (a *app) trip(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if args[0] == "-none" {
		args[0] = ""
	}
	return a.client.PlanTrip(args[0])
}

func (a *app) code(args []string) error {
	if len(args) != 0 {
		return errUsage
	}
	ticket, code, err := a.client.AnotherDevice(a.ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"ticket": ticket, "code": code})
	}
	a.printf("%s\n%s\n24 小时内、只能用一次；只给本人用\n", code, ticket)
	return nil
}

// maxPasswordLine is more than any password may have: the server says so.
const maxPasswordLine = 4 << 10

func (a *app) password(args []string) error {
	if len(args) > 1 {
		return errUsage
	}
	line, err := bufio.NewReader(io.LimitReader(a.stdin, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return errors.New("no password on standard input")
	}
	as, err := a.client.SetPassword(a.ctx, strings.Join(args, ""), line)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"login": as})
	}
	a.printf("密码已设；用 %s 登录\n", as)
	return nil
}

func (a *app) receipt(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	b := a.client.Receipt()
	if b == nil {
		return errors.New("还没有回执：先同步一次")
	}
	return os.WriteFile(args[0], b, 0o600)
}
