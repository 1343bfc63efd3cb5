//! The report in a browser: it shows what is in the store, its filters work, and nothing out of a log runs or steers.
//!
//! Needs Debian's packages `chromium`, `chromium-driver`, `curl` and `poppler-utils`, or is skipped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sawlog_tests::{Case, evidence, has_browser};
use serde_json::{Value, json};

/// A page in headless Chromium, driven by `chromedriver`.
struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    fn open(page: &str, width: u32) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver starts: it is in Debian's package chromium-driver");
        let out = BufReader::new(driver.stdout.take().unwrap());
        let port = out.lines().map_while(Result::ok).find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            Some(port.trim_end_matches('.').to_owned())
        });
        let base = format!("http://127.0.0.1:{}/session", port.expect("chromedriver names its port"));
        let window = format!("--window-size={width},1200");
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--disable-gpu", window] });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let made = post(&base, &json!({ "capabilities": { "alwaysMatch": wanted } }));
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        let browser = Self { driver, session: format!("{base}/{id}") };
        browser.post("url", &json!({ "url": page }));
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        post(&format!("{}/{path}", self.session), body)
    }

    /// The value of an expression of the page's own language.
    fn value(&self, expression: &str) -> Value {
        self.post("execute/sync", &json!({ "script": format!("return ({expression});"), "args": [] }))
    }

    /// Calls the browser's own protocol.
    fn command(&self, name: &str, params: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": name, "params": params }))
    }

    /// The page on paper: the text of each sheet.
    fn paper(&self, case: &Case) -> Vec<String> {
        let printed = self.command(
            "Page.printToPDF",
            &json!({ "preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.69 }),
        );
        let pdf = base64(printed["data"].as_str().expect("a PDF"));
        std::fs::write(case.path("page.pdf"), pdf).unwrap();
        let ran = Command::new("pdftotext").args(["-layout", "page.pdf", "-"]).current_dir(case.path(".")).output();
        let text = ran.expect("pdftotext starts: it is in Debian's package poppler-utils").stdout;
        let text = String::from_utf8(text).unwrap();
        text.trim_end_matches('\u{c}').split('\u{c}').map(str::to_owned).collect()
    }

    /// Moves the mouse over the timeline's picture, to shares of its width, and does something at each.
    fn point(&self, steps: &[(f64, &[&str])]) {
        let place = self.value(
            "(() => { const over = document.querySelector('#timeline .u-over'); over.scrollIntoView({ block: 'center' }); \
             const { left, top, width, height } = over.getBoundingClientRect(); return [left, top + height / 2, width]; })()",
        );
        let [left, middle, width] = [0, 1, 2].map(|at| place[at].as_f64().unwrap());
        let mut actions = Vec::new();
        for (share, does) in steps {
            let (x, y) = ((left + width * share).round(), middle.round());
            actions.push(json!({ "type": "pointerMove", "duration": 50, "x": x, "y": y }));
            actions.extend(does.iter().map(|does| json!({ "type": does, "button": 0 })));
        }
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        self.post("actions", &json!({ "actions": [mouse] }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = Command::new("curl").args(["-s", "-X", "DELETE", &self.session]).output();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// What a text in Base64 stands for.
fn base64(text: &str) -> Vec<u8> {
    let mut decoder = Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = decoder.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, text.as_bytes()));
    let out = decoder.wait_with_output().unwrap().stdout;
    writer.join().unwrap().unwrap();
    out
}

fn post(url: &str, body: &Value) -> Value {
    let body = body.to_string();
    let arguments = ["-s", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", &body, url];
    let ran = Command::new("curl").args(arguments).output().expect("curl starts");
    let answer: Value = serde_json::from_slice(&ran.stdout).expect("WebDriver answers in JSON");
    answer["value"].clone()
}

fn get(url: &str) -> Value {
    let ran = Command::new("curl").args(["-s", "--noproxy", "*", url]).output().expect("curl starts");
    let answer: Value = serde_json::from_slice(&ran.stdout).expect("WebDriver answers in JSON");
    answer["value"].clone()
}

/// How many lines of the timeline are to be seen.
const SHOWN: &str = "document.querySelectorAll('#bursts tbody tr:not([hidden])').length";

fn set(field: &str, to: &str) -> String {
    format!(
        "(() => {{ const form = document.getElementById('filter'); form.{field} = {to}; \
             form.dispatchEvent(new Event('input')); return {SHOWN}; }})()"
    )
}

#[test]
fn the_report_shows_and_filters_without_an_error() {
    if !has_browser() {
        return;
    }
    let case = Case::with(&evidence());
    let ran = case.sawq(&["report", "--out", "case.html", "--entity", "3.238.12.183", "--title", "Case 7"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let again = case.sawq(&["report", "--out", "case.html"]);
    assert!(again.code == 1 && again.err.contains("--force"), "{}", again.err);
    let page = format!("file://{}", case.path("case.html").display());
    for width in [1440, 800] {
        let browser = Browser::open(&page, width);
        assert_eq!(browser.value("document.documentElement.dataset.ready"), "yes");
        assert_eq!(browser.post("se/log", &json!({ "type": "browser" })), json!([]), "the console is silent");
        assert_eq!(browser.value("document.title"), "Case 7");
        assert_eq!(browser.value("document.querySelectorAll('canvas').length"), 2);
        assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth"), true);
        let all = browser.value(SHOWN).as_u64().unwrap();
        let failed = browser.value(&set("failed.checked", "true")).as_u64().unwrap();
        let timeline = case.sawq(&["timeline", "--json"]).json();
        let bursts = timeline.as_array().unwrap();
        assert_eq!(all, bursts.len() as u64);
        assert_eq!(failed, bursts.iter().filter(|burst| burst["outcome"] == "failure").count() as u64);
        assert_eq!(browser.value(&set("failed.checked", "false")), all);
        let ends = browser.value("[...document.querySelectorAll('#bursts tr')].filter((row) => row.cells[4].textContent === '36' && row.cells[5].textContent === 'REST.GET.OBJECT').map((row) => row.cells[0].textContent)");
        assert_eq!(ends, json!(["2021-07-29 13:10:06 to 13:10:34"]));
        let policies = bursts.iter().filter(|burst| burst["operation"] == "PutUserPolicy").count();
        assert_eq!(browser.value(&set("text.value", "'putuserpolicy'")), policies);
        assert_eq!(browser.value(&set("text.value", "'no such thing'")), 0);
        assert_eq!(browser.value(&set("text.value", "''")), all);
        zooms(&browser, all);
        let digest = browser.value("document.querySelector('#sources code').textContent");
        assert_eq!(digest.as_str().map(str::len), Some(64));
        let entity = browser.value("document.querySelector('#entity-0').textContent");
        assert!(entity.as_str().unwrap().contains("AKIAU7JNXC7K7XNL3F6J"), "{entity}");
    }
}

/// A drag over the picture leaves the lines of that time, a double click gives all of them back.
fn zooms(browser: &Browser, all: u64) {
    let status = || browser.value("document.getElementById('shown').textContent").as_str().unwrap().to_owned();
    assert!(!status().contains("UTC"), "{}", status());
    browser.point(&[(0.5, &["pointerDown"]), (0.7, &[]), (0.9, &["pointerUp"])]);
    let zoomed = status();
    let (from, to) = zoomed
        .split_once(", ")
        .and_then(|(_, times)| times.trim_end_matches(" UTC").split_once(" to "))
        .expect(&zoomed);
    let rows = browser.value(
        "[...document.querySelectorAll('#bursts tbody tr')].map((row) => [row.cells[0].textContent.slice(0, 19), row.hidden])",
    );
    let rows: Vec<(&str, bool)> =
        rows.as_array().unwrap().iter().map(|row| (row[0].as_str().unwrap(), row[1].as_bool().unwrap())).collect();
    let left: Vec<&str> = rows.iter().filter(|(_, hidden)| !hidden).map(|(time, _)| *time).collect();
    assert!(!left.is_empty() && (left.len() as u64) < all, "{zoomed}");
    assert_eq!(browser.value(SHOWN), left.len());
    // A burst may begin before what is looked at; none that begins within it is hidden.
    assert!(left.iter().all(|time| *time <= to), "{zoomed}: {left:?}");
    assert!(rows.iter().all(|(time, hidden)| !hidden || *time <= from || *time >= to), "{zoomed}: {rows:?}");
    let click = ["pointerDown", "pointerUp", "pointerDown", "pointerUp"];
    browser.point(&[(0.5, &click)]);
    assert_eq!(browser.value(SHOWN), all, "{}", status());
    assert!(!status().contains("UTC"), "{}", status());
}

/// The words that are on two lines, in the parts of the page that can be seen: their pieces are of different widths.
/// (The head of a table that goes on elsewhere is there several times, whole.)
fn broken_words(browser: &Browser, parts: &str) -> Value {
    browser.value(&format!(
        "[...document.querySelectorAll('{parts}')].filter((part) => part.getClientRects().length).flatMap((part) => {{ \
             const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT); const broken = []; \
             for (let node = walker.nextNode(); node; node = walker.nextNode()) for (const word of node.data.matchAll(/[A-Za-z0-9_]+/g)) {{ \
                 const range = document.createRange(); range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length); \
                 const widths = [...range.getClientRects()].map((part) => Math.round(part.width)); \
                 if (new Set(widths).size > 1) broken.push(word[0]); }} \
             return broken; }})"
    ))
}

/// On paper nothing is cut off, no word is broken, and the paper is white whatever the screen is.
#[test]
fn a_printed_report_is_whole_and_light() {
    if !has_browser() {
        return;
    }
    let case = Case::with(&evidence());
    let ran = case.sawq(&["report", "--out", "case.html", "--entity", "3.238.12.183"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // A sheet of A4 on its side, less the margins.
    let browser = Browser::open(&format!("file://{}", case.path("case.html").display()), 1032);
    let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    let background = "getComputedStyle(document.body).backgroundColor";
    let emulate = |media: &str| {
        let params = json!({ "media": media, "features": dark });
        browser.post("goog/cdp/execute", &json!({ "cmd": "Emulation.setEmulatedMedia", "params": params }))
    };
    emulate("screen");
    assert_ne!(browser.value(background), "rgb(255, 255, 255)");
    emulate("print");
    assert_eq!(browser.value(background), "rgb(255, 255, 255)");
    let cut = browser.value(
        "[...document.querySelectorAll('table, canvas, code')].filter((part) => part.getBoundingClientRect().right > innerWidth) \
             .map((part) => part.id || part.textContent.slice(0, 40))",
    );
    assert_eq!(cut, json!([]));
    assert_eq!(broken_words(&browser, "h2, h3, dt, th, td, .card"), json!([]));
    let paper = browser.value("document.querySelector('#time p.paper').innerText");
    let paper = paper.as_str().unwrap();
    assert!(paper.starts_with("On paper: all 137 lines that failed or changed something. All 467 lines: "), "{paper}");
}

/// Names in the page's own words, and what each is for the case.
#[test]
fn the_page_says_whose_case_it_is_and_where_each_line_stands() {
    if !has_browser() {
        return;
    }
    let case = Case::with(&evidence());
    let verified = case.sawlog(&["verify", "--json"]);
    std::fs::write(case.path("verified.json"), &verified.out).unwrap();
    let arguments = [
        "report",
        "--out",
        "case.html",
        "--title",
        "Falsimentis",
        "--case-number",
        "2026-17",
        "--examiner",
        "A. Example",
        "--evidence",
        "Logs of <three> accounts, as delivered",
        "--verified",
        "verified.json",
        "--since",
        "2021-07-28",
    ];
    let ran = case.sawq(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("case.html").display()), 1440);
    let head = browser.value("document.querySelector('header').innerText");
    let head = head.as_str().unwrap();
    for text in [
        "2026-17",
        "A. Example",
        "Logs of <three> accounts, as delivered",
        "134 of 134 sources rebuilt byte for byte",
        "sawlog-store",
    ] {
        assert!(head.contains(text), "{text}: {head}");
    }
    // Each line names its place, as the timeline of the command line has it, and leads to the source with its hash.
    let rows = case.sawq(&["timeline", "--json", "--since", "2021-07-28"]).json();
    let places: Vec<String> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}, line {}", row["source_file"].as_str().unwrap(), row["source_line"]))
        .collect();
    let on_page = browser.value("[...document.querySelectorAll('#bursts .place')].map((place) => place.textContent)");
    assert_eq!(on_page, json!(places));
    let linked = browser.value(
        "[...document.querySelectorAll('#bursts .place a')].every((link) => { const row = document.querySelector(link.getAttribute('href')); \
             return row.cells[1].textContent === link.textContent && row.cells[6].textContent.length === 64; })",
    );
    assert_eq!(linked, true);
    let sources = case.sawq(&["sql", "SELECT sha256 FROM sources ORDER BY path", "--json"]).json();
    let hashes: Vec<&Value> = sources.as_array().unwrap().iter().map(|source| &source["sha256"]).collect();
    assert_eq!(
        browser.value("[...document.querySelectorAll('#files .hash')].map((cell) => cell.textContent)"),
        json!(hashes)
    );
    // Nothing is cut off at the right.
    let cut = browser.value(
        "[...document.querySelectorAll('#bursts .outcome')].filter((cell) => cell.getBoundingClientRect().right > \
             document.querySelector('#bursts').parentElement.getBoundingClientRect().right + 1).length",
    );
    assert_eq!(cut, 0);
    let placeholder = browser.value("(() => { const field = document.forms.filter.text; const canvas = document.createElement('canvas').getContext('2d'); \
        canvas.font = getComputedStyle(field).font; return canvas.measureText(field.placeholder).width < field.clientWidth - 12; })()");
    assert_eq!(placeholder, true);
    let page = std::fs::read_to_string(case.path("case.html")).unwrap();
    assert!(!page.contains(">remote_ip<") && !page.contains(">srcaddr<"), "headings are words");
    let unverified = case.sawq(&["report", "--out", "other.html"]);
    assert_eq!(unverified.code, 0, "{}", unverified.err);
    let page = std::fs::read_to_string(case.path("other.html")).unwrap();
    assert!(page.contains("no result of a verification was given; run <code>sawlog verify</code>"));
    case.write("wrong.json", "{}");
    let wrong = case.sawq(&["report", "--out", "third.html", "--verified", "wrong.json"]);
    assert!(wrong.code == 1 && wrong.err.contains("sawlog verify --json"), "{}", wrong.err);
}

/// A verification that found something, or was of another state of the store, is no proof.
#[test]
fn a_bad_verification_is_told() {
    let case = Case::with(&evidence());
    let result = json!({ "verified": 132, "bytes": 5, "without_records": 0, "failed": [["a.log", "differs"]], "index_differs": [] });
    case.write("verified.json", result.to_string());
    assert_eq!(case.sawq(&["report", "--out", "r.html", "--verified", "verified.json"]).code, 0);
    let page = std::fs::read_to_string(case.path("r.html")).unwrap();
    assert!(
        page.contains("132 of 133 sources rebuilt") && page.contains("failed: 1"),
        "{}",
        &page[page.find("<dl>").unwrap()..][..900]
    );
    assert!(page.contains("the result covers 133 sources, but the store has 134"));
}

/// The page says which records it is about, and notes a verification of other sources, were they as many.
#[test]
fn filters_and_the_verification_of_another_store_are_told() {
    let [case, other] = ["a", "b"].map(|key| {
        let case = Case::new();
        let line = format!("owner bucket [29/Jul/2021:10:00:00 +0000] 192.0.2.1 - R1 REST.PUT.OBJECT {key} \"PUT /k HTTP/1.1\" 200 - - 5 1 1 - \"x\" -\n");
        case.write("logs/a", line);
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
        case
    });
    std::fs::write(case.path("verified.json"), case.sawlog(&["verify", "--json"]).out).unwrap();
    std::fs::copy(case.path("verified.json"), other.path("verified.json")).unwrap();
    let page = |case: &Case, options: &[&str]| {
        let ran = case.sawq(&[&["report", "-o", "r.html", "--force", "--verified", "verified.json"], options].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        std::fs::read_to_string(case.path("r.html")).unwrap().replace("<wbr>", "")
    };
    let own = page(&case, &[]);
    assert!(own.contains("1 of 1 source rebuilt byte for byte") && !own.contains("covers sources that differ"));
    assert!(!own.contains("<dt>Filters</dt>"));
    assert!(page(&other, &[]).contains("the result covers sources that differ from those in the store"));
    let filtered = page(&case, &["--ip", "192.0.2.0/24", "--key=a", "--title=--failed"]);
    assert!(filtered.contains("<dt>Filters</dt>") && filtered.contains("--ip 192.0.2.0/24 --key=a</code>"));
}

#[test]
fn entities_that_were_not_seen_are_told_with_near_names() {
    if !has_browser() {
        return;
    }
    let case = Case::with(&evidence());
    let ran = case.sawq(&["report", "--out", "r.html", "--entity", "jmerkle", "--entity", "3.238.12.183"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("--entity jmerkle is not in the records") && ran.err.contains("did you mean 'jmerckle'?"),
        "{}",
        ran.err
    );
    let browser = Browser::open(&format!("file://{}", case.path("r.html").display()), 1000);
    let missing = browser.value("document.querySelector('#entity-0').textContent");
    assert!(missing.as_str().unwrap().contains("Not seen"), "{missing}");
    // That an address was seen with itself says nothing.
    let headings =
        browser.value("[...document.querySelectorAll('#entity-1 h3')].map((heading) => heading.textContent)");
    let headings: Vec<&str> = headings.as_array().unwrap().iter().map(|heading| heading.as_str().unwrap()).collect();
    assert!(headings.contains(&"Principals") && !headings.contains(&"Addresses"), "{headings:?}");
}

/// A trail of many lines: failures of one kind, and a few changes among reads, early and late.
fn long_trail(case: &Case, events: usize) {
    let mut records = Vec::new();
    for number in 0..events {
        let (hour, minute) = (number / 60 % 24, number % 60);
        let mut event = json!({
            "eventTime": format!("2021-07-{:02}T{hour:02}:{minute:02}:00Z", 1 + number / 1440), "eventSource": "ec2.amazonaws.com",
            "eventName": "DescribeInstances", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "readOnly": true,
            "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/user-{}", number % 7) },
        });
        match number % 1000 {
            1 | 2 => {
                event["eventName"] = json!("CreateUser");
                event["readOnly"] = json!(false);
                event["requestParameters"] = json!({ "userName": format!("new-{number}") });
            }
            place if place % 3 == 0 => event["errorCode"] = json!("AccessDenied"),
            _ => {}
        }
        records.push(event);
    }
    for (file, records) in records.chunks(3).enumerate() {
        case.write(&format!("logs/{file:05}.json"), json!({ "Records": records }).to_string());
    }
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// Wherever on a sheet it begins: a heading without its lines says nothing.
#[test]
fn on_paper_the_heading_of_the_timeline_is_above_its_first_lines() {
    if !has_browser() {
        return;
    }
    let case = Case::new();
    long_trail(&case, 1500);
    let ran = case.sawq(&["report", "--out", "r.html", "-n", "100"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("r.html").display()), 1440);
    for pixels in (0..700).step_by(50) {
        browser.value(&format!("document.querySelector('#summary').style.paddingBottom = '{pixels}px'"));
        let sheets = browser.paper(&case);
        let below = sheets.iter().find_map(|sheet| sheet.split_once("Timeline\n")).map(|(_, below)| below);
        let below = below.unwrap_or_else(|| panic!("{pixels}: no heading in {sheets:?}"));
        for expected in ["Each line is", "On paper: ", "Outcome", ".json, line "] {
            assert!(below.contains(expected), "{pixels}: {expected:?} is not below the heading in {below}");
        }
    }
}

#[test]
fn of_many_lines_the_telling_ones_are_shown_over_the_whole_case() {
    if !has_browser() {
        return;
    }
    let case = Case::new();
    long_trail(&case, 6000);
    let ran = case.sawq(&["report", "--out", "r.html", "-n", "100", "--entity", "user-3", "--log", "cloudtrail"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("r.html").display()), 1440);
    assert_eq!(browser.post("se/log", &json!({ "type": "browser" })), json!([]));
    assert_eq!(browser.value(SHOWN), 100);
    // All changes, which are few, early and late.
    assert_eq!(browser.value(&set("changes.checked", "true")), 12);
    assert_eq!(browser.value(&set("changes.checked", "false")), 100);
    let failed = browser.value(&set("failed.checked", "true")).as_u64().unwrap();
    assert!((40..=90).contains(&failed), "{failed}");
    let times = browser.value(
        "[...document.querySelectorAll('#bursts tr.failed td.time')].map((cell) => cell.textContent.slice(0, 10))",
    );
    let times = times.as_array().unwrap();
    assert_eq!(
        (times[0].as_str(), times[times.len() - 1].as_str() >= Some("2021-07-04")),
        (Some("2021-07-01"), true),
        "{times:?}"
    );
    let said = browser.value("document.querySelector('#time').innerText");
    let said = said.as_str().unwrap();
    assert!(
        said.contains("The page shows 100 of ") && said.contains("All lines: sawq timeline --log cloudtrail"),
        "{said}"
    );
    // The chart is of the whole case, whatever the page shows of it.
    let drawn = browser
        .value("JSON.parse(document.getElementById('data').textContent).bars.reduce((sum, bar) => sum + bar[2], 0)");
    assert_eq!(drawn, 6000);
    // One log has one lane, and no other is spoken of.
    assert_eq!(
        browser.value("[...document.querySelectorAll('#filter input[name=log]')].map((box) => box.value)"),
        json!(["cloudtrail"])
    );
    let legend = browser.value("document.querySelector('#timeline .u-legend').textContent");
    let legend = legend.as_str().unwrap();
    assert!(
        legend.contains("cloudtrail failed") && legend.contains("cloudtrail changed") && !legend.contains("s3_access"),
        "{legend}"
    );
    // What is found by text is what the chart shows.
    let picture = "document.querySelector('#timeline canvas').toDataURL()";
    browser.value(&set("failed.checked", "false"));
    let whole = browser.value(picture);
    assert_eq!(browser.value(&set("text.value", "'new-5001'")), 1);
    let one = browser.value(picture);
    assert_eq!(browser.value(&set("text.value", "'no such thing'")), 0);
    let none = browser.value(picture);
    assert!(whole != one && one != none && whole != none);
    // There are 2,000 sources: their list is in a file, too, whose hash is on the page.
    let list = std::fs::read(case.path("r.sources.csv")).unwrap();
    let hash: String = sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), &list))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let sources = browser.value("document.querySelector('#sources').textContent");
    assert!(sources.as_str().unwrap().contains(&hash), "{sources}");
    assert_eq!(list.split(|byte| *byte == b'\n').count() - 1, 2001);
    assert_eq!(browser.value("document.querySelectorAll('#files .hash').length"), 2000);
    assert_eq!(browser.value("document.querySelector('#sources details').open"), false);
    assert_eq!(browser.value("(() => { location.hash = '#source-1999'; return new Promise((done) => setTimeout(() => done(document.querySelector('#sources details').open), 300)); })()"), true);
    let again = case.sawq(&["report", "--out", "r.html", "--match", "CreateUser", "--force"]);
    assert!(again.code == 0 && again.err.contains("r.html covers 12 records"), "{}", again.err);
    std::fs::remove_file(case.path("r.html")).unwrap();
    let again = case.sawq(&["report", "--out", "r.html"]);
    assert!(again.code == 1 && again.err.contains("r.sources.csv exists"), "{}", again.err);
    assert!(!case.path("r.html").exists(), "there is no half of a report");
    // A list that can't be written leaves the page as it was.
    case.write("s.html", "before");
    std::fs::create_dir(case.path("s.sources.csv")).unwrap();
    let failed = case.sawq(&["report", "--out", "s.html", "--force"]);
    assert!(failed.code == 1 && failed.err.contains("s.sources.csv is not a regular file"), "{}", failed.err);
    assert_eq!(std::fs::read_to_string(case.path("s.html")).unwrap(), "before");
}

/// A page is there once it is complete, and takes the place of nothing but a page.
#[test]
fn a_failed_report_leaves_nothing() {
    let case = Case::with(&evidence());
    case.write("wrong.json", "{}");
    case.write("before.html", "before");
    let names = || {
        let entries = std::fs::read_dir(case.path(".")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for page in ["new.html", "before.html"] {
        let ran = case.sawq(&["report", "-o", page, "--force", "--verified", "wrong.json"]);
        assert!(ran.code == 1 && ran.err.contains("sawlog verify --json"), "{}", ran.err);
    }
    assert_eq!(names(), before);
    assert_eq!(std::fs::read_to_string(case.path("before.html")).unwrap(), "before");
    let kept = case.sawq(&["report", "-o", "before.html"]);
    assert!(
        kept.code == 1 && kept.err.contains("before.html exists; nothing was written. Use --force"),
        "{}",
        kept.err
    );
    std::os::unix::fs::symlink("/dev/null", case.path("null.html")).unwrap();
    let device = case.sawq(&["report", "-o", "null.html", "--force"]);
    assert!(device.code == 1 && device.err.contains("null.html is not a regular file"), "{}", device.err);
    assert!(case.path("null.html").is_symlink());
    assert_eq!(case.sawq(&["report", "-o", "before.html", "--force"]).code, 0);
    assert!(std::fs::read_to_string(case.path("before.html")).unwrap().starts_with("<!DOCTYPE html>"));
}

/// What there is one of is told as one, and every size in the same way.
#[test]
fn one_is_one_and_sizes_are_alike() {
    if !has_browser() {
        return;
    }
    let case = Case::new();
    case.write("logs/flows.log", "version account-id interface-id srcaddr dstaddr bytes action\n2 111122223333 eni-1 192.0.2.1 198.51.100.1 700 REJECT\n");
    case.write("logs/s3.log", "a line that is no record of S3\n");
    let ran = case.sawlog(&["convert", "logs/flows.log", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    std::fs::write(case.path("verified.json"), case.sawlog(&["verify", "--json"]).out).unwrap();
    let ran = case.sawq(&["report", "-o", "r.html", "--entity", "192.0.2.1", "--verified", "verified.json"]);
    assert!(ran.code == 0 && ran.err == "sawq: r.html covers 1 record\n", "{}", ran.err);
    assert_eq!(case.sawlog(&["convert", "logs/s3.log", "--format", "s3-access", "-q"]).code, 3);
    std::fs::write(case.path("two.json"), case.sawlog(&["verify", "--json"]).out).unwrap();
    assert_eq!(case.sawq(&["report", "-o", "reject.html", "-n", "0", "--verified", "two.json"]).code, 0);
    for page in ["r.html", "reject.html"] {
        let browser = Browser::open(&format!("file://{}", case.path(page).display()), 1000);
        for media in ["screen", "print"] {
            browser.command("Emulation.setEmulatedMedia", &json!({ "media": media }));
            let text = browser.value("document.body.innerText");
            let text = text.as_str().unwrap();
            let words: Vec<&str> = text.split_whitespace().collect();
            let many = ["records", "files", "lines", "sources", "digests", "others"];
            let wrong = words.windows(2).find(|pair| pair[0] == "1" && many.contains(&pair[1]));
            assert_eq!(wrong, None, "{text}");
            let sizes = words.windows(2).filter(|pair| ["B", "KiB", "MiB", "kB", "KB", "MB"].contains(&pair[1]));
            let sizes: Vec<&[&str]> = sizes.collect();
            let is_alike =
                |size: &&[&str]| size[1] != "kB" && size[1] != "KB" && size[1] != "MB" && size[0].contains('.');
            assert!(sizes.iter().all(is_alike), "{sizes:?}");
            assert!(sizes.len() > 1, "{text}");
            assert!(text.contains("1 record has no time"), "{text}");
        }
    }
}

/// Paper has a few sheets, with numbers, whatever there is on the screen.
#[test]
fn a_long_case_is_printed_on_a_few_sheets() {
    if !has_browser() {
        return;
    }
    let case = Case::new();
    long_trail(&case, 12_000);
    let ran = case.sawq(&[
        "report",
        "--out",
        "r.html",
        "--case-number",
        "2026-17",
        "--title",
        "Long \"case\"",
        "--entity",
        "user-3",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("r.html").display()), 1440);
    let sheets = browser.paper(&case);
    assert!((3..=40).contains(&sheets.len()), "{}", sheets.len());
    for (place, sheet) in sheets.iter().enumerate() {
        assert!(sheet.contains(&format!("{} / {}", place + 1, sheets.len())), "{sheet}");
        assert!(sheet.contains("2026-17 · Long \"case\""), "{sheet}");
        // No heading is the last thing on a sheet.
        let lines: Vec<&str> = sheet.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len() - 2].trim();
        assert!(
            !["Timeline", "Sources", "Rejects", "Method", "Summary", "Created or changed"].contains(&last),
            "{last}"
        );
    }
    let all = sheets.concat();
    assert!(all.contains("On paper: ") && all.contains("CreateUser") && all.contains("AccessDenied"));
    assert!(!all.contains("Top values"));
}

#[test]
fn on_a_phone_no_word_is_broken_and_without_script_the_tables_are_there() {
    if !has_browser() {
        return;
    }
    let case = Case::with(&evidence());
    let ran = case.sawq(&["report", "--out", "r.html", "--entity", "3.238.12.183"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = format!("file://{}", case.path("r.html").display());
    let browser = Browser::open(&page, 1000);
    browser.command(
        "Emulation.setDeviceMetricsOverride",
        &json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false }),
    );
    assert_eq!(browser.value("[innerWidth, document.documentElement.scrollWidth <= innerWidth]"), json!([400, true]));
    let parts = "h2, h3, dt, th, .card, #bursts :is(.short, .time, .who, .from, .num, .what)";
    assert_eq!(broken_words(&browser, parts), json!([]));
    browser.command("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.post("url", &json!({ "url": page }));
    let text = browser.post("element", &json!({ "using": "css selector", "value": "body" }));
    let id = text
        .as_object()
        .and_then(|element| element.values().next())
        .and_then(Value::as_str)
        .expect("a body")
        .to_owned();
    let text = get(&format!("{}/element/{id}/text", browser.session));
    let text = text.as_str().unwrap();
    assert!(text.contains("zlj9i0k83o on jmerckle") && text.contains("S3 server access logs"), "{text}");
    assert!(!text.contains("failed only"), "a form that does nothing is not shown");
}

#[test]
fn what_a_log_says_stays_text() {
    if !has_browser() {
        return;
    }
    const AGENTS: [&str; 4] = [
        "</script><script>document.title='owned'</script>",
        "<img src=x onerror=document.title='owned'>",
        "' onmouseover='document.title=1",
        "a\u{202e}b<!--",
    ];
    let case = Case::new();
    let line = |agent: &str| {
        format!(
            "owner bucket [29/Jul/2021:10:00:00 +0000] 192.0.2.1 - R1 REST.PUT.OBJECT {} \"PUT /k HTTP/1.1\" 200 - - 5 1 1 - \"{agent}\" -\n",
            agent.replace(' ', "+")
        )
    };
    case.write("logs/a", AGENTS.map(line).concat());
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let title = "<script>alert(1)</script>";
    let ran = case.sawq(&["report", "--out", "r.html", "--entity", "192.0.2.1", "--title", title]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("r.html").display()), 1000);
    assert_eq!(browser.value("document.documentElement.dataset.ready"), "yes");
    assert_eq!(browser.post("se/log", &json!({ "type": "browser" })), json!([]));
    assert_eq!(browser.value("document.title"), title);
    assert_eq!(browser.value("document.images.length"), 0);
    assert_eq!(browser.value("document.scripts.length"), 2);
    let text = browser.value("document.querySelector('#entity-0').textContent");
    let text = text.as_str().unwrap();
    assert!(AGENTS[..3].iter().all(|agent| text.contains(agent)), "{text}");
    assert!(text.contains("a\\u{202e}b<!--") && !text.contains('\u{202e}'), "{text}");
}

/// What a link looks for is found as a whole, and changes are what changed.
#[test]
fn a_link_finds_its_entity_alone_and_changes_are_what_changed() {
    if !has_browser() {
        return;
    }
    let case = Case::new();
    let event = |number: usize, address: &str, name: &str, error: &str| {
        json!({
            "eventTime": format!("2021-07-29T{number:02}:00:00Z"), "eventSource": "iam.amazonaws.com", "eventName": name,
            "sourceIPAddress": address, "errorCode": error, "readOnly": false, "eventID": number.to_string(),
        })
    };
    let addresses = ["192.0.2.1", "192.0.2.10", "192.0.2.11", "2001:db8::a", "2001:db8::a:22", "192.0.2.100"];
    let events =
        addresses.iter().enumerate().map(|(number, address)| event(number, address, "CreateUser", "AccessDenied"));
    let events: Vec<Value> = events.chain([event(9, "198.51.100.1", "CreateUser", "")]).collect();
    case.write("logs/trail.json", json!({ "Records": events }).to_string());
    let flow = |target: &str| {
        format!("2 111122223333 eni-1 203.0.113.9 {target} 1 22 6 1 1 1627600000 1627600060 ACCEPT OK\n")
    };
    case.write("logs/flows", flow("192.0.2.1") + &flow("192.0.2.12") + &flow("2001:db8::a") + &flow("2001:db8::a:22"));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let entities = ["--entity", "192.0.2.1", "--entity", "2001:db8::a"];
    let ran = case.sawq(&[&["report", "-o", "case.html"], &entities[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("case.html").display()), 1440);
    let all = browser.value(SHOWN);
    assert_eq!(all, 11);
    for (place, found) in [(0, 2), (1, 2)] {
        let click = format!("(document.querySelectorAll('a[data-find]')[{place}].click(), {SHOWN})");
        assert_eq!(browser.value(&click), found, "{}", entities[place * 2 + 1]);
    }
    // What is typed may be a part.
    assert_eq!(browser.value(&set("text.value", "'192.0.2.1'")), 6);
    assert_eq!(browser.value(&set("text.value", "'192.0.2.'")), 6);
    assert_eq!(browser.value(&set("text.value", "''")), all);
    let changed = browser.value(
        "[...document.querySelectorAll('.card')].find((card) => card.textContent.includes('changed')).textContent",
    );
    assert_eq!(changed, "1changed something");
    assert_eq!(browser.value(&set("changes.checked", "true")), 1);
    assert_eq!(browser.post("se/log", &json!({ "type": "browser" })), json!([]), "the console is silent");
}
