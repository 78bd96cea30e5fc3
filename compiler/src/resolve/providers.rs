//! `gateway.providers`: what has to be fetched before a gateway can be built. All keys are of class S.

use std::time::Duration;

use super::grammar;
use super::read::Cx;
use crate::diag::{Code, Diagnostic};
use crate::dialect;
use crate::model::provider::{
    FileProvider, GitAuth, GitProvider, HttpProvider, Inputs, KnownHosts, Secret, Signing,
};
use crate::model::scalar;
use crate::source::{Span, Spanned};
use crate::spec;
use crate::spec::fields::Leaf;

const FILE: &str = "gateway.providers.file";
const HTTP: &str = "gateway.providers.http";
const GIT: &str = "gateway.providers.git";

/// Every provider that is enabled and can be asked; `file` is the place of the main file. What is
/// wrong is reported.
pub(super) fn resolve(spec: &spec::providers::Providers, file: Span, cx: &mut Cx<'_>) -> Inputs {
    let signing = Signing {
        key: cx.spanned(spec.public_key.as_ref()),
        key_file: cx.spanned(spec.public_key_file.as_ref()),
    };
    let signed = signing.key.is_some() || signing.key_file.is_some();
    Inputs {
        extra_directory: None,
        file: file_provider(spec.file.as_ref(), file, cx),
        http: spec
            .http
            .as_ref()
            .and_then(|spec| http_provider(spec, signed, cx)),
        git: spec
            .git
            .as_ref()
            .and_then(|spec| git_provider(spec, signed, cx)),
        signing,
    }
}

/// Keys that act only where a gateway is built again and again. Said of what is in use.
pub(super) fn serve_only(leaf: Option<&Leaf>, name: &str, cx: &mut Cx<'_>) {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return;
    };
    let message = format!("`{name}` acts only under `goma serve`");
    let note = Diagnostic::new(Code::ServeOnly, leaf.key.as_str(), leaf.span, message);
    cx.diags.push(note);
}

fn file_provider(
    spec: Option<&spec::providers::FileProvider>,
    file: Span,
    cx: &mut Cx<'_>,
) -> Option<FileProvider> {
    let written = spec.and_then(|spec| spec.enabled.as_ref());
    let enabled = match cx.switch("GOMA_FILE_PROVIDER_ENABLED", file) {
        Some(enabled) => enabled,
        None => cx.boolean(written, false),
    };
    if !enabled {
        return None;
    }
    if let Some(spec) = spec {
        if cx.boolean(spec.watch.as_ref(), false) {
            serve_only(spec.watch.as_ref(), "watch", cx);
        }
        serve_only(spec.debounce.as_ref(), "debounce", cx);
        cx.single(spec.debounce.as_ref(), &format!("{FILE}.debounce"));
    }
    let head = spec.map_or(file, |spec| spec.head);
    if let Some(directory) = cx.tool("GOMA_FILE_PROVIDER_DIRECTORY") {
        return Some(FileProvider {
            directory: Spanned::new(directory, head),
            from_variable: true,
        });
    }
    let directory = cx.spanned(spec.and_then(|spec| spec.directory.as_ref()));
    let Some(directory) = directory else {
        cx.lacks(FILE, "directory", head);
        return None;
    };
    Some(FileProvider {
        directory,
        from_variable: false,
    })
}

fn http_provider(
    spec: &spec::providers::HttpProvider,
    signed: bool,
    cx: &mut Cx<'_>,
) -> Option<HttpProvider> {
    // Every value is checked, whether it is used or not.
    let enabled = cx.boolean(spec.enabled.as_ref(), false);
    let endpoint = cx.single(spec.endpoint.as_ref(), &format!("{HTTP}.endpoint"));
    cx.single(spec.interval.as_ref(), &format!("{HTTP}.interval"));
    let timeout = cx.time(spec.timeout.as_ref(), &format!("{HTTP}.timeout"));
    let attempts = cx.single(
        spec.retry_attempts.as_ref(),
        &format!("{HTTP}.retryAttempts"),
    );
    let delay = cx.time(spec.retry_delay.as_ref(), &format!("{HTTP}.retryDelay"));
    let insecure = cx.boolean(spec.insecure_skip_verify.as_ref(), false);
    let cache = cx.spanned(spec.cache_dir.as_ref());
    let headers = spec.headers.iter().flatten().filter_map(|pair| {
        let value = cx.secret_text(Some(&pair.value))?;
        Some((pair.name.value.clone(), value))
    });
    let headers = headers.collect();
    if !enabled {
        return None;
    }
    cx.unsigned(signed, spec.enabled.as_ref(), HTTP);
    serve_only(spec.interval.as_ref(), "interval", cx);
    let Some(endpoint) = endpoint else {
        if spec
            .endpoint
            .as_ref()
            .is_none_or(|leaf| leaf.text.is_empty())
        {
            cx.lacks(HTTP, "endpoint", spec.head);
        }
        return None;
    };
    let span = spec.endpoint.as_ref().map_or(spec.head, |leaf| leaf.span);
    Some(HttpProvider {
        endpoint: Spanned::new(endpoint, span),
        timeout: timeout?,
        attempts: attempts.and_then(|text| u32::try_from(scalar::parse_int(&text).ok()?).ok())?,
        delay: delay?,
        headers,
        insecure,
        cache: cache.map(|cache| cache.value),
    })
}

