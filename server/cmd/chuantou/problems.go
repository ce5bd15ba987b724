package main

// problemWords says in the operator's language what the server says in its users'.
// What is not here is said as it came.
var problemWords = map[string]string{
	"unknown-device":    "this device is not enrolled here",
	"device-stopped":    "this device is stopped",
	"no-request":        "there is no such request: it was confirmed already, is over, or its name is mistyped",
	"same-admin":        "another administrator has to confirm it",
	"login-name":        "the name to log in with is empty, too long, or has characters that do not show",
	"password-long":     "the password is too long: at most 1024 bytes",
	"password-short":    "the password is too short: at least 10 characters",
	"login-taken":       "that name to log in with is another person's already",
	"not-admin":         "this takes an administrator (管理员)",
	"no-device":         "there is no such device, or it is not yours to manage",
	"outside-territory": "this person has roles outside of that administrator's territory: ask one above",
	"own-password":      "a leader sets his password himself: have two administrators make a code for it (admin code -for password), or let him use his own device (chuantou-device password)",
	"no-such-session":   "there is no such session; it may be over",
	"no-person":         "there is nobody of this name, or more than one: use the id of the person's record",
	"not-answering":     "this held work is not that administrator's to settle",
	"no-place":          "there is no such place: give its code",
	"place-outside":     "that place is outside of that administrator's territory",
	"nothing-held":      "this device has nothing held in this record; it may have been settled already",
	"record-there":      "the record itself is here already and keeps its place: release or reject what is held",
	"reassign-where":    "reassign wants -place, -person or both",
	"kind-unknown":      "the server does not know this kind of record",
	"no-recorder":       "records of this kind have no recorder: only their place can be changed",
	"reject-reason":     "reject wants a reason of at most 600 bytes",
	"nothing-lost":      "what is held waits for nothing that never came",
	"lost-beginning":    "the beginning of the record never came either: give its -kind and -place",
	"lost-too-many":     "more runs of changes are missing than can be declared at once",
}
