//! Which addresses may be sent the token that a sign-in brought.

use rightful_core::{EndpointRule, Error, ErrorKind, HostRule, Result, Url};

/// Below which domains Salesforce's instances live. Unconfirmed as complete: `trusted_instance` names one more.
const SUFFIXES: &[&str] = &[
    ".salesforce.com",
    ".salesforce.mil",
    ".my.site.com",
    ".force.com",
    ".cloudforce.com",
    ".database.com",
    ".sfcrmapps.cn",
    ".crmforce.mil",
];

/// Hosts of the web interface: they have no API.
const LIGHTNING: &[&str] = &["lightning.force.com", "lightning.crmforce.mil", "lightning.sfcrmapps.cn"];

/// The host rule for `instance_url`.
#[derive(Clone, Debug)]
pub struct InstanceRule {
    /// The address signed in at, whose own origin is trusted.
    pub login: Url,
    /// One more origin that the configuration trusts.
    pub trusted: Option<Url>,
}

impl EndpointRule for InstanceRule {
    fn check(&self, candidate: &str) -> Result<Url> {
        let by = |configured: &Url| HostRule { suffixes: SUFFIXES, configured: configured.clone() }.check(candidate);
        let url = match &self.trusted {
            Some(trusted) => by(trusted).or_else(|_| by(&self.login)),
            None => by(&self.login),
        }?;
        let host = url.host_str().unwrap_or_default();
        let below = |domain: &str| host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        let why = if LIGHTNING.iter().any(|domain| below(domain)) {
            "it is of the web interface, which has no API"
        } else if url.path() != "/" || url.query().is_some() {
            "it is more than a host"
        } else {
            return Ok(url);
        };
        Err(Error::new(ErrorKind::Protocol, format!("the vendor named an address that is not to be trusted: {why}"))
            .hint("nothing was sent to it; check `login_url`, then report it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> InstanceRule {
        InstanceRule { login: Url::parse("http://127.0.0.1:7001").unwrap(), trusted: Some(Url::parse("https://crm.corp.example").unwrap()) }
    }

    #[test]
    fn only_instances_are_sent_the_token() {
        for address in [
            "https://acme.my.salesforce.com",
            "https://acme.my.salesforce.com/",
            "https://acme--dev.sandbox.my.salesforce.com",
            "https://na1.salesforce.com",
            "https://acme.my.site.com",
            "https://ACME.my.salesforce.com",
            "http://127.0.0.1:7001",
            "https://crm.corp.example",
        ] {
            assert!(rule().check(address).is_ok(), "{address}");
        }
        for address in [
            "",
            "https://evil-salesforce.com",
            "https://evilsalesforce.com",
            "https://salesforce.com.evil.example",
            "https://acme.my.salesforce.com@evil.example",
            "https://user@acme.my.salesforce.com",
            "http://acme.my.salesforce.com",
            "https://acme.my.salesforce.com:8443",
            "https://acme.my.salesforce.com/path",
            "https://acme.my.salesforce.com/?x=1",
            "https://acme.lightning.force.com",
            "https://lightning.force.com",
            "https://acme.lightning.crmforce.mil",
            "http://127.0.0.1:7002",
            "https://127.0.0.1",
            "https://other.corp.example",
        ] {
            let error = rule().check(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{address}");
        }
    }
}
