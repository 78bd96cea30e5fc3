//! The command line of a container: what goma decides, and what stands behind `--` in the engine's own words.

use crate::failure::Failure;

use super::TARGET;
use super::engine::Engine;

/// What goma decides itself, and what would keep one container from taking over from another.
const TAKEN: &[&str] = &[
    "--cidfile",
    "--creds",
    "--entrypoint",
    "--name",
    "--publish",
    "--publish-all",
    "--replace",
    "--restart",
    "--rm",
    "-P",
    "-p",
];

/// Networks that two containers can be in with the same sockets: that of the machine, of another container, of
/// a name space that somebody else keeps.
const SHARED: &[&str] = &["host", "container:", "ns:"];

/// Whether they begin with an option of a program.
pub(super) fn are_options(of: &str, args: &[String]) -> Result<(), Failure> {
    match args.first().filter(|first| !first.starts_with('-')) {
        Some(first) => Err(Failure::Usage(format!(
            "behind `--` stand options of `{of}`: `{}` is none",
            first.escape_debug()
        ))),
        None => Ok(()),
    }
}

/// Whether containers can be run like this.
pub(super) fn check(engine: Engine, args: &[String]) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::Usage(message));
    are_options(&format!("{} create", engine.program()), args)?;
    for arg in args {
        let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
        let short = name.starts_with("-p") || name.starts_with("-P");
        if arg.contains(TARGET) {
            return usage("goma decides on its own labels".to_owned());
        }
        if TAKEN.contains(&name) || short && !name.starts_with("--") {
            let why = if short || name.contains("publish") {
                "a published port does not pass from one container to the next: share a network (docs/deploy/containers.md)"
            } else {
                "goma decides that"
            };
            return usage(format!("{}: {why}", name.escape_debug()));
        }
    }
    if let Some(name) = variables(args).find_map(|value| value.split_once('=')) {
        let name = name.0.escape_debug();
        return usage(format!(
            "the value of {name} would be kept with the revision: name a file (`--env-file`), or the variable alone (`-e {name}`)"
        ));
    }
    match network(args) {
        Some(network) if !SHARED.iter().any(|shared| network.starts_with(shared)) => {
            let shown = network.escape_debug();
            usage(format!(
                "in the network `{shown}` each container has sockets of its own: it is `host`, `container:NAME`, or a pod"
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// Options of `create` for a container; those of the user stand last, and win.
pub(super) fn options(target: &str, user: &[String]) -> Vec<String> {
    let volume = format!("goma-{target}:/run/goma");
    let own = [
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        // Longer than a gateway drains, unless it is told otherwise.
        "--stop-timeout=60",
        "--volume",
        &volume,
    ];
    let mut options = own.map(str::to_owned).to_vec();
    let pod = user
        .iter()
        .any(|arg| arg == "--pod" || arg.starts_with("--pod="));
    if network(user).is_none() && !pod {
        options.push("--network=host".to_owned());
    }
    options.extend_from_slice(user);
    options
}

/// A command as it may be shown: values of variables and of what else may be a secret are left out.
pub(super) fn shown(args: &[String]) -> String {
    let mut before = None;
    let shown = args.iter().map(|arg| {
        let (option, secret) = match before.take() {
            Some(option) => ("", Some((option, arg.as_str()))),
            None => match hiding(arg) {
                Some((option, "")) => {
                    before = Some(option);
                    (arg.as_str(), None)
                }
                Some((option, value)) => (option, Some((option, value))),
                None => (arg.as_str(), None),
            },
        };
        let option = option.escape_debug();
        match secret.map(|(of, value)| (of.contains("creds"), value.split_once('='), value)) {
            None => option.to_string(),
            Some((false, Some((name, _)), _)) => format!("{option}{}=…", name.escape_debug()),
            Some((false, None, name)) => format!("{option}{}", name.escape_debug()),
            Some((true, ..)) => format!("{option}…"),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Options whose values may be secrets.
const SECRET: [&str; 3] = ["--creds", "--env", "--log-opt"];

/// An option whose value may be a secret, and the value; that is empty if it is the next word.
fn hiding(arg: &str) -> Option<(&str, &str)> {
    let secret = SECRET.iter().find(|option| arg.starts_with(**option));
    if let Some(option) = secret {
        let rest = arg.get(option.len()..)?;
        let end = option.len() + usize::from(rest.starts_with('='));
        let all = rest.is_empty() || rest.starts_with('=');
        return arg.split_at_checked(end).filter(|_| all);
    }
    // `-ieA=x`: letters that stand for themselves, and then one with a value.
    let letters = arg.strip_prefix('-')?;
    let alone = letters
        .bytes()
        .take_while(|letter| b"diqtP".contains(letter));
    let end = alone.count();
    if letters.as_bytes().get(end) != Some(&b'e') {
        return None;
    }
    let (option, value) = arg.split_at_checked(end + 2)?;
    Some((option, value.strip_prefix('=').unwrap_or(value)))
}

/// What is said of variables: `NAME`, or `NAME=VALUE`.
fn variables(args: &[String]) -> impl Iterator<Item = &str> {
    let mut args = args.iter();
    std::iter::from_fn(move || {
        let (option, value) = args.find_map(|arg| hiding(arg))?;
        let value = if value.is_empty() {
            args.next()?
        } else {
            value
        };
        Some((option, value))
    })
    .filter(|(option, _)| option.starts_with("--env") || !option.starts_with("--"))
    .map(|(_, value)| value)
}

fn network(args: &[String]) -> Option<&str> {
    let mut args = args.iter();
    let mut found = None;
    while let Some(arg) = args.next() {
        match arg.split_once('=') {
            Some(("--network" | "--net", value)) => found = Some(value),
            None if arg == "--network" || arg == "--net" => found = args.next().map(String::as_str),
            Some(_) | None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_may_stand_behind() {
        for good in [
            "",
            "--env-file /etc/shop.env -v /etc/shop:/etc/shop:ro --memory=256m",
            "--network host",
            "--network=container:shop-net",
            "--pod shop --pids-limit 100",
            "-e A --env B -eC -iteD --log-opt a=b",
        ] {
            assert!(check(Engine::Podman, &words(good)).is_ok(), "{good}");
        }
        for wrong in [
            "shop",
            "--name x",
            "--restart=always",
            "-p 80:8080",
            "-p80:8080",
            "--publish=80:8080",
            "--network bridge",
            "--net=none",
            "--rm",
            "-e A=x",
            "-eA=x",
            "-ieA=x",
            "-e=A=x",
            "--env A=x",
            "--env=A=x",
            "-it -e A --env B=x",
            "--creds=a:b",
            "--label goma.target=other",
        ] {
            assert!(check(Engine::Docker, &words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_is_the_machines_unless_another_is_named() {
        let has_host =
            |user: &str| options("shop", &words(user)).contains(&"--network=host".to_owned());
        assert!(has_host("--memory 1g"));
        assert!(!has_host("--pod shop"));
        assert!(!has_host("--network container:x"));
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let args = words("-e A=secret --env=B=secret -eC=secret --env D=secret -e E --memory=1g");
        assert_eq!(
            shown(&args),
            "-e A=… --env=B=… -eC=… --env D=… -e E --memory=1g"
        );
        let args = words(
            "-ieA=secret -it -dte B=secret --creds=a:secret --creds a:se=cret --log-opt=token=secret --log-opt token=secret --env-file x=y -eC",
        );
        assert_eq!(
            shown(&args),
            "-ieA=… -it -dte B=… --creds=… --creds … --log-opt=token=… --log-opt token=… --env-file x=y -eC"
        );
    }
}
