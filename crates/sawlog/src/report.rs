//! Says what a command did: one line when all went well, and a line for each thing that did not.

use anyhow::Result;
use bytesize::ByteSize;
use indicatif::HumanCount;
use sawlog_formats::visible;

use crate::cli::Global;
use crate::compact::Compaction;
use crate::convert::Summary;
use crate::digests::Validation;
use crate::status::ratio;
use crate::verify::Verification;

/// So many names are shown of each kind.
const NAMES: usize = 10;

/// Reports a conversion: as JSON on standard output, or in words on standard error.
pub(crate) fn print(summary: &Summary, global: &Global) -> Result<()> {
    if global.json {
        println!("{}", serde_json::to_string_pretty(summary)?);
        return Ok(());
    }
    let problems = summary.unreadable.iter().map(|(path, what)| format!("{path}: {what}"));
    print_names("could not be read", problems);
    if global.quiet {
        return Ok(());
    }
    print_names("of no known format", summary.unknown.iter().cloned());
    let duplicates = summary.duplicates.iter().map(|(path, first)| format!("{path} = {first}"));
    print_names("with the content of another file, converted once", duplicates);
    print_names("empty", summary.empty.iter().cloned());
    print_done(summary);
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates to look at"
)]
fn print_done(summary: &Summary) {
    let count = |value: i64| HumanCount(value.unsigned_abs());
    let mut line = match summary.converted {
        0 => "nothing new".to_owned(),
        1 => format!("1 file, {} records", count(summary.records)),
        files => format!("{} files, {} records", HumanCount(files as u64), count(summary.records)),
    };
    if summary.unchanged > 0 {
        line += &format!("; {} already in the store", HumanCount(summary.unchanged as u64));
    }
    if summary.replaced > 0 {
        line += &format!("; {} replaced", HumanCount(summary.replaced as u64));
    }
    match summary.digests {
        0 => {}
        1 => line += "; 1 CloudTrail digest",
        digests => line += &format!("; {} CloudTrail digests", HumanCount(digests as u64)),
    }
    if summary.rejects > 0 {
        line += &format!("; {} rejected (see 'sawlog status')", count(summary.rejects));
    }
    if summary.blank_lines > 0 {
        line += &format!("; {} blank lines skipped", count(summary.blank_lines));
    }
    if summary.converted > 0 {
        let rate = (summary.bytes_in as f64 / summary.seconds) as u64;
        line += &format!(
            "; {} to {} ({}×) in {:.2} s, {}/s",
            ByteSize(summary.bytes_in.unsigned_abs()).display().iec(),
            ByteSize(summary.bytes_out).display().iec(),
            ratio(summary.bytes_in, summary.bytes_out),
            summary.seconds,
            ByteSize(rate).display().iec(),
        );
    }
    if !summary.committed && summary.has_losses() {
        line += "; nothing was committed";
    }
    eprintln!("sawlog: {line}");
}

fn print_names(what: &str, names: impl ExactSizeIterator<Item = String>) {
    let count = names.len();
    if count == 0 {
        return;
    }
    eprintln!("sawlog: {count} {what}:");
    names.take(NAMES).for_each(|name| eprintln!("  {}", visible(&name)));
    if count > NAMES {
        eprintln!("  … and {} more", count - NAMES);
    }
}

/// Reports a compaction.
pub(crate) fn print_compaction(compaction: &Compaction, global: &Global) -> Result<()> {
    if global.json {
        println!("{}", serde_json::to_string_pretty(compaction)?);
        return Ok(());
    }
    if global.quiet {
        return Ok(());
    }
    for table in &compaction.tables {
        eprintln!(
            "sawlog: {} in {} data files, {} (before: {}, {})",
            table.table,
            table.files_after,
            ByteSize(table.bytes_after).display().iec(),
            table.files_before,
            ByteSize(table.bytes_before).display().iec(),
        );
    }
    if compaction.tables.is_empty() {
        eprintln!("sawlog: nothing to merge");
    }
    if compaction.vacuumed_files > 0 {
        let bytes = ByteSize(compaction.vacuumed_bytes).display().iec();
        eprintln!("sawlog: {} data files out of use deleted, {bytes}", compaction.vacuumed_files);
    }
    if compaction.vacuumed_log_files > 0 {
        eprintln!("sawlog: {} files of logs before the last checkpoints deleted", compaction.vacuumed_log_files);
    }
    Ok(())
}

/// Reports a verification.
pub(crate) fn print_verification(result: &Verification, quiet: bool) {
    for (path, what) in &result.failed {
        fault(&format!("{path} {what}"));
    }
    for field in &result.index_differs {
        eprintln!("sawlog: the index of {field} differs from the records; 'sawlog reindex' makes it anew");
    }
    let differences = result.manifest_differences.as_deref().unwrap_or_default();
    differences.iter().for_each(|difference| fault(difference));
    if let Some(digests) = &result.cloudtrail_digests {
        print_digest_faults(digests);
    }
    if quiet {
        return;
    }
    println!(
        "{} of {} sources rebuilt byte for byte ({}); {} hold no records",
        result.verified,
        result.verified + result.failed.len(),
        ByteSize(result.bytes.unsigned_abs()).display().iec(),
        result.without_records
    );
    if result.manifest_differences.as_ref().is_some_and(Vec::is_empty) {
        println!("the store is as its manifest says");
    }
    if let Some(digests) = &result.cloudtrail_digests {
        print_digests(digests);
    }
}

/// Says what is wrong. Names in digests, manifests and stores may be those of an attacker.
fn fault(what: &str) {
    eprintln!("sawlog: {}", visible(what));
}

fn print_digest_faults(digests: &Validation) {
    digests.wrong.iter().for_each(|(name, what)| fault(&format!("the digest {name} {what}")));
    digests.missing.iter().for_each(|name| fault(&format!("{name} is missing")));
    digests.altered.iter().for_each(|(name, what)| fault(&format!("{name} {what}")));
    digests.unexpected.iter().for_each(|name| fault(&format!("{name} is in no digest")));
}

fn print_digests(digests: &Validation) {
    println!("{} of {} CloudTrail digests have the right signature", digests.signed, digests.digests);
    for name in &digests.unsigned {
        let name = visible(name);
        println!("  {name}: its signature is in the metadata of its object; put it into a file beside it, .signature");
    }
    println!(
        "{} log files are as the digests say; {} altered, {} digests or log files missing, {} unexpected; {} not covered",
        digests.log_files,
        digests.altered.len(),
        digests.missing.len(),
        digests.unexpected.len(),
        digests.not_covered
    );
}
