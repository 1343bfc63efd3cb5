//! Line logs: one record per line, fields separated by blanks, some of them in quotes. Such a log is a table of its
//! fields. Splitting lines, filling columns and printing lines are the same for all.

mod decode;
mod layout;
mod named;
mod print;
mod read;
mod time;
mod value;

pub use decode::Decoder;
pub use named::write_named;
pub use print::LinePrinter;

use crate::encoding::without_mark;
use crate::table::{Column, Kind, Table};

/// A log whose records are lines.
#[derive(Debug)]
pub struct LineLog {
    /// Its table, whose columns are [`columns`] of the fields.
    pub table: &'static Table,
    /// The fields of a line, in order. The record's time is the field whose column is the table's time.
    pub fields: &'static [Field],
    /// Lines of earlier years have fewer fields, but no record has fewer than this.
    pub least: usize,
}

/// The most columns of a field.
const MOST: usize = 3;

/// A field of a line, and the columns that hold it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The columns; only the first `count` are used.
    columns: [Column; MOST],
    count: usize,
    shape: Shape,
    is_quoted: bool,
}

/// The type of a field, and how an absent value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Text, or `-`.
    Text,
    /// A word of letters and digits, or `-`.
    Label,
    /// A number, or `-`; negative only if allowed.
    Number { can_be_negative: bool },
    /// Seconds with this many decimals, or `-1`.
    Seconds { decimals: usize },
    /// A time such as `2018-07-02T22:23:00.186641Z`, or `-`.
    Time,
    /// An address and a port, an address alone, or `-`.
    Endpoint,
    /// A request line of HTTP: method, URL and version, each of which can be `-`; or `-` alone.
    Request,
}

impl Field {
    const fn of(column: Column, shape: Shape) -> Self {
        Self { columns: [column; MOST], count: 1, shape, is_quoted: false }
    }

    /// A word, which goes to a column of text, times, or non-negative numbers.
    ///
    /// # Panics
    ///
    /// If the column is of another kind.
    #[must_use]
    pub const fn new(column: Column) -> Self {
        let shape = match column.kind {
            Kind::Text => Shape::Text,
            Kind::Int32 | Kind::Int64 => Shape::Number { can_be_negative: false },
            Kind::Time => Shape::Time,
            _ => panic!("no word fills such a column"),
        };
        Self::of(column, shape)
    }

    /// A word of letters and digits. As the first field, it shows whether a tool put other text before the line.
    #[must_use]
    pub const fn label(column: Column) -> Self {
        Self::of(column, Shape::Label)
    }

    /// A number that may be negative.
    #[must_use]
    pub const fn signed(column: Column) -> Self {
        Self::of(column, Shape::Number { can_be_negative: true })
    }

    /// Seconds with this many decimals. `-1`, for not measured, becomes null.
    #[must_use]
    pub const fn seconds(decimals: usize, name: &'static str, doc: &'static str) -> Self {
        Self::of(Column::text(name, doc).kind(Kind::Float64), Shape::Seconds { decimals })
    }

    /// An address with a port: the columns of both.
    #[must_use]
    pub const fn endpoint(address: Column, port: Column) -> Self {
        Self { columns: [address, port, port], count: 2, ..Self::of(address, Shape::Endpoint) }
    }

    /// A request line, in quotes: the columns of method, URL and version.
    #[must_use]
    pub const fn request(method: Column, url: Column, version: Column) -> Self {
        Self { columns: [method, url, version], count: 3, ..Self::of(method, Shape::Request) }.quoted()
    }

    /// The same field, in quotes.
    #[must_use]
    pub const fn quoted(self) -> Self {
        Self { is_quoted: true, ..self }
    }

    /// Its columns.
    fn columns(&self) -> &[Column] {
        &self.columns[..self.count]
    }
}

/// The columns after those of the fields.
const OTHERS: [Column; 8] = [
    Column::int32("field_count", "How many fields the line has"),
    Column::text("extra", "Fields without a column, as they are in the line; empty if the line ends with a space"),
    Column::RAW_LINE,
    Column::SOURCE_FILE,
    Column::SOURCE_LINE,
    Column::GAP,
    Column::WRAPPING,
    Column::WRAPPED,
];

/// How many columns a table of these fields has.
#[must_use]
pub const fn count(fields: &[Field]) -> usize {
    let (mut count, mut field) = (OTHERS.len(), 0);
    while field < fields.len() {
        count += fields[field].count;
        field += 1;
    }
    count
}

/// The columns of a table of these fields: as many as [`count`] says.
#[must_use]
pub const fn columns<const N: usize>(fields: &[Field]) -> [Column; N] {
    let mut columns = [OTHERS[0]; N];
    let (mut place, mut field) = (0, 0);
    while field < fields.len() {
        let mut part = 0;
        while part < fields[field].count {
            columns[place] = fields[field].columns[part];
            (place, part) = (place + 1, part + 1);
        }
        field += 1;
    }
    let mut other = 0;
    while other < OTHERS.len() {
        columns[place] = OTHERS[other];
        (place, other) = (place + 1, other + 1);
    }
    columns
}

/// Whether the beginning of a file, `head`, looks like the log: one of its first lines is certainly a record, or
/// would be one with another time.
#[must_use]
pub fn detect(log: &'static LineLog, head: &[u8]) -> bool {
    let layout = layout::LineLayout::new(log);
    let mut reader = read::Reader::new(&layout).with_any_time();
    let lines = head.split(|byte| *byte == b'\n').map(|line| without_mark(line.strip_suffix(b"\r").unwrap_or(line)));
    lines.filter(|line| !line.is_empty()).take(32).any(|line| reader.is_plain_record(line))
}
