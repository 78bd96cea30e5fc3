//! Pages of the documentation with a part that a tool writes.

use std::fs;

use super::build::repository;

/// Puts what a tool found out in the place of what it wrote there before, between two marks that name it.
///
/// # Panics
/// If the page has no such place.
pub fn write(page: &str, tool: &str, text: &str) {
    let begin = format!("<!-- written by {tool}: begin -->\n");
    let end = format!("<!-- written by {tool}: end -->\n");
    let page = repository().join(page);
    let whole = fs::read_to_string(&page).unwrap();
    let (before, rest) = whole.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    fs::write(page, format!("{before}{begin}\n{text}\n{end}{after}")).unwrap();
}
