//! The git provider (RT-PROV-GIT): a shallow fetch of a branch by the program `git`, into a bare
//! repository, whose files are read out of the database of objects: there is no working tree, so no link
//! leads out of it and no hook or filter runs. Credentials go by the environment, never by arguments.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use goma_compiler::model::provider::{GitAuth, GitProvider};
use goma_compiler::source::{SOURCE_BYTES_MAX, SourceKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::ssh::Ssh;
use super::{Bundle, Cx, Reason};
use crate::build::record::sha256;
use crate::input::BUNDLE_EXTENSIONS;
use crate::input::files::{FILES_MAX, has_extension};

/// How long one command may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The most bytes of a listing of a repository, and of what git complains.
const LISTING_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How much of a complaint is repeated.
const COMPLAINT_CHARS_MAX: usize = 300;
/// Where the fetched commit is kept.
const REFERENCE: &str = "refs/goma/head";
/// Marks a clone as ours: only such a directory may be replaced.
const MARK: &str = "goma-source";
/// Variables that would lead git elsewhere, or print what must not be shown.
const CLEARED: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ASKPASS",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_VARIANT",
    "GIT_SSL_NO_VERIFY",
    "GIT_WORK_TREE",
    "SSH_ASKPASS",
];

/// Fetches every bundle of the branch, or of the locked commit.
pub(super) fn fetch(provider: &GitProvider, cx: &Cx) -> Result<Vec<Bundle>, Reason> {
    let locked = cx.uses_store().then(|| locked(provider, cx)).flatten();
    if let Some(bundles) = locked.as_ref().and_then(|locked| stored(locked, cx)) {
        return Ok(bundles);
    }
    if cx.policy.offline {
        return Err("not all bundles that `goma.lock` lists are in `.goma/inputs`".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let wanted = locked.map(|locked| locked.commit);
    let bundles = runtime.block_on(clone(provider, wanted.as_deref(), cx))?;
    for bundle in &bundles {
        let kept = cx.store.keep(&bundle.bytes);
        kept.map_err(|error| format!("cannot write to `.goma/inputs`: {error}"))?;
    }
    Ok(bundles)
}

/// What `goma.lock` lists of a repository.
struct Locked {
    commit: String,
    /// Name and SHA-256.
    files: Vec<(String, String)>,
}

fn locked(provider: &GitProvider, cx: &Cx) -> Option<Locked> {
    let prefix = format!("{}@", provider.url.value);
    let listed = cx.listed(SourceKind::Git).into_iter();
    let files: Vec<_> = listed
        .filter(|(name, _)| name.starts_with(&prefix))
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect();
    let (first, _) = files.first()?;
    let (commit, _) = first.strip_prefix(&prefix)?.split_once('/')?;
    let commit = commit.to_owned();
    let hex = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then_some(Locked { commit, files })
}

/// All of it, if all of it is here.
fn stored(locked: &Locked, cx: &Cx) -> Option<Vec<Bundle>> {
    let bundle = |(name, hash): &(String, String)| {
        Some(Bundle {
            name: name.clone(),
            bytes: cx.store.read(hash)?,
        })
    };
    locked.files.iter().map(bundle).collect()
}

async fn clone(
    provider: &GitProvider,
    wanted: Option<&str>,
    cx: &Cx,
) -> Result<Vec<Bundle>, Reason> {
    let directory = match &provider.clone_dir {
        Some(directory) => cx.path(directory),
        None => {
            let name = sha256(provider.url.value.as_bytes());
            cx.home.join(".goma/git").join(name)
        }
    };
    let git = Git::open(directory, provider, cx).await?;
    let branch = format!("refs/heads/{}", provider.branch);
    let refspec = format!("+{}:{REFERENCE}", wanted.unwrap_or(&branch));
    let fetch = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--depth=1",
    ];
    let arguments = [&fetch[..], &["--", &provider.url.value, &refspec]].concat();
    git.run(&arguments, Vec::new(), LISTING_BYTES_MAX).await?;
    let commit = git.run(&["rev-parse", REFERENCE], Vec::new(), 256).await?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let blobs = git.list(&commit, &provider.path).await?;
    if blobs.is_empty() {
        let place = if provider.path.is_empty() {
            "."
        } else {
            &provider.path
        };
        let branch = &provider.branch;
        return Err(format!("the branch `{branch}` has no bundle in `{place}`"));
    }
    let contents = git.contents(&blobs).await?;
    let bundle = |(blob, bytes): (Blob, Vec<u8>)| Bundle {
        name: format!("{}@{commit}/{}", provider.url.value, blob.path),
        bytes,
    };
    Ok(blobs.into_iter().zip(contents).map(bundle).collect())
}

/// A file of a commit.
struct Blob {
    object: String,
    size: usize,
    path: String,
}

/// A bare repository, ours alone as long as this lives.
struct Git {
    directory: PathBuf,
    ssh: Ssh,
    /// Configuration that does not stand on the command line.
    config: Vec<(String, String)>,
    /// INVARIANT: holds an exclusive lock, which the system drops with the file.
    _lock: File,
}

impl Git {
    /// Makes the repository, or takes the one that is there.
    async fn open(directory: PathBuf, provider: &GitProvider, cx: &Cx) -> Result<Self, Reason> {
        let unusable = |error: std::io::Error| {
            format!("cannot write to the clone: {error}; `cloneDir` names another place")
        };
        let parent = directory.parent().unwrap_or(Path::new(".")).to_path_buf();
        std::fs::create_dir_all(&parent).map_err(unusable)?;
        let mut lock = directory.clone().into_os_string();
        lock.push(".lock");
        let lock = File::create(lock).map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let mark = format!("{}\n{}\n", provider.url.value, provider.branch);
        let found = std::fs::read_to_string(directory.join(MARK)).ok();
        let empty =
            std::fs::read_dir(&directory).map_or(true, |mut entries| entries.next().is_none());
        match found {
            Some(found) if found == mark => {}
            Some(_) => std::fs::remove_dir_all(&directory).map_err(unusable)?,
            None if empty => {}
            None => return Err("`cloneDir` is a directory of something else".to_owned()),
        }
        let git = Self {
            ssh: Ssh::new(provider, cx)?,
            config: config(provider),
            directory,
            _lock: lock,
        };
        std::fs::create_dir_all(&git.directory).map_err(unusable)?;
        git.run(&["init", "--quiet", "--bare"], Vec::new(), 4096)
            .await?;
        std::fs::write(git.directory.join(MARK), mark).map_err(unusable)?;
        Ok(git)
    }

    /// The bundles below a directory of a commit, in lexical order.
    async fn list(&self, commit: &str, path: &str) -> Result<Vec<Blob>, Reason> {
        let below = format!("{path}/");
        let mut arguments = vec!["ls-tree", "-r", "-z", "-l", "--full-tree", commit];
        if !path.is_empty() {
            arguments.extend(["--", &below]);
        }
        let listing = self.run(&arguments, Vec::new(), LISTING_BYTES_MAX).await?;
        let listing = String::from_utf8_lossy(&listing);
        let mut blobs = Vec::new();
        let mut total = 0;
        for line in listing.split_terminator('\0') {
            let Some((facts, name)) = line.split_once('\t') else {
                continue;
            };
            let inside = name.strip_prefix(&below).unwrap_or(name);
            let mut folders = inside.split('/').rev().skip(1);
            if folders.any(|folder| folder.starts_with('.'))
                || !has_extension(Path::new(name), BUNDLE_EXTENSIONS)
            {
                continue;
            }
            let mut facts = facts.split_ascii_whitespace();
            let (mode, _, object) = (facts.next(), facts.next(), facts.next());
            let (Some("100644" | "100755"), Some(object)) = (mode, object) else {
                return Err(format!("`{name}` is not a plain file"));
            };
            let size = facts.next().and_then(|size| size.parse().ok()).unwrap_or(0);
            total += size;
            blobs.push(Blob {
                object: object.to_owned(),
                size,
                path: name.to_owned(),
            });
        }
        if blobs.len() > FILES_MAX || total > SOURCE_BYTES_MAX {
            let most = SOURCE_BYTES_MAX >> 20;
            return Err(format!(
                "its bundles are larger than {most} MiB, or too many"
            ));
        }
        Ok(blobs)
    }

    /// What is in them, in the same order.
    async fn contents(&self, blobs: &[Blob]) -> Result<Vec<Vec<u8>>, Reason> {
        let names: String = blobs
            .iter()
            .map(|blob| format!("{}\n", blob.object))
            .collect();
        // Each is preceded by a line with name, type and size, and followed by a line break.
        let most = SOURCE_BYTES_MAX + blobs.len() * 128;
        let output = self
            .run(&["cat-file", "--batch"], names.into_bytes(), most as u64)
            .await?;
        let mut rest = output.as_slice();
        let mut contents = Vec::new();
        for blob in blobs {
            let head = rest.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            let body = head.and_then(|start| rest.get(start..start + blob.size));
            let after = head.and_then(|start| rest.get(start + blob.size + 1..));
            let (Some(body), Some(after)) = (body, after) else {
                return Err("git does not show its objects".to_owned());
            };
            contents.push(body.to_vec());
            rest = after;
        }
        Ok(contents)
    }

    /// Runs git to its end; its output, of which there may be this much.
    async fn run(&self, arguments: &[&str], input: Vec<u8>, most: u64) -> Result<Vec<u8>, Reason> {
        let run = self.run_forever(arguments, input, most);
        match tokio::time::timeout(TIMEOUT, run).await {
            Ok(result) => result,
            Err(_) => Err("git takes too long".to_owned()),
        }
    }

    async fn run_forever(
        &self,
        arguments: &[&str],
        input: Vec<u8>,
        most: u64,
    ) -> Result<Vec<u8>, Reason> {
        let failed = |error: std::io::Error| format!("`git` cannot be run: {error}");
        let mut child = self.command(arguments).spawn().map_err(failed)?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = streams else {
            return Err("`git` cannot be run".to_owned());
        };
        let (mut output, mut complaint) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) = (stdout.take(most + 1), stderr.take(LISTING_BYTES_MAX));
        let feed = async move {
            // A git that ended early says itself why.
            let _ = stdin.write_all(&input).await;
        };
        let (read, complained, ()) = tokio::join!(
            stdout.read_to_end(&mut output),
            stderr.read_to_end(&mut complaint),
            feed
        );
        read.and(complained).map_err(failed)?;
        if output.len() as u64 > most {
            return Err("git says more than it should".to_owned());
        }
        let status = child.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(output);
        }
        Err(complained_of(&String::from_utf8_lossy(&complaint)))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if CLEARED.contains(&&*text) || text.starts_with("GIT_TRACE") {
                command.env_remove(&name);
            }
        }
        // What the surroundings configure this way stays.
        let count = std::env::var("GIT_CONFIG_COUNT").ok();
        let count: usize = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        for (at, (key, value)) in (count..).zip(&self.config) {
            command.env(format!("GIT_CONFIG_KEY_{at}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        command
            .env("GIT_CONFIG_COUNT", (count + self.config.len()).to_string())
            .env("GIT_ALLOW_PROTOCOL", "https:ssh")
            .env("GIT_SSH_COMMAND", &self.ssh.command)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .arg("--git-dir")
            .arg(&self.directory)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn config(provider: &GitProvider) -> Vec<(String, String)> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut config = vec![
        pair("http.sslVerify", "true"),
        pair("http.lowSpeedLimit", "1"),
        pair("http.lowSpeedTime", "30"),
        pair("gc.auto", "0"),
    ];
    if let GitAuth::Password { username, password } = &provider.auth {
        let login = STANDARD.encode(format!("{username}:{}", password.reveal()));
        // For this server only, should it redirect; and no other credentials.
        let host = provider
            .url
            .value
            .split('/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        let key = format!("http.{host}/.extraHeader");
        config.push((key, format!("Authorization: Basic {login}")));
        config.push(pair("credential.helper", ""));
    }
    config
}

/// What git says is wrong, in one line.
fn complained_of(text: &str) -> Reason {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal = lines().find_map(|line| line.strip_prefix("fatal: "));
    let host_key = lines().find(|line| line.contains("Host key verification failed"));
    let line = host_key.or(fatal).or_else(|| lines().next_back());
    let line: String = line
        .unwrap_or("it does not say why")
        .chars()
        .filter(|char| !char.is_control())
        .take(COMPLAINT_CHARS_MAX)
        .collect();
    format!("git: {}", line.trim_end_matches('.'))
}
