//! The reader of the library gives the rows that `sawlog convert` stores, and puts the bytes together again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::LineDelimitedWriter;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sawlog_formats::{LogBatch, REJECTS, ReadError, Reader, ReaderOptions, TextLayout, rebuild};
use sawlog_tests::{Case, Numbers, evidence, random_flows, random_log, random_trail, repository};

/// Rows by table, as JSON, in any order.
type Rows = BTreeMap<String, Vec<String>>;

fn add(rows: &mut Rows, table: &str, batch: &RecordBatch) {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    rows.entry(table.to_owned()).or_default().extend(text.lines().map(str::to_owned));
}

/// All rows in order, where the parts of a line that is too long are one: a stream is cut into other parts than a file.
fn sorted(mut rows: Rows) -> Rows {
    if let Some(rejects) = rows.get_mut(REJECTS.name) {
        let mut whole: BTreeMap<(String, i64), (i64, serde_json::Value, String)> = BTreeMap::new();
        let mut parts: Vec<serde_json::Value> = rejects.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        parts.sort_by_key(|row| row["byte_offset"].as_i64());
        for row in parts {
            let place = (row["source_file"].to_string(), row["source_line"].as_i64().unwrap());
            let (offset, raw) = (row["byte_offset"].as_i64().unwrap(), row["raw"].as_str().unwrap().to_owned());
            let reason = row["reason"].clone();
            whole.entry(place).or_insert((offset, reason, String::new())).2.push_str(&raw);
        }
        *rejects = whole.into_iter().map(|row| format!("{row:?}")).collect();
    }
    rows.values_mut().for_each(|rows| rows.sort());
    rows.retain(|_, rows| !rows.is_empty());
    rows
}

/// Every file below a folder whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rows that `sawlog convert` stores of a folder.
fn converted(folder: &Path) -> Rows {
    let case = Case::new();
    let ran = case.sawlog(&["convert", folder.to_str().unwrap()]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.err);
    let mut rows = Rows::new();
    for format in sawlog_formats::formats() {
        let table = format.table.name;
        for file in files(&case.path("sawlog-store").join(table), ".parquet") {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
            reader.for_each(|batch| add(&mut rows, table, &batch.unwrap()));
        }
    }
    for file in files(&case.path("sawlog-store").join(REJECTS.name), ".parquet") {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        reader.for_each(|batch| add(&mut rows, REJECTS.name, &batch.unwrap()));
    }
    sorted(rows)
}

