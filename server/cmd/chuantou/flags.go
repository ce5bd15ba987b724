package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// usageError is a command line that cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// command is one command's flags. Words may stand before, between and after
// them.
type command struct {
	*flag.FlagSet
	about string
	out   io.Writer
	words []string
}

// newCommand makes a command whose -h prints about and the flags to out.
func newCommand(name, about string, out io.Writer) *command {
	c := &command{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), about: about, out: out}
	c.SetOutput(io.Discard) // what is wrong is said once, by run
	c.Usage = func() {}
	return c
}

// parse reads the command line; a flag not given there is taken from the
// environment, CHUANTOU_DATA for -data.
func (c *command) parse(args []string) error {
	for len(args) > 0 {
		if err := c.Parse(args); errors.Is(err, flag.ErrHelp) {
			c.SetOutput(c.out)
			fmt.Fprint(c.out, c.about, "\nFlags:\n")
			c.PrintDefaults()
			return err
		} else if err != nil {
			return &usageError{fmt.Sprintf("%s: %v; chuantou %s -h lists the flags", c.Name(), err, c.Name())}
		}
		args = c.Args()
		if len(args) > 0 {
			c.words = append(c.words, args[0])
			args = args[1:]
		}
	}
	given := map[string]bool{}
	c.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	c.VisitAll(func(f *flag.Flag) {
		name := "CHUANTOU_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := os.LookupEnv(name); ok && !given[f.Name] && err == nil {
			if e := f.Value.Set(v); e != nil {
				err = &usageError{fmt.Sprintf("environment %s: %v", name, e)}
			}
		}
	})
	return err
}

// need refuses a command line without these flags.
func (c *command) need(names ...string) error {
	for _, name := range names {
		if c.Lookup(name).Value.String() == "" {
			return &usageError{fmt.Sprintf("%s: -%s is missing; chuantou %s -h tells what it is", c.Name(), name, c.Name())}
		}
	}
	return nil
}

// noWords refuses words where only flags are meant.
func (c *command) noWords() error {
	if len(c.words) > 0 {
		return &usageError{fmt.Sprintf("%s: what is %q? chuantou %s -h lists the flags", c.Name(), c.words[0], c.Name())}
	}
	return nil
}
