//! The report in a browser: it shows what is in the store, its filters work, and nothing out of a log runs or steers.
//!
//! Needs Debian's packages `chromium`, `chromium-driver` and `curl`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sawlog_tests::{Case, evidence};
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

fn post(url: &str, body: &Value) -> Value {
    let body = body.to_string();
    let arguments = ["-s", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", &body, url];
    let ran = Command::new("curl").args(arguments).output().expect("curl starts");
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
        "[...document.querySelectorAll('#bursts tbody tr')].map((row) => [row.cells[0].textContent, row.hidden])",
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

/// On paper nothing is cut off, and the paper is white whatever the screen is.
#[test]
fn a_printed_report_is_whole_and_light() {
    let case = Case::with(&evidence());
    let ran = case.sawq(&["report", "--out", "case.html", "--entity", "3.238.12.183"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let browser = Browser::open(&format!("file://{}", case.path("case.html").display()), 720);
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
}

#[test]
fn what_a_log_says_stays_text() {
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
