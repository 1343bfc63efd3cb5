//! The description of a table: its columns as data, from which Arrow schemas, Parquet settings and documentation
//! follow.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// What a column holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text, UTF-8.
    Text,
    /// A 32-bit signed number.
    Int32,
    /// A 64-bit signed number.
    Int64,
    /// A number with a fraction.
    Float64,
    /// A point in time: microseconds since 1970-01-01 in UTC.
    Time,
    /// Bytes that need not be text.
    Bytes,
    /// True or false.
    Bool,
    /// A group of columns, present or absent as a whole.
    Struct(&'static [Column]),
    /// A list of groups.
    List(&'static [Column]),
}

/// How a column's values are laid out in a Parquet column chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Few distinct values: each is stored once and referred to by number. Falls back to [`Layout::Plain`] if that
    /// doesn't pay.
    Dictionary,
    /// Nearly every value is different: stored one after another.
    Plain,
    /// Numbers that grow steadily: stored as differences.
    Delta,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The field's own AWS name, in `snake_case`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// How it is stored.
    pub layout: Layout,
    /// Whether people look up records by its value: such columns get a Bloom filter.
    pub lookup: bool,
    /// Whether the table's log keeps its smallest and largest value for each data file, so that files can be skipped
    /// without opening them.
    pub skip_files: bool,
    /// Whether its text is JSON whose fields can be named by a path.
    pub json: bool,
    /// What it means, in a few words.
    pub doc: &'static str,
}

impl Column {
    /// Where a record comes from: in every table of records.
    pub const SOURCE_FILE: Self = Self::text("source_file", "The path of the file, relative to the root").skip_files();
    /// The line of a record, in tables of logs that come in lines.
    pub const SOURCE_LINE: Self =
        Self::int64("source_line", "The number of the line in its file, from 1").layout(Layout::Delta);
    /// A line that is not printed from its columns.
    pub const RAW_LINE: Self = Self::bytes("raw", "The line itself, if the columns don't give it back byte for byte");

    /// The text before a record in its file.
    pub const GAP: Self =
        Self::text("gap", "The text before the record in its file, if the file is a document of another kind");
    /// How a record is wrapped in its file, by the name of a [`crate::Wrapping`].
    pub const WRAPPING: Self = Self::text(
        "wrapping",
        "How the record is wrapped in a file that is not a log itself: plain, json, csv, or several of these",
    );
    /// The text in the file for a wrapped record, if it does not follow from the record.
    pub const WRAPPED: Self = Self::bytes(
        "wrapped",
        "The text in the file for the wrapped record, if wrapping the record in the usual way does not give it back",
    );

    /// A text column stored with a dictionary.
    #[must_use]
    pub const fn text(name: &'static str, doc: &'static str) -> Self {
        Self { name, kind: Kind::Text, layout: Layout::Dictionary, lookup: false, skip_files: false, json: false, doc }
    }

    /// A column that is a group of columns.
    #[must_use]
    pub const fn group(name: &'static str, doc: &'static str, columns: &'static [Self]) -> Self {
        Self::text(name, doc).kind(Kind::Struct(columns))
    }

    /// A column of times.
    #[must_use]
    pub const fn time(name: &'static str, doc: &'static str) -> Self {
        Self::text(name, doc).kind(Kind::Time)
    }

    /// A column of booleans.
    #[must_use]
    pub const fn boolean(name: &'static str, doc: &'static str) -> Self {
        Self::text(name, doc).kind(Kind::Bool)
    }

    /// A column of bytes in which nearly every value is different.
    #[must_use]
    pub const fn bytes(name: &'static str, doc: &'static str) -> Self {
        Self::text(name, doc).kind(Kind::Bytes).plain()
    }

    /// A column of 32-bit numbers.
    #[must_use]
    pub const fn int32(name: &'static str, doc: &'static str) -> Self {
        Self::text(name, doc).kind(Kind::Int32)
    }

    /// A column of 64-bit numbers.
    #[must_use]
    pub const fn int64(name: &'static str, doc: &'static str) -> Self {
        Self::text(name, doc).kind(Kind::Int64)
    }

    /// The same column, holding another kind of value.
    #[must_use]
    pub const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same column, stored in another way.
    #[must_use]
    pub const fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// The same column, in which nearly every value is different.
    #[must_use]
    pub const fn plain(self) -> Self {
        self.layout(Layout::Plain)
    }

    /// The same column, with a Bloom filter.
    #[must_use]
    pub const fn lookup(self) -> Self {
        Self { lookup: true, ..self }
    }

    /// The same column, with its range kept for each data file.
    #[must_use]
    pub const fn skip_files(self) -> Self {
        Self { skip_files: true, ..self }
    }

    /// The same column, whose text is JSON.
    #[must_use]
    pub const fn json(self) -> Self {
        Self { json: true, ..self }
    }

    /// The Arrow type in which the column is stored and read.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Text => DataType::Utf8,
            _ => self.nested_type(Column::data_type),
        }
    }

    /// The Arrow type of the column in a decoder's batches if its dictionary pays: keys `u32`.
    #[must_use]
    pub fn dictionary_type(&self) -> DataType {
        match (self.kind, self.layout) {
            (Kind::Text, Layout::Dictionary) => {
                DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
            }
            (Kind::Text, _) => DataType::Utf8,
            _ => self.nested_type(Column::dictionary_type),
        }
    }

    /// The type of a column that is not text; `text` gives the type of text columns in it.
    fn nested_type(&self, text: fn(&Column) -> DataType) -> DataType {
        let fields = |columns: &[Column]| -> Fields {
            columns.iter().map(|column| Field::new(column.name, text(column), true)).collect()
        };
        match self.kind {
            Kind::Text => text(self),
            Kind::Int32 => DataType::Int32,
            Kind::Int64 => DataType::Int64,
            Kind::Float64 => DataType::Float64,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Bytes => DataType::Binary,
            Kind::Bool => DataType::Boolean,
            Kind::Struct(columns) => DataType::Struct(fields(columns)),
            Kind::List(columns) => {
                DataType::List(Arc::new(Field::new("element", DataType::Struct(fields(columns)), true)))
            }
        }
    }
}

/// A table of the store.
#[derive(Debug)]
pub struct Table {
    /// The table's name, and its folder's.
    pub name: &'static str,
    /// What it holds, in a few words.
    pub doc: &'static str,
    /// The columns of its data files, in order.
    pub columns: &'static [Column],
    /// The columns of a record's time; the first that is not null counts. The table is partitioned by its UTC day,
    /// `date`. Without such columns it is not partitioned.
    pub times: &'static [&'static str],
}

impl Table {
    /// The Arrow schema of the table's data files. Every column is nullable; `date` is in the partition's name.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| Field::new(column.name, column.data_type(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The names of the columns that a printer of its records needs: all except the ones after the line number, which
    /// say how a record is wrapped in a document.
    #[must_use]
    pub fn printed_columns(&self) -> Vec<&'static str> {
        let count = self.position(Column::SOURCE_LINE.name).map_or(self.columns.len(), |last| last + 1);
        self.columns[..count].iter().map(|column| column.name).collect()
    }

    /// The position of the column named `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
