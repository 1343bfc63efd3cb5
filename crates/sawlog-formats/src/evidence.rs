//! Where a record is in the evidence.

/// The place of a record: its source file and its line there, as in the columns `source_file` and `source_line`. Places
/// sort in evidence order if `F`, which stands for the file, sorts as the files' names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidencePlace<F = String> {
    /// The source file.
    pub file: F,
    /// The line, from 1.
    pub line: i64,
}

impl<F> EvidencePlace<F> {
    /// The same place, with another form of the file's name.
    ///
    /// ```
    /// use sawlog_formats::EvidencePlace;
    /// let place = EvidencePlace { file: "trail.json", line: 7 };
    /// assert_eq!(place.map(str::to_owned), EvidencePlace { file: "trail.json".to_owned(), line: 7 });
    /// ```
    #[must_use]
    pub fn map<G>(self, file: impl FnOnce(F) -> G) -> EvidencePlace<G> {
        EvidencePlace { file: file(self.file), line: self.line }
    }
}

impl EvidencePlace {
    /// The same place, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> EvidencePlace<&str> {
        EvidencePlace { file: &self.file, line: self.line }
    }
}
