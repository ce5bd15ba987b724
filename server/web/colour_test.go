package web_test

import (
	"maps"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// themes reads the colours of tokens.css: the light block, the chosen dark
// one and the dark one that follows the system.
func themes(t *testing.T) []map[string]string {
	t.Helper()
	b, err := os.ReadFile("assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)color-scheme: (?:light|dark);(.*?)\}`)
	colour := regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`)
	var out []map[string]string
	for _, m := range block.FindAllStringSubmatch(string(b), -1) {
		theme := map[string]string{}
		for _, c := range colour.FindAllStringSubmatch(m[1], -1) {
			theme[c[1]] = c[2]
		}
		out = append(out, theme)
	}
	if len(out) != 3 || len(out[0]) < 20 {
		t.Fatalf("found %d themes in tokens.css", len(out))
	}
	return out
}

// contrast is the ratio of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatalf("colour %q: %v", hex, err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestContrastOfTokens(t *testing.T) {
	grounds := []string{"paper", "surface", "sunken"}
	for i, theme := range themes(t) {
		least := func(fg, bg string, want float64) {
			if theme[fg] == "" || theme[bg] == "" {
				t.Errorf("theme %d lacks %s or %s", i, fg, bg)
				return
			}
			if got := contrast(t, theme[fg], theme[bg]); got < want {
				t.Errorf("theme %d: %s on %s is %.2f, want %.1f", i, fg, bg, got, want)
			}
		}
		for _, bg := range grounds {
			for _, fg := range []string{"ink", "ink-2", "ink-3", "sea", "zhu", "ochre", "pine", "veil"} {
				least(fg, bg, 4.5)
			}
			least("edge", bg, 3)
		}
		for _, tone := range []string{"sea", "zhu", "ochre", "pine", "veil"} {
			least(tone, tone+"-soft", 4.5)
			least("ink", tone+"-soft", 4.5) // sentences in the head of a clash, a row under the mouse
		}
		least("on-fill", "sea-fill", 4.5)
		least("on-fill", "sea-press", 3) // only while pressed
	}
}

func TestBothDarkThemesAreOne(t *testing.T) {
	all := themes(t)
	if !maps.Equal(all[1], all[2]) {
		t.Error("the dark theme one chooses and the one of the system differ")
	}
}

// Only tokens.css holds raw colours; paper is black on white.
func TestColoursComeFromTokens(t *testing.T) {
	raw := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgb\(|hsl\(`)
	for file, allowed := range map[string]string{"pages.css": "", "print.css": "#000 #fff"} {
		b, err := os.ReadFile("assets/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range raw.FindAllString(string(b), -1) {
			if allowed == "" || !strings.Contains(allowed, m) {
				t.Errorf("%s holds the colour %s", file, m)
			}
		}
	}
}

// Every token the style uses is one that tokens.css defines.
func TestTokensAreDefined(t *testing.T) {
	tokens, err := os.ReadFile("assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`var\((--[a-z0-9-]+)`)
	for _, file := range []string{"pages.css", "print.css", "icons.svg"} {
		b, err := os.ReadFile("assets/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(b), -1) {
			if !strings.Contains(string(tokens), m[1]+":") {
				t.Errorf("%s uses %s", file, m[1])
			}
		}
	}
}
