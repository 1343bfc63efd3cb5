//! Recognises files that are not read: archives, compression formats, and logs in a wrapper that sawlog does not
//! open.

use std::borrow::Cow;

use crate::calendar::is_time;
use crate::decoder::Decoder;
use crate::format::Format;
use crate::members::{self, ValueEnd, members, value_end};
use crate::partitions::Partitions;
use crate::reject::RejectReason;
use crate::table::Table;
use crate::{Encoding, alb_access, cloudtrail, detect, formats, s3_access, vpc_flow, without_mark};

/// A kind of file that is recognised, but not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it is, as a noun: `7z archive`.
    pub name: &'static str,
    remedy: Remedy,
}

/// What to do with a file so that it can be read.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// In words, or a command that handles compressed files itself.
    Do(&'static str),
    /// The same, but a gzip file must be decompressed before it.
    Unpack(&'static str),
    /// A filter that prints the records.
    Filter(&'static str),
}

/// What an unread file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The kind of file.
    pub kind: &'static Kind,
    /// The number of fields in its lines, if one needs to know that.
    pub fields: Option<usize>,
    /// Whether it was in a gzip file.
    pub in_gzip: bool,
}

impl From<&'static Kind> for Unread {
    fn from(kind: &'static Kind) -> Self {
        Self { kind, fields: None, in_gzip: false }
    }
}

impl Unread {
    /// What the file is, as the ledger says it: `7z archive`, `UTF-32 text in gzip`.
    #[must_use]
    pub fn name(self) -> String {
        let fields = self.fields.map_or_else(String::new, |fields| format!(", {fields} fields"));
        format!("{}{fields}{}", self.kind.name, if self.in_gzip { IN_GZIP } else { "" })
    }
}

const IN_GZIP: &str = " in gzip";

/// What to do with a file that the ledger calls `name`; `None` if this is not one of the names in [`Unread::name`].
///
/// ```
/// assert_eq!(sawlog_formats::remedy("7z archive").unwrap(), "unpack it first: 7z x FILE");
/// ```
#[must_use]
pub fn remedy(name: &str) -> Option<Cow<'static, str>> {
    let in_gzip = name.ends_with(IN_GZIP);
    let same = |kind: &&&Kind| {
        name.strip_prefix(kind.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(", ") || rest == IN_GZIP)
    };
    let kind = KINDS.iter().find(same)?;
    Some(match kind.remedy {
        Remedy::Unpack(text) if in_gzip => format!("first gunzip FILE, then {}", text.replacen(" first", "", 1)).into(),
        Remedy::Do(text) | Remedy::Unpack(text) => text.into(),
        Remedy::Filter(filter) if in_gzip => format!("take its records out: zcat FILE | {filter} > NEW").into(),
        // Only the first of several commands reads the file.
        Remedy::Filter(filter) if filter.contains(" | ") => {
            format!("take its records out: cat FILE | {filter} > NEW").into()
        }
        Remedy::Filter(filter) => format!("take its records out: {filter} FILE > NEW").into(),
    })
}

macro_rules! kinds {
    ($($id:ident = $name:literal, $remedy:ident($text:literal);)*) => {
        $(static $id: Kind = Kind { name: $name, remedy: Remedy::$remedy($text) };)*
        /// All kinds. If one name begins with another, the longer one comes first.
        static KINDS: &[&Kind] = &[$(&$id),*];
    };
}

