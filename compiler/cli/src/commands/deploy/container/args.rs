//! The command line of a container: what goma decides, and what stands behind `--` in the engine's own words.

use crate::failure::Failure;

use super::engine::Engine;

/// What goma decides itself, and what would keep one container from taking over from another.
const TAKEN: &[&str] = &[
    "--cidfile",
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
        if TAKEN.contains(&name) || short && !name.starts_with("--") {
            let why = if short || name.contains("publish") {
                "a published port does not pass from one container to the next: share a network (docs/deploy/containers.md)"
            } else {
                "goma decides that"
            };
            return usage(format!("{}: {why}", name.escape_debug()));
        }
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
    let mut options = ["--read-only", "--cap-drop=all"]
        .map(str::to_owned)
        .to_vec();
    options.push("--security-opt=no-new-privileges".to_owned());
    options.extend(["--volume".to_owned(), volume]);
    let pod = user
        .iter()
        .any(|arg| arg == "--pod" || arg.starts_with("--pod="));
    if network(user).is_none() && !pod {
        options.push("--network=host".to_owned());
    }
    options.extend_from_slice(user);
    options
}

/// A command as it may be shown: values of variables may be secrets.
pub(super) fn shown(args: &[String]) -> String {
    let mut variable = false;
    let shown = args.iter().map(|arg| {
        let here = std::mem::replace(&mut variable, arg == "-e" || arg == "--env");
        let (flag, rest) = match arg.strip_prefix("--env=") {
            Some(rest) => ("--env=", rest),
            None => match arg.strip_prefix("-e").filter(|rest| !rest.is_empty()) {
                Some(rest) => ("-e", rest),
                None if here => ("", arg.as_str()),
                None => return arg.escape_debug().to_string(),
            },
        };
        match rest.split_once('=') {
            Some((name, _)) => format!("{flag}{}=…", name.escape_debug()),
            None => format!("{flag}{}", rest.escape_debug()),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
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
            "-e A=… --env=B=… -eC=… --env D=… -e E=… --memory=1g"
        );
    }
}
