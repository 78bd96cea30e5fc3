//! Drawing findings: [`human`] for people, [`json`] for tools, [`sarif`] for code
//! scanning, [`github`] for annotations of a pull request (RT-CLI-8). annotate-snippets cannot
//! draw the shape that runtime.md section 22 promises (`= help:`, masked secrets), so it is drawn
//! here.

mod excerpt;
mod github;
mod human;
mod json;
mod sarif;

pub use github::github;
pub use human::human;
pub use json::json;
pub use sarif::sarif;
