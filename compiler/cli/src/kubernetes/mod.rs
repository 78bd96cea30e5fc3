//! Gateways in a cluster of Kubernetes: their objects, and the way there and back. `goma export kubernetes` prints
//! the objects, `goma deploy --to kubernetes:…` applies them.
//!
//! Pure are [`needs`](Needs), the objects and how they are printed: the same gateway and the same flags give the
//! same bytes. Everything else asks an API server. What a cluster must hold of a gateway's history is in the
//! cluster; nothing is kept here.

mod both;
mod changes;
mod client;
mod deploy;
mod kind;
mod kubeconfig;
mod login;
mod manifests;
mod needs;
mod options;
mod place;
mod pod;
mod record;
mod replicas;
mod rollout;
mod session;
mod trial;
mod watch;
mod yaml;

pub(crate) use manifests::{Gateway, env_secret, manifests};
pub(crate) use needs::Needs;
pub(crate) use options::Options;
pub(crate) use place::{Place, gateway_name, is_name};
pub(crate) use session::{Asked, Session};

use std::fmt::Write as _;

use serde_json::Value;

/// Objects as `kubectl apply -f -` takes them, after what they need of the cluster: names, and no values.
pub(crate) fn print(
    of: Gateway<'_>,
    needs: &Needs,
    objects: &[Value],
    options: &Options,
) -> String {
    let mut text = format!("# Gateway {}, revision {}\n", of.name, of.revision);
    let secret = options.env_secret.clone();
    let secret = secret.unwrap_or_else(|| env_secret(of.name));
    for (variable, required) in needs.variables() {
        let may = if required { "" } else { ", may be missing" };
        let _ = writeln!(
            text,
            "# Needs the key {variable} of the Secret {secret}{may}"
        );
    }
    for (directory, secret) in needs.mounts() {
        let _ = writeln!(
            text,
            "# Needs the files of {directory} as the Secret {secret}"
        );
    }
    text + &yaml::print(objects)
}
