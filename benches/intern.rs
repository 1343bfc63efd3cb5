//! The interner: numbers for the distinct values of a column.

use divan::Bencher;
use divan::counter::ItemsCount;
use sawlog_benches::Random;
use sawlog_formats::Interner;

const VALUES: usize = 100_000;

/// Interns values of which this many are different, small numbers more often: few, many, nearly all.
#[divan::bench(args = [16, 4096, 1 << 40])]
fn intern(bencher: Bencher<'_, '_>, distinct: u64) {
    let mut random = Random(1);
    let values: Vec<String> = (0..VALUES)
        .map(|_| if distinct > 1 << 20 { random.below(distinct) } else { random.skewed(distinct) })
        .map(|number| format!("images/2021/07/img_{number}.jpg"))
        .collect();
    bencher.counter(ItemsCount::new(VALUES)).bench(|| {
        let mut interner = Interner::default();
        let numbers: u64 = values.iter().map(|value| u64::from(interner.intern(value.as_bytes()))).sum();
        (interner, numbers)
    });
}
