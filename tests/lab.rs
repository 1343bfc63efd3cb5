//! The lab's walkthrough, worked with our commands, compared with what the text prints: on the fixture, and on the real
//! logs where the environment variable `SAWLOG_LAB` names their folder, the one with `CloudTrail` and `s3-eng`.

use std::path::Path;
use std::process::Command;

use sawlog_tests::{Case, evidence, has_tools, skipped};

const ATTACKER: &str = "3.238.12.183";
/// The walkthrough changes to the folder of the bucket's logs, and to that of one region's events of one day.
const BUCKET: [&str; 2] = ["--bucket", "falsimentis-eng"];
const DAY: [&str; 2] = ["--source-file", "*us-west-1/2021/07/29/*"];
const CLI: &str =
    "aws-cli/2.2.23 Python/3.8.8 Linux/4.14.238-182.422.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off command/";
const BOTO: &str = "Boto3/1.18.8 Python/3.7.10 Linux/4.14.238-182.422.amzn2.x86_64 Botocore/1.21.8 Resource";

fn console(kernel: &str) -> String {
    format!(
        "S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1002 Linux/{kernel}.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.282-b08 java/1.8.0_282 vendor/Oracle_Corporation cfg/retry-mode/legacy"
    )
}

fn lines(case: &Case, arguments: &[&str]) -> Vec<String> {
    let ran = case.sawq(arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.text().lines().map(str::to_owned).collect()
}

/// What `awk '{print …}'` prints of a line: fields by blanks, from 1.
fn awk(line: &str, fields: &[usize]) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    fields.iter().map(|field| words[field - 1]).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_whole_walkthrough() {
    let case = Case::with(&evidence());
    bucket(&case);
    cloudtrail(&case);
    beyond_the_text(&case);
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}

/// The real logs are not part of the repository.
#[test]
fn the_walkthrough_of_the_real_logs() {
    let Some(logs) = std::env::var_os("SAWLOG_LAB") else {
        skipped("SAWLOG_LAB names no folder of the real lab's logs");
        return;
    };
    let logs = std::path::absolute(logs).expect("a path");
    let case = Case::new();
    let ran = case.sawlog(&["convert", logs.to_str().expect("a path of text")]);
    // The folder may hold files that are not logs.
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.err);
    let has = |part: &Path| {
        let is_there = logs.join(part).is_dir();
        if !is_there {
            skipped(&format!("there is no {} in {}", part.display(), logs.display()));
        }
        is_there
    };
    if has(Path::new("s3-eng")) {
        bucket(&case);
    }
    if has(Path::new("CloudTrail/us-west-1/2021/07/29")) {
        cloudtrail(&case);
    }
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}

