//! Which addresses are the same, and what they sent and received. Every command says the same.

use std::collections::BTreeMap;

use sawlog_tests::meaning::{FLOW_FIELDS, count, event, flows, request, sql, top, trail, without_index};
use sawlog_tests::stored;
use serde_json::{Value, json};

/// An address has as many records in each command, and what it sent and what was sent to it are not added up.
#[test]
fn an_address_counts_the_same_everywhere() {
    let lines = request("203.0.113.5", "-", "k", "5000").repeat(3);
    let case = stored(&[
        ("a.json", trail(&[event(0, json!({ "sourceIPAddress": "203.0.113.5" }))])),
        ("s3", lines),
        ("flows", flows()),
    ]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for address in ["203.0.113.5", "10.0.0.1", "10.0.0.9", "198.51.100.7"] {
            let records = count(&case, &["--ip", address]);
            assert_eq!(top(&case, "ip", "count", &[])[address], records as u64, "{address}");
            assert_eq!(
                top(&case, "ip", "count", &["--since", "2024-05-01T11:59"])[address],
                records as u64,
                "{address}"
            );
            assert_eq!(case.sawq(&["who", address, "--json"]).json()["records"], records, "{address}");
        }
        assert_eq!(count(&case, &["--ip", "203.0.113.5"]), 3 + 1 + 4);
        for (measure, expected) in [("bytes_sent", 15_000), ("flow_bytes", 2134), ("errors", 2)] {
            assert_eq!(top(&case, "ip", measure, &[])["203.0.113.5"], expected, "{measure}");
            assert_eq!(top(&case, "ip", measure, &["--ip", "203.0.113.5"])["203.0.113.5"], expected, "{measure}");
        }
        let of_pairs = case.sawq(&["top", "ip/action", "--json", "-n", "0", "-q"]).json();
        let pair =
            of_pairs.as_array().unwrap().iter().find(|row| row["ip"] == "203.0.113.5" && row["action"] == "REJECT");
        assert_eq!(pair.map(|row| &row["count"]), Some(&json!(2)), "{of_pairs}");
        assert_eq!(top(&case, "srcaddr", "flow_bytes", &[])["203.0.113.5"], 130);
    }
    let profile = case.sawq(&["who", "203.0.113.5", "--json"]).json();
    let of_log =
        |log: &str| profile["logs"].as_array().unwrap().iter().find(|of_log| of_log["log"] == log).unwrap().clone();
    assert_eq!(
        (of_log("vpc_flow")["bytes_sent"].clone(), of_log("vpc_flow")["flow_bytes"].clone()),
        (json!(0), json!(2134))
    );
    assert_eq!(of_log("s3_access")["bytes_sent"], 15_000);
}

/// A flow that the interfaces at both ends logged is two records; whoever reads sums of bytes is told.
#[test]
fn flows_logged_at_both_ends_are_no_secret() {
    let flow = |interface: &str, way: &str| {
        format!("{interface} 10.0.0.10 10.0.0.11 40000 443 1000 1714564800 ACCEPT - - {way}\n")
    };
    let case = stored(&[("flows", FLOW_FIELDS.to_owned() + &flow("eni-a", "egress") + &flow("eni-b", "ingress"))]);
    for by in ["bytes-sent", "flow-bytes"] {
        let ran = case.sawq(&["top", "srcaddr", "--by", by, "--json"]);
        assert_eq!(ran.json()[0]["flow_bytes"], 2000);
        assert!(ran.err.contains("both ends"), "{}", ran.err);
    }
    assert!(case.sawq(&["top", "srcaddr", "-q"]).err.is_empty());
}

/// Records whose sums do not fit into 64 bits stop nobody, and are added up without a loss.
#[test]
fn sums_of_any_size_are_exact() {
    let many = request("203.0.113.5", "-", "k", "9223372036854775807").repeat(5);
    let case = stored(&[("s3", many)]);
    let exact = "46116860184273879035";
    for question in [&["top", "ip", "--format", "csv"][..], &["top", "ip", "--json"], &["who", "203.0.113.5", "--json"]]
    {
        let ran = case.sawq(question);
        assert_eq!(ran.code, 0, "{question:?}: {}", ran.err);
        assert!(ran.text().contains(exact), "{question:?}: {}", ran.text());
    }
    let table = case.sawq(&["who", "203.0.113.5", "--format", "csv"]);
    assert!(table.text().contains(exact), "{}{}", table.text(), table.err);
    assert_eq!(case.sawq(&["who", "203.0.113.5"]).code, 0);
}

