package schema

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// Limits of values, in characters and entries.
const (
	maxTextChars = 2_000   // of a text without a limit of its own
	maxLongChars = 100_000 // of a long text
	maxNameChars = 60      // of a plain name in place of a reference, and of an open value
	maxMany      = 2_000   // members, items or entries of one value
	maxItemChars = 80      // of the part of a reference after #
)

// Check reports what is wrong with a value: its type, a word that is none of
// the enum's, its length. nil is no value and always fits. A field of many
// takes the whole list or one member, item or entry. The error says which
// field and what is expected, and never the value.
func (f *Field) Check(value any) error {
	if value == nil {
		return nil
	}
	if err := f.checkValue(value); err != nil {
		return fmt.Errorf("%s（%s）: %w", f.Zh, f.Path(), err)
	}
	return nil
}

func (f *Field) checkValue(value any) error {
	if !f.Type.isMany() {
		return f.checkOne(value)
	}
	a, isList := value.([]any)
	if !isList {
		return f.checkOne(value)
	}
	limit := maxMany
	if f.MaxItems > 0 {
		limit = f.MaxItems
	}
	if len(a) > limit {
		return fmt.Errorf("%d entries, at most %d are allowed", len(a), limit)
	}
	for i, e := range a {
		if err := f.checkOne(e); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		if f.MergeClass() == ClassValue && f.Type == Multi && slices.Index(a[:i], e) >= 0 {
			return fmt.Errorf("entry %d stands twice", i+1)
		}
	}
	return nil
}

// checkOne checks a single value, or one member, item or entry.
func (f *Field) checkOne(v any) error {
	switch f.Type {
	case Data:
		return checkData(v, 0)
	case Bool:
		if _, ok := v.(bool); !ok {
			return errors.New("wants yes or no")
		}
		return nil
	case Int, Money, Year, Number:
		return f.checkNumber(v)
	case Geo:
		return checkGeo(v)
	}
	if f.Type.isItems() {
		return f.checkItem(v)
	}
	s, ok := v.(string)
	if !ok {
		return errors.New("wants a text")
	}
	return f.checkString(s)
}

// valueList names the values of a choice; of a long one, the first of them.
func (f *Field) valueList() string {
	const most = 24
	var names []string
	for _, v := range f.Values[:min(most, len(f.Values))] {
		names = append(names, v.V)
	}
	if len(f.Values) > most {
		names = append(names, "…")
	}
	return strings.Join(names, " / ")
}

func (f *Field) checkString(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8")
	}
	switch f.Type {
	case Enum, Multi:
		if f.hasValue(s) {
			return nil
		}
		if !f.Open {
			return fmt.Errorf("is none of its values, %s", f.valueList())
		}
		return atMost(s, maxNameChars)
	case Ref, Refs:
		return f.checkRef(s)
	case Date:
		return checkDate(s, f.Precision)
	case DateTime:
		return checkDateTime(s, f.Precision)
	case Blob:
		if b, err := hex.DecodeString(s); err != nil || len(b) != 32 || s != strings.ToLower(s) {
			return errors.New("is not a SHA-256 in lower-case hex")
		}
		return nil
	case Phone:
		return checkPhone(s)
	case IDNo:
		return checkIDNo(s)
	case LongText, Document:
		return atMost(s, f.limit(maxLongChars))
	}
	if (f.Max > 0 || f.NoNames) && strings.ContainsAny(s, "\n\r") {
		return errors.New("must be one line") // it stands in rows and headings
	}
	return atMost(s, f.limit(maxTextChars))
}

func (f *Field) limit(otherwise int) int {
	if f.Max > 0 {
		return f.Max
	}
	return otherwise
}

func atMost(s string, limit int) error {
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Errorf("%d characters, at most %d are allowed", n, limit)
	}
	return nil
}

func (f *Field) checkNumber(v any) error {
	n, ok := number(v)
	if !ok || math.IsNaN(n) || math.IsInf(n, 0) {
		return errors.New("wants a number")
	}
	switch {
	case f.Type != Number && n != math.Trunc(n):
		return errors.New("wants a whole number")
	case math.Abs(n) > 1<<53:
		return errors.New("is too large")
	case f.Type == Money && n < 0:
		return errors.New("wants an amount in fen that is not negative")
	case f.Type == Year && (n < 1900 || n > 2200):
		return errors.New("wants a year from 1900 to 2200")
	}
	return nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func (f *Field) checkItem(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("wants an item with named parts")
	}
	if len(m) > 4*maxItems {
		return fmt.Errorf("%d parts, at most %d are allowed", len(m), 4*maxItems)
	}
	for _, s := range f.Items {
		if err := s.Check(m[s.Key]); err != nil {
			return err
		}
	}
	return nil // parts of a newer form are kept
}