kinds! {
    INNER_ARCHIVE = "archive in 4 others", Do("unpack the outer archives first");
    // So earlier versions called it.
    OLD_INNER_ARCHIVE = "archive in more than 4 others", Do("unpack the outer archives first");
    ZIP_BEHIND = "zip archive behind other bytes, such as a program that unpacks it", Do("unpack it first: 7z x FILE");
    INNER_STREAM = "file compressed more than 4 times", Do("decompress it first");
    ENCRYPTED = "encrypted member of a zip archive", Do("unpack the archive with its password first");
    OTHER_METHOD = "member of a zip archive compressed by another method", Do("unpack the archive first: 7z x FILE");
    SPARSE = "sparse file in a tar archive", Do("unpack the archive first: tar -xf FILE -C FOLDER");
    TOO_LARGE = "member past the limit of what comes out of an archive", Do("if the archive is not a bomb, give a larger --max-inflate, or unpack it first");
    BROKEN_MEMBER = "archive or member of which nothing can be read", Do("look for an intact copy of the archive");
    FAR_BASE64 = "document with data in base64 in an archive, behind other members", Do("unpack the archive first");
    SEVEN_ZIP = "7z archive", Unpack("unpack it first: 7z x FILE");
    RAR = "rar archive", Unpack("unpack it first: unrar x FILE");
    CPIO = "cpio archive", Unpack("unpack it first: cpio -id < FILE");
    LZMA = "lzma-compressed file", Unpack("decompress it first: unlzma -k FILE");
    LZIP = "lzip-compressed file", Unpack("decompress it first: lzip -dk FILE");
    LZ4 = "lz4-compressed file", Unpack("decompress it first: lz4 -d FILE NEW");
    SNAPPY = "snappy-compressed file", Unpack("decompress it first: snzip -dk FILE");
    COMPRESS = "file of Unix compress", Unpack("decompress it first: zcat FILE > NEW");
    PARQUET = "Parquet file whose columns are not those of VPC flow logs", Do("use the log files themselves");
    AVRO = "Avro file", Do("use the log files themselves");
    ORC = "ORC file", Do("use the log files themselves");
    UTF_16 = "UTF-16 text", Unpack("convert it to UTF-8: iconv -f UTF-16 -t UTF-8 FILE > NEW");
    UTF_32 = "UTF-32 text", Unpack("convert it to UTF-8: iconv -f UTF-32 -t UTF-8 FILE > NEW");
    SUBSCRIPTION = "CloudWatch Logs subscription data (logEvents)", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    LAMBDA_LOGS = "CloudWatch Logs data for a Lambda function (awslogs)",
        Filter("jq -r .awslogs.data | base64 -d | zcat | jq -r '.logEvents[].message'");
    LOOKUP = "output of 'aws cloudtrail lookup-events'", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    EVENT_BRIDGE = "EventBridge event (detail)", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    LOG_EVENTS = "output of 'aws logs get-log-events' or 'filter-log-events'", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    INSIGHTS = "CloudWatch Logs Insights result", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    MESSAGES = "records with the log line in \"message\" (Firehose, Logstash, Filebeat)", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    LAKE_RESULTS = "CloudTrail Lake results without rows that are records", Do("if there are rows, ask for more columns: at least eventTime and eventName, or eventJson");
    ATHENA_RESULTS = "Athena results without rows that are records", Do("if there are rows, ask for more columns: for CloudTrail, at least eventtime and eventname");
    SNS = "SNS notification", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    SQS = "SQS messages", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    KINESIS = "Kinesis record", Filter("jq -r '(arrays[], objects).kinesis.data | @base64d'");
    FIREHOSE = "Firehose transformation event (records with data in base64)", Filter("jq -r '.records[].data | @base64d'");
    S3_EVENT = "S3 event notification", Do("it reports a request, but is not a log; use CloudTrail or S3 access logs");
    DIGEST = "CloudTrail digest", Do("it holds no events; 'sawlog verify --cloudtrail-digests' checks log files with it");
    DELIVERY = "CloudTrail delivery notification", Do("it holds no events; convert the log files that it names");
    S3_JSON = "S3 access log in JSON", Do("it lacks required fields; use the text logs in the target bucket");
    S3_CSV = "S3 access log in CSV", Do("use the text logs in the target bucket");
    FLOW_JSON = "VPC flow log in JSON", Do("use the text or Parquet logs that AWS delivers");
    FLOW_CSV = "VPC flow log in CSV", Do("use the text or Parquet logs that AWS delivers");
    ALB_JSON = "ALB access log in JSON", Do("use the text logs in the bucket");
    ALB_CSV = "ALB access log in CSV", Do("use the text logs in the bucket");
    TRAIL_CSV = "CloudTrail events in CSV (an Athena or CloudTrail Lake result)",
        Do("use the trail's own files in its bucket, or export the event records as JSON");
    TRAIL_JSON = "CloudTrail events with Athena's column names", Do("use the trail's own files in its bucket");
    EXPORT_TASK = "CloudWatch Logs export (time and message)", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    CONSOLE_CSV = "CSV of CloudWatch Logs (timestamp, message)", Do("its first 8 MiB hold no record of a log that sawlog reads; if it holds flow logs in a custom format, list their fields in order: --vpc-fields 'version account-id …'");
    FLUENT_BIT = "Fluent Bit's standard output", Do("use what its file output writes, or its standard output in the form json_lines");
    BEHIND_TEXT = "log lines with other text before them", Do("take that text off, so that each line begins with its record");
    HEADERLESS = "VPC flow log without a header line", Do("list its fields in order: --vpc-fields 'version account-id …'");
    CSV = "CSV table of other columns, such as a query result", Do("use the logs that it was made from");
    OCSF = "OCSF event (Amazon Security Lake)", Do("use the logs that it was made from");
    GUARD_DUTY = "GuardDuty finding", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
    CONFIG = "AWS Config snapshot", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
    WAF = "AWS WAF log", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
    RESOLVER = "Route 53 resolver query log", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
    ALB_CONNECTIONS = "Application Load Balancer connection log", Do("use the load balancer's access logs");
    ALB_HEALTH = "Application Load Balancer health check log", Do("use the load balancer's access logs");
    NETWORK_BALANCER = "Network Load Balancer access log", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
    CLASSIC_BALANCER = "Classic Load Balancer access log", Do("sawlog reads CloudTrail, S3 access, ALB access and VPC flow logs only");
}

