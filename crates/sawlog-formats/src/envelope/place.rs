//! Where records are in documents: the place where a file's records were found, and how other places relate to it.
//!
//! Anyone who makes a request chooses some fields of the resulting document: a user agent, a parameter, a name. An
//! attacker could put a forged record there. So a text that looks like a record counts as one only in the place of the
//! file's records, or in a place where known kinds of documents have records.

use crate::named_values::plain;

/// Members that hold documents or lists of them.
const CONTAINERS: &[&str] = &[
    "Records",
    "records",
    "Events",
    "events",
    "logEvents",
    "Messages",
    "results",
    "result",
    "hits",
    "responses",
    "QueryResultRows",
    "ResultSet",
    "Rows",
    "_source",
    "Sns",
];
/// The names below which documents have records, after the containers.
const KNOWN: &[&[&str]] = &[
    &[],
    &["CloudTrailEvent"],
    &["eventJson"],
    &["eventData"],
    &["_raw"],
    &["message"],
    &["@message"],
    &["event", "original"],
    &["event.original"],
    &["detail"],
    &["Message"],
    &["Body"],
    &["body"],
    &["log"],
    &["line"],
    &["event"],
];
/// The same in the text of a string, where the document of another program may be.
const KNOWN_WITHIN: &[&[&str]] = &[
    &[],
    &["CloudTrailEvent"],
    &["eventJson"],
    &["eventData"],
    &["_raw"],
    &["detail"],
    &["Message"],
    &["event", "original"],
];
/// Members that hold what callers choose, or the answers to them. Written without `_` and in lower case.
const CHOSEN: &[&[u8]] =
    &[b"requestparameters", b"responseelements", b"additionaleventdata", b"serviceeventdetails", b"flattened"];
/// Names of fields that callers fill in other programs' logs, and parts of such names.
const CALLERS: &[&[u8]] =
    &[b"ua", b"query", b"args", b"uri", b"url", b"params", b"parameters", b"requestobject", b"responseobject"];
const OF_CALLERS: &[&[u8]] = &[
    b"useragent",
    b"header",
    b"cookie",
    b"referer",
    b"referrer",
    b"querystring",
    b"annotation",
    b"argument",
    b"httprequest",
];

/// In a path: the rest is in the text of the string that has the name before it.
pub(super) const WITHIN: &[u8] = b"\"";

/// Names that lead to a value.
pub(super) type Path = [Vec<u8>];

/// The form in which documents have records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In strings.
    Text,
    /// As objects.
    Object,
    /// As lists of objects that name a value each: `[{"eventName":"x"},{"eventTime":"y"}]`.
    Pairs,
    /// As rows whose cells are named once: `{"Data":[{"VarCharValue":"x"},{}]}`.
    Cells,
}

/// Where records are in documents: below which names, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The names of the members that lead to them. For whole records in cells, the column's name is the last.
    pub(super) path: Vec<Vec<u8>>,
    pub(super) form: Form,
    /// Whether they are the items of a list.
    pub(super) in_list: bool,
    /// The value of the member "field" beside them, if they are in "value".
    pub(super) field: Option<Vec<u8>>,
    /// The names that lead to them in the text of the string.
    pub(super) inner: Vec<Vec<u8>>,
    /// The names of the columns, if they are rows of cells.
    pub(super) names: Vec<Vec<u8>>,
}

/// What a value is by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is in the place of the file's records.
    Here,
    /// It may be a record.
    Likely,
    /// It is elsewhere: what looks like a record may be a field of one.
    Elsewhere,
}

impl Place {
    /// A column of a table that has records, at `inner` in its texts.
    pub(super) fn of_column(name: &[u8], inner: Vec<Vec<u8>>) -> Self {
        Self { path: vec![name.to_vec()], form: Form::Text, in_list: false, field: None, inner, names: Vec::new() }
    }

    /// The rows of a table, which are records.
    pub(super) fn of_row() -> Self {
        let (path, inner, names) = (Vec::new(), Vec::new(), Vec::new());
        Self { path, form: Form::Object, in_list: false, field: None, inner, names }
    }

    /// What a value in a place is.
    pub(super) fn standing(&self, path: &Path, is_object: bool, in_list: bool, field: Option<&[u8]>) -> Standing {
        let is_named = self.path.last().is_none_or(|name| name != b"value");
        let same = self.path == path && (is_named || self.field.is_some() && self.field.as_deref() == field);
        // The member "field" may follow it.
        let may_be = self.path == path && field.is_none();
        let is_form = match self.form {
            Form::Text => !is_object,
            Form::Object | Form::Cells => is_object,
            Form::Pairs => false,
        };
        if same && is_form {
            Standing::Here
        } else if !is_chosen(path)
            && (same || may_be && !is_named || is_known(path, field) || in_list && self.is_sibling(path))
        {
            Standing::Likely
        } else {
            Standing::Elsewhere
        }
    }

