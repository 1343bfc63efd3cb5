//! The library behind `sawq`: its example, and programs that have a runtime of their own.

use std::path::PathBuf;
use std::process::Command;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use sawlog_query::timeline::Folds;
use sawlog_query::{Filters, Grouping, Nothing, Order, Parameter, Records, WrongValue};
use sawlog_store::Store;
use sawlog_tests::{repository, skipped};
use tokio::runtime::Builder;

/// The address that does nearly everything in the store, and how many records have it, by `grep -c`.
const ADDRESS: (&str, u64) = ("3.238.12.183", 140);

fn store() -> PathBuf {
    repository().join("fixtures/stores/v2/store")
}

fn filters(address: &str) -> Filters {
    Filters { ip: vec![address.to_owned()], ..Filters::default() }
}

fn records(address: &str) -> Records {
    Records::open(Store::open(&store()).unwrap(), &filters(address)).unwrap()
}

/// The lines that an earlier build printed for the address.
fn expected() -> Vec<u8> {
    std::fs::read(repository().join("fixtures/stores/v2/expected/address.txt")).unwrap()
}

#[test]
fn the_example_runs() {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().with_file_name("examples").join("query");
    if !example.exists() {
        return skipped("the example query was not built: 'cargo test --workspace' builds it");
    }
    let ran = Command::new(&example).arg(store()).arg(ADDRESS.0).output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(text.starts_with(&format!("{} records\n", ADDRESS.1)), "{text}");
    for part in ["| jmerckle", "| cloudtrail", "| s3_access", "| vpc_flow"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let ran = Command::new(&example).arg(store()).arg("nowhere").output().unwrap();
    let text = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success() && text.contains("the second argument") && !text.contains("--"), "{text}");
}

/// Asks everything that can be asked, and checks what is known of the answers.
async fn ask_all() {
    let all = Records::open(Store::open(&store()).unwrap(), &Filters::default()).unwrap();
    let records = all.narrowed(&filters(ADDRESS.0)).unwrap();
    assert_eq!(records.count().unwrap(), ADDRESS.1);
    let mut lines = Vec::new();
    let add = |line: &[u8]| {
        lines.extend_from_slice(line);
        Ok(())
    };
    assert!(records.lines(Order::Evidence, 0, add).unwrap());
    assert!(lines == expected(), "{}", String::from_utf8_lossy(&lines));
    let mut rows = 0;
    let count = |batch: &arrow::array::RecordBatch| {
        rows += batch.num_rows();
        Ok(())
    };
    records.rows(&["time".to_owned(), "user".to_owned()], Order::Time, 17, count).unwrap();
    assert_eq!(rows, 17);
    let grouping = Grouping { columns: vec!["log".to_owned()], ..Grouping::default() };
    assert_eq!(records.top(&grouping).unwrap().table.num_rows(), 3);
    let mut folded = 0;
    let add = |burst: sawlog_query::timeline::Burst| {
        folded += burst.count;
        Ok(())
    };
    assert!(records.timeline(Folds::default(), add).unwrap());
    assert_eq!(folded, ADDRESS.1);
    let (_, profile) = all.who(&Filters::default(), ADDRESS.0, None).unwrap();
    assert_eq!(profile.records, ADDRESS.1);
    let mut session = records.sql().unwrap();
    let statements = session
        .statements("CREATE VIEW mine AS SELECT * FROM events; SELECT count(*) AS n FROM mine; SELECT log, * FROM events LIMIT 1")
        .unwrap();
    let mut results = Vec::new();
    for statement in statements {
        let Some(mut rows) = session.ask(statement).await.unwrap() else { continue };
        results.push(rows.next().await.unwrap().unwrap());
    }
    assert_eq!(results[0].column(0).as_primitive::<Int64Type>().value(0).unsigned_abs(), ADDRESS.1);
    // Each column has a name of its own.
    assert!(results[1].schema().column_with_name("log_1").is_some(), "{:?}", results[1].schema());
}

#[test]
fn it_answers_without_a_runtime_and_in_any() {
    records(ADDRESS.0).block_on(ask_all()).unwrap();
    Builder::new_current_thread().build().unwrap().block_on(ask_all());
    let threads = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    threads.block_on(ask_all());
    // On a thread of the runtime's, too, and beside each other.
    let asked = [threads.spawn(ask_all()), threads.spawn(ask_all()), threads.spawn(ask_all())];
    for asked in asked {
        threads.block_on(asked).unwrap();
    }
}

#[test]
fn errors_say_what_is_wrong_and_no_option() {
    let error = Records::open(Store::open(&store()).unwrap(), &filters("nowhere")).err().unwrap();
    let wrong = error.downcast_ref::<WrongValue>().unwrap();
    assert_eq!((wrong.parameter, wrong.value.as_str()), (Parameter::Filter("ip"), "nowhere"));
    let all = records("!192.0.2.1");
    let grouping = Grouping { columns: vec!["usr_agent".to_owned()], ..Grouping::default() };
    let error = all.top(&grouping).unwrap_err();
    assert_eq!(error.downcast_ref::<WrongValue>().unwrap().parameter, Parameter::Column);
    assert!(error.to_string().contains("did you mean 'user_agent'?"), "{error}");
    let told = |query: &str| {
        let session = all.sql().unwrap();
        let statements = session.statements(query);
        match statements {
            Err(error) => format!("{error:#}"),
            Ok(mut statements) => {
                let mut session = all.sql().unwrap();
                let asked = all.block_on(session.ask(statements.remove(0))).unwrap();
                format!("{:#}", asked.err().unwrap())
            }
        }
    };
    for query in
        ["SELEC 1", "SELECT xyzzyq(1)", "SELECT * FROM nowhere", "SELECT zzzz FROM events", "DROP TABLE events"]
    {
        let text = told(query);
        assert!(!text.contains("--") && !text.contains("sawq"), "{query}: {text}");
    }
}

#[test]
fn it_says_why_there_is_nothing() {
    let why = |filters: Filters| Records::open(Store::open(&store()).unwrap(), &filters).unwrap().why_none().unwrap();
    let nobody = Filters { user: vec!["jmerkle".to_owned()], ..Filters::default() };
    let near = Some("jmerckle".to_owned());
    assert_eq!(why(nobody), Nothing::Filter { name: "user", value: "jmerkle".to_owned(), near });
    let early = Filters { until: Some("2000-01-01".to_owned()), ..Filters::default() };
    assert_eq!(why(early), Nothing::InThatTime);
    let span = |since: &str, until: &str| {
        why(Filters { since: Some(since.to_owned()), until: Some(until.to_owned()), ..Filters::default() })
    };
    assert_eq!(span("2021-07-30", "2021-07-29"), Nothing::InNoTime);
    assert_eq!(span("2000-01", "2000-01"), Nothing::InThatTime);
    let both = Filters { user: vec!["jmerckle".to_owned()], action: vec!["REJECT".to_owned()], ..Filters::default() };
    assert_eq!(why(both), Nothing::OfAllFilters);
}
