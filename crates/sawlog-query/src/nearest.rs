//! Names like one that is wrong.

use strsim::normalized_damerau_levenshtein;

/// The most names suggested for a wrong one.
const SUGGESTIONS: usize = 5;
/// A name is suggested if it is as similar as this, from 0 to 1.
const SIMILAR: f64 = 0.4;
/// A name is near if it agrees at least this much.
const NEAR: f64 = 0.75;

/// The name most like `wanted` in any case of letters, if one is similar enough.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Names that differ in length by more than a quarter can't be near, and are skipped sooner.
    let wanted = wanted.to_lowercase();
    let len = wanted.chars().count();
    let can_be_near = |name: &&str| {
        let other = name.chars().count();
        len.min(other) * 4 >= len.max(other) * 3
    };
    let score = |name: &str| normalized_damerau_levenshtein(&wanted, &name.to_lowercase());
    let scored = names.filter(can_be_near).map(|name| (score(name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, name)| name)
}

/// The names most similar to `wanted`, the best first: names that contain it, or are contained in it, count as similar.
pub(crate) fn nearest_few<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let score = |name: &str| {
        // In user_identity.session_context.attributes, people remember the last part.
        let last = name.rsplit('.').next().unwrap_or(name);
        let similar =
            normalized_damerau_levenshtein(&wanted, name).max(normalized_damerau_levenshtein(&wanted, last) * 0.98);
        let contains = wanted.len() > 2 && (name.contains(&wanted) || last.len() > 2 && wanted.contains(last));
        if contains { similar.max(0.75) } else { similar }
    };
    let mut scored: Vec<(f64, &str)> = names.map(|name| (score(name), name)).collect();
    scored.retain(|(score, _)| *score >= SIMILAR);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.len().cmp(&b.1.len())).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, name)| *name);
    scored.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_letters_makes_no_difference() {
        let names = ["alice", "bert-jan", "CreateUser"];
        for (wanted, near) in [("BERT-JAN", "bert-jan"), ("createusr", "CreateUser"), ("ALICE", "alice")] {
            assert_eq!(nearest(wanted, names.into_iter()), Some(near));
        }
        assert_eq!(nearest("bob", names.into_iter()), None);
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_few() {
        let names = ["user_agent", "user_identity.user_name", "key", "bucket", "operation"];
        assert_eq!(nearest_few("user_agnet", names.into_iter()).first(), Some(&"user_agent"));
        assert_eq!(nearest_few("username", names.into_iter()).first(), Some(&"user_identity.user_name"));
        assert!(nearest_few("zzzz", names.into_iter()).is_empty());
    }
}
