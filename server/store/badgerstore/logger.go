package badgerstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logger passes on what Badger says, and listens: two of its messages come just
// when something is to be written in the background, from the goroutine that
// writes it, and returning from them can be put off until there is room.
type logger struct {
	log  *slog.Logger
	room *room
}

const (
	// beforeTable is logged by subcompact between filling a table in memory and
	// creating its file.
	beforeTable = "LOG Compact. Added"
	// flushFailed is logged before each new attempt to write a table of what is
	// in memory.
	flushFailed = "error flushing memtable to disk"
)

func (l *logger) say(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

func (l *logger) wait() {
	l.room.wait(int64(l.room.maxFile), func(msg string, err error) {
		if err == nil {
			l.log.Info(msg)
		} else {
			l.log.Error(msg, "error", err)
		}
	})
}

// Errorf implements badger.Logger.
func (l *logger) Errorf(format string, args ...any) {
	l.say(slog.LevelError, format, args)
	if strings.Contains(format, flushFailed) {
		l.wait()
	}
}

// Warningf implements badger.Logger.
func (l *logger) Warningf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }

// Infof implements badger.Logger. What Badger calls information is detail here.
func (l *logger) Infof(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// Debugf implements badger.Logger.
func (l *logger) Debugf(format string, args ...any) {
	if strings.Contains(format, beforeTable) {
		l.wait()
	}
}
