//! Asks several logs, or the like, the same question at the same time.

use anyhow::Result;

/// Asks each log, or the like, on a thread of its own. If there are several errors, the first is returned.
pub(crate) fn each<L: Send, T: Send>(
    logs: impl IntoIterator<Item = L>,
    ask: impl Fn(L) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let ask = &ask;
    std::thread::scope(|scope| {
        let threads: Vec<_> = logs.into_iter().map(|log| scope.spawn(move || ask(log))).collect();
        let answers =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        answers.collect()
    })
}
