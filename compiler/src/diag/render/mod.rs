//! Drawing findings: [`human`] for people, [`json`] for tools (RT-CLI-8).
