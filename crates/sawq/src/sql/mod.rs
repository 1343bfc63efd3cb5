//! Queries in SQL: from the command line or a prompt to their printed results.

mod interrupts;
mod prompt;
mod results;

pub(crate) use prompt::prompt;
pub(crate) use results::{Show, run};

/// What the functions are, for the help.
pub(crate) const FUNCTIONS: &str = "\
Functions beside those of SQL:
  request_parameters->>'userName'    text within JSON; -> gives JSON; paths are 'name', 0, '$.a.b[0]'
  json_contains(policy, '{\"Effect\": \"Allow\"}'), json_valid(…), json_array_length(…), json_get_int(…)
  in_cidr(src_ip, '10.0.0.0/8')      whether an address is in a network
  glob(user_agent, 'aws-cli/*')      whether a text matches a pattern of * ? [..]
  s3_access_key(request_uri)         the access key in a presigned URL
Many of DuckDB's names work, too: strftime, date_diff, arg_max, string_split, list_filter(l, lambda x: …), unnest,
regexp_extract, md5.

SHOW TABLES, DESCRIBE events and CREATE VIEW name AS … (for this session) work beside queries; several end with ; each.";