/// All batches of a file, and what is said at the end.
fn batches(mut reader: Reader<'_>) -> (Vec<LogBatch>, Option<ReadError>, Vec<u8>) {
    let mut batches = Vec::new();
    let error = loop {
        match reader.next() {
            Some(Ok(batch)) => batches.push(batch),
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    assert!(reader.next().is_none(), "what is over stays over");
    let rows = |is_reject: bool| -> usize {
        let of = batches.iter().filter(|batch| (batch.table.name == REJECTS.name) == is_reject);
        of.map(|batch| batch.rows.num_rows()).sum()
    };
    assert_eq!(reader.decoded().records, i64::try_from(rows(false)).unwrap());
    let bytes = rebuild(batches.iter().map(|batch| (batch.table, &batch.rows)), &reader.remainder()).unwrap();
    (batches, error, bytes)
}

/// What a file holds, without the library.
fn content(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut content = Vec::new();
    // What breaks off gives what it can.
    let _ = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut content);
    content
}

/// Reads every log below a folder, and compares rows and bytes.
fn compare(folder: &Path, ending: &str, options: &ReaderOptions, utf8: impl Fn(&Path) -> bool) -> usize {
    let (mut rows, mut logs) = (Rows::new(), 0);
    let mut schemas: BTreeMap<&str, SchemaRef> = BTreeMap::new();
    for path in files(folder, ending) {
        let label = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let options = ReaderOptions { source_file: Some(label.clone()), ..options.clone() };
        let reader = match Reader::open_with(&path, options) {
            Ok(reader) => reader,
            Err(ReadError::NotALog(_)) => continue,
            Err(error) => panic!("{label}: {error}"),
        };
        logs += 1;
        let (batches, _, bytes) = batches(reader);
        for batch in &batches {
            let schema = schemas.entry(batch.table.name).or_insert_with(|| batch.rows.schema());
            assert_eq!(*schema, batch.rows.schema(), "one schema for each table");
            add(&mut rows, batch.table.name, &batch.rows);
        }
        if utf8(&path) {
            assert!(bytes == content(&path), "{label} is not what it was");
        }
    }
    let (expected, rows) = (converted(folder), sorted(rows));
    assert_eq!(expected.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>());
    for (table, expected) in &expected {
        for (row, stored) in rows[table].iter().zip(expected) {
            assert!(row == stored, "{table}: {row:.500}, stored: {stored:.500}");
        }
        assert_eq!(rows[table].len(), expected.len(), "{table}");
    }
    logs
}

#[test]
fn fixtures_give_the_rows_that_are_stored() {
    let one_by_one = ReaderOptions { batch_rows: 1, text: TextLayout::Dictionary, ..ReaderOptions::default() };
    let logs = compare(&evidence(), "", &ReaderOptions::default(), |_| true);
    assert!(logs > 100, "{logs}");
    assert_eq!(compare(&evidence(), "", &one_by_one, |_| true), logs);
    let balancers = repository().join("fixtures/alb");
    assert!(compare(&balancers, "", &ReaderOptions::default(), |_| true) > 0);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Logs of three formats, with what logs should not have, in all ways in which they come.
fn write_random_logs(case: &Case) {
    let mut numbers = Numbers::new(7);
    for (name, log) in [
        ("s3", random_log(&mut numbers, 3000)),
        ("flows", random_flows(&mut numbers, 3000)),
        ("trail", random_trail(&mut numbers, 600)),
    ] {
        let is_json = log.starts_with('{');
        let broken = |log: &str| log.replacen("111122223333", "\u{202e}\"", 3).replace("\n198", "\n\nno record\n198");
        let log = if is_json { log } else { broken(&log) };
        case.write(&format!("logs/{name}.log"), &log);
        if !is_json {
            case.write(&format!("logs/{name}-crlf.log"), log.replace('\n', "\r\n").replacen("\r\n", "\n", 5));
            case.write(&format!("logs/{name}-unended.log"), log.trim_end());
        }
        case.write(&format!("logs/{name}.log.gz"), [gzip(log.as_bytes()), vec![0; 100]].concat());
        let members: Vec<u8> = log.as_bytes().chunks(100_000).flat_map(gzip).collect();
        case.write(&format!("logs/{name}-members.log.gz"), members);
        let whole = gzip(log.as_bytes());
        case.write(&format!("logs/{name}-cut.log.gz"), &whole[..whole.len() * 2 / 3]);
        let wide: Vec<u8> = format!("\u{feff}{log}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        case.write(&format!("logs/{name}-utf16.log"), &wide);
        case.write(&format!("logs/{name}-utf16.log.gz"), gzip(&wide));
    }
    let long = format!("{}{}", random_log(&mut numbers, 10), "x ".repeat(5 << 20));
    case.write("logs/long.log.gz", gzip(long.as_bytes()));
    case.write("logs/long.log", long);
    case.write("logs/notes.txt", "some\nnotes\n");
    case.write("logs/empty", "");
}

#[test]
fn random_logs_give_the_rows_that_are_stored() {
    let case = Case::new();
    write_random_logs(&case);
    let utf8 = |path: &Path| !path.to_str().unwrap().contains("utf16");
    for options in [
        ReaderOptions::default(),
        ReaderOptions { batch_rows: 100, batch_bytes: 10_000, text: TextLayout::Dictionary, ..Default::default() },
    ] {
        assert_eq!(compare(&case.path("logs"), "", &options, utf8), 24);
    }
}

#[test]
fn what_is_no_log_or_breaks_off_is_an_error_and_never_a_panic() {
    let case = Case::new();
    let log = random_flows(&mut Numbers::new(1), 2000);
    let whole = gzip(log.as_bytes());
    case.write("cut.gz", &whole[..whole.len() / 2]);
    let (before, error, bytes) = batches(Reader::open(case.path("cut.gz")).unwrap());
    assert!(matches!(error, Some(ReadError::Broken(_))), "{error:?}");
    assert!(!before.is_empty() && log.as_bytes().starts_with(&bytes) && bytes.len() > 1000);
    let limited = ReaderOptions { max_inflated: 100_000, ..ReaderOptions::default() };
    let (_, error, bytes) = batches(Reader::new(&whole[..], limited).unwrap());
    assert!(error.is_some_and(|error| error.to_string().contains("100000 bytes")));
    assert!(bytes.len() <= 100_000);
    for (bytes, expected) in [
        (&b""[..], "not a log of a known format"),
        (b"some notes\n", "not a log of a known format"),
        (b"PK\x03\x04abc", "not a log that can be read: zip archive"),
        (b"PAR1abc", "not a log that can be read: "),
        (&whole[..12], "gzip stream is broken after "),
    ] {
        let error = Reader::new(bytes, ReaderOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}, not {expected}");
    }
    assert!(matches!(Reader::open(case.path("absent")), Err(ReadError::Io(_))));
    assert!(matches!(Reader::open(case.path("")), Err(ReadError::Io(_))));
}

/// Gives its bytes a few at a time, as a network does.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(self.1);
        let read = (&self.0[..some]).read(out)?;
        self.0 = &self.0[read..];
        self.1 = self.1 % 7 + 1;
        Ok(read)
    }
}

#[test]
fn rows_do_not_depend_on_how_the_bytes_come() {
    let mut numbers = Numbers::new(3);
    for log in [random_log(&mut numbers, 300), random_trail(&mut numbers, 100), random_flows(&mut numbers, 300)] {
        let (at_once, _, _) = batches(Reader::new(log.as_bytes(), ReaderOptions::default()).unwrap());
        let compressed = gzip(log.as_bytes());
        for bytes in [log.as_bytes(), &compressed] {
            let (trickled, error, rebuilt) = batches(Reader::new(Trickle(bytes, 1), ReaderOptions::default()).unwrap());
            assert!(error.is_none() && rebuilt == log.as_bytes());
            let same = trickled.iter().zip(&at_once).all(|(one, other)| one.rows == other.rows);
            assert!(same && trickled.len() == at_once.len());
        }
    }
}

#[test]
fn names_of_fields_and_a_time_can_be_given() {
    let options = ReaderOptions {
        fields: Some("srcaddr dstaddr bytes".to_owned()),
        file_time: Some(1_627_563_900_000_000),
        source_file: Some("flows.log".to_owned()),
        ..ReaderOptions::default()
    };
    let log = "192.0.2.1 198.51.100.7 42\n";
    let (batches, error, bytes) = batches(Reader::new(log.as_bytes(), options).unwrap());
    assert!(error.is_none() && bytes == log.as_bytes());
    let mut rows = Rows::new();
    batches.iter().for_each(|batch| add(&mut rows, batch.table.name, &batch.rows));
    let row: serde_json::Value = serde_json::from_str(&rows["vpc_flow"][0]).unwrap();
    assert_eq!(row["srcaddr"], "192.0.2.1");
    assert_eq!(row["bytes"], 42);
    assert_eq!(row["file_time"], "2021-07-29T13:05:00Z");
    assert_eq!(row["source_file"], "flows.log");
}
