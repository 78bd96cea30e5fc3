//! `Cargo.toml`: not Rust, so it comes from a template.

use handlebars::Handlebars;
use serde_json::json;

use crate::plan::Plan;

/// The text with holes, compiled in.
const TEMPLATE: &str = include_str!("../../../templates/Cargo.toml.hbs");

/// The text of the file.
pub(super) fn emit(plan: &Plan) -> String {
    let features: Vec<String> = plan
        .features
        .iter()
        .map(|feature| format!("\"{}\"", feature.name()))
        .collect();
    let data = json!({
        "main_file": plan.main_file,
        "name": plan.name,
        "version": crate::VERSION,
        "runtime": crate::RUNTIME_VERSION,
        "features": features.join(", "),
    });
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(handlebars::no_escape);
    // INVARIANT: the template is compiled in and every hole has data; a test renders it.
    handlebars
        .render_template(TEMPLATE, &data)
        .unwrap_or_default()
}
