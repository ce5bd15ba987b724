package clientsdk

import "errors"

// Open needs a folder, which a browser has not: use OpenStore with a store of
// the browser's.
func Open(string, Options) (*Client, error) {
	return nil, errors.New("open: a browser has no folders, use OpenStore")
}