/// What begins with which bytes.
const MAGIC: &[(&[u8], &Kind)] = &[
    (b"7z\xbc\xaf\x27\x1c", &SEVEN_ZIP),
    (b"Rar!\x1a\x07", &RAR),
    (b"\xc7\x71", &CPIO),
    (b"LZIP\x01", &LZIP),
    (b"\x04\x22\x4d\x18", &LZ4),
    (b"\x02\x21\x4c\x18", &LZ4),
    (b"\xff\x06\0\0sNaPpY", &SNAPPY),
    (b"\x82SNAPPY\0", &SNAPPY),
    (b"\x1f\x9d", &COMPRESS),
    (b"Obj\x01", &AVRO),
    (b"ORC", &ORC),
    (b"PAR1", &PARQUET),
];

/// The kind for Parquet files that do not hold flow logs.
#[must_use]
pub fn other_parquet() -> Unread {
    (&PARQUET).into()
}

/// The kind of a file that ends like a zip archive but begins differently; `None` if it does not end like one.
#[must_use]
pub fn zip_behind(content: &[u8]) -> Option<Unread> {
    /// The size of the record at the end of the directory, and the longest comment that may follow it. See
    /// APPNOTE.TXT, 4.3.16.
    const RECORD: usize = 22;
    const COMMENT: usize = 0xffff;
    let tail = &content[content.len().saturating_sub(RECORD + COMMENT)..];
    let at = memchr::memmem::rfind(tail, b"PK\x05\x06")?;
    let record: &[u8; RECORD] = tail.get(at..at + RECORD)?.try_into().ok()?;
    let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
    (at + RECORD + comment == tail.len()).then(|| (&ZIP_BEHIND).into())
}

/// A member of an archive, or its content, that is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// An archive in too many others.
    InnerArchive,
    /// A stream that was compressed too many times.
    InnerStream,
    /// It is encrypted.
    Encrypted,
    /// Its compression method is unknown.
    OtherMethod,
    /// A file with holes, which are left out of the archive.
    Sparse,
    /// The archive expands to more than the limit.
    TooLarge,
    /// A member of an archive whose data in base64 begins further on than was looked.
    FarBase64,
    /// Nothing of it can be read.
    Broken,
}

/// The kind of an archive or stream that is not opened.
#[must_use]
pub fn not_opened(why: NotOpened) -> Unread {
    let kind = match why {
        NotOpened::InnerArchive => &INNER_ARCHIVE,
        NotOpened::InnerStream => &INNER_STREAM,
        NotOpened::Encrypted => &ENCRYPTED,
        NotOpened::OtherMethod => &OTHER_METHOD,
        NotOpened::Sparse => &SPARSE,
        NotOpened::TooLarge => &TOO_LARGE,
        NotOpened::FarBase64 => &FAR_BASE64,
        NotOpened::Broken => &BROKEN_MEMBER,
    };
    kind.into()
}

/// Whether the ledger of an earlier version calls a file by the name of a kind that is read now.
///
/// ```
/// assert!(sawlog_formats::is_read_now("tar archive in gzip") && !sawlog_formats::is_read_now("7z archive"));
/// ```
#[must_use]
pub fn is_read_now(name: &str) -> bool {
    let name = name.strip_suffix(IN_GZIP).unwrap_or(name);
    let archive = matches!(name, "zip archive" | "tar archive" | "gzip file" | "UTF-16 text");
    let in_base64 = [&LAMBDA_LOGS, &KINESIS, &FIREHOSE].iter().any(|kind| kind.name == name);
    archive || in_base64 || matches!(name, "zstd-compressed file" | "bzip2-compressed file" | "xz-compressed file")
}

/// The archive, compression or encoding of a file that begins with `head`, if sawlog does not read it. No log begins
/// like one, so this holds whatever `--format` says.
#[must_use]
pub fn archive(head: &[u8]) -> Option<Unread> {
    let magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    let magic = magic.or_else(|| is_text_cpio(head).then_some(&CPIO));
    let kind = magic.or_else(|| {
        let lzma = head.starts_with(b"\x5d\0\0") && head.get(5..13) == Some(&[0xff; 8]);
        let of_text = || match Encoding::of(head)? {
            Encoding::Utf32 => Some(&UTF_32),
            Encoding::Utf16Le | Encoding::Utf16Be => Some(&UTF_16),
        };
        lzma.then_some(&LZMA).or_else(of_text)
    });
    kind.map(Unread::from)
}

