// Package authn says who is calling: enrolled devices and their keys, one-time
// enrolment codes, session tokens, and the passwords and sessions of leaders
// in a browser (design.md §5). What a caller may see or write is package
// authz's business; which route asks for which caller is package httpapi's.
//
// Start with Authn. Three lives pass through it:
//
//   - a device: CreateCode, Enrol (the code and the device's key become an
//     Account), OpenSession (a signed exchange becomes a token), Session.
//   - a person in a browser: SetPassword, Login, WebSession, Logout.
//   - an account that ends: SetState, which ends its sessions too.
//
// It persists these keys, each value beginning with a format version:
//
//	a/d/ replica            an enrolled device (Account)
//	a/p/ person replica     the devices of a person; no value of its own
//	a/c/ hash               a one-time code, under the hash of its letters
//	a/w/ hash               a web password, under the hash of the log-in name
//	a/l/ person             the log-in name of a person
//
// Sessions, used nonces and the counts of failed attempts are kept in memory
// within fixed bounds: a restart asks everybody to sign in again and nothing
// else. Neither codes nor tokens nor passwords are ever stored as they are,
// written to a log, or part of an error's text.
package authn
