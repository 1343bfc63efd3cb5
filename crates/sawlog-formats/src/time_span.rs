//! A span of time: from the earliest of some records to the latest.

/// From the earliest of some times to the latest, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan {
    /// The earliest.
    pub first: i64,
    /// The latest.
    pub last: i64,
}

impl TimeSpan {
    /// One time.
    #[must_use]
    pub const fn at(time: i64) -> Self {
        Self { first: time, last: time }
    }

    /// The span that covers two spans, either of which may be absent.
    ///
    /// ```
    /// use sawlog_formats::TimeSpan;
    /// let span = TimeSpan::covering(Some(TimeSpan::at(5)), Some(TimeSpan::at(3)));
    /// assert_eq!(TimeSpan::covering(span, None), Some(TimeSpan { first: 3, last: 5 }));
    /// ```
    #[must_use]
    #[inline]
    pub fn covering(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(a), Some(b)) => Some(Self { first: a.first.min(b.first), last: a.last.max(b.last) }),
            (span, None) | (None, span) => span,
        }
    }
}
