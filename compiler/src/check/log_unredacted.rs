//! [`Code::LogUnredacted`] (MW-LOG-6)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::recorder::Redact;
use crate::model::{Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for (id, middleware) in model.middlewares() {
        let Rule::AccessLog(rule) = &middleware.rule else {
            continue;
        };
        if rule.redact != Redact::Never {
            continue;
        }
        let items = rule.items(&model.credentials_beside(id));
        let secret = items.iter().filter(|item| item.sensitive);
        let names: Vec<_> = secret.map(|item| format!("`{}`", item.key)).collect();
        if names.is_empty() {
            continue;
        }
        let key = format!("{}.rule.redact", middleware.key);
        let message = format!("the log will hold {} in clear", names.join(", "));
        let warning = Diagnostic::new(Code::LogUnredacted, key, rule.redact_span, message);
        let help = "`hash` tells values apart without showing them";
        diags.push(warning.help(help).fix(rule.redact_span, "hash"));
    }
}
