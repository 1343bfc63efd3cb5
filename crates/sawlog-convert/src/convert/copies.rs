//! New files that are copies of ones that the store has: these may have been read differently, or not to their end.

use std::collections::{HashMap, HashSet};

use sawlog_store::{Source, SourceState};

use super::options::copy_read_otherwise;
use super::plan::Plan;
use super::{Settings, Summary};
use crate::found::{Found, Problem};

/// The rows of the ledger that say something about copies of their files, by path.
#[derive(Debug)]
pub(super) struct Firsts(HashMap<String, Source>);

impl Firsts {
    /// The rows that stay when the `replaced` ones go. A copy of a file that is read again changes with it.
    pub(super) fn new(ledger: Vec<Source>, replaced: &[Source], settings: &Settings) -> Self {
        let replaced: HashSet<&str> = replaced.iter().map(|source| source.path.as_str()).collect();
        let is_of_use = |source: &Source| {
            source.state == SourceState::Converted
                && (settings.names_options() || source.options.is_some() || source.problem.is_some())
        };
        // With hundreds of thousands of files, the whole ledger takes much memory.
        let firsts = ledger.into_iter().filter(is_of_use).filter(|source| !replaced.contains(source.path.as_str()));
        Self(firsts.map(|source| (source.path.clone(), source)).collect())
    }

    /// Names those copies among the inputs of a plan whose first files were not read as the options say now, or not
    /// whole. The duplicates of the plan are those from the number `from` on.
    pub(super) fn tell(&self, plan: &Plan, from: usize, settings: &Settings, summary: &mut Summary) {
        let duplicates: Vec<(String, &Source)> = summary.duplicates[from..]
            .iter()
            .filter_map(|(path, first)| Some((path.clone(), self.0.get(first)?)))
            .collect();
        if duplicates.is_empty() {
            return;
        }
        let inputs: HashMap<&str, &Found> =
            plan.inputs.iter().chain(&plan.copies).map(|found| (&*found.label, found)).collect();
        for (path, first) in duplicates {
            // What can't be read any more was read in this run.
            let how = inputs.get(path.as_str()).and_then(|copy| copy_read_otherwise(first, copy, settings).ok()?);
            if let Some(how) = how {
                summary.copies_read_otherwise.push((path, how));
            } else if let Some(problem) = &first.problem {
                summary.problem(Problem { path, what: format!("{problem} (it is a copy of {})", first.path) });
            }
        }
    }
}
