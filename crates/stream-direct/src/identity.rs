//! Who asks, and whether both sides mean the same cluster.
//!
//! A request names its sender, the region it means to reach, shards, members and membership, and, where a secret is
//! configured, a keyed hash over all of it and the path. It tells who may read a log. It hides nothing and it can be replayed: links over
//! networks that others can read belong in a tunnel.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_log::Membership;

pub(crate) const REGION: HeaderName = HeaderName::from_static("sterna-region");
const TO: HeaderName = HeaderName::from_static("sterna-to");
const SHARDS: HeaderName = HeaderName::from_static("sterna-shards");
const MEMBERS: HeaderName = HeaderName::from_static("sterna-members");
const MEMBERSHIP: HeaderName = HeaderName::from_static("sterna-membership");
const MAC: HeaderName = HeaderName::from_static("sterna-mac");

pub(crate) struct Identity {
    pub me: RegionId,
    pub membership: Arc<Membership>,
    key: Option<[u8; 32]>,
}

/// Why a peer is not answered. Each text names what both sides have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Secret(String),
    #[error("{0}")]
    Cluster(String),
}

impl Identity {
    pub(crate) fn new(me: RegionId, membership: Arc<Membership>, secret: Option<&[u8]>) -> Self {
        let key = secret.map(|secret| blake3::derive_key("sterna 2026-11 region to region", secret));
        Self { me, membership, key }
    }

    pub(crate) fn name(&self) -> Name {
        self.membership.name(self.me)
    }

    /// The headers that [`Identity::check`] of the region `to` wants to see.
    pub(crate) fn headers(&self, to: RegionId, path: &str) -> HeaderMap {
        let said = [
            (REGION, self.name().to_string()),
            (TO, self.membership.name(to).to_string()),
            (SHARDS, self.membership.shards.to_string()),
            (MEMBERS, members(&self.membership)),
            (MEMBERSHIP, format!("{}-{:016x}", self.membership.number, self.membership.hash())),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.insert(name, text(&value));
        }
        if let Some(key) = &self.key {
            let mac = mac(key, path, &headers);
            headers.insert(MAC, text(&mac.to_hex()));
        }
        headers
    }

    /// The region that asks, if it has the same secret and means this cluster and this region.
    pub(crate) fn check(&self, path: &str, headers: &HeaderMap) -> Result<RegionId, Refusal> {
        let peer = said(headers, REGION).unwrap_or_else(|| "?".to_owned());
        self.check_secret(&peer, path, headers)?;
        self.check_cluster(&peer, headers)?;
        let me = self.name();
        match said(headers, TO) {
            Some(to) if *to == *me => {}
            to => return Err(Refusal::Cluster(format!("this is region {me}, {peer} asked for region {}", or_none(to)))),
        }
        self.membership
            .region(&peer)
            .filter(|r| *r != self.me)
            .ok_or_else(|| Refusal::Cluster(format!("region {peer} is no peer of {me}; the members are {}", members(&self.membership))))
    }

    fn check_secret(&self, peer: &str, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let me = self.name();
        let sent = said(headers, MAC);
        let refusal = match (&self.key, sent) {
            (None, None) => return Ok(()),
            (None, Some(_)) => format!("region {peer} has a secret, region {me} has none"),
            (Some(_), None) => format!("region {me} has a secret, region {peer} has none"),
            (Some(key), Some(sent)) if blake3::Hash::from_hex(&sent).is_ok_and(|sent| sent == mac(key, path, headers)) => return Ok(()),
            (Some(_), Some(_)) => format!("the secrets of region {peer} and of region {me} differ"),
        };
        Err(Refusal::Secret(format!("{refusal}; all regions need the same `secret`")))
    }

    fn check_cluster(&self, peer: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let me = self.name();
        let (shards, ours) = (said(headers, SHARDS), self.membership.shards.to_string());
        if shards.as_ref() != Some(&ours) {
            return Err(Refusal::Cluster(format!("shards: {} in region {peer}, {ours} in region {me}", or_none(shards))));
        }
        let (list, our_list) = (said(headers, MEMBERS).unwrap_or_default(), members(&self.membership));
        let (record, our_record) = (said(headers, MEMBERSHIP), format!("{}-{:016x}", self.membership.number, self.membership.hash()));
        if record.as_ref() == Some(&our_record) {
            return Ok(());
        }
        if list == our_list {
            let record = or_none(record);
            return self.check_records(&record, &our_record).map_err(|()| {
                Refusal::Cluster(format!("membership: {record} in region {peer}, {our_record} in region {me}; members {our_list} in both"))
            });
        }
        self.check_records(&or_none(record), &our_record)
            .ok()
            .filter(|()| one_extends_other(&list, &our_list))
            .ok_or_else(|| Refusal::Cluster(format!("members: {list} in region {peer}, {our_list} in region {me}")))
    }

