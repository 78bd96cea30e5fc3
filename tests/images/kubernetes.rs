//! `goma deploy --to kubernetes:…`, `rollback` and `status`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use goma_tests::{Backend, wait_until};
use serde_json::{Value, json};

use super::cluster::{Cluster, said};
use super::distribution::Registry;
use super::{digest, expect, revision, scratch};

/// A gateway of one route; each variable is in a Secret.
pub(crate) const SPEC: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-:8080}\" }
  timeouts: { drain: 2 }
  routes:
    - name: site
      path: /
      target: ${BACKEND}
";

/// Where it goes.
pub(crate) const SHOP: &str = "kubernetes:shop";

/// A cluster, a registry and a backend, in a directory of this test.
pub(crate) struct Scene {
    dir: PathBuf,
    /// Where gateways go.
    pub(crate) cluster: Cluster,
    registry: Registry,
    backend: Backend,
    /// Answers to `/gate` wait for it.
    gate: Arc<Mutex<()>>,
}

/// An image in the registry.
pub(crate) struct Image {
    name: String,
    revision: String,
}

impl Scene {
    pub(crate) fn start(name: &str) -> Self {
        let dir = scratch(name, SPEC);
        let cluster = Cluster::start(&dir);
        Self::of(dir, cluster)
    }

    /// `kubectl` says a token by TLS only.
    fn start_with_tls(name: &str) -> Self {
        let dir = scratch(name, SPEC);
        let cluster = Cluster::start_with_tls(&dir, "IP:127.0.0.1", &[]);
        let server = json!({"server": cluster.url, "certificate-authority": "server.crt"});
        cluster.kubeconfig(&server, &json!({"token": "test-token"}));
        Self::of(dir, cluster)
    }

