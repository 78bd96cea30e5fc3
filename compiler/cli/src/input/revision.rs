//! The files of a git revision in a directory of their own, by the `git` program: the working tree, its
//! index and its branches are left alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::failure::Failure;

/// A revision with more files is not laid out.
const FILES_MAX: usize = 50_000;

/// Variables that would name another repository than the one here.
const CLEARED: &[&str] = &[
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
];

/// The files of a revision.
#[derive(Debug)]
pub(crate) struct Revision {
    /// Removed when dropped.
    files: TempDir,
    /// The file, or the directory, that was asked for.
    pub(crate) main: PathBuf,
    /// As the user wrote it, without a path: `HEAD~1`.
    rev: String,
}

impl Revision {
    /// Lays out what `REV` or `REV:PATH` names; without a path the directory that corresponds to the
    /// current one, and in it `inside`. As in git, a path is relative to the root of the repository,
    /// or to the current directory if it begins with `./`.
    ///
    /// # Errors
    /// There is no such revision or path, or no git.
    pub(crate) fn lay_out(text: &str, inside: Option<&Path>) -> Result<Self, Failure> {
        let (rev, path) = match text.split_once(':') {
            Some((rev, path)) => (rev, Some(path)),
            None => (text, None),
        };
        let commit = commit(rev).ok_or_else(|| {
            let shown = text.escape_debug();
            let message = format!("`{shown}` is neither a file nor a revision of a git repository");
            Failure::with_help(
                message,
                "name a file, a directory, `main`, or `HEAD~1:path/goma.yml`",
            )
        })?;
        let here = line(&["rev-parse", "--show-prefix"]).unwrap_or_default();
        let place = match (path, inside) {
            (Some(path), _) => match path.strip_prefix("./") {
                Some(below) => Path::new(&here).join(below),
                None => PathBuf::from(path),
            },
            (None, Some(inside)) => Path::new(&here).join(inside),
            (None, None) => PathBuf::from(&here),
        };
        if place
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir))
            || place.is_absolute()
        {
            let message = format!("`{}` leads out of the repository", place.display());
            return Err(Failure::Usage(message));
        }
        let files = tempfile::tempdir().context("cannot make a directory for the revision")?;
        check_out(&commit, files.path())?;
        let main = files.path().join("tree").join(&place);
        if !main.exists() {
            let message = format!("`{}` has no `{}`", rev.escape_debug(), place.display());
            return Err(Failure::Failed {
                message,
                help: None,
            });
        }
        Ok(Self {
            files,
            main,
            rev: rev.to_owned(),
        })
    }

    /// The place of the files, and how it is shown: `HEAD~1:`.
    pub(crate) fn prefix(&self) -> (String, String) {
        let tree = self.files.path().join("tree");
        (format!("{}/", tree.display()), format!("{}:", self.rev))
    }
}

/// What git knows of a file before it was what it is now.
#[derive(Debug)]
pub(crate) struct Past {
    /// Commits that changed its directory, the last first.
    pub(crate) commits: Vec<String>,
    /// Where it is, from the root of the repository.
    path: PathBuf,
}

impl Past {
    /// The last commits of the directory that a file is in, at most so many; `None`: it is not in the
    /// repository here, or nothing is committed.
    pub(crate) fn of(file: &Path, commits_max: usize) -> Option<Self> {
        let file = file.canonicalize().ok()?;
        let top = PathBuf::from(line(&["rev-parse", "--show-toplevel"])?);
        let path = file.strip_prefix(top.canonicalize().ok()?).ok()?;
        let place = match path.parent() {
            Some(directory) if directory != Path::new("") => {
                format!(":(top,literal){}", directory.display())
            }
            Some(_) | None => ":/".to_owned(),
        };
        let count = format!("--max-count={commits_max}");
        let listed = line(&["log", "--format=%h", &count, "HEAD", "--", &place])?;
        Some(Self {
            commits: listed.lines().map(str::to_owned).collect(),
            path: path.to_path_buf(),
        })
    }

    /// Lays out the file, and all others, as a commit has them.
    ///
    /// # Errors
    /// It does not have the file.
    pub(crate) fn lay_out(&self, commit: &str) -> Result<Revision, Failure> {
        Revision::lay_out(&format!("{commit}:{}", self.path.display()), None)
    }
}

/// The full name of the commit that a text names.
fn commit(rev: &str) -> Option<String> {
    if rev.is_empty() {
        return None;
    }
    let wanted = format!("{rev}^{{commit}}");
    line(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &wanted,
    ])
}

/// What git prints, if it succeeds.
fn line(args: &[&str]) -> Option<String> {
    let output = git(args).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.trim_end_matches('\n').to_owned())
}

/// Writes all files of a commit below `home/tree`, with an index of its own.
fn check_out(commit: &str, home: &Path) -> Result<(), Failure> {
    let top =
        line(&["rev-parse", "--show-toplevel"]).context("the repository has no working tree")?;
    let index = home.join("index");
    let names = run(git(&["ls-tree", "-r", "-z", "--name-only", commit]).current_dir(&top))?;
    let count = names.split(|byte| *byte == 0).count();
    if count > FILES_MAX {
        let message = format!("the revision has more than {FILES_MAX} files");
        return Err(Failure::Failed {
            message,
            help: None,
        });
    }
    let own = |args: &[&OsStr]| {
        let mut command = git::<&OsStr>(args);
        command.env("GIT_INDEX_FILE", &index).current_dir(&top);
        command
    };
    run(&mut own(&["read-tree".as_ref(), commit.as_ref()]))?;
    let mut prefix = std::ffi::OsString::from("--prefix=");
    prefix.push(home.join("tree/"));
    std::fs::create_dir(home.join("tree")).context("cannot lay out the revision")?;
    run(&mut own(&[
        "checkout-index".as_ref(),
        "--all".as_ref(),
        &prefix,
    ]))?;
    Ok(())
}

fn git<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new("git");
    for name in CLEARED {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs a command to its end; gives what it prints.
fn run(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.output().context("cannot run git")?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("it failed").to_owned();
    Err(Failure::Failed {
        message: format!("git: {first}"),
        help: None,
    })
}
