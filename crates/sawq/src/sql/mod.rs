//! Queries in SQL: from the command line or a prompt to their printed results.

mod interrupts;
mod prompt;
mod results;

pub(crate) use prompt::{prompt, script};
pub(crate) use results::{Show, run};

/// The functions, for the help.
pub(crate) const FUNCTIONS: &str = "\
Functions beyond standard SQL:
  request_parameters->>'userName'    text from JSON; -> gives JSON; paths: 'name', 0, '$.a.b[0]'
  json_contains(policy, '{\"Effect\": \"Allow\"}'), json_valid(…), json_array_length(…), json_get_int(…)
  in_cidr(src_ip, '10.0.0.0/8')      whether an address is in a network
  glob(user_agent, 'aws-cli/*')      whether a text matches a pattern with * ? [..]
  s3_access_key(request_uri)         the access key in a presigned URL
Many of DuckDB's functions work, too: strftime, strptime, date_diff, time_bucket, arg_max,
string_split, unnest, regexp_extract, list_filter(l, x -> …), from_json(text, '[\"VARCHAR\"]'),
json_type, url_decode, md5, COLUMNS('^src_'). The name of a result can be used again in the same
SELECT and its WHERE. 7 / 2 is 3, as in PostgreSQL.

SHOW TABLES, DESCRIBE events, SUMMARIZE events and CREATE VIEW name AS … (for this session) work
like queries. If there are several, end each with a semicolon.";