/// One address in spellings of all kinds, in every log.
#[test]
fn an_address_is_one_however_it_is_spelled() {
    const SPELLINGS: [&str; 5] = [
        "2001:db8::1",
        "2001:DB8::1",
        "2001:db8:0:0:0:0:0:1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "2001:0DB8::0001",
    ];
    const WRAPPED: [&str; 4] = ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"];
    let all = || SPELLINGS.iter().chain(&WRAPPED).chain(&["fe80::1%eth0", "192.0.2.77", "-"]);
    let lines: String = all().map(|ip| request(ip, "-", "k", "1")).collect();
    let events: Vec<Value> = all().map(|ip| event(0, json!({ "sourceIPAddress": ip }))).collect();
    let flow = |ip: &&str| format!("eni-1 {ip} 10.0.0.1 1 2 3 1714564800 ACCEPT {ip} - ingress\n");
    let flows: String = FLOW_FIELDS.to_owned() + &all().map(flow).collect::<String>();
    let case = stored(&[("a.json", trail(&events)), ("s3", lines), ("flows", flows)]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        let groups = top(&case, "ip", "count", &[]);
        for (canonical, spellings) in [("2001:db8::1", &SPELLINGS[..]), ("192.0.2.1", &WRAPPED[..])] {
            let records = spellings.len() * 3;
            assert_eq!(groups[canonical], records as u64);
            for spelling in spellings {
                assert_eq!(count(&case, &["--ip", spelling]), records, "{spelling}");
                assert_eq!(count(&case, &["--src", spelling]), records, "{spelling}");
                let not = format!("--ip=!{spelling}");
                assert_eq!(count(&case, &[&not]), 12 * 3 - records, "{spelling}");
                let profile = case.sawq(&["who", spelling, "--json"]).json();
                assert_eq!(
                    (&profile["entity"], &profile["records"]),
                    (&json!(canonical), &json!(records)),
                    "{spelling}"
                );
                assert!(spelling == &canonical || !groups.contains_key(*spelling), "{spelling}");
            }
        }
        assert_eq!(count(&case, &["--ip", "2001:db8::/32"]), 15);
        assert_eq!(count(&case, &["--ip", "192.0.2.0/24"]), 15);
        assert_eq!(count(&case, &["--ip", "::ffff:192.0.2.0/120"]), 15);
        assert_eq!(count(&case, &["--ip", "fe80::1%eth0"]), 3);
        assert_eq!(count(&case, &["--ip", "fe80::/10"]), 3);
        let in_network = "SELECT count(*) AS n FROM events WHERE in_cidr(src_ip, '192.0.2.0/24')";
        assert_eq!(sql(&case, in_network, &[]), json!([{ "n": 15 }]));
    }
}

#[test]
fn flows_are_filtered_by_either_end() {
    let case = stored(&[("flows", flows()), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    for is_indexed in [true, false] {
        if !is_indexed {
            without_index(&case);
        }
        for (filters, expected) in [
            (&["--src", "203.0.113.5", "--log", "vpc"][..], 3),
            (&["--src", "203.0.113.5"], 4),
            (&["--dst", "203.0.113.5"], 2),
            (&["--src", "10.0.0.1", "--dst", "203.0.113.5"], 1),
            (&["--dport", "22"], 3),
            (&["--sport", "443"], 1),
            (&["--port", "443"], 2),
            (&["--dport", "22", "--action", "ACCEPT"], 2),
            (&["--action", "reject"], 2),
            (&["--src", "!10.0.0.0/8", "--dport", "22", "--action", "ACCEPT"], 1),
            (&["--ip", "10.0.0.0/8", "--peer", "203.0.113.5"], 3),
            (&["--ip", "203.0.113.5", "--peer", "203.0.113.5"], 1),
            (&["--ip", "10.0.0.1", "--peer", "!10.0.0.0/8"], 3),
            (&["--peer", "198.51.100.7"], 1),
            (&["--peer", "10.0.0.0/8", "--ip", "10.0.0.0/8"], 2),
            (&["--failed"], 2),
            (&["--changes"], 0),
        ] {
            assert_eq!(count(&case, filters), expected, "{filters:?}");
        }
    }
}

/// Both ends of the flows that an interface logged are its addresses, each once for a flow, as `top ip` counts them.
#[test]
fn the_addresses_of_an_interface_are_both_ends_of_its_flows() {
    let case = stored(&[("flows", flows()), ("s3", request("203.0.113.5", "-", "k", "1"))]);
    let interfaces = top(&case, "interface", "count", &["--log", "vpc"]);
    let interface = interfaces.keys().find(|name| !name.is_empty()).unwrap();
    for (entity, filter) in [(interface.as_str(), "--interface"), ("10.0.0.0/8", "--ip"), ("22", "--port")] {
        let mut expected = top(&case, "ip", "count", &["--log", "vpc", filter, entity]);
        expected.remove("");
        let profile = case.sawq(&["who", entity, "--log", "vpc", "--json"]).json();
        let values = profile["facets"]["addresses"].as_array().unwrap();
        let found: BTreeMap<String, u64> = values
            .iter()
            .map(|value| (value["value"].as_str().unwrap().to_owned(), value["records"].as_u64().unwrap()))
            .collect();
        assert_eq!(found, expected, "{entity}");
        assert!(!found.is_empty());
    }
}

/// Such text is no address; and it is no pattern either.
#[test]
fn an_address_in_brackets_is_found_as_it_is_shown() {
    let of = |minute: usize, ip: &str| event(minute, json!({ "sourceIPAddress": ip }));
    let case = stored(&[("a.json", trail(&[of(0, "[2001:db8::1]"), of(1, "2001:db8::1")]))]);
    assert_eq!(count(&case, &["--ip", "[2001:db8::1]"]), 1);
    assert_eq!(count(&case, &["--ip", "2001:db8::1"]), 1);
}
