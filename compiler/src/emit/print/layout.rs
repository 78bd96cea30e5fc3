//! Layout of expressions as rustfmt's default style does it.
//!
//! Apart from `print`, because these are rustfmt's rules and not ours: what may stand in one
//! line, and what is broken how. Only the kinds of expression that emitters write are known:
//! literals, paths, references, structs, arrays, tuples, calls and `?`.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, ExprCall, ExprStruct, Visibility};

use super::{INDENT, WIDTH};

/// rustfmt's `struct_lit_width`: the most characters between the braces of a one-line struct.
const STRUCT_WIDTH: usize = 18;

/// rustfmt's `array_width`: the most characters between the brackets of a one-line array.
const ARRAY_WIDTH: usize = 60;

/// rustfmt's `fn_call_width`: the most characters between the parentheses of a one-line call.
const CALL_WIDTH: usize = 60;

/// rustfmt's `short_array_element_width_threshold`: shorter elements fill lines.
const SHORT_ELEMENT_WIDTH: usize = 10;

/// The text of an expression.
///
/// `indent` is the level of its line, `column` where it begins, `after` how many characters
/// follow it in its last line.
pub(super) fn expression(value: &Expr, indent: usize, column: usize, after: usize) -> String {
    if let Some(line) = flat(value)
        && column + line.chars().count() + after <= WIDTH
    {
        return line;
    }
    broken(value, indent, column, after)
}

/// The text of an expression in several lines, as far as it can be broken.
fn broken(value: &Expr, indent: usize, column: usize, after: usize) -> String {
    match value {
        Expr::Reference(reference) => {
            format!(
                "&{}",
                expression(&reference.expr, indent, column + 1, after)
            )
        }
        Expr::Try(tried) => format!("{}?", expression(&tried.expr, indent, column, after + 1)),
        Expr::Struct(literal) => structure(literal, indent),
        Expr::Array(array) => list("[", &array.elems.iter().collect::<Vec<_>>(), "]", indent),
        Expr::Tuple(tuple) => list("(", &tuple.elems.iter().collect::<Vec<_>>(), ")", indent),
        Expr::Call(call) => {
            let open = format!("{}(", tight(&call.func));
            list(&open, &call.args.iter().collect::<Vec<_>>(), ")", indent)
        }
        other => tight(other),
    }
}

/// The text in one line, if rustfmt would allow that at any column.
pub(super) fn flat(value: &Expr) -> Option<String> {
    match value {
        Expr::Reference(reference) => Some(format!("&{}", flat(&reference.expr)?)),
        Expr::Try(tried) => Some(format!("{}?", flat(&tried.expr)?)),
        Expr::Struct(literal) => flat_structure(literal),
        Expr::Array(array) => Some(format!("[{}]", flat_list(array.elems.iter(), ARRAY_WIDTH)?)),
        Expr::Tuple(tuple) => {
            let comma = if tuple.elems.len() == 1 { "," } else { "" };
            Some(format!(
                "({}{comma})",
                flat_list(tuple.elems.iter(), CALL_WIDTH)?
            ))
        }
        Expr::Call(ExprCall { func, args, .. }) => Some(format!(
            "{}({})",
            tight(func),
            flat_list(args.iter(), CALL_WIDTH)?
        )),
        other => Some(tight(other)),
    }
}

/// Whether an expression may begin in the line of what it belongs to and go on below.
fn opens(value: &Expr) -> bool {
    match value {
        Expr::Reference(reference) => opens(&reference.expr),
        Expr::Array(array) => !array.elems.is_empty(),
        Expr::Call(call) => !call.args.is_empty(),
        Expr::Struct(literal) => !literal.fields.is_empty(),
        Expr::Tuple(tuple) => !tuple.elems.is_empty(),
        _ => false,
    }
}

fn flat_structure(literal: &ExprStruct) -> Option<String> {
    let fields: Option<Vec<String>> = literal
        .fields
        .iter()
        .map(|field| Some(format!("{}: {}", tight(&field.member), flat(&field.expr)?)))
        .collect();
    let mut fields = fields?;
    fields.extend(literal.rest.iter().map(|rest| format!("..{}", tight(rest))));
    let fields = fields.join(", ");
    let path = tight(&literal.path);
    match fields.chars().count() {
        0 => Some(format!("{path} {{}}")),
        1..=STRUCT_WIDTH => Some(format!("{path} {{ {fields} }}")),
        _ => None,
    }
}

/// A single element may take the whole line, unless it could be broken inside instead.
fn flat_list<'a>(
    values: impl ExactSizeIterator<Item = &'a Expr> + Clone,
    width: usize,
) -> Option<String> {
    let unlimited = values.len() == 1 && !values.clone().any(breaks);
    let line = values
        .map(flat)
        .collect::<Option<Vec<String>>>()?
        .join(", ");
    (unlimited || line.chars().count() <= width).then_some(line)
}

