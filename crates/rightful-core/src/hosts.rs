//! The rule a URL given by a vendor must pass before anything is sent to it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::{Error, ErrorKind, Result};

/// The longest address that is looked at.
const LONGEST_ADDRESS: usize = 2048;

/// Which hosts of a vendor may be sent credentials.
#[derive(Clone, Debug)]
pub struct HostRule {
    /// Host suffixes on a label border. `example.com` allows the host itself and every host below it, `.example.com` only those below.
    pub suffixes: &'static [&'static str],
    /// The configured base URL: an address of the very same origin is allowed too, whatever it is (a simulator on loopback).
    pub configured: Url,
}

impl HostRule {
    /// The address, if the rule allows it: https, no user info, port 443 or none, a host that ends in one of the suffixes; its path is kept.
    /// The host comes out in lower case, without the one trailing dot it may have had.
    ///
    /// ```
    /// use rightful_core::{HostRule, Url};
    /// let rule = HostRule { suffixes: &[".example.com"], configured: Url::parse("https://api.example.com").unwrap() };
    /// assert_eq!(rule.check("https://P1.Example.com./gateway").unwrap().as_str(), "https://p1.example.com/gateway");
    /// assert!(rule.check("https://p1.example.com.evil.example").is_err());
    /// ```
    ///
    /// # Errors
    /// `Protocol` for every other address: nothing is sent to it.
    pub fn check(&self, candidate: &str) -> Result<Url> {
        let refuse = |why: &str| {
            Err(Error::new(ErrorKind::Protocol, format!("the vendor named an address that is not to be trusted: {why}"))
                .hint("nothing was sent to it; check the base URL, then report it to the vendor"))
        };
        if candidate.is_empty() {
            return refuse("it is empty");
        }
        if candidate.len() > LONGEST_ADDRESS {
            return refuse("it is too long");
        }
        // URL parsers drop tabs and line breaks and read backslashes as slashes: such an address is not what it seems.
        if candidate.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return refuse("it has characters no address has");
        }
        let Ok(mut url) = Url::parse(candidate) else { return refuse("it is no absolute URL") };
        if !url.username().is_empty() || url.password().is_some() || has_user_info(candidate) {
            return refuse("it carries user info");
        }
        url.set_fragment(None);
        if url.origin().is_tuple() && url.origin() == self.configured.origin() {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return refuse("it is not https");
        }
        if url.port().is_some() {
            return refuse("it names a port");
        }
        let Some(Host::Domain(host)) = url.host() else { return refuse("its host is no name") };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if !self.suffixes.iter().any(|suffix| is_within(&host, suffix)) {
            return refuse(&format!("host `{host}` is not one of the vendor's"));
        }
        if url.set_host(Some(&host)).is_err() {
            return refuse("its host is no name");
        }
        Ok(url)
    }
}

/// Is `host` the suffix itself or below it, cut at a label border?
fn is_within(host: &str, suffix: &str) -> bool {
    let domain = suffix.strip_prefix('.').unwrap_or(suffix);
    match host.strip_suffix(domain) {
        Some("") => !suffix.starts_with('.'),
        Some(front) => front.ends_with('.') && front.split('.').rev().skip(1).all(|label| !label.is_empty()),
        None => false,
    }
}

/// An `@` before the path, even with nothing before it (`https://@host`), is user info.
fn has_user_info(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}