/// Whether a file begins with the header of a cpio archive in digits: octal in the old form, hexadecimal in the new
/// one. A line of a log may begin with the same six digits.
fn is_text_cpio(head: &[u8]) -> bool {
    let all = |len: usize, which: fn(&u8) -> bool| head.get(6..len).is_some_and(|digits| digits.iter().all(which));
    match head.first_chunk::<6>() {
        Some(b"070707") => all(76, |byte| (b'0'..=b'7').contains(byte)),
        Some(b"070701" | b"070702") => all(110, u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// The wrapper of a text that begins with `head`, if sawlog does not open it; also other logs of AWS. A text with a
/// record outside any wrapper is a log, whatever comes before the record.
#[must_use]
pub fn wrapper(head: &[u8]) -> Option<Unread> {
    let text = without_mark(head).trim_ascii_start();
    if text.starts_with(b"{\"Records\"") {
        return None;
    }
    let kind = match text.first()? {
        _ if text.split(|byte| *byte == b'\n').take(LINES).any(is_of_fluent_bit) => Some(&FLUENT_BIT),
        b'{' | b'[' => wrapper_of_objects(text),
        _ => wrapper_of_lines(text),
    };
    kind.map(Unread::from)
}

/// How many lines are examined where a program may print others first.
const LINES: usize = 32;

/// Whether Fluent Bit printed a line: `[0] tag: [[1714567890.123, {}], {"log"=>"…"}]`. Texts in it are not escaped.
fn is_of_fluent_bit(line: &[u8]) -> bool {
    let after_number = || {
        let digits = line.strip_prefix(b"[")?;
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits[count..].strip_prefix(b"] ").filter(|_| count > 0)
    };
    let list = after_number().and_then(|rest| Some(&rest[memchr::memmem::find(rest, b": [")? + b": [".len()..]));
    list.is_some_and(|list| {
        list.strip_prefix(b"[").unwrap_or(list).first().is_some_and(u8::is_ascii_digit)
            && memchr::memmem::find(list, b"\"=>").is_some()
    })
}

/// The wrapper that a stream or an array of JSON objects belongs to.
fn wrapper_of_objects(text: &[u8]) -> Option<&'static Kind> {
    let (mut at, mut found) = (0, None);
    while let Some(more) = text.get(at..).and_then(|rest| memchr::memchr(b'{', rest)) {
        at += more;
        let object = &text[at..];
        if cloudtrail::is_record(object) {
            return None;
        }
        found = found.or_else(|| object_kind(object));
        // An object that is not a wrapper may be anything; looking further would cost more than it tells.
        found?;
        let ValueEnd::At(end) = value_end(text, at) else { break };
        at = end;
    }
    found
}

/// The kind of a JSON object that is not a record.
pub(crate) fn object_kind(object: &[u8]) -> Option<&'static Kind> {
    let keys: Vec<(&[u8], &[u8])> = members(object).take(60).map(|(key, text)| (key, members::value(text))).collect();
    let value = |name: &str| keys.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value);
    let has = |names: &[&str]| names.iter().all(|name| value(name).is_some());
    let inside = |name: &str, text: &str| {
        value(name).is_some_and(|value| memchr::memmem::find(value, text.as_bytes()).is_some())
    };
    let by_names: [(bool, &'static Kind); 26] = [
        (has(&["QueryResultRows"]), &LAKE_RESULTS),
        (inside("ResultSet", "\"Rows\""), &ATHENA_RESULTS),
        (inside("records", "\"recordId\""), &FIREHOSE),
        (has(&["logEvents"]), &SUBSCRIPTION),
        (has(&["awslogs"]), &LAMBDA_LOGS),
        (has(&["CloudTrailEvent"]) || inside("Events", "\"CloudTrailEvent\""), &LOOKUP),
        (has(&["detail", "detail-type"]), &EVENT_BRIDGE),
        (inside("events", "\"ingestionTime\"") || inside("events", "\"logStreamName\""), &LOG_EVENTS),
        (has(&["@message"]) || inside("results", "\"@message\""), &INSIGHTS),
        // S3 sends a message with other names to test that notifications arrive.
        (has(&["s3"]) && inside("eventSource", "aws:s3") || inside("Event", "s3:TestEvent"), &S3_EVENT),
        (has(&["Message", "TopicArn"]) || has(&["Sns"]), &SNS),
        (inside("Messages", "\"Body\"") || inside("eventSource", "aws:sqs") || has(&["Body", "ReceiptHandle"]), &SQS),
        (has(&["kinesis"]), &KINESIS),
        (has(&["digestStartTime", "digestS3Bucket"]), &DIGEST),
        (has(&["s3Bucket", "s3ObjectKey"]), &DELIVERY),
        (has(&["eventtime", "eventname"]), &TRAIL_JSON),
        (has(&["class_uid", "metadata"]), &OCSF),
        (has(&["configurationItems"]), &CONFIG),
        (has(&["webaclId"]), &WAF),
        (has(&["query_name", "query_timestamp"]), &RESOLVER),
        (has(&["schemaVersion", "type", "service"]), &GUARD_DUTY),
        (inside("detectorId", "\""), &GUARD_DUTY),
        (has(&["srcaddr", "dstaddr"]), &FLOW_JSON),
        (names_columns(keys.iter().map(|(key, _)| *key), &s3_access::TABLE), &S3_JSON),
        (names_columns(keys.iter().map(|(key, _)| *key), &alb_access::TABLE), &ALB_JSON),
        (value("message").is_some_and(is_message), &MESSAGES),
    ];
    by_names.into_iter().find(|(is, _)| *is).map(|(_, kind)| kind)
}

/// Whether a JSON string holds a line of a log.
fn is_message(string: &[u8]) -> bool {
    let text = String::from_utf8_lossy(string.get(1..string.len().min(8 << 10)).unwrap_or_default());
    let text = text.strip_suffix('"').unwrap_or(&text).replace("\\\"", "\"").replace("\\/", "/").replace("\\n", "\n");
    is_log(text.as_bytes())
}

/// Whether text is a log, or the beginning of one.
fn is_log(text: &[u8]) -> bool {
    detect(text).is_some() || headerless_fields(text).is_some()
}

/// The wrapper that lines of text belong to, by the first line.
fn wrapper_of_lines(text: &[u8]) -> Option<&'static Kind> {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    let line = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
    // A name in quotes may contain blanks.
    let is_quoted = line.starts_with(b"\"");
    let ends = |byte: &u8| matches!(byte, b',' | b';' | b'\t') || *byte == b' ' && !is_quoted;
    let word_end = line.iter().position(ends)?;
    let (word, rest) = (&line[..word_end], &line[word_end + 1..]);
    match line[word_end] {
        b' ' if is_time(word) && is_log(rest) => Some(&EXPORT_TASK),
        b' ' => load_balancer(line).filter(|_| detect(text).is_none()),
        // Flow logs may also have tabs between their fields.
        b'\t' if vpc_flow::is_header(line) => None,
        separator => csv_kind(line, separator),
    }
}