// checkRef: the text of a record id, or a place's code, either with #ITEM.
func (f *Field) checkRef(s string) error {
	id, item, hasItem := strings.Cut(s, "#")
	_, err := syncproto.ParseRecordID(id)
	isID := err == nil && !(len(f.Targets) == 1 && f.Targets[0] == "place")
	isPlace := isPlaceCode(id) && (slices.Contains(f.Targets, "place") || slices.Contains(f.Targets, "*"))
	if isID || isPlace {
		if hasItem && (item == "" || len(item) > maxItemChars || strings.ContainsFunc(item, func(r rune) bool { return r <= ' ' || r > '~' })) {
			return errors.New("names an item in a form that is not known")
		}
		return nil
	}
	if !f.OrText {
		if slices.Contains(f.Targets, "place") {
			return errors.New("wants a place's code of 2 to 12 digits")
		}
		return errors.New("wants a record's id")
	}
	return atMost(s, maxNameChars)
}

func isPlaceCode(s string) bool { return len(s) >= 2 && len(s) <= 12 && isDigits(s) }

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func checkDate(s string, precision []string) error {
	wantsDay := len(precision) == 0 || slices.Contains(precision, "day")
	_, err := time.Parse(time.DateOnly, s)
	if len(precision) > 0 && err != nil && len(s) == 10 {
		_, err = parseDate(s) // the moon's 30 February
	}
	switch {
	case wantsDay && len(s) == 10 && err == nil:
		return nil
	case len(s) == 4 && slices.Contains(precision, "year") && isDigits(s):
		return nil
	case len(s) == 7 && slices.Contains(precision, "month"):
		if _, err := time.Parse("2006-01", s); err == nil {
			return nil
		}
	}
	return errors.New("wants a date like 2026-05-18")
}

// halfDays in their order in a day; 12:00 is 中午.
var halfDays = []string{"上午", "中午", "下午", "晚上"}

func checkDateTime(s string, precision []string) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if _, err := time.Parse(layout, s); err == nil {
			return nil
		}
	}
	day, half, hasHalf := strings.Cut(s, " ")
	_, err := time.Parse(time.DateOnly, day)
	switch {
	case err == nil && !hasHalf && slices.Contains(precision, "day"):
		return nil
	case err == nil && hasHalf && slices.Contains(precision, "half-day") && slices.Contains(halfDays, half):
		return nil
	}
	return errors.New("wants a time like 2026-05-18T14:20:00+08:00")
}

func checkPhone(s string) error {
	digits := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune("+- ()转", c):
			return errors.New("wants a phone number")
		}
	}
	if digits < 3 || digits > 20 || len(s) > 40 {
		return errors.New("wants a phone number")
	}
	return nil
}

// checkIDNo verifies the check digit of GB 11643 (ISO 7064, mod 11-2).
func checkIDNo(s string) error {
	wrong := errors.New("is no ID number: 18 characters, the last one a check digit")
	if len(s) != 18 || !isDigits(s[:17]) {
		return wrong
	}
	sum := 0
	for i, c := range []byte(s[:17]) {
		sum += int(c-'0') * [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}[i]
	}
	if s[17] != "10X98765432"[sum%11] {
		return wrong
	}
	return nil
}

func checkGeo(v any) error {
	m, ok := v.(map[string]any)
	lat, okLat := number(m["lat"])
	lng, okLng := number(m["lng"])
	if !ok || !okLat || !okLng || math.Abs(lat) > 90 || math.Abs(lng) > 180 {
		return errors.New("wants lat and lng in degrees")
	}
	if a, ok := number(m["accuracy"]); m["accuracy"] != nil && (!ok || a < 0) {
		return errors.New("wants an accuracy in metres")
	}
	if d := m["datum"]; d != "WGS-84" && d != "GCJ-02" {
		return errors.New("wants the datum WGS-84 or GCJ-02")
	}
	return nil
}

// checkData bounds a value that only the program reads.
func checkData(v any, depth int) error {
	if depth > 6 {
		return errors.New("is nested too deeply")
	}
	switch v := v.(type) {
	case nil, bool, int, int64, uint64, float64:
		return nil
	case string:
		return atMost(v, maxLongChars)
	case []byte:
		return nil
	case []any:
		if len(v) > maxMany {
			return fmt.Errorf("%d entries, at most %d are allowed", len(v), maxMany)
		}
		for _, e := range v {
			if err := checkData(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for _, e := range v {
			if err := checkData(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("is of a type that is not stored")
}