    fn of(dir: PathBuf, cluster: Cluster) -> Self {
        let gate = Arc::new(Mutex::new(()));
        let passes = Arc::clone(&gate);
        let backend = Backend::script(move |connection| {
            while let Some(request) = connection.request() {
                if request.target() == "/gate" {
                    drop(passes.lock().unwrap());
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
        let variables = [("BACKEND", backend.url()), ("BAD", "no URL".to_owned())];
        cluster.secret("shop-env", &variables);
        Self {
            registry: Registry::start(&dir, ""),
            cluster,
            dir,
            backend,
            gate,
        }
    }

    /// Builds and pushes.
    pub(crate) fn image(&self, spec: &str) -> Image {
        fs::write(self.dir.join("goma.yml"), spec).unwrap();
        let repository = self.registry.named("shop");
        let args = ["build", "--fast", "--image", "image", "--push", &repository];
        let built = self.cluster.goma(&args).output().unwrap();
        let digest = digest(&expect(&built));
        Image {
            name: format!("oci://{repository}@{digest}"),
            revision: revision(&self.dir),
        }
    }

    pub(crate) fn deploy(&self, image: &Image, args: &[&str]) -> (i32, String) {
        let deploy = ["deploy", "--to", SHOP, &image.name];
        self.cluster.run(&[&deploy, args].concat())
    }

    /// What the deployment runs.
    pub(crate) fn runs(&self) -> (String, Value) {
        let deployment = self.cluster.deployment("shop");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        (
            container["image"].as_str().unwrap_or_default().to_owned(),
            deployment["status"].clone(),
        )
    }
}

/// The exit code, and a part of what was said.
pub(crate) fn ends((code, text): &(i32, String), expected: i32, part: &str) {
    assert_eq!(*code, expected, "{text}");
    assert!(text.contains(part), "no `{part}` in:\n{text}");
}

/// K-BUILD-5, K-BUILD-6, K-REC-8: each revision takes the place of the one before by its digest, and what does not
/// change is not written.
#[test]
fn revisions_follow_one_another_in_a_cluster() {
    let scene = Scene::start("kubernetes");
    let Scene { cluster, .. } = &scene;
    ends(
        &cluster.run(&["status", "--to", SHOP]),
        1,
        "nothing is deployed to kubernetes:shop",
    );
    let one = scene.image(SPEC);
    the_first_is_deployed(&scene, &one);

    // The same once more: nothing would change, and nothing does.
    ends(
        &scene.deploy(&one, &["--dry-run"]),
        0,
        "nothing would change",
    );
    let before = cluster.deployment("shop");
    ends(&scene.deploy(&one, &[]), 0, "serves");
    assert_eq!(cluster.deployment("shop"), before);

    let two = scene.image(&SPEC.replace("path: /", "path: /two"));
    the_next_takes_its_place(&scene, &two);
    the_first_comes_back(&scene, &one, &two);
}

fn the_first_is_deployed(scene: &Scene, one: &Image) {
    let Scene { cluster, .. } = scene;
    let golden = ["--golden", "GET http://shop.example/ 200"];
    let changed = cluster.changes();
    let dry = scene.deploy(one, &["--dry-run"]);
    ends(&dry, 0, "change    Deployment shop: new");
    assert_eq!(cluster.changes(), changed);
    let replicas = [&golden[..], &["--", "--replicas", "2"]].concat();
    ends(&scene.deploy(one, &replicas), 0, "serves    as web/shop");
    let (image, status) = scene.runs();
    assert_eq!(format!("oci://{image}"), one.name);
    assert_eq!(
        [&status["availableReplicas"], &status["updatedReplicas"]],
        [2, 2]
    );
    let status = cluster.run(&["status", "--to", SHOP]);
    ends(
        &status,
        0,
        "2 of 2 serve, 2 of this revision\nserves    yes\n",
    );
    ends(&status, 0, &format!("revision  {}\nsince ", one.revision));
}

/// Nothing changes but the image and what is said of it.
fn the_next_takes_its_place(scene: &Scene, two: &Image) {
    let dry = scene.deploy(two, &["--dry-run"]);
    ends(
        &dry,
        0,
        "spec.template.spec.containers[goma-gateway].image: localhost:",
    );
    assert!(
        !dry.1.contains("replicas") && !dry.1.contains("Service shop"),
        "{}",
        dry.1
    );
    ends(
        &scene.deploy(two, &[]),
        0,
        &format!("revision  {}", two.revision),
    );
    let (image, status) = scene.runs();
    assert_eq!(format!("oci://{image}"), two.name);
    assert_eq!(status["availableReplicas"], 2, "as it was said before");
    let deployment = scene.cluster.deployment("shop");
    assert_eq!(
        deployment["metadata"]["annotations"]["gateway.jkaninda.dev/revision"],
        *two.revision
    );
}

/// By `rollback`, which knows the history.
fn the_first_comes_back(scene: &Scene, one: &Image, two: &Image) {
    let Scene { cluster, .. } = scene;
    ends(
        &cluster.run(&["rollback", "--to", SHOP]),
        0,
        &format!("revision  {}", one.revision),
    );
    assert_eq!(format!("oci://{}", scene.runs().0), one.name);
    let (_, list) = cluster.run(&["rollback", "--to", SHOP, "--list"]);
    let list: Vec<&str> = list.lines().filter_map(|line| line.get(..22)).collect();
    let line = |image: &Image, how: &str| format!("{}  {how:<8}", image.revision);
    assert_eq!(
        list,
        [
            line(one, "rollback"),
            line(two, "deploy"),
            line(one, "deploy"),
            line(one, "deploy")
        ]
    );
    let none = ["rollback", "--to", SHOP, "--revision", "00000000000a"];
    ends(&cluster.run(&none), 1, "there is no release 00000000000a");
}

/// K-REC-7, K-BUILD-6: what does not serve, or answers golden requests otherwise, is taken back.
#[test]
fn what_does_not_serve_is_taken_back() {
    let scene = Scene::start("kubernetes-back");
    let Scene { cluster, .. } = &scene;
    let good = scene.image(SPEC);
    ends(
        &scene.deploy(&good, &["--", "--replicas", "2"]),
        0,
        "serves",
    );
    let before = cluster.deployment("shop");

    // Answers, but not as it must: nobody else has seen it.
    let other = scene.image(&SPEC.replace("path: /", "path: /other"));
    let changed = cluster.changes();
    let golden = scene.deploy(&other, &["--golden", "GET http://shop.example/ 200"]);
    ends(&golden, 1, "GET http://shop.example/ 200: 404 came");
    ends(&golden, 1, "nothing was changed");
    assert_eq!(cluster.changes(), changed);
    assert_eq!(cluster.deployment("shop"), before);
    let pods = cluster.ask("GET", "/api/v1/namespaces/web/pods", None);
    assert_eq!(
        pods["items"].as_array().unwrap().len(),
        2,
        "the trial is over"
    );

    // Its pods cannot start: a variable is in no Secret. Those before listen elsewhere, and are reached as long.
    let unset = SPEC.replace("${BACKEND}", "${MISSING}");
    let unset = scene.image(&unset.replace(":8080", ":9090"));
    let back = format!("{} serves", good.revision);
    let mut stuck = cluster.goma(&["deploy", "--to", SHOP, &unset.name, "--wait", "20s"]);
    let stuck = stuck.stdout(Stdio::piped()).stderr(Stdio::piped());
    let stuck = stuck.spawn().unwrap();
    wait_until("both are reached", || ports(cluster) == [[8080, 9090]; 2]);
    let stuck = said(&stuck.wait_with_output().unwrap());
    ends(
        &stuck,
        1,
        "CreateContainerConfigError couldn't find key MISSING in Secret shop-env",
    );
    ends(&stuck, 1, &back);
    assert_eq!(format!("oci://{}", scene.runs().0), good.name);
    assert_eq!(ports(cluster), [[8080]; 2]);
    // Likewise if the cluster says that it does not get on, long before the time is over.
    cluster.steer("seconds", &json!(0.01));
    ends(&scene.deploy(&unset, &["--wait", "600s"]), 1, &back);
    cluster.steer("seconds", &json!(1));
    // With golden requests it does not come that far.
    let golden = ["--golden", "GET http://shop.example/ 200", "--wait", "600s"];
    ends(&scene.deploy(&unset, &golden), 1, "nothing was changed");
    // Its pods end by themselves.
    let bad = scene.image(&SPEC.replace("${BACKEND}", "${BAD}"));
    let crashed = scene.deploy(&bad, &["--wait", "20s"]);
    ends(&crashed, 1, "CrashLoopBackOff");
    ends(&crashed, 1, "; it logs: ");
    let (_, list) = cluster.run(&["rollback", "--to", SHOP, "--list"]);
    assert_eq!(
        list.lines().count(),
        1,
        "only what served is in the history: {list}"
    );
    ends(&cluster.run(&["status", "--to", SHOP]), 0, "serves    yes");
}

/// Those that the policy lets pass, and those of the service.
fn ports(cluster: &Cluster) -> [Vec<u64>; 2] {
    let policy = cluster.ask(
        "GET",
        "/apis/networking.k8s.io/v1/namespaces/web/networkpolicies/shop",
        None,
    );
    let service = cluster.ask("GET", "/api/v1/namespaces/web/services/shop", None);
    [
        &policy["spec"]["ingress"][0]["ports"],
        &service["spec"]["ports"],
    ]
    .map(|ports| {
        let ports = ports.as_array().into_iter().flatten();
        let mut ports: Vec<_> = ports.filter_map(|port| port["port"].as_u64()).collect();
        ports.sort_unstable();
        ports
    })
}

/// What others say of a field is not overwritten unless one says so, and nothing is changed before the server will
/// have all of it.
#[test]
fn others_have_a_say() {
    let scene = Scene::start("kubernetes-others");
    let Scene { cluster, .. } = &scene;
    let one = scene.image(SPEC);
    ends(&scene.deploy(&one, &[]), 0, "serves");
    let path = "/apis/apps/v1/namespaces/web/deployments/shop";
    // Nobody said how many: whoever does has the say from then on.
    cluster.ask("PATCH", path, Some(&json!({"spec": {"replicas": 2}})));
    ends(&scene.deploy(&one, &["--wait", "30s"]), 0, "serves");
    assert_eq!(cluster.deployment("shop")["spec"]["replicas"], 2);
    let overlay = "/api/v1/namespaces/web/configmaps/shop-overlay";
    let routes = json!({"data": {"overlay.yaml": "routes: {}"}});
    cluster.ask("PATCH", overlay, Some(&routes));

    let changed = cluster.changes();
    let refused = scene.deploy(&one, &["--", "--replicas", "1"]);
    ends(
        &refused,
        1,
        "409 Apply failed with 1 conflict: conflict with \"kubectl-edit\"",
    );
    ends(&refused, 1, ".spec.replicas");
    assert_eq!(cluster.changes(), changed);
    let forced = ["--", "--replicas", "1", "--force-conflicts"];
    ends(&scene.deploy(&one, &forced), 0, "serves");
    assert_eq!(cluster.deployment("shop")["spec"]["replicas"], 1);
    assert_eq!(
        cluster.ask("GET", overlay, None)["data"],
        routes["data"],
        "live values stay"
    );

    // Objects come and go with what is said.
    let autoscaler = "/apis/autoscaling/v2/namespaces/web/horizontalpodautoscalers/shop";
    let budget = "/apis/policy/v1/namespaces/web/poddisruptionbudgets/shop";
    ends(
        &scene.deploy(&one, &["--", "--autoscale", "2-5"]),
        0,
        "serves",
    );
    assert_eq!(
        cluster.ask("GET", autoscaler, None)["spec"]["maxReplicas"],
        5
    );
    assert_eq!(cluster.ask("GET", budget, None)["spec"]["minAvailable"], 1);
    let dry = scene.deploy(&one, &["--dry-run", "--", "--replicas", "1"]);
    ends(&dry, 0, "change    HorizontalPodAutoscaler shop: deleted");
    ends(&scene.deploy(&one, &["--", "--replicas", "1"]), 0, "serves");
    for gone in [autoscaler, budget] {
        assert_eq!(cluster.ask("GET", gone, None)["code"], 404);
    }

    let changed = cluster.changes();
    cluster.steer("deny", &json!(["patch networkpolicies"]));
    let denied = scene.deploy(&one, &[]);
    ends(
        &denied,
        1,
        "cannot apply NetworkPolicy shop: the server answers 403",
    );
    assert_eq!(cluster.changes(), changed);
    let layout = ["deploy", "--to", SHOP, "image"];
    ends(
        &cluster.run(&layout),
        1,
        "in no registry that a cluster could pull from",
    );
    let wrong = ["deploy", "--to", SHOP, "image", "--", "--replica", "1"];
    ends(&cluster.run(&wrong), 2, "--replica");
    let place = ["status", "--to", "kubernetes:Shop"];
    ends(
        &cluster.run(&place),
        2,
        "kubernetes:[NAMESPACE/]NAME[@CONTEXT]",
    );
}

/// What is deployed while golden requests are asked stays.
#[test]
fn somebody_is_faster() {
    let scene = Scene::start("kubernetes-faster");
    let Scene { cluster, .. } = &scene;
    let image = scene.image(SPEC);
    ends(&scene.deploy(&image, &[]), 0, "serves");
    let held = scene.gate.lock().unwrap();
    let golden = ["--golden", "GET http://shop.example/gate 200"];
    let args = [&["deploy", "--to", SHOP, &image.name], &golden[..]].concat();
    let mut deploys = cluster.goma(&args);
    let deploys = deploys
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a golden request is asked", || {
        let requests = scene.backend.requests();
        requests.iter().any(|request| request.target() == "/gate")
    });
    let path = "/apis/apps/v1/namespaces/web/deployments/shop";
    let others = json!({"metadata": {"annotations": {"gateway.jkaninda.dev/revision": "theirs"}}});
    cluster.ask("PATCH", path, Some(&others));
    let changed = cluster.changes();
    drop(held);
    ends(
        &said(&deploys.wait_with_output().unwrap()),
        1,
        "theirs was deployed meanwhile, which is left as it is",
    );
    assert_eq!(cluster.changes(), changed);
}

/// A watch that breaks, or that is told that its version is too old, is begun anew; a server that is busy is asked
/// again.
#[test]
fn waiting_survives_a_bad_connection() {
    let scene = Scene::start("kubernetes-watch");
    let Scene { cluster, .. } = &scene;
    let one = scene.image(SPEC);
    let failing: Vec<Value> = ["GET", "PATCH", "GET", "watch=true", "watch=true"]
        .iter()
        .zip([500, 503, 429, 410, 500])
        .map(|(what, code)| json!([what, code]))
        .collect();
    cluster.steer("fail", &json!(failing));
    let mut waits = cluster.goma(&["deploy", "--to", SHOP, &one.name, "--", "--replicas", "3"]);
    let mut waits = waits.spawn().unwrap();
    let mut turns = 0;
    while waits.try_wait().unwrap().is_none() {
        cluster.steer(if turns % 2 == 0 { "forget" } else { "cut" }, &Value::Null);
        turns += 1;
    }
    assert!(waits.wait().unwrap().success());
    assert!(turns > 1);
    assert_eq!(scene.runs().1["availableReplicas"], 3);
}

/// The tool of others works with the same objects, and by the same rules: who has applied a field has the say.
#[test]
fn kubectl_and_goma_share_a_cluster() {
    let scene = Scene::start_with_tls("kubernetes-kubectl");
    let one = scene.image(SPEC);
    export(&scene, &one);
    let apply = [
        "apply",
        "--server-side",
        "--validate=false",
        "-f",
        "shop.yaml",
    ];
    kubectl(&scene, &apply);
    kubectl(&scene, &["rollout", "status", "deployment/shop"]);
    ends(
        &scene.cluster.run(&["status", "--to", SHOP]),
        0,
        "serves    yes",
    );

    // Both say the same of every field.
    ends(&scene.deploy(&one, &[]), 0, "serves");
    let two = scene.image(&SPEC.replace("path: /", "path: /two"));
    ends(&scene.deploy(&two, &[]), 1, "conflict with \"kubectl\"");
    ends(
        &scene.deploy(&two, &["--", "--force-conflicts"]),
        0,
        "serves",
    );
    kubectl(&scene, &["rollout", "status", "deployment/shop"]);
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let runs = kubectl(&scene, &["get", "deployment", "shop", "-o", path]);
    assert_eq!(format!("oci://{runs}"), two.name);
}

/// Writes `shop.yaml`.
fn export(scene: &Scene, image: &Image) {
    let pulled = image.name.trim_start_matches("oci://");
    let args = [
        "export",
        "kubernetes",
        "-c",
        &image.name,
        "--image",
        pulled,
        "--name",
        "shop",
    ];
    let exported = scene.cluster.run(&args);
    ends(
        &exported,
        0,
        &format!("# Gateway shop, revision {}\n", image.revision),
    );
    fs::write(scene.dir.join("shop.yaml"), exported.1).unwrap();
}

fn kubectl(scene: &Scene, args: &[&str]) -> String {
    let output = Command::new("kubectl")
        .args(args)
        .current_dir(&scene.dir)
        .env("HOME", &scene.dir)
        .env("KUBECONFIG", scene.dir.join("kubeconfig"))
        .output();
    expect(&output.unwrap_or_else(|error| panic!("kubectl: {error}: run ci/testbed")))
}