/// Which log of a load balancer a line belongs to. See the user guides of Elastic Load Balancing for Application,
/// Network and Classic Load Balancers: "Access logs", "Connection logs" and "Health check logs".
fn load_balancer(line: &[u8]) -> Option<&'static Kind> {
    let words: Vec<&str> =
        line.split(|byte| *byte == b' ').take(8).map_while(|word| std::str::from_utf8(word).ok()).collect();
    let is_time = |word: &str| is_time(word.as_bytes());
    let is_address = |word: &str| word.parse::<std::net::IpAddr>().is_ok();
    let is_port = |word: &str| word.parse::<u16>().is_ok();
    let is_endpoint = |word: &str| word.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
    let is_type = |word: &str| matches!(word, "http" | "https" | "h2" | "grpc" | "grpcs" | "ws" | "wss");
    match words[..] {
        [time, client, port, listener, tls, ..]
            if is_time(time) && is_address(client) && is_port(port) && is_port(listener) =>
        {
            (tls == "-" || tls.starts_with("TLS")).then_some(&ALB_CONNECTIONS)
        }
        [time, _, client, backend, ..] if is_time(time) && is_endpoint(client) => {
            (backend == "-" || is_endpoint(backend)).then_some(&CLASSIC_BALANCER)
        }
        ["tls", _, time, elb, ..] if is_time(time) && elb.starts_with("net/") => Some(&NETWORK_BALANCER),
        [kind, time, ref rest @ ..] if is_type(kind) && is_time(time) => {
            rest.iter().any(|word| matches!(*word, "PASS" | "FAIL")).then_some(&ALB_HEALTH)
        }
        _ => None,
    }
}

/// A CSV table whose columns are not a log's: its first line names them, and the second line has as many fields. Or a
/// CSV table of flows without names. Only for text in which no record of a log was found.
#[must_use]
pub fn other_table(head: &[u8]) -> Option<Unread> {
    let mut lines = without_mark(head).split(|byte| *byte == b'\n');
    let mut next = || lines.next().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (first, second) = (next()?, next().unwrap_or_default());
    let separator = *first.iter().find(|byte| b",;\t".contains(byte))?;
    let spaced: Vec<u8> = first.iter().map(|byte| if *byte == separator { b' ' } else { *byte }).collect();
    if flow_fields(&spaced).is_some() {
        return Some((&FLOW_CSV).into());
    }
    let is_name = |name: &[u8]| match name {
        [b'"', name @ .., b'"'] => !name.is_empty(),
        name => {
            let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$@:/-()[]#%".contains(byte);
            name.iter().any(u8::is_ascii_alphabetic) && name.iter().all(part)
        }
    };
    let names = fields(first, separator);
    let is_table = names.iter().all(|name| is_name(name)) && fields(second, separator).len() == names.len();
    is_table.then(|| (&CSV).into())
}

/// The fields of a line of CSV.
fn fields(line: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut in_quotes = false;
    let ends = |byte: &u8| {
        in_quotes ^= *byte == b'"';
        *byte == separator && !in_quotes
    };
    line.split(ends).collect()
}

/// What a CSV or TSV file holds, by its header line.
fn csv_kind(line: &[u8], separator: u8) -> Option<&'static Kind> {
    let names = || fields(line, separator).into_iter().map(|name| unquoted(name.trim_ascii()));
    let has = |wanted: &str| names().any(|name| name == wanted.as_bytes());
    if (has("timestamp") || has("@timestamp")) && (has("message") || has("@message")) {
        return Some(&CONSOLE_CSV);
    }
    let kinds = [
        (&cloudtrail::TABLE, &TRAIL_CSV),
        (&vpc_flow::TABLE, &FLOW_CSV),
        (&alb_access::TABLE, &ALB_CSV),
        (&s3_access::TABLE, &S3_CSV),
    ];
    kinds.into_iter().find(|(table, _)| names_columns(names(), table)).map(|(_, kind)| kind)
}

