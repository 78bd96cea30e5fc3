//! Printing: tokens become text in rustfmt's layout.
//!
//! prettyplease alone is not enough: it drops blank lines, and it lays out arrays, calls and
//! signatures otherwise than rustfmt (ANCHORS §4.2 tried two items only). So items are printed one
//! by one and joined here, `layout` lays out the few expressions that generated code consists of,
//! and prettyplease prints whatever else an emitter may come up with.

mod layout;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, Item, ItemConst, ItemFn, ItemStatic, ItemUse, Stmt, UseTree};

/// rustfmt's `max_width`.
const WIDTH: usize = 100;

/// Spaces per level.
const INDENT: usize = 4;

/// A whole file: the text of its `//!` header, then its items.
pub(super) fn file(header: &str, items: Vec<TokenStream>) -> String {
    let mut text = String::new();
    for line in header.lines() {
        text.push_str(format!("//! {line}").trim_end());
        text.push('\n');
    }
    let mut previous = None;
    for tokens in items {
        let (group, item) = item(tokens);
        if previous != Some(group) || group == Group::Item {
            text.push('\n');
        }
        text.push_str(&item);
        text.push('\n');
        previous = Some(group);
    }
    text
}

/// Items of one group stand together, without blank lines, except [`Group::Item`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Module,
    UseOther,
    UseOwn,
    Item,
}

fn item(tokens: TokenStream) -> (Group, String) {
    let fallback = tokens.to_string();
    match syn::parse2::<Item>(tokens) {
        // INVARIANT: emitters make items; if one did not, rustc would show its text.
        Err(_) => (Group::Item, fallback),
        Ok(Item::Mod(item)) => (Group::Module, format!("mod {};", item.ident)),
        Ok(Item::Use(item)) => {
            let own = matches!(&item.tree, UseTree::Path(path) if path.ident == "crate");
            (
                if own { Group::UseOwn } else { Group::UseOther },
                item_use(&item),
            )
        }
        Ok(Item::Const(item)) => (Group::Item, item_const(&item)),
        Ok(Item::Static(item)) => (Group::Item, item_static(&item)),
        Ok(Item::Fn(item)) => (Group::Item, item_fn(item)),
        Ok(other) => (Group::Item, pretty(other)),
    }
}

fn pretty(item: Item) -> String {
    let file = syn::File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items: vec![item],
    };
    prettyplease::unparse(&file).trim_end().to_owned()
}

fn item_use(item: &ItemUse) -> String {
    let line = format!("use {};", layout::tight(&item.tree));
    // rustfmt keeps room for two more characters here.
    if line.len() + 2 <= WIDTH {
        return line;
    }
    let Some((path, list)) = line.trim_end_matches("};").split_once('{') else {
        return line;
    };
    let names: Vec<String> = list.split(", ").map(str::to_owned).collect();
    format!("{path}{{\n{}\n}};", layout::fill(&names, INDENT))
}

fn item_const(item: &ItemConst) -> String {
    let head = format!(
        "{}const {}: {} =",
        layout::visibility(&item.vis),
        item.ident,
        layout::tight(&item.ty)
    );
    binding(&item.attrs, &head, &item.expr)
}

fn item_static(item: &ItemStatic) -> String {
    let head = format!(
        "{}static {}: {} =",
        layout::visibility(&item.vis),
        item.ident,
        layout::tight(&item.ty)
    );
    binding(&item.attrs, &head, &item.expr)
}

fn binding(attributes: &[Attribute], head: &str, value: &Expr) -> String {
    let mut text = docs(attributes);
    text.push_str(head);
    let column = head.len() + 1;
    let fits = |column: usize, flat: &String| column + flat.chars().count() < WIDTH;
    match layout::flat(value) {
        // A line of its own is preferred to a value in several lines.
        Some(flat) if !fits(column, &flat) && fits(INDENT, &flat) => {
            text.push_str(&format!("\n    {flat};"));
        }
        Some(_) | None => {
            let value = layout::expression(value, 0, column, 1);
            text.push_str(&format!(" {value};"));
        }
    }
    text
}

/// A function whose body is one expression; others are left to prettyplease.
fn item_fn(item: ItemFn) -> String {
    let [Stmt::Expr(body, None)] = item.block.stmts.as_slice() else {
        return pretty(Item::Fn(item));
    };
    let signature = &item.sig;
    let visibility = layout::visibility(&item.vis);
    let inputs: Vec<String> = signature.inputs.iter().map(layout::tight).collect();
    let output = match &signature.output {
        syn::ReturnType::Default => String::new(),
        syn::ReturnType::Type(_, ty) => format!(" -> {}", layout::tight(ty)),
    };
    let name = &signature.ident;
    let mut text = docs(&item.attrs);
    let line = format!("{visibility}fn {name}({}){output} {{", inputs.join(", "));
    if line.len() <= WIDTH {
        text.push_str(&line);
    } else {
        let inputs: String = inputs
            .iter()
            .map(|input| format!("    {input},\n"))
            .collect();
        text.push_str(&format!("{visibility}fn {name}(\n{inputs}){output} {{"));
    }
    text.push_str("\n    ");
    text.push_str(&layout::expression(body, INDENT, INDENT, 0));
    text.push_str("\n}");
    text
}

fn docs(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let doc = match &attribute.meta {
            syn::Meta::NameValue(meta) => match &meta.value {
                Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(doc),
                    ..
                }) => Some(doc.value()),
                _ => None,
            },
            syn::Meta::List(_) | syn::Meta::Path(_) => None,
        };
        match doc {
            Some(doc) => text.push_str(&format!("///{doc}\n")),
            None => text.push_str(&format!("{}\n", attribute.to_token_stream())),
        }
    }
    text
}

#[cfg(test)]
mod tests;
