//! Identifies a file by its content, and by the name that AWS gave it.

use sawlog_formats::{
    Container, Envelope, Format, NotOpened, Opener, TIMES, Unread, archive, behind_text, cloudtrail, formats,
    headerless, may_hold_records, not_opened, open, other_table, vpc_flow, without_mark, wrapper, zip_behind,
};

use super::Settings;

/// How much of a file is read to identify its format.
pub(crate) const HEAD: usize = 64 << 10;
/// How much is read if the beginning looks like a document that holds records, but none was found yet.
pub(crate) const FURTHER: usize = 8 << 20;
/// No CloudTrail digest is larger.
pub(crate) const MAX_DIGEST: usize = 16 << 20;

/// What a file contains.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// Records of a format.
    Log(&'static Format),
    /// A document of another kind that holds records of a format.
    Opened(Envelope),
    /// A CloudTrail digest.
    Digest,
    /// An archive, whose members are read.
    Archive(Container),
    /// Something that is not read, and what it is, if that is known.
    Unknown(Option<Unread>),
}

impl Default for Told {
    fn default() -> Self {
        Self::Unknown(None)
    }
}

impl Told {
    /// Identifies a file by the beginning of its decompressed content.
    pub(crate) fn of(settings: &Settings, content: &[u8]) -> Self {
        let head = head_of(content);
        if let Some(container) = Container::of(head) {
            return Self::Archive(container);
        }
        match (archive(head), settings.format) {
            (Some(archive), _) => Self::Unknown(Some(archive)),
            (None, Some(format)) => {
                Self::opened(settings, content).filter(|told| told.is_of(format)).unwrap_or(Self::Log(format))
            }
            (None, None) => Self::by_content(settings, content),
        }
    }

    /// Whether a file that begins with `head` may turn out to be a document that holds records when more of it is
    /// read.
    pub(crate) fn may_open(self, settings: &Settings, head: &[u8]) -> bool {
        let is_open = match self {
            Self::Unknown(_) => true,
            Self::Log(_) => settings.format.is_some(),
            Self::Opened(_) | Self::Digest | Self::Archive(_) => false,
        };
        is_open && may_hold_records(head)
    }

    /// Identifies it by the beginning of the content, whatever `--format` says.
    pub(crate) fn by_content(settings: &Settings, content: &[u8]) -> Self {
        let head = head_of(content);
        let is_digest = cloudtrail::is_digest(head);
        if is_digest && content.len() <= MAX_DIGEST && cloudtrail::is_only_digest(content) {
            return Self::Digest;
        }
        if let Some(told) = Self::opened(settings, content) {
            return told;
        }
        // Something follows the digest, which may be records.
        if is_digest {
            return Self::Log(&cloudtrail::FORMAT);
        }
        if let Some(wrapper) = wrapper(head) {
            return Self::Unknown(Some(wrapper));
        }
        let fields = settings.vpc_fields.as_deref().filter(|fields| has_fields(head, fields));
        let format = sawlog_formats::detect(head).or(fields.map(|_| &vpc_flow::FORMAT));
        let other = || {
            headerless(head).or_else(|| behind_text(head)).or_else(|| other_table(head)).or_else(|| zip_behind(content))
        };
        format.map_or_else(|| Self::Unknown(other()), Self::Log)
    }

    /// A document of another kind that holds records, if it is one.
    fn opened(settings: &Settings, content: &[u8]) -> Option<Self> {
        opened(settings, content).map(|(envelope, _)| Self::Opened(envelope))
    }

    /// Whether it holds records of a format.
    fn is_of(self, format: &Format) -> bool {
        self.format().is_some_and(|told| told.table.name == format.table.name)
    }

    /// The format of its records, if it has any.
    pub(crate) fn format(self) -> Option<&'static Format> {
        match self {
            Self::Log(format) => Some(format),
            Self::Opened(envelope) => Some(envelope.format),
            Self::Digest | Self::Archive(_) | Self::Unknown(_) => None,
        }
    }

    /// The kind of document that holds its records.
    pub(crate) fn envelope(self) -> Option<&'static str> {
        if let Self::Opened(envelope) = self { Some(envelope.name) } else { None }
    }

    /// What it is, in words.
    pub(crate) fn name(self) -> Option<String> {
        match self {
            Self::Log(format) | Self::Opened(Envelope { format, .. }) => {
                Some(format!("log of the table {}", format.table.name))
            }
            Self::Digest => Some("CloudTrail digest".to_owned()),
            Self::Archive(container) => Some(container.kind().to_owned()),
            Self::Unknown(unread) => unread.map(Unread::name),
        }
    }

    /// What it looks like, if it is of a known kind that is not read.
    pub(crate) fn looks_like(self, in_gzip: bool) -> Option<String> {
        match self {
            Self::Unknown(unread) => unread.map(|unread| Unread { in_gzip, ..unread }.name()),
            // A member of an archive, which its beginning did not show to be one.
            Self::Archive(_) => Some(not_opened(NotOpened::FarBase64).name()),
            Self::Log(_) | Self::Opened(_) | Self::Digest => None,
        }
    }
}

/// Opens a content, if it is a document of another kind that holds records.
pub(crate) fn opened(settings: &Settings, content: &[u8]) -> Option<(Envelope, Opener)> {
    let fields = settings.vpc_fields.as_deref();
    let head = head_of(content);
    let further = || {
        let is_longer = content.len() > HEAD && sawlog_formats::detect(head).is_none() && may_hold_records(head);
        is_longer.then(|| open(&content[..content.len().min(FURTHER)], fields)).flatten()
    };
    open(head, fields).or_else(further)
}