/// A name without quotes around it.
fn unquoted(name: &[u8]) -> &[u8] {
    let name = name.strip_prefix(b"\"").unwrap_or(name);
    name.strip_suffix(b"\"").unwrap_or(name)
}

/// Whether half of the names are names of a table's columns, in any spelling.
fn names_columns<'a>(names: impl Iterator<Item = &'a [u8]>, table: &Table) -> bool {
    let plain = |name: &[u8]| -> Vec<u8> {
        name.iter().filter(|byte| !b"-_ ".contains(byte)).map(u8::to_ascii_lowercase).collect()
    };
    let columns: Vec<Vec<u8>> = table.columns.iter().map(|column| plain(column.name.as_bytes())).collect();
    let (mut all, mut known) = (0, 0);
    for name in names {
        all += 1;
        known += usize::from(columns.contains(&plain(name)));
    }
    // Columns of S3 access logs share names with other tables: time, key, operation.
    let least = if table.name == s3_access::TABLE.name { 4 } else { 3 };
    known >= least && known * 2 >= all
}

/// A flow log without a header line whose fields are not those of version 2: the user must name its fields.
#[must_use]
pub fn headerless(head: &[u8]) -> Option<Unread> {
    let fields = headerless_fields(without_mark(head))?;
    Some(Unread { fields: Some(fields), ..Unread::from(&HEADERLESS) })
}

/// The number of fields in the lines, if these look like flows.
fn headerless_fields(text: &[u8]) -> Option<usize> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).take(LINES).find_map(flow_fields)
}

/// The number of fields in a line, if their values are what flow logs have.
fn flow_fields(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok().filter(|line| line.len() < 4096)?;
    let (mut fields, mut signs, mut addresses, mut times) = (0, 0, 0, 0);
    for word in line.split(' ') {
        let all = |which: fn(&u8) -> bool| !word.is_empty() && word.bytes().all(|byte| which(&byte));
        let digits = all(u8::is_ascii_digit);
        if word.is_empty() || word.contains(['"', '[', ']', '{', '}', '=', ',', ';', '\t']) {
            return None;
        }
        fields += 1;
        signs += i32::from(matches!(word, "ACCEPT" | "REJECT" | "NODATA" | "SKIPDATA" | "OK"));
        signs += i32::from(["eni-", "vpc-", "subnet-"].iter().any(|prefix| word.starts_with(prefix)));
        signs += i32::from(digits && word.len() == 12);
        addresses += i32::from(word.parse::<std::net::IpAddr>().is_ok());
        times += i32::from(digits && matches!(word.len(), 10 | 13) && word.starts_with('1'));
    }
    (fields >= 3 && signs + addresses.min(2) + times.min(1) >= 3).then_some(fields)
}

impl Format {
    /// A decoder of the log that identifies other things it is given.
    #[must_use]
    pub fn new_decoder(&self) -> Box<dyn Decoder> {
        (self.decoder)(partitions(self.table))
    }
}

/// Columns of a log's table, without a row. Rejects are identified if possible.
pub(crate) fn partitions(table: &'static Table) -> Partitions {
    Partitions::new(table, rejected)
}

/// What a line or JSON object is that is not a record of `table`, if that can be identified.
fn rejected(raw: &[u8], table: &Table) -> Option<RejectReason<'static>> {
    let text = without_mark(raw).trim_ascii();
    if text.starts_with(b"{") {
        let kind = object_kind(text).map(|kind| kind.name);
        let is_trail = || {
            (table.name != cloudtrail::TABLE.name && cloudtrail::is_record(text)).then_some(cloudtrail::FORMAT.record)
        };
        return kind.or_else(is_trail).map(RejectReason::Is);
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let other = formats()
        .iter()
        .filter(|format| format.table.name != table.name && format.table.name != cloudtrail::TABLE.name);
    let line_of = |format: &&Format| (format.detect)(first);
    let line = other.copied().find(line_of).map(|format| format.record);
    let known = line.or_else(|| wrapper_of_lines(first).map(|kind| kind.name)).map(RejectReason::Is);
    known.or_else(|| is_behind_text(first).then_some(RejectReason::BehindText))
}

/// Whether a JSON object is a record of a log.
fn is_json_record(object: &[u8]) -> bool {
    formats().iter().any(|format| format.framing.is_json() && (format.inside.is_record)(object))
}

/// Lines of a log with other text before each, such as the fields of CSV without a header, or what syslog writes.
#[must_use]
pub fn behind_text(head: &[u8]) -> Option<Unread> {
    let lines = without_mark(head).split(|byte| *byte == b'\n').take(LINES);
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).any(is_behind_text).then(|| (&BEHIND_TEXT).into())
}

