//! Every code of a finding with its manual page. The doc comment of a variant *is* the page that
//! `goma explain CODE` prints; it has What, Why, Example and Instead. A code is never given a new
//! meaning (C-DIAG-4).

#[macro_use]
mod a_to_l;
#[macro_use]
mod m_to_z;

use super::Severity;

/// Declares the codes; variants in alphabetical order.
macro_rules! codes {
    ($($(#[doc = $page:literal])+ $variant:ident = $text:literal, $severity:ident;)+) => {
        /// A stable name for one kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $page])+ $variant,)+
        }

        impl Code {
            /// All codes, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The kebab-case text: `unknown-key`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// How bad such a finding is unless flags say otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// The manual page: What, Why, Example, Instead, one paragraph each.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($page, "\n",)+),)+
                }
            }
        }
    };
}

impl Code {
    /// The code with this kebab-case text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

a_to_l!(m_to_z, codes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_four_parts() {
        for code in Code::ALL {
            let mut lines = code.page().lines();
            for part in ["What: ", "Why: ", "Example: ", "Instead: "] {
                let line = lines.next().unwrap_or("").trim_start();
                assert!(line.starts_with(part), "{code}: {line}");
            }
            assert_eq!(lines.next(), None, "{code}");
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.as_str()));
    }
}
