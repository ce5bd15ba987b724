//go:build !unix

package main

// privateFiles has nothing to do where a user's folders are private by inheritance.
func privateFiles() {}
