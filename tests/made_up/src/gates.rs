//! The log of a town's gates: a JSON object for each cart that came to one.
//!
//! `{"gateTime":"2026-05-01T08:00:01Z","gate":"north","carter":"alice","from":"192.0.2.7","act":"PASS","load":{"corn":3}}`

use sawlog_formats::json_log::{self, Field, JsonLog};
use sawlog_formats::{
    Changes, Column, Entity, EntityKind, Failed, Format, Framing, Inside, Measures, Part, Role, Source, Table, Value,
};

/// The format.
pub(crate) const FORMAT: Format = Format {
    table: &TABLE,
    record: "record of a log of gates",
    framing: Framing::Json(&LOG),
    detect: |head| is_record(head.trim_ascii_start()),
    decoder: |columns| json_log::decoder(&LOG, columns),
    printed: || json_log::printed(&LOG),
    printer: json_log::printer,
    skim: |_, _| {},
    ends_block: |_| true,
    delivered_as: &[],
    inside: Inside {
        is_record,
        is_own: |name| json_log::has_field(&LOG, name) && name.iter().any(u8::is_ascii_uppercase),
        aliases: &[],
        required: &["gate_time", "gate", "carter"],
        write: |values| json_log::write_named(&LOG, values),
    },
    roles: ROLES,
    entities: &[
        Entity::new(EntityKind::Ip, "came_from"),
        Entity::new(EntityKind::Principal, "carter"),
        Entity::new(EntityKind::Operation, "act"),
        Entity { part: Part::First(ERROR), ..Entity::new(EntityKind::Error, "error") },
        Entity::new(EntityKind::Region, "town"),
        Entity::new(EntityKind::Account, "guild"),
    ],
    index_version: 1,
    measures: Measures {
        bytes: None,
        received: None,
        failed: &[Failed::Any(ERROR)],
        succeeded: None,
        changes: Changes::Begins("act", &["OPEN", "SHUT"], &[]),
        standing: &[],
    },
    subject: None,
    event_id: None,
    issuing: None,
};

static LOG: JsonLog =
    JsonLog { table: &TABLE, fields: FIELDS, time: "gateTime", others: &[], beginning: b"{\"gateTime\"" };

const TABLE: Table =
    Table { name: "gate_log", doc: "Gates: a row for each cart", columns: &COLUMNS, times: &["gate_time"] };

const COLUMNS: [Column; json_log::count(FIELDS)] = json_log::columns(FIELDS);

const FIELDS: &[Field] = &[
    Field::new("gateTime", Column::time("gate_time", "When the cart came, UTC").skip_files()),
    Field::new("gate", Column::text("gate", "Which gate")),
    Field::new("town", Column::text("town", "Where the gate is")),
    Field::new("guild", Column::text("guild", "Whose gate it is")),
    Field::new("carter", Column::text("carter", "Who drove").lookup()),
    Field::new("from", Column::text("came_from", "The address of the cart").lookup()),
    Field::new("act", Column::text("act", "PASS, OPEN or SHUT")),
    Field::new("fault", Column::text("fault", "Why it did not pass")),
    Field::new("load", Column::text("load", "What it carried, as JSON").json()),
];

const ROLES: &[(Role, Value)] = &[
    (Role::Address, Value::Field("came_from")),
    (Role::Source, Value::Field("came_from")),
    (Role::Actor, Value::Field("carter")),
    (Role::Operation, Value::Field("act")),
    (Role::Target, Value::Field("gate")),
    (Role::Parameters, Value::Field("load")),
    (Role::Error, Value::Field("error")),
    (Role::Service, Value::Constant("gates.example.com")),
    (Role::Region, Value::Field("town")),
    (Role::Account, Value::Field("guild")),
];

const ERROR: &[Source] = &[Source::text("fault")];

/// Whether an object is a record, or holds records.
fn is_record(object: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&object[..object.len().min(4096)]);
    text.starts_with('{') && text.contains("\"gateTime\"") && text.contains("\"carter\"")
}
