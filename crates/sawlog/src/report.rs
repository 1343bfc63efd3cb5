//! Reports what a command did: one line if all went well, and a line for each thing that did not.

use std::collections::HashSet;

use anyhow::Result;
use indicatif::HumanCount;
use sawlog_convert::{Compaction, Misfit, NOT_FOLLOWED, Removal, Summary, Validation, Verification};
use sawlog_formats::{size, visible};

use crate::cli::Global;
use crate::print;
use crate::status::{Rejects, ratio};

/// The most names shown of each kind.
const NAMES: usize = 10;

/// Said of copies of files that were read with other options.
const COPIES_READ_OTHERWISE: &str = "read differently before, as copies of other files; convert those again with --replace, or \
                                     remove them with 'sawlog remove' if they are gone";

/// Reports a conversion: as JSON on standard output, or in words on standard error.
pub(crate) fn print(summary: &Summary, global: &Global) -> Result<()> {
    if global.json {
        return print::json(summary);
    }
    let advice = |what: &str| if what.ends_with(NOT_FOLLOWED) { " (--follow-links follows it)" } else { "" };
    let problems = summary.unreadable.iter().map(|(path, what)| format!("{path}: {what}{}", advice(what)));
    print_names("could not be read", problems);
    if global.quiet {
        return Ok(());
    }
    for (name, unread) in &summary.looks_like {
        let what = format!("not read, looks like: {name} ({})", unread.remedy);
        print_names(&what, unread.files.iter().cloned());
    }
    let named: HashSet<&String> = summary.looks_like.values().flat_map(|unread| &unread.files).collect();
    let unknown: Vec<String> = summary.unknown.iter().filter(|path| !named.contains(path)).cloned().collect();
    print_names("of unknown format; if you know which log they hold, give --format", unknown.into_iter());
    print_names("read as --format says, but no record was found", summary.misfits.iter().map(misfit));
    let otherwise = summary.read_otherwise.iter().map(|(path, how)| format!("{path}: was read {how}"));
    print_names("read differently before; --replace reads them again", otherwise);
    let copies = summary.copies_read_otherwise.iter().map(|(path, how)| format!("{path}: was read {how}"));
    print_names(COPIES_READ_OTHERWISE, copies);
    let duplicates = summary.duplicates.iter().map(|(path, first)| format!("{path} = {first}"));
    print_names("with the same content as another file, converted once", duplicates);
    print_names("empty", summary.empty.iter().cloned());
    print_names("links in archives, not followed", summary.links.iter().cloned());
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
        files => format!("{}, {}", counted(files as u64, "file"), counted(summary.records.unsigned_abs(), "record")),
    };
    if summary.unchanged > 0 {
        line += &format!("; {} already in the store", HumanCount(summary.unchanged as u64));
    }
    if summary.replaced > 0 {
        line += &format!("; {} replaced", HumanCount(summary.replaced as u64));
    }
    if summary.digests > 0 {
        line += &format!("; {}", counted(summary.digests as u64, "CloudTrail digest"));
    }
    if summary.archives > 0 {
        line += &format!("; {} unpacked", counted(summary.archives as u64, "archive"));
    }
    if summary.rejects > 0 {
        line += &format!("; {} rejected (see 'sawlog status --rejects')", count(summary.rejects));
    }
    if summary.blank_lines > 0 {
        line += &format!("; {} skipped", counted(summary.blank_lines.unsigned_abs(), "blank line"));
    }
    if summary.converted > 0 {
        let rate = (summary.bytes_in as f64 / summary.seconds) as u64;
        line += &format!(
            "; {} to {} ({}×) in {:.2} s, {}/s",
            size(summary.bytes_in.unsigned_abs().into()),
            size(summary.bytes_out.into()),
            ratio(summary.bytes_in, summary.bytes_out),
            summary.seconds,
            size(rate.into()),
        );
    }
    if !summary.committed && summary.converted > 0 {
        line += "; nothing was committed";
    }
    eprintln!("sawlog: {line}");
}

/// A number of things: `1 file`, `1,234 files`.
fn counted(number: u64, thing: &str) -> String {
    sawlog_formats::counted(HumanCount(number), thing)
}