/// Whether a line has a record that other text stands before.
fn is_behind_text(line: &[u8]) -> bool {
    /// After how many words a record is looked for: syslog writes up to eight before a message.
    const MOST_WORDS: usize = 12;
    /// The longest line that is looked at.
    const MOST_BYTES: usize = 64 << 10;
    let near = &line[..line.len().min(MOST_BYTES)];
    let words = near.iter().enumerate().filter(|(_, byte)| b" \t,;:|\"".contains(byte));
    let texts = words.map(|(at, _)| &near[at + 1..]).filter(|text| !text.starts_with(b" ")).take(MOST_WORDS);
    let is_object = |text: &&[u8]| text.starts_with(b"{") && members::value(text).len() == text.trim_ascii_end().len();
    let objects = texts.clone().filter(is_object);
    if objects.into_iter().any(is_json_record) {
        return true;
    }
    // The end of a header is a header as well.
    let texts: Vec<&[u8]> = texts.filter(|text| !vpc_flow::is_header(text)).collect();
    let texts = texts.join(&b'\n');
    formats().iter().any(|format| !format.framing.is_json() && (format.detect)(&texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: impl AsRef<[u8]>) -> String {
        let head = head.as_ref();
        archive(head)
            .or_else(|| wrapper(head))
            .or_else(|| headerless(head))
            .or_else(|| behind_text(head))
            .or_else(|| other_table(head))
            .map(Unread::name)
            .unwrap_or_default()
    }

    const S3: &str = "79a5 web [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1 7 - \"-\" \"S3C\" -";
    const ALB: &str = "http 2018-07-02T22:23:00.186641Z app/a/b 192.0.2.1:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 \"GET http://a:80/ HTTP/1.1\" \"curl\" - - arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/t/7 \"Root=1\"";
    const FLOW: &str = "2 111122223333 eni-0a 203.0.113.12 10.0.0.5 51000 22 6 3 180 1714564800 1714564860 REJECT OK";
    const EVENT: &str = r#"{"eventVersion":"1.08","eventTime":"2021-07-29T13:06:49Z","eventSource":"iam.amazonaws.com","eventName":"GetUser"}"#;

    #[test]
    fn every_kind_has_a_remedy_and_logs_are_of_none() {
        for kind in KINDS {
            assert!(remedy(kind.name).is_some());
            let in_gzip = Unread { in_gzip: true, ..Unread::from(*kind) };
            assert!(remedy(&in_gzip.name()).is_some());
        }
        assert_eq!(
            remedy("VPC flow log without a header line, 29 fields in gzip"),
            remedy("VPC flow log without a header line")
        );
        assert_eq!(remedy("zip"), None);
        let header = "version account-id interface-id srcaddr dstaddr start end";
        for log in [
            S3,
            ALB,
            EVENT,
            header,
            "",
            "\n",
            "{}",
            "[]",
            "{\"Records\":[]}",
            "some text, more of it\n",
            "a,b,c\n",
            "well,yes\nor, no, then\n",
            "1,2\n3,4\n",
        ] {
            assert_eq!(name(log), "", "{log}");
        }
        assert_eq!(name(format!("{{\"message\":\"x\"}}\n{EVENT}\n{S3}")), "");
    }

    #[test]
    fn wrappers_are_told_by_what_is_in_them() {
        let quoted = |text: &str| text.replace('"', "\\\"");
        for (text, wanted) in [
            (format!("{{\"logEvents\":[{{\"message\":\"{}\"}}]}}", quoted(EVENT)), "CloudWatch Logs subscription data (logEvents)"),
            (format!("{{\n \"Events\": [{{\"CloudTrailEvent\": \"{}\"", quoted(EVENT)), "output of 'aws cloudtrail lookup-events'"),
            (format!("[{{\"EventName\":\"x\",\"CloudTrailEvent\":\"{}\"}}]", quoted(EVENT)), "output of 'aws cloudtrail lookup-events'"),
            (format!("{{\"version\":\"0\",\"detail-type\":\"x\",\"detail\":{EVENT}}}"), "EventBridge event (detail)"),
            (format!("{{\"message\":\"{FLOW}\"}}{{\"message\":\"{FLOW}\"}}"), "records with the log line in \"message\" (Firehose, Logstash, Filebeat)"),
            (format!("{{\"host\":1,\"message\":\"{}\"}}", quoted(S3)), "records with the log line in \"message\" (Firehose, Logstash, Filebeat)"),
            (format!("2024-05-01T12:00:00.000Z {FLOW}\n"), "CloudWatch Logs export (time and message)"),
            (format!("2024-05-01T12:00:00.000Z {EVENT}\n"), "CloudWatch Logs export (time and message)"),
            (format!("timestamp,message\n1714564800000,{FLOW}\n"), "CSV of CloudWatch Logs (timestamp, message)"),
            ("\"eventversion\",\"useridentity\",\"eventtime\",\"x\"\n".to_owned(), "CloudTrail events in CSV (an Athena or CloudTrail Lake result)"),
            ("eventTime,eventName,awsRegion\n".to_owned(), "CloudTrail events in CSV (an Athena or CloudTrail Lake result)"),
            ("version,account_id,srcaddr,dstaddr\n".to_owned(), "VPC flow log in CSV"),
            (r#"{"bucket_name":"b","request_time":"t","remote_ip":"i","requester":"r","request_id":"q","operation":"o"}"#.to_owned(), "S3 access log in JSON"),
            (r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"t","Bucket":"b","RequestId":"r","HostId":"h"}"#.to_owned(), "S3 event notification"),
            (r#"{"version":2,"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2"}"#.to_owned(), "VPC flow log in JSON"),
            ("2,111122223333,eni-1,203.0.113.12,10.0.0.5,51000,22,1714564800,REJECT\n".to_owned(), "VPC flow log in CSV"),
            ("\"eventname\",\"count of, events\"\r\n\"GetUser\",\"3\"\r\n".to_owned(), "CSV table of other columns, such as a query result"),
            ("srcaddr;dstaddr;n\n10.0.0.1;10.0.0.2;4".to_owned(), "CSV table of other columns, such as a query result"),
            ("eventTime;eventName;sourceIPAddress\n".to_owned(), "CloudTrail events in CSV (an Athena or CloudTrail Lake result)"),
            (format!("[0] vpc.a: [[1700000000.123456789, {{}}], {{\"log\"=>\"{FLOW}\"}}]\n"), "Fluent Bit's standard output"),
            (format!("Fluent Bit v1.8\n[12] x: [1700000000.1, {{\"a\"=>1, \"log\"=>\"{EVENT}\"}}]\n"), "Fluent Bit's standard output"),
            ("111122223333 ACCEPT eni-1 10.0.0.1 192.0.2.1 1714564800 x".to_owned(), "VPC flow log without a header line, 7 fields"),
        ] {
            assert_eq!(name(&text), wanted, "{text}");
            assert_eq!(name(format!("\u{feff}{text}")), wanted, "{text}");
        }
    }

    #[test]
    fn logs_of_load_balancers_are_told_apart() {
        let time = "2023-10-04T17:05:15.514108Z";
        for (text, wanted) in [
            (
                format!(
                    "{time} 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 \"CN=a,O=b\" NotBefore=x;NotAfter=y 5D Success TID_1"
                ),
                "Application Load Balancer connection log",
            ),
            (
                format!("{time} 2001:db8::1 36280 80 - - - \"-\" - - - TID_2"),
                "Application Load Balancer connection log",
            ),
            (
                format!("http {time} 0.003366355 10.0.1.49:80 web PASS 200 -"),
                "Application Load Balancer health check log",
            ),
            (
                format!("tls 2.0 {time} net/a/b c 192.0.2.1:1 10.0.0.1:443 5 2 98 246 - - - - - - - - - - -"),
                "Network Load Balancer access log",
            ),
            (
                format!(
                    "{time} lb 192.0.2.1:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 \"GET http://a:80/ HTTP/1.1\" \"curl\" - -"
                ),
                "Classic Load Balancer access log",
            ),
            (
                format!("{time} lb 192.0.2.1:2817 - -1 -1 -1 503 0 0 0 \"GET http://a:80/ HTTP/1.1\" \"curl\" - -"),
                "Classic Load Balancer access log",
            ),
            ("type,time,elb,client_ip,client_port,request_url\nhttp,x,y".to_owned(), "ALB access log in CSV"),
            (
                r#"{"type":"http","time":"x","elb":"a","client_ip":"b","elb_status_code":200}"#.to_owned(),
                "ALB access log in JSON",
            ),
            (ALB.to_owned(), ""),
            (format!("{time} {ALB}"), "CloudWatch Logs export (time and message)"),
            (format!("{time} lb 192.0.2.1:2817 up\n{ALB}"), ""),
        ] {
            assert_eq!(name(&text), wanted, "{text}");
        }
    }

    #[test]
    fn rejects_say_what_they_are() {
        let of = |text: &str, table: &Table| {
            rejected(text.as_bytes(), table).map(|reason| reason.to_string()).unwrap_or_default()
        };
        assert_eq!(of(S3, &cloudtrail::TABLE), "line of an S3 access log");
        assert_eq!(of(FLOW, &s3_access::TABLE), "line of a VPC flow log");
        assert_eq!(of(ALB, &s3_access::TABLE), "line of an ALB access log");
        assert_eq!(of(S3, &crate::alb_access::TABLE), "line of an S3 access log");
        assert_eq!(of(&ALB[..80], &crate::alb_access::TABLE), "");
        assert_eq!(of(EVENT, &s3_access::TABLE), "CloudTrail event");
        assert_eq!(of(EVENT, &cloudtrail::TABLE), "");
        assert_eq!(of(&FLOW[..40], &vpc_flow::TABLE), "");
        assert_eq!(of(r#"{"eventSource":"aws:s3","s3":{}}"#, &cloudtrail::TABLE), "S3 event notification");
    }
}
