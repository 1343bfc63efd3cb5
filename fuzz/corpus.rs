//! Every input of the corpus, and changed ones, through what the fuzzers check.

use std::fs;
use std::path::Path;

use sawlog_formats::{Format, alb_access, cloudtrail, s3_access, vpc_flow};
use sawlog_fuzz::{archives, choices, documents, filters, gzip, json, lines, paths, split};

/// The corpus of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "the corpus of {target} is not there");
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Numbers that look random, the same ones each time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }

    /// A copy of an input with bytes changed, taken out, doubled, or replaced by a piece of another input.
    fn change(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        const TOKENS: [&[u8]; 10] =
            [b"\n", b"\r\n", b"\"", b"\\u0000", b" - ", b"{", b"]", b"\xff", b"version ", b",{\"Records\":["];
        let mut changed = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len() + 1);
            let end = (at + self.below(20)).min(changed.len());
            let from = self.below(other.len() + 1);
            let piece = match self.below(4) {
                0 => Vec::new(),
                1 => TOKENS[self.below(TOKENS.len())].to_vec(),
                2 => other[from..(from + self.below(40)).min(other.len())].to_vec(),
                _ => changed[at..end].repeat(2),
            };
            changed.splice(at..end, piece);
        }
        changed
    }
}

fn check_corpus(target: &str, check: impl Fn(&[u8])) {
    let corpus = corpus(target);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (place, input) in corpus.iter().enumerate() {
        check(input);
        let other = &corpus[(place * 7 + 1) % corpus.len()];
        for _ in 0..20 {
            check(&numbers.change(input, other));
        }
    }
}

/// Inputs whose first byte says how they come in pieces.
fn check_format(format: &Format, check: fn(&Format, &[u8], usize)) {
    check_corpus(format.table.name, |input| {
        let (step, content) = split(input);
        check(format, content, step);
    });
}

#[test]
fn s3_access() {
    check_format(&s3_access::FORMAT, lines);
}

#[test]
fn cloudtrail() {
    check_format(&cloudtrail::FORMAT, json);
}

#[test]
fn vpc_flow() {
    check_format(&vpc_flow::FORMAT, lines);
}

#[test]
fn alb_access() {
    check_format(&alb_access::FORMAT, lines);
}

#[test]
fn opened_documents() {
    check_corpus("documents", |input| {
        let (step, content) = split(input);
        documents(content, step);
    });
}

#[test]
fn gzipped() {
    check_corpus("gzip", |input| {
        let (step, content) = split(input);
        gzip(content, step);
    });
}

#[test]
fn taken_apart() {
    check_corpus("archives", archives);
}

#[test]
fn any_path() {
    check_corpus("paths", paths);
}

#[test]
fn any_filter() {
    check_corpus("filters", filters);
}

/// Values beside texts that they nearly or just so name, of which coverage says nothing: by every option, of every log.
#[test]
fn near_and_just_so() {
    const PAIRS: [&str; 33] = [
        "::ffff:192.0.2.1\n192.0.2.1",
        "192.0.2.1\n::FFFF:c000:201",
        "2001:DB8::1\n2001:0db8:0:0::1",
        "fe80::1%eth0\nFE80:0::1%eth0",
        "a b\na%2520b",
        "a%20b\na%2520b",
        "a=b\nb",
        "Failure\n{\"ConsoleLogin\":\"Failure\"}",
        "delivery.logs.amazonaws.com\nsvc:delivery.logs.amazonaws.com",
        "a_*\nabc",
        "a_*\na_c",
        "a%?\nabbc",
        "a%?\na%c",
        "*.*\na.b",
        "?\n\u{e4}",
        "a\\*\na\\b",
        "a\\*\naab",
        "a*\na\rb",
        "ann\narn:aws:iam::1:user/ann",
        "ann\narn:aws:iam::1:user/joann",
        "ann\narn:aws:sts::1:assumed-role/ann/x",
        "a?n\narn:aws:iam::1:user/ann",
        "a*\narn:aws:iam::1:user/ann",
        "1\narn:aws:iam::1:user/ann",
        "1*\narn:aws:iam::12:root",
        "b\na/b",
        "a/b\na/b",
        "10.0.0.0/8\n10.9.9.9",
        "10.0.0.0/8\n11.0.0.1",
        "10.*\n10.1.1.1",
        "::1\n0:0:0:0:0:0:0:1",
        "0:0::1\n::1",
        "80\n80",
    ];
    for choice in (0..choices()).map(|choice| u8::try_from(choice).unwrap()) {
        PAIRS.iter().for_each(|pair| filters(&[&[choice], pair.as_bytes()].concat()));
    }
}