/// The walkthrough's first half: s3logparse, grep and awk.
fn bucket(case: &Case) {
    let lines = |arguments: &[&str]| lines(case, &[arguments, &BUCKET].concat());

    // s3logparse useragent *
    let expected = [
        format!("38 - {CLI}s3.cp"),
        format!("38 - {CLI}s3.sync"),
        format!("19 - {}", console("5.4.129-72.229")),
        format!("18 - {}", console("5.4.122-66.218")),
        format!("2 - {CLI}s3.ls"),
        format!("2 - {BOTO}"),
        format!("1 - {CLI}s3api.get-bucket-versioning"),
        "1 - Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.107 Safari/537.36".to_owned(),
    ];
    assert_eq!(lines(&["s3logparse", "useragent"]), expected);

    // s3logparse toptalkers *
    assert_eq!(lines(&["s3logparse", "toptalkers"]), ["6.16 MiB - 3.238.12.183", "34.56 KiB - 96.253.26.224"]);

    // s3logparse useragent s3-eng-unknown-ip
    let expected = [
        format!("38 - {CLI}s3.cp"),
        format!("38 - {CLI}s3.sync"),
        format!("2 - {CLI}s3.ls"),
        format!("2 - {BOTO}"),
        format!("1 - {CLI}s3api.get-bucket-versioning"),
    ];
    assert_eq!(lines(&["s3logparse", "useragent", "--ip", ATTACKER]), expected);

    // s3logparse topfiles s3-eng-unknown-ip: head and tail
    let files = lines(&["s3logparse", "topfiles", "--ip", ATTACKER]);
    let head = [
        "4 - gse_multipart10686.jpg",
        "3 - PHOTOS",
        "2 - gse_multipart67095.jpg",
        "2 - gse_multipart46332.jpg",
        "2 - gse_multipart67068.jpg",
        "2 - gse_multipart67118.jpg",
    ];
    let tail = [
        "1 - gse_multipart67065.jpg.gpg",
        "1 - gse_multipart52142.jpg.gpg",
        "1 - README-RANSOM.txt",
        "1 - gse_multipart67112.jpg.gpg",
    ];
    assert_eq!(files[..6], head);
    assert_eq!(files[files.len() - 4..], tail);

    // grep -h 3.238.12.183 *
    let found = lines(&["find", "--log", "s3", "--ip", ATTACKER]);
    assert_eq!(found.len(), 116);
    let first = "701a23465480cca98d94a2f326ad22a9c26fec7b7a9c17ee8e10e8d50a91878e falsimentis-eng [29/Jul/2021:13:09:55 +0000] 3.238.12.183 arn:aws:iam::342082656213:user/jmerckle T7X3D7QX7X6GZ0NN REST.GET.BUCKET - \"GET /?list-type=2&prefix=&delimiter=%2F&encoding-type=url HTTP/1.1\" 200 - 7983 - 37 36 \"-\" \"aws-cli/2.2.23 Python/3.8.8 Linux/4.14.238-182.422.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off command/s3.ls\" - nWH0+ldF4vxbvpaMka7kLbRAFPVRP/QL9KfZwUP/lfVT12TExikGmfIKLT3Aac13Pyr+1ww+GaA= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader falsimentis-eng.s3.us-west-1.amazonaws.com TLSv1.2 -";
    assert_eq!(found[0], first);
    assert_eq!(awk(&found[0], &[3, 4]), "[29/Jul/2021:13:09:55 +0000]");
    let encrypted = lines(&["find", "--ip", ATTACKER, "--key", "*jpg.gpg"]);
    assert_eq!(awk(&encrypted[0], &[3, 4]), "[29/Jul/2021:19:59:35 +0000]");

    // awk '{print $3, $4, $8, $9}' s3-eng-unknown-ip
    let actions: Vec<String> = found.iter().map(|line| awk(line, &[3, 4, 8, 9])).collect();
    let stretches: [&[&str]; 4] = [
        &[
            "[29/Jul/2021:13:09:55 +0000] REST.GET.BUCKET -",
            "[29/Jul/2021:13:10:29 +0000] REST.GET.BUCKET -",
            "[29/Jul/2021:13:10:06 +0000] REST.HEAD.OBJECT gse_multipart10686.jpg",
            "[29/Jul/2021:13:10:30 +0000] REST.GET.OBJECT gse_multipart67095.jpg",
            "[29/Jul/2021:13:10:30 +0000] REST.GET.OBJECT gse_multipart46332.jpg",
        ],
        &[
            "[29/Jul/2021:14:03:06 +0000] BATCH.DELETE.OBJECT gse_multipart10686.jpg",
            "[29/Jul/2021:14:03:06 +0000] BATCH.DELETE.OBJECT gse_multipart10687.jpg",
            "[29/Jul/2021:14:03:06 +0000] BATCH.DELETE.OBJECT gse_multipart12012.jpg",
            "[29/Jul/2021:14:03:06 +0000] BATCH.DELETE.OBJECT gse_multipart22198.jpg",
        ],
        &[
            "[29/Jul/2021:14:03:06 +0000] REST.GET.BUCKETVERSIONS -",
            "[29/Jul/2021:14:03:43 +0000] REST.GET.BUCKET -",
            "[29/Jul/2021:14:01:48 +0000] REST.GET.VERSIONING -",
            "[29/Jul/2021:14:04:46 +0000] REST.GET.BUCKET -",
        ],
        &[
            "[29/Jul/2021:19:59:36 +0000] REST.PUT.OBJECT gse_multipart67096.jpg.gpg",
            "[29/Jul/2021:19:59:35 +0000] REST.PUT.OBJECT gse_multipart67065.jpg.gpg",
            "[29/Jul/2021:19:59:35 +0000] REST.PUT.OBJECT gse_multipart52142.jpg.gpg",
            "[29/Jul/2021:19:59:36 +0000] REST.PUT.OBJECT README-RANSOM.txt",
            "[29/Jul/2021:19:59:36 +0000] REST.PUT.OBJECT gse_multipart67112.jpg.gpg",
        ],
    ];
    let mut from = 0;
    for stretch in stretches {
        let at = actions[from..].windows(stretch.len()).position(|window| window == stretch);
        from += at.unwrap_or_else(|| panic!("{stretch:#?} does not follow line {from}"));
    }
    assert!(actions.starts_with(&stretches[0].iter().map(ToString::to_string).collect::<Vec<_>>()));
    assert!(actions.ends_with(&stretches[3].iter().map(ToString::to_string).collect::<Vec<_>>()));

    // awk '{print $6}' s3-eng-unknown-ip | sort | uniq -c
    let requesters = lines(&["top", "requester", "--ip", ATTACKER, "--format", "csv"]);
    assert_eq!(requesters.len(), 2);
    assert!(requesters[1].starts_with("arn:aws:iam::342082656213:user/jmerckle,116,6459228,"), "{}", requesters[1]);
}