fn breaks(value: &Expr) -> bool {
    matches!(value, Expr::Call(_) | Expr::Tuple(_))
}

/// Whether the last element of a tuple could be broken in its place; then rustfmt measures the
/// tuple alone, without what it stands in.
fn ends_in_struct(value: &Expr) -> bool {
    match value {
        Expr::Tuple(tuple) => matches!(tuple.elems.last(), Some(Expr::Struct(_))),
        _ => false,
    }
}

fn structure(literal: &ExprStruct, indent: usize) -> String {
    let inner = indent + INDENT;
    let mut text = format!("{} {{\n", tight(&literal.path));
    for field in &literal.fields {
        let name = format!("{}: ", tight(&field.member));
        let value = expression(&field.expr, inner, inner + name.len(), 1);
        text.push_str(&format!("{}{name}{value},\n", spaces(inner)));
    }
    if let Some(rest) = &literal.rest {
        text.push_str(&format!("{}..{}\n", spaces(inner), tight(rest)));
    }
    text.push_str(&spaces(indent));
    text.push('}');
    text
}

/// Elements between brackets, broken: one that opens hugs the brackets, short ones fill lines, all
/// others get a line each.
fn list(open: &str, values: &[&Expr], close: &str, indent: usize) -> String {
    if let [single] = values {
        // A one-element tuple keeps its comma, so rustfmt does not let it hug.
        if opens(single) && open != "(" {
            let lay_out = if breaks(single) && !ends_in_struct(single) {
                broken
            } else {
                expression
            };
            let element = lay_out(single, indent, indent + open.len(), close.len());
            return format!("{open}{element}{close}");
        }
    }
    let inner = indent + INDENT;
    let end = format!("\n{}{close}", spaces(indent));
    let short: Option<Vec<String>> = values.iter().map(|value| short(value)).collect();
    match short {
        Some(elements) if open == "[" => format!("{open}\n{}{end}", fill(&elements, inner)),
        Some(_) | None => {
            let lines: Vec<String> = values
                .iter()
                .map(|value| format!("{}{},", spaces(inner), expression(value, inner, inner, 1)))
                .collect();
            format!("{open}\n{}{end}", lines.join("\n"))
        }
    }
}

/// A literal or name of at most ten characters.
fn short(value: &Expr) -> Option<String> {
    let simple = match value {
        Expr::Lit(_) => true,
        Expr::Path(path) => path.path.segments.len() == 1,
        _ => false,
    };
    simple
        .then(|| tight(value))
        .filter(|text| text.chars().count() <= SHORT_ELEMENT_WIDTH)
}

/// As many elements as fit in each line, each with its comma; rustfmt leaves a column free behind
/// all but the last, and behind that too unless it is in the first line.
pub(super) fn fill(elements: &[String], indent: usize) -> String {
    let mut lines = vec![spaces(indent)];
    for (index, element) in elements.iter().enumerate() {
        let slack = usize::from(lines.len() > 1 || index + 1 < elements.len());
        let Some(line) = lines.last_mut() else { break };
        let space = usize::from(line.len() > indent);
        if space == 1 && line.chars().count() + space + element.chars().count() + 1 + slack > WIDTH
        {
            lines.push(format!("{}{element},", spaces(indent)));
        } else {
            line.push_str(&format!("{}{element},", spaces(space)));
        }
    }
    lines.join("\n")
}

fn spaces(count: usize) -> String {
    " ".repeat(count)
}

/// `pub ` or nothing.
pub(super) fn visibility(visibility: &Visibility) -> String {
    match visibility {
        Visibility::Inherited => String::new(),
        Visibility::Public(_) | Visibility::Restricted(_) => format!("{} ", tight(visibility)),
    }
}

/// Tokens of a type, path, pattern or leaf in one line, with spaces only where rustfmt has them.
pub(super) fn tight(tokens: &impl ToTokens) -> String {
    let mut text = String::new();
    write_tight(tokens.to_token_stream(), &mut text);
    text
}

fn write_tight(tokens: TokenStream, text: &mut String) {
    let mut joint = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_tight(group.stream(), text);
                text.push_str(close);
                joint = false;
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
                if !joint && text.ends_with(word) {
                    text.push(' ');
                }
                text.push_str(&token.to_string());
                joint = false;
            }
            TokenTree::Punct(punct) => {
                text.push(punct.as_char());
                joint = punct.as_char() == '\'';
                let colon = punct.as_char() == ':' && punct.spacing() == Spacing::Alone;
                if matches!(punct.as_char(), ',' | ';') || (colon && !text.ends_with("::")) {
                    text.push(' ');
                }
            }
        }
    }
}
