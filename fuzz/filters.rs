//! What must hold for any filter: it is an error or an expression that the engine runs; turned round it leaves the
//! other records; globs match what they say; and the index leaves whatever the filter does.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray, StructArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::SessionContext;
use sawlog_formats::{Kind, Part, Table, canonical_address, formats};
use sawlog_query::{Clock, Filters, LogFilters};
use tokio::runtime::{Builder, Runtime};

static ENGINE: LazyLock<SessionContext> = LazyLock::new(SessionContext::new);
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without threads"));

/// An option by which records are filtered, and where its value goes.
type Choice = (&'static str, fn(&mut Filters, String));

const OPTIONS: &[Choice] = &[
    ("operation", |args, value| args.operation.push(value)),
    ("user_agent", |args, value| args.agent.push(value)),
    ("region", |args, value| args.region.push(value)),
    ("event_source", |args, value| args.service.push(value)),
    ("interface_id", |args, value| args.interface.push(value)),
    ("", |args, value| args.ip.push(value)),
    ("", |args, value| args.user.push(value)),
    ("", |args, value| args.access_key.push(value)),
    ("", |args, value| args.bucket.push(value)),
    ("", |args, value| args.key.push(value)),
    ("", |args, value| args.error.push(value)),
    ("", |args, value| args.account.push(value)),
    ("", |args, value| args.port.push(value)),
    ("", |args, value| args.since = Some(value)),
    ("", |args, value| args.until = Some(value)),
    ("", |args, value| args.pattern.push(value)),
    ("", |args, value| args.src.push(value)),
    ("", |args, value| args.dst.push(value)),
    ("", |args, value| args.peer.push(value)),
    ("", |args, value| args.sport.push(value)),
    ("", |args, value| args.dport.push(value)),
    ("", |args, value| args.action.push(value)),
    ("", |args, value| args.resource.push(value)),
    ("source_file", |args, value| args.source_file.push(value)),
    ("", |args, value| args.condition.push(value)),
    ("", |args, value| args.condition.push(format!("request_parameters.a.b={value}"))),
    ("", |args, value| args.around.extend([value, "5m".to_owned()])),
];

/// How many choices of a log and an option there are.
#[must_use]
pub fn choices() -> usize {
    OPTIONS.len() * formats().len()
}

/// Filters two records: the first byte says which log and option, the rest is the value, a line feed, and the text of
/// the second record; that of the first is the value itself.
///
/// # Panics
///
/// If what must hold does not.
pub fn filters(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let rest = String::from_utf8_lossy(rest);
    let (value, text) = rest.split_once('\n').unwrap_or((&rest, ""));
    let table = formats()[usize::from(*choice) / OPTIONS.len() % formats().len()].table;
    let (column, set) = OPTIONS[usize::from(*choice) % OPTIONS.len()];
    let clock = Clock { last: Some(0), days: Some(("2021-07-29".to_owned(), "2021-07-29".to_owned())) };
    let filters_of = |values: &[&str]| {
        let mut args = Filters::default();
        values.iter().for_each(|value| set(&mut args, (*value).to_owned()));
        LogFilters::new(table, &args, &clock).ok()
    };
    let filters = |value: &str| filters_of(&[value]);
    let Some(filter) = filters(value) else { return };
    let texts = [value, text];
    let records = records(table, &texts);
    let Some(expr) = filter.expr() else {
        let pattern = filter.text.expect("a filter on columns or text");
        let other = filters(value.strip_prefix('!').unwrap_or(&format!("!{value}"))).and_then(|filters| filters.text);
        // A pattern that begins with ! twice is one of an exclamation mark.
        if let Some(other) = other.filter(|_| !value.starts_with("!!")) {
            assert_ne!(pattern.is_match(text.as_bytes()), other.is_match(text.as_bytes()), "!{value:?}");
        }
        return;
    };
    // A pattern may be too large for the engine; then it says so.
    let left = match left(&records, expr) {
        Err(_) if value.contains('[') => return,
        left => left.expect("the engine runs the filter"),
    };
    let negatable = !filter.fields.is_empty() && !value.starts_with('!');
    if let Some(negated) = filters(&format!("!{value}")).filter(|_| negatable).and_then(|filters| filters.expr()) {
        let others = self::left(&records, negated).expect("the engine runs the filter turned round");
        assert_eq!(others, [!left[0], !left[1]], "!{value:?} of {table:?}", table = table.name);
    }
    // Another value of the same option leaves what it leaves by itself.
    let alone = filters(text).filter(|_| negatable && !text.starts_with('!') && !text.contains('['));
    if let Some(alone) = alone.and_then(|filters| filters.expr()) {
        let alone = self::left(&records, alone).expect("the engine runs the filter");
        let both = filters_of(&[value, text]).and_then(|filters| filters.expr()).expect("both values are taken");
        let both = self::left(&records, both).expect("the engine runs both filters");
        // Conditions on different fields must both hold.
        if !filter.fields.iter().any(|filter| filter.name == "where") {
            assert_eq!(both, [0, 1].map(|place| left[place] || alone[place]), "{value:?} or {text:?}");
        }
    }
    // An empty field is none, where others can stand in for it.
    let is_filled = !text.is_empty() && !value.is_empty();
    if negatable && is_filled && !value.contains('[') && table.columns.iter().any(|has| has.name == column) {
        assert_eq!(left, texts.map(|text| text == value || matches(value, text)), "{value:?} and {texts:?}");
    }
    if negatable {
        check_index(table, &filter, &texts, left);
    }
}

/// Makes sure that the index finds each text of which the filter leaves the record.
fn check_index(table: &Table, filter: &LogFilters, texts: &[&str; 2], left: [bool; 2]) {
    let is_number = |field: &&str| {
        table.columns.iter().any(|column| column.name == *field && !matches!(column.kind, Kind::Text | Kind::Struct(_)))
    };
    for probe in filter.fields.iter().filter_map(|filter| filter.probe.as_ref()) {
        // A number is not text.
        if probe.fields.iter().any(is_number) {
            continue;
        }
        let found = |field: &&str| {
            let values: StringArray = texts.iter().map(|text| indexed(table, field, text)).collect();
            let index = RecordBatch::try_from_iter_with_nullable([
                (row_numbers().0, row_numbers().1, false),
                ("value", Arc::new(values) as ArrayRef, true),
            ]);
            self::left(&index.expect("two columns"), probe.test.clone()).expect("the engine runs the test")
        };
        let found: Vec<[bool; 2]> = probe.fields.iter().map(found).collect();
        for place in 0..2 {
            let is_found = found.iter().any(|found| found[place]);
            assert!(is_found || !left[place], "the index misses {:?}: {:?}", texts[place], probe);
        }
    }
}

/// What the index has for a field of a record all of whose columns are a text.
fn indexed(table: &Table, field: &str, text: &str) -> Option<String> {
    let entities = sawlog_formats::format(table.name)?.entities;
    let entity = entities.iter().find(|entity| entity.field == field)?;
    Some(match entity.part {
        Part::Whole => text.to_owned(),
        Part::Joined(..) => format!("bucket/{text}"),
        Part::Within(find) => find(text)?.to_owned(),
        Part::First(sources) => {
            let mut sources = sources.iter().filter(|source| source.only.is_empty());
            sources.find_map(|source| source.value(text))?.to_owned()
        }
        Part::Addresses(_) => canonical_address(text).into_owned(),
    })
}

/// Which of two rows an expression leaves.
fn left(rows: &RecordBatch, expr: Expr) -> Result<[bool; 2]> {
    let frame = ENGINE.read_batch(rows.clone())?.filter(expr)?.select(vec![ident("row")])?;
    let mut left = [false; 2];
    for batch in RUNTIME.block_on(frame.collect())? {
        for row in batch.column(0).as_primitive::<Int32Type>().values() {
            left[usize::try_from(*row).expect("a row's number")] = true;
        }
    }
    Ok(left)
}

fn row_numbers() -> (&'static str, ArrayRef) {
    ("row", Arc::new(Int32Array::from(vec![0, 1])))
}

/// Two records of a table, each with a text in all of its columns that take it.
fn records(table: &Table, texts: &[&str; 2]) -> RecordBatch {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| column(field, texts)).chain([{
        let (name, numbers) = row_numbers();
        (Arc::new(Field::new(name, DataType::Int32, false)), numbers)
    }]);
    let (fields, columns): (Vec<Arc<Field>>, Vec<ArrayRef>) = columns.unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of two rows")
}

fn column(field: &Field, texts: &[&str; 2]) -> (Arc<Field>, ArrayRef) {
    let array: ArrayRef = match field.data_type() {
        DataType::Utf8 => Arc::new(StringArray::from(texts.to_vec())),
        DataType::Struct(fields) => {
            let (fields, columns): (Vec<Arc<Field>>, Vec<ArrayRef>) =
                fields.iter().map(|field| column(field, texts)).unzip();
            Arc::new(StructArray::new(fields.into(), columns, None))
        }
        // Text that is not a number or a time is null.
        other => cast(&StringArray::from(texts.to_vec()), other).unwrap_or_else(|_| new_null_array(other, 2)),
    };
    (Arc::new(Field::new(field.name(), field.data_type().clone(), true)), array)
}

/// Whether a text is as a glob of `*` and `?` says, tried character by character.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    // Which beginnings of the text what was read of the glob matches.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for char in glob {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match char {
                '*' => ends[at] || at > 0 && next[at - 1],
                _ => at > 0 && ends[at - 1] && (char == '?' || char == text[at - 1]),
            };
        }
        ends = next;
    }
    ends[text.len()]
}
