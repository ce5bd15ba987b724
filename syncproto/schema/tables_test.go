package schema_test

// The tables below are a transcription of the product's field tables, made
// from their text and not from the JSON files: one line a field,
//
//	key | merge code | audience: s scope, t team, a author, f of the field named |
//	required: ! always, - never, ? when | who writes, in letters
//
// A field that one of the two has and the other lacks is a failure.

const tableCommon = `
id | FX | s | ! | 系
local_no | FX | s | ! | 系
ledger_no | FX | s | - | 系
kind | FX | s | ! | 系
owner_unit | FX | s | ! | 系
campaign_ids | SU | s | - | 记管
stationing_id | LW | s | - | 记
place_code | LW-hold(待裁定) | s | ! | 记
at_sea | LW | s | - | 记
island | LW | s | - | 记
hamlet | LW | s | - | 记
place_text | LW | t | - | 记
geo | LW | t | - | 记
occurred_at | LW | s | ! | 记
ended_at | LW | s | - | 记
summary | LW | s | - | 记
recorder_id | FX | s | ! | 系
on_behalf_of | FX | s | - | 记
confirmed | AP | s | ? | 领
status | EV | s | ! | 系
merged_into | LW | s | - | 记管
entered_late | LW | s | - | 系记
attachments | SU | s | - | 访
attachments.kind | FX | s | ! | 访
attachments.sha256 | FX | s | ! | 访
attachments.taken_at | FX | s | - | 访
attachments.caption | LW | s | - | 访
attachments.sensitive | LW-strict | s | - | 访
tags | SU | s | - | 访管
links | SU | s | - | 各方
links.ref | LW | s | ! | 各方
links.relation | LW | s | ! | 各方
comments | AP | s | - | 领
visibility | LW-strict | s | ! | 记管
corrections | AP | f | - | 访管
device_id | FX | s | ! | 系
device_time | FX | s | ! | 系
clock_offset | FX | s | ! | 系
received_at | FX | s | ! | 系
`