/// The part of the content by which it is identified.
pub(crate) fn head_of(content: &[u8]) -> &[u8] {
    without_mark(&content[..content.len().min(HEAD)])
}

/// Whether the first line of text has as many fields as there are names.
fn has_fields(head: &[u8], fields: &str) -> bool {
    let line = head.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).is_ok_and(|line| line.split(' ').count() == fields.split(' ').count())
}

/// What the name of a file that AWS delivered says. See the AWS CloudTrail user guide, "CloudTrail log file
/// examples", the Amazon VPC user guide, "Flow log files", and the Application Load Balancers user guide, "Access log
/// files".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileName<'a> {
    pub(crate) account_id: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    /// Microseconds since 1970.
    pub(crate) time: Option<i64>,
    /// Whether records without a time of their own have this one.
    pub(crate) dates_records: bool,
}

impl<'a> FileName<'a> {
    /// Reads `…/ACCOUNT_CloudTrail_REGION_20210729T1305Z_….json.gz`, and the like with `vpcflowlogs` and
    /// `elasticloadbalancing`, which have the name of the flow log or load balancer before the time.
    pub(crate) fn of(name: &'a str) -> Self {
        let mut parts = name.split('_');
        let (account, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_account = account.len() == 12 && all_digits(account);
        let is_name = |name: &&str| kind.split('-').next() == Some(*name);
        let format = formats().iter().find(|format| format.delivered_as.iter().any(is_name));
        let Some(format) = format.filter(|_| is_account) else { return Self::default() };
        let region = parts.next();
        let time = parts.find_map(|part| {
            let time: jiff::Timestamp = compact(part)?.parse().ok()?;
            Some(time.as_microsecond()).filter(|time| TIMES.contains(time))
        });
        let dates_records = format.table.columns.iter().any(|column| column.name == "file_time");
        Self { account_id: Some(account), region, time, dates_records }
    }
}

/// The day on which AWS delivered a file, as `YYYYMMDD`, if its name begins with `2021-07-29-` or has a part such as
/// `_20210729T1305Z_`. The records are of that day or shortly before it.
pub(crate) fn delivery_day(name: &str) -> Option<u32> {
    let number = |digits: &str| Some(digits).filter(|digits| all_digits(digits))?.parse().ok();
    let leading = || {
        let (date, _) = name.split_at_checked(10).filter(|(_, rest)| rest.starts_with('-'))?;
        let mut parts = date.split('-');
        let parts = [parts.next()?, parts.next()?, parts.next()?];
        (parts.map(str::len) == [4, 2, 2]).then(|| number(&parts.concat()))?
    };
    name.split('_').find_map(|part| number(day_and_clock(part)?.0)).or_else(leading)
}

/// `20210729T1305Z` in the form of ISO 8601 that people read.
fn compact(text: &str) -> Option<String> {
    let (day, clock) = day_and_clock(text)?;
    let second = clock.get(4..6).unwrap_or("00");
    Some(format!("{}-{}-{}T{}:{}:{second}Z", &day[..4], &day[4..6], &day[6..], &clock[..2], &clock[2..4]))
}

/// The digits of `20210729T1305Z` before and after its `T`.
fn day_and_clock(text: &str) -> Option<(&str, &str)> {
    let (day, clock) =
        text.strip_suffix('Z')?.split_once('T').filter(|(day, clock)| day.len() == 8 && clock.len() >= 4)?;
    (all_digits(day) && all_digits(clock)).then_some((day, clock))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_delivery() {
        for (name, day) in [
            ("342082656213_CloudTrail_us-west-1_20210729T0010Z_r9Oy.json.gz", Some(20_210_729)),
            ("342082656213_vpcflowlogs_us-west-1_fl-1234_20210801T0010Z_ab12.log.gz", Some(20_210_801)),
            ("2021-07-29-13-10-00-0123456789ABCDEF", Some(20_210_729)),
            ("2021-07-29.log", None),
            ("2021-7-290-13", None),
            ("2021-07-2--13", None),
            ("2021-0a-29-13", None),
            ("342082656213_CloudTrail_us-west-1_2021072aT0010Z_r9Oy.json.gz", None),
            ("trail.json", None),
            ("ééééééééé", None),
            ("", None),
        ] {
            assert_eq!(delivery_day(name), day, "{name}");
        }
    }

    #[test]
    fn names_that_aws_gave() {
        for (name, dates_records) in [
            ("342082656213_CloudTrail_us-west-1_20210729T0010Z_r9Oy.json.gz", false),
            ("342082656213_vpcflowlogs_us-west-1_fl-1234_20210729T0010Z_ab12.log.gz", true),
            ("342082656213_elasticloadbalancing_us-west-1_app.web.50dc_20210729T0010Z_203.0.113.80_ab12.log.gz", false),
        ] {
            let (account_id, region) = (Some("342082656213"), Some("us-west-1"));
            let expected = FileName { account_id, region, time: Some(1_627_517_400_000_000), dates_records };
            assert_eq!(FileName::of(name), expected);
        }
        for other in ["2021-07-29-13-10-00-0123456789ABCDEF", "a_CloudTrail_b", "notes_CloudTrail.txt", ""] {
            assert_eq!(FileName::of(other), FileName::default(), "{other}");
        }
    }
}
