//! Decodes the records of documents with their log's decoder, and keeps how each is wrapped in its file.

use crate::block::{Block, Item, USUAL_GAP};
use crate::decoder::{Carry, Decoded, Decoder};
use crate::format::Format;
use crate::named_values::unmarked;
use crate::origin::{LineEnding, MAX_GAP, Origin};
use crate::partitions::Partitions;
use crate::reject::RejectReason;
use crate::table::Table;

/// Decodes a block that [`super::Opener`] has cut.
pub fn decode_opened(
    format: &Format,
    decoder: &mut dyn Decoder,
    block: Block<'_>,
    origin: &Origin<'_>,
    carry: &mut Carry,
) -> Decoded {
    let Block::Json(bytes, items) = block else { return decoder.decode(block, origin, carry) };
    if format.framing.is_json() {
        return decoder.decode(block, origin, carry);
    }
    let columns = Columns::of(format.table);
    let mut decoded = Decoded::default();
    for item in items {
        line(decoder, bytes, item, origin, carry, &columns, &mut decoded);
    }
    decoder.waiting_mut().settle();
    decoded
}

/// Stores a piece of a document as a reject, for a reason that only the caller knows.
pub fn reject_opened(
    decoder: &mut dyn Decoder,
    reason: RejectReason<'_>,
    raw: &[u8],
    origin: &Origin<'_>,
    carry: &mut Carry,
) {
    let gap = std::mem::take(&mut carry.gap);
    decoder.waiting_mut().rejects.push_after(Some(&gap), origin, reason, raw);
}

/// Where a table has what is kept of a record beside its fields.
struct Columns {
    gap: Option<usize>,
    wrapping: Option<usize>,
    wrapped: Option<usize>,
    raw: Option<usize>,
}

impl Columns {
    fn of(table: &Table) -> Self {
        let [gap, wrapping, wrapped, raw] = ["gap", "wrapping", "wrapped", "raw"].map(|name| table.position(name));
        Self { gap, wrapping, wrapped, raw }
    }
}

/// Decodes the line that an item is.
fn line(
    decoder: &mut dyn Decoder,
    bytes: &[u8],
    item: &Item,
    origin: &Origin<'_>,
    carry: &mut Carry,
    columns: &Columns,
    decoded: &mut Decoded,
) {
    let offset = origin.byte_offset + i64::try_from(item.place()).unwrap_or(i64::MAX);
    let first_line = origin.first_line + decoded.lines;
    let origin = Origin { first_line, byte_offset: offset, ending: LineEnding::Lf, ..*origin };
    let mut gap = std::mem::take(&mut carry.gap);
    // A gap is always text.
    gap.push_str(std::str::from_utf8(&bytes[item.gap..item.start]).unwrap_or_default());
    let verbatim = item.verbatim(bytes);
    if let Some(problem) = item.problem {
        decoder.waiting_mut().rejects.push_after(Some(&gap), &origin, problem, verbatim);
        let one = i64::from(!item.continues);
        return decoded.add(&Decoded { lines: one, rejects: one, ..Decoded::default() });
    }
    let mut text = &bytes[item.start..item.end];
    // A line that was made from named values follows a line with the names.
    if item.made_from().is_some()
        && let Some(end) = memchr::memchr(b'\n', text)
    {
        carry.fields = std::str::from_utf8(&text[..end]).ok().map(Into::into);
        text = &text[end + 1..];
    }
    decoder.waiting_mut().rejects.stand_in(Some((&gap, verbatim)));
    let found = decoder.decode(Block::Lines(text), &origin, carry);
    decoder.waiting_mut().rejects.stand_in(None);
    carry.gap.clear();
    decoded.add(&Decoded { lines: 1, blank_lines: 0, ..found.clone() });
    if found.records > 0 {
        keep(decoder.waiting_mut(), bytes, item, &gap, columns);
    } else if found.rejects == 0 {
        pass_over(decoder, gap, verbatim, &origin, carry, decoded);
    }
}

/// Keeps how the record that was decoded last is wrapped in its file.
fn keep(partitions: &mut Partitions, bytes: &[u8], item: &Item, gap: &str, columns: &Columns) {
    let Some(set) = partitions.last() else { return };
    let Some(row) = set.rows().checked_sub(1) else { return };
    let set = set.columns();
    // The line was written so that every value is one word.
    if item.made_from().is_some() {
        for column in set.iter_mut() {
            if let Some(value) = column.text(row).and_then(unmarked) {
                column.set_text(row, &value);
            }
        }
    }
    let mut put = |column: Option<usize>, value: Option<&[u8]>| {
        if let (Some(column), Some(value)) = (column, value) {
            set[column].set_text(row, value);
        }
    };
    put(columns.gap, (gap != USUAL_GAP).then_some(gap.as_bytes()));
    put(columns.wrapping, item.wrapping().map(str::as_bytes));
    put(columns.wrapped, item.unusual(bytes));
    put(columns.raw, item.made_from().map(|_| item.record(bytes)));
}

/// Text that is neither a record nor a reject, such as a header line, becomes part of the next record's gap.
fn pass_over(
    decoder: &mut dyn Decoder,
    gap: String,
    verbatim: &[u8],
    origin: &Origin<'_>,
    carry: &mut Carry,
    decoded: &mut Decoded,
) {
    match std::str::from_utf8(verbatim) {
        Ok(text) if gap.len() + text.len() <= MAX_GAP => carry.gap = gap + text,
        _ => {
            decoder.waiting_mut().rejects.push_after(Some(&gap), origin, RejectReason::WideText, verbatim);
            decoded.rejects += 1;
        }
    }
}