fn git_provider(
    spec: &spec::providers::GitProvider,
    signed: bool,
    cx: &mut Cx<'_>,
) -> Option<GitProvider> {
    let enabled = cx.boolean(spec.enabled.as_ref(), false);
    let url = cx.spanned(spec.url.as_ref());
    let branch = cx.single(spec.branch.as_ref(), &format!("{GIT}.branch"));
    let path = cx.spanned(spec.path.as_ref());
    cx.single(spec.interval.as_ref(), &format!("{GIT}.interval"));
    let clone_dir = cx.spanned(spec.clone_dir.as_ref());
    let auth = git_auth(&spec.auth, spec.head, cx);
    let hosts = match (
        cx.spanned(spec.auth.host_key.as_ref()),
        cx.spanned(spec.auth.known_hosts_path.as_ref()),
    ) {
        (Some(key), _) => KnownHosts::Key(key.value),
        (None, Some(file)) => KnownHosts::File(file.value),
        (None, None) => KnownHosts::Default,
    };
    if !enabled {
        return None;
    }
    cx.unsigned(signed, spec.enabled.as_ref(), GIT);
    serve_only(spec.interval.as_ref(), "interval", cx);
    let Some(url) = url else {
        cx.lacks(GIT, "url", spec.head);
        return None;
    };
    let url = cx.valid(url, &format!("{GIT}.url"), repository)?;
    let path = match path {
        None => String::new(),
        Some(path) => {
            let path = cx.valid(path, &format!("{GIT}.path"), inside)?;
            path.value.trim_matches('/').to_owned()
        }
    };
    Some(GitProvider {
        url,
        branch: branch?,
        path,
        clone_dir: clone_dir.map(|dir| dir.value),
        auth: auth?,
        hosts,
    })
}

/// `auth` by its type; an `auth.type` without its credentials is `provider-config`.
fn git_auth(spec: &spec::providers::GitAuth, head: Span, cx: &mut Cx<'_>) -> Option<GitAuth> {
    let place = format!("{GIT}.auth");
    let kind = cx.single(spec.kind.as_ref(), &format!("{place}.type"));
    let [token, password, data] =
        [&spec.token, &spec.password, &spec.ssh_key_data].map(|leaf| cx.secret_text(leaf.as_ref()));
    let [username, file] =
        [&spec.username, &spec.ssh_key_path].map(|leaf| cx.spanned(leaf.as_ref()));
    let head = spec.kind.as_ref().map_or(head, |leaf| leaf.span);
    let mut lacks = |name| {
        cx.lacks(&place, name, head);
        None
    };
    match (kind.as_deref(), token, username, password) {
        (Some("token"), Some(password), ..) => Some(GitAuth::Password {
            username: "git".to_owned(),
            password,
        }),
        (Some("token"), None, ..) => lacks("token"),
        (Some("basic"), _, Some(username), Some(password)) => Some(GitAuth::Password {
            username: username.value,
            password,
        }),
        (Some("basic"), _, None, _) => lacks("username"),
        (Some("basic"), _, Some(_), None) => lacks("password"),
        (Some("ssh"), ..) => match (file, data) {
            (Some(file), _) => Some(GitAuth::SshFile(file.value)),
            (None, Some(data)) => Some(GitAuth::SshKey(data)),
            (None, None) => lacks("sshKeyPath"),
        },
        (Some(_), ..) => None,
        (None, ..) => spec.kind.is_none().then_some(GitAuth::None),
    }
}

