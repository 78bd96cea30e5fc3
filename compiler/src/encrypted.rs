//! Encrypted values (C-SEC-1): a whole `rule` is decrypted when building, and read in place of what
//! was encrypted; any other value stays as it is until the gateway starts. Nothing of a decrypted text
//! reaches a finding.

use goma_openpgp::{DecryptError, decrypt, is_message};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{PASSPHRASE, places};
use crate::source::{SourceId, SourceMap, Span};
use crate::spec;
use crate::spec::node::{Entry, Kind, Node};

/// What an encrypted message begins with; few files have one.
const MARK: &str = "-----BEGIN PGP MESSAGE-----";

/// Decrypts every encrypted `rule` and adds the texts to the sources; how many there are. What is wrong
/// with them is [`crate::check`]'s to say.
pub(crate) fn decrypt_rules(sources: &mut SourceMap, passphrase: Option<&str>) -> Vec<Span> {
    let ids: Vec<SourceId> = sources.main().into_iter().chain(sources.others()).collect();
    let mut found = Vec::new();
    for id in ids {
        if !sources.text(id).contains(MARK) {
            continue;
        }
        let Some(mut tree) = spec::parse(sources, id, &mut Diagnostics::new()) else {
            continue;
        };
        for rule in rules(&mut tree) {
            // An alias has the place of what it refers to.
            if let Some((text, span)) = encrypted(rule).filter(|(_, span)| !found.contains(span)) {
                sources.decrypt(span, text.trim(), opened(text, passphrase));
                found.push(span);
            }
        }
    }
    found
}

/// What a message holds, or why that cannot be known.
fn opened(message: &str, passphrase: Option<&str>) -> Result<String, String> {
    let Some(passphrase) = passphrase else {
        return Err(format!("`{PASSPHRASE}` is not set"));
    };
    let text = decrypt(message, passphrase).map_err(|error| error.to_string())?;
    Ok(text.as_str().to_owned())
}

/// Checks a value that is encrypted by itself.
///
/// # Errors
/// `decrypt-failed`
pub(crate) fn value(message: &str, passphrase: &str) -> Result<String, DecryptError> {
    decrypt(message, passphrase).map(|text| goma_openpgp::value(&text).to_owned())
}

/// Puts what was decrypted in the place of every encrypted `rule`.
pub(crate) fn open_rules(tree: &mut Node, sources: &SourceMap, diags: &mut Diagnostics) {
    let id = tree.span.source;
    if !sources.text(id).contains(MARK) {
        return;
    }
    for rule in rules(tree) {
        let Some((_, home)) = encrypted(rule) else {
            continue;
        };
        match sources.decrypted(home) {
            Ok(id) => {
                if let Some(inner) = spec::parse(sources, id, diags) {
                    placed(&inner, sources, diags);
                    *rule = inner;
                }
            }
            Err(why) => {
                let message = format!("the rule cannot be decrypted: {why}");
                let fault = Diagnostic::new(Code::DecryptFailed, "middlewares.rule", home, message);
                diags.push(fault.help(format!(
                    "its shape is compiled in: build with the passphrase in `{PASSPHRASE}`"
                )));
            }
        }
    }
}

/// The values of `middlewares[].rule`.
fn rules(tree: &mut Node) -> impl Iterator<Item = &mut Node> {
    let middlewares = member(tree, "middlewares").map(|node| &mut node.kind);
    let items = match middlewares {
        Some(Kind::Seq(items)) => items.as_mut_slice(),
        Some(Kind::Map(_) | Kind::Scalar { .. }) | None => &mut [],
    };
    items.iter_mut().filter_map(|item| member(item, "rule"))
}

fn member<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let Kind::Map(entries) = &mut node.kind else {
        return None;
    };
    let is_it = |entry: &&mut Entry| entry.key.value == name;
    entries.iter_mut().find(is_it).map(|entry| &mut entry.value)
}

fn encrypted(node: &Node) -> Option<(&str, Span)> {
    match &node.kind {
        Kind::Scalar { text, .. } if is_message(text) => Some((text, node.span)),
        Kind::Scalar { .. } | Kind::Map(_) | Kind::Seq(_) => None,
    }
}