    /// Of two regions one may know a later record than the other; the same record can't differ.
    fn check_records(&self, theirs: &str, ours: &str) -> Result<(), ()> {
        let number = |record: &str| record.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
        match (number(theirs), number(ours)) {
            (Some(theirs), Some(ours)) if theirs != ours => Ok(()),
            _ => Err(()),
        }
    }
}

/// Members are only ever appended.
fn one_extends_other(a: &str, b: &str) -> bool {
    a.split(',').zip(b.split(',')).all(|(a, b)| a == b)
}

fn members(membership: &Membership) -> String {
    membership.members.iter().map(|m| &*m.name).collect::<Vec<_>>().join(",")
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

fn said(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

fn mac(key: &[u8; 32], path: &str, headers: &HeaderMap) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(path.as_bytes());
    for name in [REGION, TO, SHARDS, MEMBERS, MEMBERSHIP] {
        hasher.update(b"\n");
        hasher.update(headers.get(name).map_or(b"", HeaderValue::as_bytes));
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(me: &str, members: &[&str], shards: u16, secret: Option<&str>) -> Identity {
        let membership = Membership::first(members.iter().map(|m| Name::from(*m)), shards);
        Identity::new(membership.region(me).unwrap(), Arc::new(membership), secret.map(str::as_bytes))
    }

    fn asked(from: &Identity, to: &Identity) -> Result<RegionId, String> {
        let path = "/internal/v1/follow/0";
        let target = from.membership.region(&to.name()).unwrap_or(RegionId(99));
        to.check(path, &from.headers(target, path)).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn regions_of_one_cluster_answer_each_other() {
        let (a, b) = (region("a", &["a", "b"], 16, Some("s")), region("b", &["b", "a"], 16, Some("s")));
        assert_eq!(asked(&a, &b), Ok(RegionId(0)));
        assert_eq!(asked(&b, &a), Ok(RegionId(1)));
    }

    #[test]
    fn a_refusal_names_what_both_sides_have() {
        let b = region("b", &["a", "b"], 8, None);
        assert_eq!(asked(&region("a", &["a", "b"], 16, None), &b), Err("shards: 16 in region a, 8 in region b".into()));
        assert_eq!(asked(&region("a", &["a", "b", "c"], 8, None), &b), Err("members: a,b,c in region a, a,b in region b".into()));
    }

    #[test]
    fn a_refusal_tells_the_secret_s_side() {
        let (with, without) = (region("b", &["a", "b"], 8, Some("s")), region("b", &["a", "b"], 8, None));
        let ask = |secret, to: &Identity| asked(&region("a", &["a", "b"], 8, secret), to).unwrap_err();
        assert!(ask(None, &with).starts_with("region b has a secret, region a has none"));
        assert!(ask(Some("s"), &without).starts_with("region a has a secret, region b has none"));
        assert!(ask(Some("t"), &with).starts_with("the secrets of region a and of region b differ"));
    }

    #[test]
    fn a_wrong_address_is_told() {
        let (a, c) = (region("a", &["a", "b", "c"], 8, None), region("c", &["a", "b", "c"], 8, None));
        let headers = a.headers(RegionId(1), "/");
        assert_eq!(c.check("/", &headers), Err(Refusal::Cluster("this is region c, a asked for region b".into())));
    }

    #[test]
    fn a_mac_fits_one_path_only() {
        let (a, b) = (region("a", &["a", "b"], 8, Some("s")), region("b", &["a", "b"], 8, Some("s")));
        let headers = a.headers(RegionId(1), "/internal/v1/follow/0");
        assert!(matches!(b.check("/internal/v1/follow/1", &headers), Err(Refusal::Secret(_))));
    }

    #[test]
    fn a_later_record_that_appends_a_member_is_no_disagreement() {
        let a = region("a", &["a", "b"], 8, None);
        let mut later = (*a.membership).clone();
        later.number = 2;
        later.members.push(sterna_log::Member { name: "c".into(), fenced: Vec::new(), left: false });
        let b = Identity::new(RegionId(1), Arc::new(later), None);
        assert_eq!(asked(&a, &b), Ok(RegionId(0)));
        assert_eq!(asked(&b, &a), Ok(RegionId(1)));
    }
}