/// `https://host/path`, `ssh://user@host/path` or `user@host:path`, without a password.
fn repository(url: &str) -> Result<(), &'static str> {
    let rest = match url.split_once("://") {
        Some(("https", rest)) => {
            let authority = rest.split('/').next().unwrap_or(rest);
            if authority.contains('@') {
                return Err("credentials belong in `auth`, not in the url");
            }
            rest
        }
        Some(("ssh", rest)) => rest,
        Some(_) => return Err("a repository is reached over https or ssh"),
        None => match url.split_once(':') {
            Some((host, _)) if host.contains('@') && !host.contains('/') => url,
            _ => return Err("expected `https://host/path` or `ssh://user@host/path`"),
        },
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') {
        return Err("credentials belong in `auth`, not in the url");
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || "?#".contains(c);
    if authority.is_empty() || rest.starts_with('-') || user.starts_with('-') || url.contains(odd) {
        return Err("the url names no repository");
    }
    Ok(())
}

/// A directory of the clone, whose root is `/`.
fn inside(path: &str) -> Result<(), &'static str> {
    let outside = path.split('/').any(|part| part == "..");
    if outside || path.contains(['\\', '\0']) {
        return Err("the path must stay inside the repository");
    }
    Ok(())
}

impl Cx<'_> {
    /// A variable of the tool (config.md section 4); empty counts as unset.
    fn tool(&self, name: &str) -> Option<String> {
        self.variables
            .of_tool(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A variable of the tool that turns something on or off.
    fn switch(&mut self, name: &str, file: Span) -> Option<bool> {
        match self.tool(name)?.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => {
                let message = format!("the variable `{name}` is neither true nor false");
                let fault = Diagnostic::new(Code::BadValue, name, file, message);
                self.diags.push(fault);
                None
            }
        }
    }

    /// A text with its place; empty counts as absent.
    fn spanned(&mut self, leaf: Option<&Leaf>) -> Option<Spanned<String>> {
        let leaf = leaf.filter(|leaf| !leaf.null)?;
        let text = self.text(leaf)?.text;
        (!text.is_empty()).then(|| Spanned::new(text, leaf.span))
    }

    /// A value of the type that the dialect has at this place, else its default.
    fn single(&mut self, leaf: Option<&Leaf>, place: &str) -> Option<String> {
        let (scalar, default) = dialect::value_at(place);
        let default = Some(default).filter(|default| !default.is_empty());
        let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
            return default.map(str::to_owned);
        };
        let text = self.text(leaf)?.text;
        if text.is_empty() {
            return default.map(str::to_owned);
        }
        if let Err((code, invalid)) = grammar::check(scalar, &text) {
            self.fault(code, leaf, invalid);
            return None;
        }
        Some(text)
    }

    fn time(&mut self, leaf: Option<&Leaf>, place: &str) -> Option<Duration> {
        scalar::parse_duration(&self.single(leaf, place)?).ok()
    }

    /// A secret; a literal one is `literal-secret`.
    fn secret_text(&mut self, leaf: Option<&Leaf>) -> Option<Secret> {
        let leaf = leaf.filter(|leaf| !leaf.null)?;
        let text = self.secret(leaf)?;
        if text.text.is_empty() {
            return None;
        }
        if !text.expanded {
            let message = "a secret is written in clear text";
            let warning = Diagnostic::new(Code::LiteralSecret, &*leaf.key, leaf.span, message);
            self.diags
                .push(warning.help("give it by a variable: `${NAME}`"));
        }
        Some(Secret::new(text.text))
    }

    fn valid(
        &mut self,
        text: Spanned<String>,
        key: &str,
        check: fn(&str) -> Result<(), &'static str>,
    ) -> Option<Spanned<String>> {
        match check(&text.value) {
            Ok(()) => Some(text),
            Err(message) => {
                // A password may stand before it.
                if text.value.contains('@') {
                    self.diags.hide(text.span);
                }
                let fault = Diagnostic::new(Code::ProviderConfig, key, text.span, message);
                self.diags.push(fault);
                None
            }
        }
    }

    fn lacks(&mut self, section: &str, name: &str, head: Span) {
        let message = format!("`{section}` needs `{name}`");
        let key = format!("{section}.{name}");
        let fault = Diagnostic::new(Code::ProviderConfig, key, head, message);
        self.diags.push(fault);
    }

    fn unsigned(&mut self, signed: bool, enabled: Option<&Leaf>, section: &str) {
        if let (false, Some(enabled)) = (signed, enabled) {
            let message = format!("nobody has to sign the bundles of `{section}`");
            let warning =
                Diagnostic::new(Code::UnsignedProvider, &*enabled.key, enabled.span, message);
            let help =
                "name the key in `gateway.providers.signing`; `goma config keygen` makes one";
            self.diags.push(warning.help(help));
        }
    }
}
