//! The lab's walkthrough of the S3 logs, worked on the fixture with our commands, compared with what the text prints.

use sawlog_tests::{Case, fixture};

const ATTACKER: &str = "3.238.12.183";
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
    let case = Case::with(&fixture());

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
    assert_eq!(lines(&case, &["s3logparse", "useragent"]), expected);

    // s3logparse toptalkers *
    assert_eq!(lines(&case, &["s3logparse", "toptalkers"]), ["6.16 MiB - 3.238.12.183", "34.56 KiB - 96.253.26.224"]);

    // s3logparse useragent s3-eng-unknown-ip
    let expected = [
        format!("38 - {CLI}s3.cp"),
        format!("38 - {CLI}s3.sync"),
        format!("2 - {CLI}s3.ls"),
        format!("2 - {BOTO}"),
        format!("1 - {CLI}s3api.get-bucket-versioning"),
    ];
    assert_eq!(lines(&case, &["s3logparse", "useragent", "--ip", ATTACKER]), expected);

    // s3logparse topfiles s3-eng-unknown-ip: head and tail
    let files = lines(&case, &["s3logparse", "topfiles", "--ip", ATTACKER]);
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
    let found = lines(&case, &["find", "--ip", ATTACKER]);
    assert_eq!(found.len(), 116);
    let first = "701a23465480cca98d94a2f326ad22a9c26fec7b7a9c17ee8e10e8d50a91878e falsimentis-eng [29/Jul/2021:13:09:55 +0000] 3.238.12.183 arn:aws:iam::342082656213:user/jmerckle T7X3D7QX7X6GZ0NN REST.GET.BUCKET - \"GET /?list-type=2&prefix=&delimiter=%2F&encoding-type=url HTTP/1.1\" 200 - 7983 - 37 36 \"-\" \"aws-cli/2.2.23 Python/3.8.8 Linux/4.14.238-182.422.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off command/s3.ls\" - nWH0+ldF4vxbvpaMka7kLbRAFPVRP/QL9KfZwUP/lfVT12TExikGmfIKLT3Aac13Pyr+1ww+GaA= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader falsimentis-eng.s3.us-west-1.amazonaws.com TLSv1.2 -";
    assert_eq!(found[0], first);
    assert_eq!(awk(&found[0], &[3, 4]), "[29/Jul/2021:13:09:55 +0000]");
    let encrypted = lines(&case, &["find", "--ip", ATTACKER, "--key", "*.jpg.gpg"]);
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
    let requesters = lines(&case, &["top", "requester", "--ip", ATTACKER, "--format", "csv"]);
    assert_eq!(requesters.len(), 2);
    assert!(requesters[1].starts_with("arn:aws:iam::342082656213:user/jmerckle,116,6459228,"), "{}", requesters[1]);

    // What the text does not print: the records without an agent are the deletions.
    let deletions = lines(&case, &["find", "-c", "--ip", ATTACKER, "--operation", "BATCH.DELETE.OBJECT", "--agent=!*"]);
    assert_eq!(deletions, ["35"]);
    let verified = case.sawlog(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}