/// A gateway takes the values of a rule from places in the decrypted text, so every text must stand
/// there as it is.
fn placed(node: &Node, sources: &SourceMap, diags: &mut Diagnostics) {
    let reason = match &node.kind {
        Kind::Map(entries) => {
            entries
                .iter()
                .for_each(|entry| placed(&entry.value, sources, diags));
            return;
        }
        Kind::Seq(items) => return items.iter().for_each(|item| placed(item, sources, diags)),
        Kind::Scalar { text, .. } if text.contains(":-") && text.contains("${") => {
            "a reference in an encrypted rule has no default"
        }
        Kind::Scalar { text, .. } if places(sources.slice(node.span), text).is_none() => {
            "a text in an encrypted rule has no escapes and is on one line, or in a block"
        }
        Kind::Scalar { .. } => return,
    };
    let home = sources.home(node.span);
    diags.push(Diagnostic::new(
        Code::BadRule,
        "middlewares.rule",
        home,
        reason,
    ));
}

/// Whether a finding elsewhere quotes what stands in a decrypted text and nowhere else.
fn repeats(item: &Diagnostic, sources: &SourceMap) -> bool {
    let labels = item.labels.iter().map(|label| &label.text);
    let texts = [&item.message].into_iter().chain(&item.help).chain(labels);
    let mut quoted = texts.flat_map(|text| text.split('`').skip(1).step_by(2));
    quoted.any(|text| {
        let inside = !text.is_empty() && sources.opened_texts().any(|inner| inner.contains(text));
        inside && !sources.ids().any(|id| sources.text(id).contains(text))
    })
}

/// Takes everything out of the findings that would show something of a decrypted text.
pub(crate) fn conceal(sources: &SourceMap, diags: &mut Diagnostics) {
    if sources.opened_texts().next().is_none() {
        return;
    }
    let change = |item: Diagnostic| {
        let mut spans = vec![item.span];
        spans.extend(item.labels.iter().map(|label| label.span));
        spans.extend(item.fixes.iter().map(|fix| fix.span));
        let inside = spans.into_iter().find(|span| span.source.is_decrypted());
        match inside {
            // What is encrypted is not written in clear text.
            Some(_) if item.code == Code::LiteralSecret => None,
            Some(inside) => Some(concealed(&item, &position(inside, sources), sources)),
            None if repeats(&item, sources) => {
                Some(concealed(&item, "because of an encrypted rule", sources))
            }
            None => Some(item),
        }
    };
    diags.rewrite(change, |span| !span.source.is_decrypted());
}

/// Where in a rule something stands.
fn position(inside: Span, sources: &SourceMap) -> String {
    let text = sources.text(inside.source);
    let before = text.get(..inside.start as usize).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("at line {line}, column {column} of the encrypted rule")
}

fn concealed(item: &Diagnostic, place: &str, sources: &SourceMap) -> Diagnostic {
    // Names of keys may be the user's own.
    let path = match item.path.split_once(".rule") {
        Some((middleware, _)) => format!("{middleware}.rule"),
        None if item.span.source.is_decrypted() => "middlewares.rule".to_owned(),
        None => item.path.clone(),
    };
    let code = item.code.as_str();
    let message = format!("`{code}` {place}");
    let mut finding = Diagnostic::new(item.code, path, sources.home(item.span), message);
    finding.severity = item.severity;
    finding.help(format!(
        "`goma explain {code}` says what that means; check the rule before it is encrypted to see more"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_finding_quotes_of_an_encrypted_rule_is_taken_out() {
        let mut sources = SourceMap::new();
        let id = sources.add("a.yaml", "path: /public\nrule: PGP\n");
        sources.decrypt(Span::new(id, 20, 23), "PGP", Ok("url: /hunter2".to_owned()));
        let span = Span::new(id, 6, 13);
        let check = |finding: Diagnostic, expected: &str| {
            let mut diags = Diagnostics::new();
            diags.push(finding);
            conceal(&sources, &mut diags);
            let shown: Vec<_> = diags.iter().map(|item| item.message.as_str()).collect();
            assert_eq!(shown, [expected]);
            assert!(!format!("{diags:?}").contains("hunter"));
        };
        let finding = |message: &str| Diagnostic::new(Code::BadPath, "path", span, message);
        let vague = "`bad-path` because of an encrypted rule";
        check(finding("`/public` leads to `/hunter2`"), vague);
        check(finding("`/public` is bad").help("write `/hunter2`"), vague);
        check(
            finding("`/public` is bad").label(span, "as `hunter2` is"),
            vague,
        );
        check(finding("`/public` is bad"), "`/public` is bad");
    }
}
