package authz

import (
	"fmt"
	"strings"
)

// Right is a set of the letters of the matrix in domain.md 5.1.
type Right uint8

// The letters. No field of a scope part holds a private person's name or phone
// where a cell says m (a test of package schema sees to that), so that m and r
// open the same part.
const (
	List   Right = 1 << iota // l: the row that lists show, households as 仇某某户
	Masked                   // m: scope part, names and phones masked
	Scope                    // r: scope part
	Team                     // t: team part
	Write                    // w: create, and edit one's own
	Decide                   // d: choose, sort, assign, review
	Void                     // v: 作废 and 恢复
	Export                   // x: what one may read
)

const letters = "lmrtwdvx"

// cell is what a role may do to a kind in its territory, within visibility.
type cell struct {
	always  Right
	related Right // °: only with a relation to the record
	tap     Right // !: by giving a reason, which is audited
}

// matrixText is the matrix as domain.md 5.1 has it. 民政 is the row of a
// township's 部门经办人 whose line of duty is 民政 or 帮扶.
const matrixText = `
                 | ZF                | HY             | SQ                | CN          | HD             | FA           | GB             | RZ            | NT
市级领导         | l m t° w d° x     | l r t° w° d° x | l m t° w d x      | l r w d° x  | l t°           | l t°         | l m t°         | l t° w°       | l r t° d x
县（区）领导     | l m t° w d° x     | l r t° w° d° x | l m t° w d x      | l r w d° x  | l t°           | l t°         | l m t°         | l t° w°       | l r t° d x
乡镇（街道）领导 | l r t° w d° x     | l r t° w d° x  | l r t° w d x      | l r w d° x  | l r° t° x°     | l t° d°      | l r t°         | l r° t° w°    | l r t° w d x
联络员           | l m t° w°         | l r t° w°      | l m t° w°         | l r w°      | –              | –            | l m            | –             | l r
外勤干部         | l m r° t° w v° x° | l r t° w v°    | l m r° t° w d° v° | l r w d° v° | l t° w°        | l t° w°      | l m t°         | l t° w° v° x° | l r° t° w°
部门经办人       | –                 | l°             | l° t° w° d° x°    | l° r° w°    | –              | –            | –              | –             | l r° t° w°
民政             | –                 | l°             | l° t° w° d° x°    | l° r° w°    | l r t° w° x°   | l t° w°      | l r            | l t°          | l r° t° w°
村（社区）干部   | l° r° t° w v°     | l° r° t° w v°  | l m t° w v°       | l r w° v°   | l r w          | l            | l r            | l° t°         | l
网格员           | l° r° t° w v°     | l° r° t° w v°  | l m t° w v°       | l r w° v°   | l r w          | l            | l r            | l° t°         | l
管理员           | l r t! w d v x    | l r t w d v x  | l r t w d v x     | l r w d v x | l r t! w d v x | l r t! d v x | l r t! w d v x | l r t! v x    | l r t w d v x
督查员           | l                 | l              | l m d x           | l r x       | –              | –            | l              | –             | l r t w d x
审计员           | –                 | –              | –                 | –           | –              | –            | –              | –             | –
系统运维         | –                 | –              | –                 | –           | –              | –            | –              | –             | –`

// roleRelief names the row of matrixText that is no role of its own.
const roleRelief Role = "民政"

var matrix = parseMatrix(matrixText)

const columns = 9

// column is where a kind stands in the matrix. DD, TY and SJ are as ZF, and so
// is a kind that this build does not know; LX is as GB.
func column(kind string) int {
	switch kind {
	case "HY":
		return 1
	case "SQ":
		return 2
	case "CN":
		return 3
	case "HD":
		return 4
	case "FA":
		return 5
	case "GB", "LX":
		return 6
	case "RZ":
		return 7
	case "NT":
		return 8
	}
	return 0
}

func parseMatrix(text string) map[Role]*[columns]cell {
	out := map[Role]*[columns]cell{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		cells := strings.Split(line, "|")
		role := Role(strings.TrimSpace(cells[0]))
		if i == 0 { // the kinds' row has no role before its first bar
			cells = cells[1:]
			for j, kind := range cells {
				if column(strings.TrimSpace(kind)) != j {
					panic("authz: the matrix's kinds stand in another order: " + line)
				}
			}
			continue
		}
		if len(cells) != 1+columns || role != roleRelief && !IsRole(role) {
			panic("authz: a row of the matrix is not right: " + line)
		}
		row := &[columns]cell{}
		for j := range row {
			row[j] = parseCell(cells[1+j])
		}
		out[role] = row
	}
	return out
}

func parseCell(text string) (c cell) {
	for _, word := range strings.Fields(text) {
		if word == "–" {
			continue
		}
		at := strings.IndexByte(letters, word[0])
		if at < 0 {
			panic(fmt.Sprintf("authz: the matrix has no letter %q", word))
		}
		switch right := Right(1) << at; word[1:] {
		case "":
			c.always |= right
		case "°":
			c.related |= right
		case "!":
			c.tap |= right
		default:
			panic(fmt.Sprintf("authz: %q is no cell of the matrix", word))
		}
	}
	return c
}

// cellOf is the grant's cell for a kind.
func (g Grant) cellOf(kind string) cell {
	role := g.Role
	if role == RoleOffice && g.assists() && placeLevel(g.Place) >= levelTownship {
		role = roleRelief
	}
	row := matrix[role]
	switch {
	case row == nil:
		return cell{}
	case kind == "SJ":
		return row[column(kind)].ofNotes(role)
	}
	return row[column(kind)]
}

// ofNotes is the cell for notes that were shared: nobody but their authors
// writes them, an aide reads none, an administrator keeps none (5.1).
func (c cell) ofNotes(role Role) cell {
	const change = Write | Decide | Void
	write := (c.always | c.related) & Write
	switch role {
	case RoleAide:
		return cell{}
	case RoleAdmin:
		write = 0
	}
	return cell{c.always &^ change, c.related&^change | write, c.tap}
}
