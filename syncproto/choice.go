package syncproto

import "slices"

// Choice settles a value of which several versions stand (采用此版本): one of
// them becomes the value. It names every version the person was shown, so that
// one he never saw is not settled with the rest.
type Choice struct {
	Field string `json:"field"`
	Item  ElemID `json:"item,omitzero"` // none for a field of the record
	Sub   string `json:"sub,omitempty"`
	// Chosen is one of Settles.
	Chosen  Dot   `json:"chosen"`
	Settles []Dot `json:"settles"`
}

// MaxSettles bounds how many versions one choice may settle.
const MaxSettles = 1024

// Check reports a choice that cannot be meant, whatever stands in the record.
func (c *Choice) Check() error {
	switch {
	case c.Field == "" || c.Item.IsNone() != (c.Sub == ""):
		return Errorf(KindBadRequest, "choice: want field, or field with item and sub")
	case len(c.Settles) > MaxSettles:
		return Errorf(KindTooLarge, "choice: %d versions to settle, at most %d are possible", len(c.Settles), MaxSettles)
	case !slices.Contains(c.Settles, c.Chosen):
		return Errorf(KindBadRequest, "choice: the chosen version is none of those to settle")
	}
	return nil
}

// Names reports whether the versions to settle are exactly these.
func (c *Choice) Names(live []Dot) bool {
	return len(live) == len(c.Settles) && !slices.ContainsFunc(live, func(d Dot) bool { return !slices.Contains(c.Settles, d) })
}