// tables holds the kinds' own fields; a common key that stands here replaces
// the line above for that kind.
var tables = map[string]string{
	"ZF": `
visit_type | LW | s | ! | 记
visit_mode | LW | s | ! | 记
met | LW | s | ! | 记
visitor_ids | SU | s | ! | 记
companions | SU | s | - | 记
household_id | LW-group(household_id,household_mask) | s | ? | 记系
household_mask | LW-group(household_id,household_mask) | s | ? | 记系
boat_id | LW | s | ? | 记
org_name | LW | s | ? | 记
interviewees | SU | t | ? | 记
interviewees.person | LW | t | ! | 记
interviewees.relation | LW | t | - | 记
interviewees.phone | LW | t | - | 记
weather | LW | s | - | 记
purpose | LW | s | - | 记
situation | TX | s | ? | 访
problems_heard | TX | s | - | 访
scene | TX | s | - | 访
policy_explained | SU | s | - | 访
policy_explained.topic | LW | s | ! | 访
policy_explained.text | LW | s | - | 访
demands | SU | s | - | 访
promises | SU | s | - | 访
handled_on_spot | TX | s | - | 访
relief_money | LW-hold(待核) | t | ? | 记
relief_goods | SU | t | - | 记
relief_goods.name | LW | t | ! | 记
relief_goods.qty | LW | t | ! | 记
relief_goods.unit | LW | t | - | 记
receipt | SG | t | ? | 对象
follow_up | SU | t | - | 访
follow_up.what | LW | t | ! | 访
follow_up.who | LW | t | - | 访
follow_up.by | LW | t | - | 访
next_visit_on | LW | s | - | 责
impression | TX | a | - | 访
interviewee_sign | SG | t | - | 对象
revisit_of | LW | s | ? | 记
sailing_note | LW | s | ? | 记
notice_given | LW | s | ? | 访
`,
	"HY": `
meeting_type | LW | s | ! | 记
title | LW | s | ! | 记
host_id | LW | s | ! | 记
host_post | LW | s | - | 记
recorder_ids | SU | s | ! | 记
boat_id | LW | s | ? | 记
mooring | LW | s | ? | 记
session_events | AP | s | ! | 记
attendees | SU | t | ! | 记村
attendees.person | LW | t | ! | 记村
attendees.unit | LW | t | - | 记村
attendees.post | LW | t | - | 记村
attendees.role | LW | t | ! | 记村
attendees.absence_reason | LW | t | - | 记村
attendees.signed_in | LW | t | - | 记村
headcount | LW | s | - | 记
agenda | SU | t | - | 记
agenda.no | LW | t | ! | 记
agenda.text | LW | t | ! | 记
statements | SU | t | ! | 记
statements.id | FX | t | ! | 记
statements.speaker | LW | t | ! | 记
statements.said_at | LW | t | - | 记
statements.mode | LW | t | ! | 记
statements.type | LW | t | - | 记
statements.text | TX | t | ! | 记
statements.audio_ref | LW | t | - | 记
statements.contains_personal | LW-strict | t | - | 记
statements.recorder_id | FX | t | ! | 记
statements.agenda_no | LW | t | - | 记
statements.same_as | LW | t | - | 记
statements.adopted | LW | t | - | 记
ordered_by_hand | LW | s | - | 记
demands | SU | s | - | 记
promises | SU | s | - | 记
policy_explained | SU | t | - | 记
policy_explained.topic | LW | t | ! | 记
policy_explained.text | LW | t | - | 记
resolutions | SU | t | ? | 记领
resolutions.text | TX | t | ! | 记领
resolutions.lead_unit | LW | t | - | 记领
resolutions.co_units | SU | t | - | 记领
resolutions.person | LW | t | - | 记领
resolutions.due_on | LW | t | - | 记领
open_points | SU | t | - | 记
signatures | SG | t | ? | 签字人
minutes_doc | TX-FX(签发) | t | - | 管领
minutes_doc.fixed | AP | t | - | 管领
minutes_doc.number | EV | t | - | 系
minutes_doc.state | EV | t | - | 管领
place_text | LW | t | - | 记
`,
	"SQ": `
content | TX | t | ! | 记
summary | LW | s | ? | 记管
category | LW | s | ! | 记管
raised_by | SU | t | ! | 记
contact_phone | LW | t | - | 记
household_id | LW-group(household_id,household_mask) | t | - | 记系
household_mask | LW-group(household_id,household_mask) | t | - | 记系
about_person_ids | SU | a | - | 记管
source_ref | FX | s | ? | 系
source_channel | LW | s | ! | 记
urgency | LW-max | s | ! | 记
wanted | LW | t | - | 记
outcome | EV | s | ? | 记管
lead_unit | EV | s | ? | 管
handler_id | EV | s | ? | 管
due_on | EV | s | ? | 管
result | EV | t | ? | 责
events | AP | s | ! | 各方
state | EV | s | ! | 系
problem_id | EV | s | ? | 管
feedback | AP | s | ? | 责村记
`,
	"CN": `
promiser_id | FX | s | ! | 记
text | TX-FX(确认) | s | ! | 记
promised_to | LW | s | - | 记
due_on | FX | s | ! | 记
public | LW | s | ! | 领
origin_ref | FX | s | ? | 系记
demand_ids | SU | s | - | 系记
problem_id | LW | s | - | 系记
events | AP | s | - | 责领
state | EV | s | ! | 系
`,
	"HD": `
household_no | FX | s | ! | 系
head_person_id | LW | s | ! | 村
place_code | LW | s | ! | 村
hamlet | LW | s | ! | 村
address | LW | s | ! | 村
grid_id | LW | s | - | 村
household_type | SU | t | ? | 管
household_type.type | LW | t | ! | 管
household_type.from_on | LW | t | ! | 管
household_type.to_on | LW | t | - | 管
household_type.basis | LW | t | - | 管
causes | LW-group(causes) | t | ? | 责管
members | SU | s | ! | 村责
members.name | LW | s | ! | 村责
members.name_pinyin | LW | s | - | 村责
members.relation | LW | s | ! | 村责
members.sex | LW | s | - | 村责
members.birth | LW | t | ! | 村责
members.id_no | LW-hold(待核) | t | - | 村责
members.phone | LW | s | - | 村责
members.health | LW | t | - | 村责
members.disability_level | LW | t | - | 村责
members.labour | LW | t | - | 村责
members.schooling | LW | t | - | 村责
members.job | LW | t | - | 村责
members.insured | LW | t | - | 村责
members.presence | EV | s | - | 村责
housing | LW | t | - | 责
utilities | LW | t | - | 责
production | SU | t | - | 责
production.kind | LW | t | ! | 责
production.amount | LW | t | - | 责
production.unit | LW | t | - | 责
production.text | LW | t | - | 责
income_year | SU | t | - | 责
income_year.year | FX | t | ! | 责
income_year.wages | LW | t | - | 责
income_year.business | LW | t | - | 责
income_year.property | LW | t | - | 责
income_year.transfer | LW | t | - | 责
expense_main | SU | t | - | 责
expense_main.kind | LW | t | ! | 责
expense_main.amount | LW | t | ! | 责
needs | TX | t | - | 责
file_state | EV | s | ! | 管
changes | AP | t | - | 责村
consent | AP | s | ! | 责村
`,
	"FA": `
household_id | FX | s | ! | 责
year | FX | s | ! | 责
analysis | TX | t | ! | 责
goal | TX | t | ! | 责
measures | SU | t | ! | 责
measures.class | LW | t | ! | 责
measures.content | LW | t | ! | 责
measures.standard | LW | t | - | 责
measures.unit | LW | t | - | 责
measures.person | LW | t | - | 责
measures.amount | LW | t | - | 责
measures.start | LW | t | - | 责
measures.due | LW | t | - | 责
measures.state | EV | t | - | 责
household_view | SG | t | - | 户主
review | AP | t | ? | 管
plan_state | EV | s | - | 系
`,
	"GB": `
household_id | FX | s | ! | 管
cadre_id | FX | s | ! | 管
unit | LW | s | ! | 管
unit_level | LW | s | ! | 管
phone | LW | t | ! | 管
from_on | FX | s | ! | 管
ends | AP | s | - | 管
cycle | LW | s | ! | 管
`,
	"RZ": `
household_id | FX | s | ! | 责系
household_mask | FX | s | ! | 责系
cadre_id | FX | s | ! | 责系
on | FX | s | ! | 责系
mode | FX | t | ! | 责
visit_id | SU | s | - | 责
measure_id | SU | s | - | 责
what | FX | t | ! | 责
money | FX | t | - | 责
goods | FX | t | - | 责
effect | FX | t | - | 责
household_sign | SG | t | ? | 户
`,
	"DD": `
leader_id | FX | s | ! | 管
members | SU | s | - | 管
place_code | LW | s | ! | 管
from_on | LW | s | ! | 管
to_on | LW | s | ! | 管
topic | LW | s | - | 领
plan | SU | s | - | 记
plan.on | LW | s | ! | 记
plan.what | LW | s | ! | 记
boat_trips | SU | s | - | 记
boat_trips.from | LW | s | ! | 记
boat_trips.to | LW | s | ! | 记
boat_trips.planned_at | LW | s | - | 记
boat_trips.actual_at | LW | s | - | 记
boat_trips.cancelled | LW | s | - | 记
`,
	"SJ": `
on | LW | s | ! | 访
day_no | LW | s | - | 系
weather | LW | s | - | 访
seen | TX | s | ? | 访
heard | TX | s | ? | 访
felt | TX | s | ? | 访
learned | TX | s | ? | 访
self_check | TX | a | - | 访
refs | SU | s | - | 访
`,
	"TY": `
form | LW | s | ! | 访
cadre_ids | SU | s | ! | 访
boat_id | LW | s | ? | 访
skipper | LW | s | ? | 访
depart_port | LW | s | ! | 访
depart_at | LW | s | ! | 访
return_port | LW | s | - | 访
return_at | LW | s | - | 访
sea_area | LW | s | - | 访
sea_state | LW | s | - | 访
work_done | TX | s | ! | 访
talked_with | SU | t | - | 访
demands | SU | s | - | 访
promises | SU | s | - | 访
reflection | TX | a | - | 访
safety | LW | s | ? | 访
`,
	"WT": `
leader | FX | s | ! | 领
clerk | FX | s | ! | 领
kinds | FX | s | ! | 领
from_on | FX | s | ! | 领
ends | AP | s | - | 领
`,
	"person": `
name | LW | s | ! | 管
name_pinyin | LW | s | - | 管
unit | LW | s | - | 管
place | LW | s | - | 管
post | SU | s | - | 管
post.title | LW | s | ! | 管
post.from | LW | s | - | 管
post.to | LW | s | - | 管
rank | LW | s | - | 管
phone | LW | t | - | 管
roles | SU | s | - | 管
roles.role | LW | s | ! | 管
roles.place | LW | s | - | 管
roles.unit | LW | s | - | 管
roles.from | LW | s | - | 管
roles.to | LW | s | - | 管
roles.line | LW | s | - | 管
roles.by_delegation | LW | s | - | 管
`,
	"unit": `
name | LW | s | ! | 管
level | LW | s | ! | 管
place | LW | s | ! | 管
line | LW | s | - | 管
parent | LW | s | - | 管
`,
	"place": `
code | FX | s | ! | 管
name | LW | s | ! | 管
valid_from | LW | s | - | 管
valid_to | LW | s | - | 管
successor | LW | s | - | 管
parent | LW | s | - | 管
islands | SU | s | - | 管
hamlets | SU | s | - | 管
`,
	"boat": `
name | LW | s | ! | 管
home_port | LW | s | - | 管
work | LW | s | - | 管
tonnage | LW | s | - | 管
power | LW | s | - | 管
skipper | LW | s | - | 管
note | LW | s | - | 管
`,
}