/// A file that does not hold what `--format` says, and what to do.
fn misfit(misfit: &Misfit) -> String {
    let looks_like = misfit.looks_like.as_ref().map_or_else(String::new, |name| format!(" looks like: {name};"));
    format!("{}:{looks_like} remove it with 'sawlog remove', and convert it without --format", misfit.path)
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

/// The most characters shown of a reject's text.
const REJECT_TEXT: usize = 100;

/// Lists rejects.
pub(crate) fn print_rejects(rejects: &Rejects, global: &Global) -> Result<()> {
    if global.json {
        return print::json(rejects);
    }
    for reject in &rejects.rejects {
        let mut text: String = visible(&reject.text).chars().take(REJECT_TEXT).collect();
        if text.len() < visible(&reject.text).len() || reject.is_cut {
            text.push('…');
        }
        println!("{}:{}: {}\n  {text}", visible(&reject.source_file), reject.source_line, visible(&reject.reason));
    }
    let left = rejects.total - rejects.rejects.len();
    if left > 0 {
        println!("… and {} more; 'sawlog status --rejects -n 0' lists all", HumanCount(left as u64));
    }
    if rejects.total == 0 && !global.quiet {
        eprintln!("sawlog: nothing was rejected");
    }
    Ok(())
}

/// Reports what was removed.
pub(crate) fn print_removal(removal: &Removal, global: &Global) -> Result<()> {
    if global.json {
        return print::json(removal);
    }
    if global.quiet {
        return Ok(());
    }
    if removal.dry_run {
        for file in &removal.removed {
            println!("{}: {}, {}", visible(&file.path), file.state, counted(file.records.unsigned_abs(), "record"));
        }
    }
    eprintln!(
        "sawlog: {} {} with {} and {}",
        if removal.dry_run { "would remove" } else { "removed" },
        counted(removal.removed.len() as u64, "file"),
        counted(removal.records.unsigned_abs(), "record"),
        counted(removal.rejects.unsigned_abs(), "reject"),
    );
    Ok(())
}

/// Reports a compaction.
pub(crate) fn print_compaction(compaction: &Compaction, global: &Global) -> Result<()> {
    if global.json {
        return print::json(compaction);
    }
    if global.quiet {
        return Ok(());
    }
    for table in &compaction.tables {
        eprintln!(
            "sawlog: {} in {}, {} (before: {}, {})",
            table.table,
            counted(table.files_after as u64, "data file"),
            size(table.bytes_after.into()),
            table.files_before,
            size(table.bytes_before.into()),
        );
    }
    if compaction.tables.is_empty() {
        eprintln!("sawlog: nothing to merge");
    }
    if compaction.vacuumed_files > 0 {
        let bytes = size(compaction.vacuumed_bytes.into());
        let files = counted(compaction.vacuumed_files as u64, "data file");
        eprintln!("sawlog: deleted {files} no longer in use, {bytes}");
    }
    if compaction.vacuumed_log_files > 0 {
        eprintln!(
            "sawlog: deleted {} of table logs from before the last checkpoints",
            counted(compaction.vacuumed_log_files as u64, "file")
        );
    }
    Ok(())
}

/// Reports a verification.
pub(crate) fn print_verification(result: &Verification, quiet: bool) {
    result.damaged.iter().for_each(|what| fault(what));
    for (path, what) in &result.failed {
        fault(&format!("{path} {what}"));
    }
    for field in &result.index_differs {
        eprintln!("sawlog: the index of {field} differs from the records; 'sawlog reindex' rebuilds it");
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
        "{} of {} sources rebuilt byte for byte ({}); {} without records",
        result.verified,
        result.verified + result.failed.len(),
        size(result.bytes.unsigned_abs().into()),
        result.without_records,
    );
    if result.manifest_differences.as_ref().is_some_and(Vec::is_empty) {
        println!("the store matches the manifest");
    }
    if let Some(digests) = &result.cloudtrail_digests {
        print_digests(digests);
    }
}

/// Prints a fault. Names in digests, manifests and stores may come from an attacker.
fn fault(what: &str) {
    eprintln!("sawlog: {}", visible(what));
}

fn print_digest_faults(digests: &Validation) {
    digests.wrong.iter().for_each(|(name, what)| fault(&format!("the digest {name} {what}")));
    digests.missing.iter().for_each(|name| fault(&format!("{name} is missing")));
    digests.altered.iter().for_each(|(name, what)| fault(&format!("{name} {what}")));
    digests.unexpected.iter().for_each(|name| fault(&format!("no digest lists {name}")));
}

fn print_digests(digests: &Validation) {
    println!("{} of {} CloudTrail digests have the right signature", digests.signed, digests.digests);
    for name in &digests.unsigned {
        let name = visible(name);
        println!(
            "  {name}: its signature is in the metadata of its S3 object; save it beside the digest as FILE.signature"
        );
    }
    println!(
        "{} {} the digests; {} altered, {} missing, {} unexpected; {} not covered by digests",
        counted(digests.log_files as u64, "log file"),
        if digests.log_files == 1 { "matches" } else { "match" },
        digests.altered.len(),
        digests.missing.len(),
        digests.unexpected.len(),
        digests.not_covered
    );
}
