//! Drawing findings: [`human`] for people, [`json`] for tools (RT-CLI-8). annotate-snippets cannot
//! draw the shape that runtime.md section 22 promises (`= help:`, masked secrets), so it is drawn
//! here.

mod excerpt;
mod human;
mod json;

pub use human::human;
pub use json::json;
