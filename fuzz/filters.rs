//! What must hold for any filter: it is an error or an expression that the engine runs; turned round it leaves the other
//! records; globs match what they say; and the index leaves whatever the filter does.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray, StructArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::SessionContext;
use sawlog_formats::{FORMATS, Table};
use sawq::{FilterArgs, Filters};
use tokio::runtime::{Builder, Runtime};

static ENGINE: LazyLock<SessionContext> = LazyLock::new(SessionContext::new);
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without threads"));

/// An option by which records are filtered, and where its value goes.
type Choice = (&'static str, fn(&mut FilterArgs, String));

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
    ("", |args, value| args.pattern = Some(value)),
];

/// Filters two records: the first byte says which log and option, the rest is the value, a line feed, and the text of the
/// second record; that of the first is the value itself.
///
/// # Panics
///
/// If what must hold does not.
pub fn filters(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let rest = String::from_utf8_lossy(rest);
    let (value, text) = rest.split_once('\n').unwrap_or((&rest, ""));
    let table = FORMATS[usize::from(*choice) / OPTIONS.len() % FORMATS.len()].table;
    let (column, set) = OPTIONS[usize::from(*choice) % OPTIONS.len()];
    let filters = |value: &str| {
        let mut args = FilterArgs::default();
        set(&mut args, value.to_owned());
        Filters::new(table, &args, Some(0)).ok()
    };
    let Some(filter) = filters(value) else { return };
    let texts = [value, text];
    let records = records(table, &texts);
    let Some(expr) = filter.expr() else {
        let (pattern, _) = filter.text.expect("a filter on columns or text");
        return assert!(pattern.find_iter(text.as_bytes()).count() <= text.len() + 1, "each match goes on");
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
    if negatable && !value.contains('[') && table.columns.iter().any(|has| has.name == column) {
        assert_eq!(left, texts.map(|text| text == value || matches(value, text)), "{value:?} and {texts:?}");
    }
    if negatable {
        check_index(&filter, &texts, left);
    }
}

/// Makes sure that the index finds each text of which the filter leaves the record.
fn check_index(filter: &Filters, texts: &[&str; 2], left: [bool; 2]) {
    for probe in filter.fields.iter().filter_map(|filter| filter.probe.as_ref()) {
        // An access key is cut out of the field; a number is not text.
        if probe.fields.iter().any(|field| matches!(*field, "request_uri" | "srcport")) {
            continue;
        }
        let of_key = probe.fields.contains(&"bucket/key");
        let values = texts.map(|text| if of_key { format!("bucket/{text}") } else { text.to_owned() });
        let values = StringArray::from_iter_values(&values);
        let index = RecordBatch::try_from_iter([row_numbers(), ("value", Arc::new(values) as ArrayRef)]);
        let found = self::left(&index.expect("two columns"), probe.test.clone()).expect("the engine runs the test");
        for place in 0..2 {
            assert!(found[place] || !left[place], "the index misses {:?}: {:?}", texts[place], probe);
        }
    }
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
