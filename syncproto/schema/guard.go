package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// National rules forbid government apps to keep attendance, rank persons,
// give points, count online time or usage, or to force positions, photos and
// voice. These tables make that a property of every schema: of the built-in
// one by a test, of loaded ones by Parse and With.

// forbiddenZh are words that no label and no value may contain.
var forbiddenZh = []string{
	"打卡", "签到", "签退", "考勤", "排行", "排名", "名次", "积分", "计分", "在线时长", "在线时间", "使用时长", "使用时间",
	"使用次数", "登录次数", "登录天数", "活跃度", "活跃天数", "轨迹", "行踪", "步数",
}

// forbiddenEn are words, or pairs of words, that no key and no English label
// may contain.
var forbiddenEn = phrases(
	"checkin", "check in", "checked in", "clock in", "clockin", "sign in", "signin", "signed in", "attendance",
	"rank", "ranks", "ranking", "rankings", "leaderboard", "points", "point", "score", "scores",
	"online time", "online duration", "online hours", "online minutes", "time online", "screen time",
	"usage", "login count", "logins", "activity level",
	"track", "tracks", "tracking", "trajectory", "footprint", "whereabouts", "steps",
)

// allowed are domain fields that contain such a word and mean something else.
// Only these exact fields pass, and only this word of theirs.
var allowed = []struct{ kind, path, word, why string }{
	{"HY", "attendees.signed_in", "signed in", "a mark that the person's name stands on the paper sheet of those present at one meeting; it records who came, not a cadre's presence at work"},
	{"HY", "attendees.signed_in", "sign in", "the same in its English label"},
	{"HY", "attendees.signed_in", "签到", "the same in its label"},
	{"HY", "open_points", "points", "遗留问题: matters left open at a meeting"},
	{"person", "rank", "rank", "排序号: the order in which leaders stand in a document; not computed from anything"},
}

// neverForced are types and words of positions, photos and voice: such a
// field may exist, but must never be required.
var (
	forcedTypes = []Type{Geo, Blob, Attachments}
	forcedZh    = []string{"定位", "坐标", "照片", "拍照", "录音", "语音", "录像"}
	forcedEn    = phrases("geo", "gps", "position", "location", "photo", "photos", "picture", "voice", "audio", "video", "recording", "attachments")
)

// Forbidden reports the word in a key or label that the product never
// collects: check-in, ranking, points, online time, usage, tracks.
func Forbidden(label string) (word string, found bool) {
	zh := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("-_.·*", r) {
			return -1 // so that 打 卡 is found too
		}
		return r
	}, label)
	for _, w := range forbiddenZh {
		if strings.Contains(zh, w) {
			return w, true
		}
	}
	return hasWords(label, forbiddenEn)
}

// phrases makes a set of words and pairs of words.
func phrases(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, p := range list {
		set[p] = true
	}
	return set
}

// hasWords finds one of the words, or pairs of words, in a label or key.
func hasWords(label string, set map[string]bool) (string, bool) {
	before := ""
	for _, w := range splitWords(label) {
		if set[w] {
			return w, true
		}
		if pair := before + " " + w; before != "" && set[pair] {
			return pair, true
		}
		before = w
	}
	return "", false
}

// splitWords splits where a letter ends and where camelCase turns; full-width
// letters count as letters.
func splitWords(label string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	lower := false
	for _, r := range label {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		switch {
		case r >= 'A' && r <= 'Z':
			if lower {
				end()
			}
			word, lower = append(word, r), false
		case r >= 'a' && r <= 'z':
			word, lower = append(word, r), true
		case unicode.Is(unicode.Cf, r): // zero-width characters hide nothing
		default:
			end()
			lower = false
		}
	}
	end()
	return out
}

// forbidden checks the kind's own names and those of all its fields.
func (k *Kind) forbidden() error {
	for _, label := range []string{k.ID, k.Zh, k.En} {
		if word, found := Forbidden(label); found {
			return fmt.Errorf("%q contains %q: the product never collects check-ins, rankings, points, online time, usage or tracks", label, word)
		}
	}
	for _, s := range k.Sections {
		if word, found := Forbidden(s.Zh + " / " + s.En); found {
			return fmt.Errorf("section %s contains %q, which the product never collects", s.Key, word)
		}
	}
	return k.forbiddenFields(k.Fields)
}

func (k *Kind) forbiddenFields(fields []*Field) error {
	for _, f := range fields {
		labels := []string{f.Key, f.Zh, f.En}
		for _, v := range f.Values {
			labels = append(labels, v.V, v.Zh, v.En)
		}
		for _, label := range labels {
			word, found := Forbidden(label)
			if found && !k.allows(f, word) {
				return fmt.Errorf("field %s: %q contains %q: the product never collects check-ins, rankings, points, online time, usage or tracks", f.Path(), label, word)
			}
		}
		if err := k.forbiddenFields(f.Items); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kind) allows(f *Field, word string) bool {
	for _, a := range allowed {
		if a.kind == k.ID && a.path == f.Path() && a.word == word {
			return true
		}
	}
	return false
}

// neverAsked refuses a required position, photo or voice. The content hash of
// an attachment is required within that attachment, which nobody must add.
func neverAsked(_ *Kind, f *Field) error {
	if f.Required == Never || f.parent != nil && f.parent.Type == Attachments && f.parent.Required == Never {
		return nil
	}
	_, en := hasWords(f.Key+" "+f.En, forcedEn)
	zh := slices.ContainsFunc(forcedZh, func(w string) bool { return strings.Contains(f.Zh, w) })
	if slices.Contains(forcedTypes, f.Type) || en || zh {
		return fmt.Errorf("a position, photo or voice is never required")
	}
	return nil
}