/// The walkthrough's second half: ctsummarize, and jq on what it wrote.
fn cloudtrail(case: &Case) {
    // ctsummarize 3.238.12.183 …/*z
    let ran = case.sawq(&["ctsummarize", ATTACKER, DAY[0], DAY[1], "-o", "case"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let read = |name: &str| std::fs::read_to_string(case.path("case").join(name)).unwrap();

    // cat useragent.txt
    let agents = [
        (3, format!("{CLI}ec2.describe-instances")),
        (1, format!("{CLI}iam.create-access-key")),
        (4, format!("{CLI}iam.list-roles")),
        (1, format!("{CLI}iam.list-user-policies")),
        (5, format!("{CLI}iam.list-users")),
        (1, format!("{CLI}lambda.list-functions")),
        (1, format!("{CLI}logs.describe-log-groups")),
        (1, format!("[{CLI}s3api.get-bucket-versioning]")),
        (2, format!("[{CLI}s3.ls]")),
        (3, format!("{CLI}sts.get-caller-identity")),
        (15, "Boto3/1.18.1 Python/3.9.5 Linux/4.14.238-182.422.amzn2.x86_64 Botocore/1.21.1".to_owned()),
    ];
    let expected: String = agents.iter().map(|(count, agent)| format!("{count:>7} {agent}\n")).collect();
    assert_eq!(read("useragent.txt"), expected);
    assert_eq!(agents.iter().map(|(count, _)| count).sum::<i32>(), 37);

    // cat eventsummary.txt
    let denied = "User: arn:aws:iam::342082656213:user/jmerckle is not authorized to perform: ";
    let events = [
        ("13:02:53", "GetCallerIdentity", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        ("13:03:25", "ListBuckets", "[aws-cli/2.2.23 Pyth", "Access Denied".to_owned()),
        (
            "13:03:31",
            "DescribeInstances",
            "aws-cli/2.2.23 Pytho",
            "You are not authorized to perform this operation.".to_owned(),
        ),
        (
            "13:03:37",
            "ListFunctions20150331",
            "aws-cli/2.2.23 Pytho",
            format!("{denied}lambda:ListFunctions on resource: *"),
        ),
        ("13:03:42", "ListRoles", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        ("13:04:13", "ListUsers", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        ("13:04:25", "ListUsers", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        ("13:04:40", "ListRoles", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        ("13:04:50", "ListRoles", "aws-cli/2.2.23 Pytho", "null".to_owned()),
        (
            "13:04:57",
            "DescribeLogGroups",
            "aws-cli/2.2.23 Pytho",
            format!(
                "{denied}logs:DescribeLogGroups on resource: arn:aws:logs:us-west-1:342082656213:log-group::log-stream:"
            ),
        ),
        ("13:06:30", "GetCallerIdentity", "Boto3/1.18.1 Python/", "null".to_owned()),
        ("13:06:31", "GetPolicy", "Boto3/1.18.1 Python/", "null".to_owned()),
    ];
    let mut expected = vec!["EventTime UserName AccessKeyId EventName \"UserAgent\" \"ErrorMessage\"".to_owned()];
    expected.extend(events.iter().map(|(clock, name, agent, error)| {
        format!("2021-07-29T{clock}Z jmerckle AKIAU7JNXC7K7XNL3F6J {name} \"{agent}\" \"{error}\"")
    }));
    let summary = read("eventsummary.txt");
    assert_eq!(summary.lines().take(13).collect::<Vec<_>>(), expected);
    assert_eq!(summary.lines().count(), 38);
    assert_eq!(read("eventsummary.csv").lines().count(), 38);

    // cat writeevents.json | jq
    let writes = read("writeevents.json");
    let head = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAU7JNXC7KTE2ELED2M","arn":"arn:aws:iam::342082656213:user/jmerckle","accountId":"342082656213","accessKeyId":"AKIAU7JNXC7K7XNL3F6J","userName":"jmerckle"},"eventTime":"2021-07-29T13:06:49Z","eventSource":"iam.amazonaws.com","eventName":"PutUserPolicy","awsRegion":"us-east-1","#;
    assert!(writes.starts_with(head), "{writes}");
    let events: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&writes).into_iter().collect::<Result<_, _>>().unwrap();
    // jq '.eventName'
    let names: Vec<&str> = events.iter().filter_map(|event| event["eventName"].as_str()).collect();
    assert_eq!(names, ["PutUserPolicy", "CreateAccessKey"]);

    // jq -r 'select(.eventName=="PutUserPolicy") | .requestParameters | .policyName, .policyDocument'
    let put = lines(case, &["find", "--log", "cloudtrail", "--ip", ATTACKER, "--operation", "Put*", DAY[0], DAY[1]]);
    assert_eq!(put.len(), 1);
    let parameters = &serde_json::from_str::<serde_json::Value>(&put[0]).unwrap()["requestParameters"];
    let document = r#"{"Version": "2012-10-17","Statement": [{"Effect": "Allow","Action": "*","Resource": "*"}]}"#;
    assert_eq!(parameters["policyName"], "zlj9i0k83o");
    assert_eq!(parameters["policyDocument"], document);
    if has_tools(&[("jq", "jq")]) {
        let program = ".eventName, (.requestParameters.policyName // empty)";
        let printed =
            Command::new("jq").args(["-r", program]).arg(case.path("case/writeevents.json")).output().unwrap();
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), "PutUserPolicy\nzlj9i0k83o\nCreateAccessKey\n");
    }
}

/// What the text does not print, but the fixture has.
fn beyond_the_text(case: &Case) {
    let read = |name: &str| std::fs::read_to_string(case.path("case").join(name)).unwrap();
    assert_eq!(read("accesskeys.txt"), "     37 AKIAU7JNXC7K7XNL3F6J\n      1 AKIAU7JNXC7KWQ3CBN5E\n");
    // The records without an agent are the deletions.
    let deletions = lines(case, &["find", "-c", "--ip", ATTACKER, "--operation", "BATCH.DELETE.OBJECT", "--agent=!*"]);
    assert_eq!(deletions, ["35"]);
    // One region's folder of one day has all that the address did.
    assert_eq!(case.sawq(&["ctsummarize", ATTACKER, "-o", "everywhere"]).code, 0);
    let everywhere = std::fs::read_to_string(case.path("everywhere/eventsummary.txt")).unwrap();
    assert_eq!(everywhere, read("eventsummary.txt"));

    // Nothing is overwritten unless that is asked for.
    let again = case.sawq(&["ctsummarize", ATTACKER, "-o", "case"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("accesskeys.txt exists; nothing was written"), "{}", again.err);
    assert_eq!(case.sawq(&["ctsummarize", "--user", "jmerckle", "-o", "case", "--force"]).code, 0);
    assert_eq!(read("useragent.txt").lines().count(), 11);
    let ran = case.sawq(&["ctsummarize", "-o", "other"]);
    assert_eq!((ran.code, ran.err.contains("whose events?")), (2, true), "{}", ran.err);
    assert_eq!(case.sawq(&["ctsummarize", "--ip", "10.20.4.17", "--all-write", "-o", "builds"]).code, 0);
    let builds = std::fs::read_to_string(case.path("builds/writeevents.json")).unwrap();
    assert!(builds.lines().count() > 5 && builds.lines().all(|line| line.contains("UpdateInstanceInformation")));
}
