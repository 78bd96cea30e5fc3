//! During a roll-out pods of two revisions serve, perhaps on different ports: they are reached on those of both.

use serde_json::{Map, Value, json};

use super::kind::{Kind, items, text};

/// An object with the ports of the one that is there besides its own; none: there are no others.
pub(super) fn reaching_both(object: &Value, there: Option<&Value>) -> Option<Value> {
    let place = match Kind::of(object)? {
        Kind::NetworkPolicy => "/spec/ingress/0/ports",
        Kind::Service => "/spec/ports",
        _ => return None,
    };
    let own = items(object, place);
    let others = items(there?, place).iter();
    let others = others.filter(|other| own.iter().all(|own| key(own) != key(other)));
    let others: Vec<Value> = others.map(|other| besides(other, own)).collect();
    if others.is_empty() {
        return None;
    }
    let ports = [own, &others].concat();
    let mut both = object.clone();
    let spec = both.get_mut("spec")?.as_object_mut()?;
    match place {
        "/spec/ports" => spec.insert("ports".to_owned(), ports.into()),
        _ => spec.insert("ingress".to_owned(), json!([{"ports": ports}])),
    };
    Some(both)
}

/// By what a cluster knows a port.
fn key(port: &Value) -> (Option<&Value>, &str) {
    let protocol = text(port, "/protocol");
    (
        port.get("port"),
        if protocol.is_empty() { "TCP" } else { protocol },
    )
}

/// A port under a name that no other has: the cluster calls pods' ports by theirs, which is that of another number in
/// pods of another revision.
fn besides(port: &Value, own: &[Value]) -> Value {
    const FIELDS: [&str; 5] = ["name", "port", "endPort", "protocol", "targetPort"];
    let fields = FIELDS.iter().filter_map(|field| {
        let value = port.get(field)?.clone();
        Some(((*field).to_owned(), value))
    });
    let mut kept: Map<String, Value> = fields.collect();
    let name = text(port, "/name");
    if !name.is_empty() && own.iter().any(|own| text(own, "/name") == name) {
        let (number, protocol) = key(port);
        let number = number.map(Value::to_string).unwrap_or_default();
        let name = format!("{}-{number}", protocol.to_lowercase());
        kept.insert("name".to_owned(), name.into());
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_both_revisions() {
        let service =
            |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}});
        let http = |port: u16| json!({"name": "http", "port": port, "protocol": "TCP", "targetPort": "http"});
        let there = service(json!([
            {"name": "http", "port": 8080, "protocol": "TCP", "targetPort": "http", "nodePort": 30_000},
            {"name": "udp-53", "port": 53, "protocol": "UDP", "targetPort": "udp-53"},
        ]));
        let new = service(
            json!([http(9090), {"name": "tcp-53", "port": 53, "protocol": "TCP", "targetPort": "tcp-53"}]),
        );
        let both = reaching_both(&new, Some(&there)).unwrap();
        let mut expected = new["spec"]["ports"].clone();
        let expected = expected.as_array_mut().unwrap();
        expected.push(
            json!({"name": "tcp-8080", "port": 8080, "protocol": "TCP", "targetPort": "http"}),
        );
        expected
            .push(json!({"name": "udp-53", "port": 53, "protocol": "UDP", "targetPort": "udp-53"}));
        assert_eq!(both["spec"]["ports"], json!(expected));
        assert_eq!(reaching_both(&new, Some(&both)).unwrap(), both);
        assert_eq!(reaching_both(&new, Some(&new)), None);
        assert_eq!(reaching_both(&new, None), None);
        let policy = |ingress: Value| json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"ingress": ingress}});
        let there = policy(json!([{"ports": [{"port": 8080, "protocol": "TCP"}]}]));
        assert_eq!(reaching_both(&policy(json!([])), Some(&there)), Some(there));
    }
}
