//! The log of a company's doors: a line for each time that somebody used one.
//!
//! `2026-05-01T08:00:01.000000Z hq 111122223333 alice 192.0.2.7:40000 front OPEN 200 - 17 "Reader/2"`

use sawlog_formats::line_log::{self, Decoder, Field, LineLog, LinePrinter};
use sawlog_formats::{
    Bytes, Changes, Column, Entity, EntityKind, Failed, Format, Framing, Inside, Measures, Part, Role, Source, Table,
    Value,
};

/// The format.
pub(crate) const FORMAT: Format = Format {
    table: &TABLE,
    record: "line of a log of doors",
    framing: Framing::Lines,
    detect: |head| line_log::detect(&LOG, head),
    decoder: |columns| Box::new(Decoder::new(&LOG, columns)),
    printed: || TABLE.columns.iter().map(|column| column.name).collect(),
    printer: |batch| Ok(Box::new(LinePrinter::new(&LOG, batch)?)),
    skim: |_, _| {},
    ends_block: |_| true,
    inside: Inside {
        is_record: |line| line_log::detect(&LOG, line),
        is_own: |_| false,
        aliases: &[],
        required: &["time", "badge", "door"],
        write: |values| line_log::write_named(&LOG, values),
    },
    delivered_as: &[],
    roles: ROLES,
    entities: &[
        Entity::new(EntityKind::Ip, "client_ip"),
        Entity::new(EntityKind::Principal, "badge"),
        Entity::new(EntityKind::Operation, "action"),
        Entity::new(EntityKind::UserAgent, "reader"),
        Entity { part: Part::First(ERROR), ..Entity::new(EntityKind::Error, "error") },
        Entity::new(EntityKind::Region, "site"),
        Entity::new(EntityKind::Account, "company"),
    ],
    index_version: 1,
    measures: Measures {
        bytes: Some(Bytes::Sent("sent")),
        received: None,
        failed: &[Failed::AtLeast("status", 400)],
        succeeded: None,
        changes: Changes::Begins("action", &["LOCK", "UNLOCK"], &[]),
        standing: &[],
    },
    subject: None,
    event_id: None,
    issuing: None,
};

static LOG: LineLog = LineLog { table: &TABLE, fields: FIELDS, least: 11 };

const TABLE: Table =
    Table { name: "door_log", doc: "Doors: a row for each time one was used", columns: &COLUMNS, times: &["time"] };

const COLUMNS: [Column; line_log::count(FIELDS)] = line_log::columns(FIELDS);

const FIELDS: &[Field] = &[
    Field::new(Column::time("time", "When the door was used, UTC").skip_files()),
    Field::new(Column::text("site", "Where the door is")),
    Field::new(Column::text("company", "Whose door it is")),
    Field::new(Column::text("badge", "Whose badge it was").lookup()),
    Field::endpoint(
        Column::text("client_ip", "The address of the door's reader").lookup(),
        Column::int32("client_port", "Its port"),
    ),
    Field::new(Column::text("door", "Which door")),
    Field::new(Column::text("action", "OPEN, LOCK or UNLOCK")),
    Field::new(Column::int32("status", "200 if it moved")),
    Field::new(Column::text("reason", "Why it did not")),
    Field::new(Column::int64("sent", "Bytes sent to the reader")),
    Field::new(Column::text("reader", "The reader's make")).quoted(),
];

const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("client_ip")),
    (Role::Source, Value::Field("client_ip")),
    (Role::SourcePort, Value::Field("client_port")),
    (Role::Actor, Value::Field("badge")),
    (Role::Operation, Value::Field("action")),
    (Role::Target, Value::Field("door")),
    (Role::UserAgent, Value::Field("reader")),
    (Role::Error, Value::Field("error")),
    (Role::Status, Value::Field("status")),
    (Role::Service, Value::Constant("doors.example.com")),
    (Role::Region, Value::Field("site")),
    (Role::Account, Value::Field("company")),
];

/// Why a door did not move: the reason, else the status.
const ERROR: &[Source] = &[Source::text("reason"), Source::within("status", failed_status)];

fn failed_status(status: &str) -> Option<&str> {
    Some(status).filter(|status| status.parse::<i32>().is_ok_and(|status| status >= 400))
}