/// A base URL from a setting: https, or http where the host is this machine; no user info, query or fragment.
///
/// # Errors
/// `Config` that says what is wrong with it.
pub fn base_url(text: &str) -> Result<Url> {
    let wrong = |why: String, hint: &str| Err(Error::new(ErrorKind::Config, why).hint(hint.to_owned()));
    let text = text.trim();
    let Ok(url) = Url::parse(text) else {
        return wrong("the base URL is no absolute URL".to_owned(), "write it whole, for example https://api.example.com");
    };
    if !url.username().is_empty() || url.password().is_some() || has_user_info(text) {
        return wrong("the base URL carries a user name or password".to_owned(), "remove it; secrets have settings of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(format!("the base URL of {} has a query or fragment", host_of(&url)), "leave out everything from `?` or `#` on");
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => wrong(
            format!("the base URL of {} is not encrypted", host_of(&url)),
            "use https; plain http is only for a sandbox on this machine (127.0.0.1, ::1 or localhost)",
        ),
        other => wrong(format!("a base URL cannot begin with `{other}:`"), "use https"),
    }
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or("no host")
}

/// Is the host this machine?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// A checked base URL that addresses are made from.
///
/// ```
/// use rightful_core::BaseUrl;
/// let base = BaseUrl::parse("https://api.example.com/v1").unwrap();
/// assert_eq!(base.join(["customers", "a/b"]).unwrap().as_str(), "https://api.example.com/v1/customers/a%2Fb");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// From a setting, by the rules of [`base_url`].
    ///
    /// # Errors
    /// `Config` that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        base_url(text).map(Self)
    }

    /// From an address that was checked already, by [`base_url`] or a [`HostRule`].
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The base itself.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The address below the base with these path segments, each encoded.
    ///
    /// # Errors
    /// `Rejected` for a segment that would lead elsewhere (empty, `.` or `..`).
    pub fn join<S: AsRef<str>>(&self, segments: impl IntoIterator<Item = S>) -> Result<Url> {
        let mut url = self.0.clone();
        {
            let Ok(mut path) = url.path_segments_mut() else {
                return Err(Error::new(ErrorKind::Config, "the base URL cannot have a path").hint("use an https URL"));
            };
            path.pop_if_empty();
            for segment in segments {
                let segment = segment.as_ref();
                if matches!(segment, "" | "." | "..") {
                    return Err(Error::new(ErrorKind::Rejected, format!("`{segment}` cannot be part of an address"))
                        .hint("an id must not be empty or consist of dots"));
                }
                path.push(segment);
            }
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(configured: &str) -> HostRule {
        HostRule { suffixes: &[".intacct.com"], configured: Url::parse(configured).unwrap() }
    }

    /// IN-10.
    #[test]
    fn only_the_vendors_own_hosts_pass() {
        let rule = rule("https://api.intacct.com/ia/xml/xmlgw.phtml");
        let refused = [
            "https://evil.example",
            "https://intacct.com.evil.example",
            "https://x.intacct.com@evil.example",
            "https://notintacct.com",
            "http://p1.intacct.com",
            "https://p1.intacct.com:8443",
            "",
            " ",
            "p1.intacct.com",
            "//p1.intacct.com",
            "https://intacct.com",
            "https://.intacct.com",
            "https://p1.intacct.com..",
            "https://user@p1.intacct.com",
            "https://:secret@p1.intacct.com",
            "https://@p1.intacct.com",
            "https://evil.example#.intacct.com",
            "https://evil.example?.intacct.com",
            "https://evil.example/.intacct.com",
            "https://evil.example\\.intacct.com",
            "https://evil.example\t.intacct.com",
            "https://p1.intac\nct.com",
            "https://evil.example%2f.intacct.com",
            "https://10.0.0.1",
            "https://[::1]/",
            "ftp://p1.intacct.com",
            "javascript://p1.intacct.com/%0aalert(1)",
            "data:text/plain,intacct.com",
        ];
        for candidate in refused {
            let outcome = rule.check(candidate);
            assert_eq!(outcome.as_ref().err().map(|error| error.kind()), Some(ErrorKind::Protocol), "{candidate:?} gave {outcome:?}");
        }
        let accepted = [
            ("https://p1.intacct.com.", "https://p1.intacct.com/"),
            ("https://P1.INTACCT.COM", "https://p1.intacct.com/"),
            ("https://p1.intacct.com:443/ia/xml/xmlgw.phtml", "https://p1.intacct.com/ia/xml/xmlgw.phtml"),
            ("https://na12.eu.intacct.com/ia?x=1", "https://na12.eu.intacct.com/ia?x=1"),
            ("https://api.intacct.com", "https://api.intacct.com/"),
        ];
        for (candidate, expected) in accepted {
            assert_eq!(rule.check(candidate).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn the_configured_origin_passes_whatever_it_is() {
        let rule = rule("http://127.0.0.1:8080/ia/xml/xmlgw.phtml");
        assert_eq!(rule.check("http://127.0.0.1:8080/other").unwrap().as_str(), "http://127.0.0.1:8080/other");
        for candidate in [
            "http://127.0.0.1:8081/",
            "https://127.0.0.1:8080/",
            "http://127.0.0.2:8080/",
            "http://x@127.0.0.1:8080/",
            "http://localhost:8080/",
        ] {
            assert!(rule.check(candidate).is_err(), "{candidate} was accepted");
        }
    }

    #[test]
    fn a_suffix_without_a_dot_allows_the_host_itself() {
        let rule = HostRule { suffixes: &["example.com"], configured: Url::parse("https://other.example").unwrap() };
        assert!(rule.check("https://example.com").is_ok());
        assert!(rule.check("https://a.example.com").is_ok());
        assert!(rule.check("https://aexample.com").is_err());
    }

    /// IN-1.
    #[test]
    fn a_base_url_is_encrypted_unless_it_stays_on_this_machine() {
        for text in [
            "https://api.intacct.com/ia/xml/xmlgw.phtml",
            "http://127.0.0.1:9000",
            "http://127.8.0.1",
            "http://[::1]:9000/x",
            "http://localhost:80/",
            " https://api.example ",
        ] {
            assert!(base_url(text).is_ok(), "{text} was refused");
        }
        for text in [
            "",
            "api.intacct.com",
            "http://api.intacct.com",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "https://user:word@api.example",
            "https://api.example?key=1",
            "https://api.example#x",
        ] {
            let error = base_url(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            assert!(error.mend().is_some() && !format!("{error:?}").contains("word@"), "{error:?}");
        }
    }

    #[test]
    fn joining_keeps_the_base_path_and_encodes_segments() {
        let table = [
            ("https://a.example", vec!["users"], "https://a.example/users"),
            ("https://a.example/v1", vec!["users", "7"], "https://a.example/v1/users/7"),
            ("https://a.example/v1/", vec!["users"], "https://a.example/v1/users"),
            ("https://a.example/v1", vec!["a/b", "c?d#e", "ü %"], "https://a.example/v1/a%2Fb/c%3Fd%23e/%C3%BC%20%25"),
            ("https://a.example/v1", vec![], "https://a.example/v1"),
        ];
        for (base, segments, expected) in table {
            assert_eq!(BaseUrl::parse(base).unwrap().join(&segments).unwrap().as_str(), expected);
        }
        for segment in ["", ".", ".."] {
            assert!(BaseUrl::parse("https://a.example/v1").unwrap().join([segment]).is_err(), "`{segment}` was joined");
        }
    }

    proptest! {
        #[test]
        fn no_address_outside_the_rule_passes(
            scheme in "(https|http|HTTPS|ws)",
            middle in "(://|:/|:|://@|://a@|:\\\\\\\\)",
            host in "[a-zA-Z0-9.@:/\\\\#?%-]{0,12}(intacct|INTACCT|intacct\\.com|evil)(\\.com|\\.com\\.|\\.example|:443|:80)?[/?#@.a-z]{0,6}",
        ) {
            let candidate = format!("{scheme}{middle}{host}");
            if let Ok(url) = rule("https://api.intacct.com").check(&candidate) {
                prop_assert!(url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none(), "{}", url);
                prop_assert!(url.host_str().is_some_and(|host| host.ends_with(".intacct.com")), "{} became {}", candidate, url);
            }
        }
    }
}