    /// Whether a path differs from the path of lists of records in its last name only:
    /// `{"us-east-1":[…],"eu-west-1":[…]}`.
    fn is_sibling(&self, path: &Path) -> bool {
        let split = self.path.split_last().zip(path.split_last());
        self.in_list && split.is_some_and(|((_, parents), (_, others))| parents == others)
    }
}

/// Whether documents have records in a place. `field` is the value of the member "field" beside it.
pub(super) fn is_known(path: &Path, field: Option<&[u8]>) -> bool {
    path.last().is_some_and(|name| name == b"Records")
        || path.split(|name| name == WITHIN).enumerate().all(|(depth, path)| known(path, field, depth > 0))
}

fn known(path: &Path, field: Option<&[u8]>, is_within: bool) -> bool {
    let containers = containers(path);
    let path = &path[containers..];
    let is_same = |wanted: &&[&str]| path.iter().map(Vec::as_slice).eq(wanted.iter().map(|name| name.as_bytes()));
    match path {
        [name] if name == b"value" => field.is_some_and(is_known_name),
        // A program's own message may say what a caller sent.
        _ if is_within && containers == 0 => KNOWN_WITHIN.iter().any(is_same),
        _ => KNOWN.iter().any(is_same),
    }
}

/// Whether a column of a table, or a member, of this name holds records.
pub(super) fn is_known_name(name: &[u8]) -> bool {
    KNOWN.iter().any(|known| matches!(known, [known] if known.as_bytes() == name))
}

/// How many names of a path are names of containers. The rest is inside one document of a list.
pub(super) fn containers(path: &Path) -> usize {
    path.iter().take_while(|name| CONTAINERS.iter().any(|container| container.as_bytes() == *name)).count()
}

/// Whether members of this name may lead to records.
pub(super) fn leads_on(name: &[u8]) -> bool {
    CONTAINERS.iter().any(|container| container.as_bytes() == name)
        || KNOWN.iter().any(|known| known.first().is_some_and(|first| first.as_bytes() == name))
}

/// Whether callers choose what is in a place.
pub(super) fn is_chosen(path: &Path) -> bool {
    path.iter().any(|name| CHOSEN.contains(&plain(name).as_slice()))
}

/// Whether what is in a place was sent by a caller, so that records there are forged.
pub(super) fn is_of_caller(path: &Path) -> bool {
    path.iter().map(|name| plain(name)).any(|name| {
        CALLERS.contains(&name.as_slice()) || OF_CALLERS.iter().any(|part| memchr::memmem::find(&name, part).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Vec<u8>> {
        text.split('/').filter(|name| !name.is_empty()).map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn places_are_told_by_all_their_names() {
        for known in ["", "Events/CloudTrailEvent", "hits/hits/_source/event/original", "Body/\"/Message", "a/Records"]
        {
            assert!(is_known(&path(known), None), "{known}");
        }
        for other in
            ["user_agent/original", "host/message", "Events/Resources/ResourceName", "Body/\"/Subject", "_raw/\"/body"]
        {
            assert!(!is_known(&path(other), None), "{other}");
        }
        assert!(
            is_known(&path("results/value"), Some(b"@message")) && !is_known(&path("results/value"), Some(b"@ptr"))
        );
    }

    #[test]
    fn callers_fill_some_fields() {
        for sent in ["httpRequest/headers/value", "http.headers.user-agent", "ua", "User Agent", "msg/\"/queryString"] {
            assert!(is_of_caller(&path(sent)), "{sent}");
        }
        for other in ["message", "log", "Events/CloudTrailEvent", "data/payload", "squash", "QueryResultRows/eventJson"]
        {
            assert!(!is_of_caller(&path(other)), "{other}");
        }
    }

    #[test]
    fn lists_beside_each_other_hold_the_same() {
        let place = Place { in_list: true, ..Place::of_column(b"us", Vec::new()) };
        assert_eq!(place.standing(&path("us"), false, true, None), Standing::Here);
        assert_eq!(place.standing(&path("eu"), false, true, None), Standing::Likely);
        assert_eq!(place.standing(&path("eu"), false, false, None), Standing::Elsewhere);
        assert_eq!(place.standing(&path("requestParameters/Records"), true, true, None), Standing::Elsewhere);
    }
}
