//! What `accessLog` keeps of an exchange for its log line (MW-LOG). Apart from the log, which writes it.

use std::fmt;

use crate::head::Span;
use crate::values::Template;

/// How a value is written (MW-LOG-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    Clear,
    /// As twelve digits that are the same for the same value, until the process ends.
    #[cfg(feature = "log-hash")]
    Hash,
    /// As `[REDACTED]`.
    Redacted,
}

/// Where a field comes from, in the order of the line (MW-LOG-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Header,
    Query,
    Cookie,
    ResponseHeader,
    Field,
    User,
    /// RT-LOG-5
    Debug,
    /// The last of them, known first.
    DebugResponse,
}

/// A field of a line.
pub(crate) struct Extra {
    pub(crate) group: Group,
    pub(crate) key: &'static str,
    pub(crate) show: Show,
    pub(crate) content: Content,
    /// Whether it is `null` in JSON when there is nothing.
    pub(crate) emit_missing: bool,
}

/// What is written.
pub(crate) enum Content {
    /// Nothing.
    Absent,
    /// Bytes of the request's arena.
    Sent(Span),
    /// Filled in as far as the request goes.
    Template(Template),
    Text(Vec<u8>),
    /// Who the request was authenticated as.
    User,
}

impl fmt::Debug for Extra {
    /// Without the value, which may be a credential.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key)
    }
}
