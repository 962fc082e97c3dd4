//! The real network: reqwest behind the transport, with redirects off and addresses checked after name resolution.

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::{Error, ErrorKind, Request, Response, Result, SendError, Transport, is_public_address, literal_address};

/// How long an idle connection is kept: a run's requests follow each other closely, and many vendors share one pool.
const IDLE: Duration = Duration::from_secs(5);

/// How the real transport reaches the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransportOptions {
    /// May it connect to private, loopback and other addresses that are not public?
    pub allow_private: bool,
    /// Sends everything through this proxy.
    pub proxy: Option<Url>,
    /// Takes a proxy from the environment (`HTTPS_PROXY` and its kin).
    pub use_environment_proxy: bool,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self { allow_private: false, proxy: None, use_environment_proxy: false, connect_timeout: Duration::from_secs(10) }
    }
}

/// Sends requests with reqwest. Follows no redirect and repeats nothing.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    allow_private: bool,
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

impl ReqwestTransport {
    /// A transport with these options. One may serve many connections; they share its pool.
    ///
    /// # Errors
    /// `Config` where the proxy's address cannot be used.
    pub fn new(options: TransportOptions) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE)
            .referer(false)
            .dns_resolver(CheckedResolver {
                allow_private: options.allow_private,
                proxies: proxy_hosts(&options, |name| std::env::var(name).ok()).into(),
            });
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy.as_str())
                .map_err(|_| Error::new(ErrorKind::Config, "the proxy's address cannot be used").hint("write it as http://host:port"))?;
            builder = builder.no_proxy().proxy(proxy);
        } else if !options.use_environment_proxy {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| Error::new(ErrorKind::Config, "the HTTP client cannot be set up").source(error.without_url()))?;
        Ok(Self { client, allow_private: options.allow_private })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        if !self.allow_private
            && let Some(address) = literal_address(&request.url)
            && !is_public_address(address)
        {
            return Err(SendError { may_have_acted: false, error: refused_address(&AddressRefused { host: address.to_string() }) });
        }
        let Request { method, url, headers, body, timeout, body_cap } = request;
        let sent = self.client.request(method, url).headers(headers).body(body).timeout(timeout).send().await;
        let mut answer = sent.map_err(send_error)?;
        let status = answer.status();
        let headers = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(read_error)? {
            if body.len() + chunk.len() > body_cap {
                let error = Error::new(ErrorKind::Protocol, format!("the answer is larger than {body_cap} bytes"))
                    .hint("ask for less at once, or report it");
                return Err(SendError { may_have_acted: true, error });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body: body.freeze() })
    }
}

/// What is known about a failed send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Failure {
    /// The request could not be made at all.
    unmakeable: bool,
    /// The name resolved to an address that is not allowed.
    refused: bool,
    /// The name could not be resolved.
    unresolved: bool,
    /// The connection did not come about, TLS included.
    unconnected: bool,
    /// The time was up.
    timed_out: bool,
}

/// The kind, whether the vendor may have acted, and what happened in our words.
///
/// Only what failed before a connection stood is certain not to have reached the vendor.
fn classified(failure: Failure) -> (ErrorKind, bool, &'static str) {
    match failure {
        Failure { refused: true, .. } => (ErrorKind::Config, false, "the host's address is not public"),
        Failure { unmakeable: true, .. } => (ErrorKind::Rejected, false, "the request cannot be sent"),
        Failure { unresolved: true, .. } => (ErrorKind::Unavailable, false, "the host's name cannot be resolved"),
        Failure { unconnected: true, timed_out: true, .. } => (ErrorKind::Unavailable, false, "the host does not answer"),
        Failure { unconnected: true, .. } => (ErrorKind::Unavailable, false, "no connection to the host"),
        Failure { timed_out: true, .. } => (ErrorKind::Unavailable, true, "no answer in time"),
        Failure { .. } => (ErrorKind::Unavailable, true, "the connection broke before the answer was there"),
    }
}

fn send_error(error: reqwest::Error) -> SendError {
    let host = error.url().and_then(Url::host_str).map(str::to_owned);
    // Addresses may carry secrets in their query: reqwest's own text is kept without it.
    let error = error.without_url();
    let refused = innermost::<AddressRefused>(&error);
    let failure = Failure {
        unmakeable: error.is_builder(),
        refused: refused.is_some(),
        unresolved: error.is_dns(),
        unconnected: error.is_connect(),
        timed_out: error.is_timeout(),
    };
    let (kind, may_have_acted, message) = classified(failure);
    let told = match refused {
        Some(refused) => refused_address(refused),
        None => {
            let told = Error::new(kind, message);
            let told = if let Some(host) = host { told.context(format!("host {host}")) } else { told };
            told.hint("check the network, the base URL and any proxy; then try again").source(chain(&error))
        }
    };
    SendError { may_have_acted, error: told }
}

fn read_error(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    // reqwest calls every failure under its decompressor a failure to decode, a lost connection included.
    let told = if error.is_decode() && !broke_off(&error) {
        Error::new(ErrorKind::Protocol, "the answer cannot be decompressed").hint("report it")
    } else {
        Error::new(ErrorKind::Unavailable, "the connection broke in the middle of the answer").hint("try again")
    };
    SendError { may_have_acted: true, error: told.source(chain(&error)) }
}

/// Did the connection end before the answer did?
fn broke_off(error: &(dyn StdError + 'static)) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | TimedOut)
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// The error's texts from the outermost to the innermost.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(inner) = next {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        next = inner.source();
    }
    text
}

fn innermost<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A name led to an address that is not public.
#[derive(Clone, Debug)]
struct AddressRefused {
    host: String,
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address", self.host)
    }
}

impl StdError for AddressRefused {}

fn refused_address(refused: &AddressRefused) -> Error {
    Error::new(ErrorKind::Config, "the host's address is not public")
        .context(format!("host {}", refused.host))
        .hint("check the base URL; set `allow_private = true` on the connection if it is meant to be in your own network")
}

/// Resolves names and refuses those that lead to an address that is not public.
#[derive(Debug)]
struct CheckedResolver {
    allow_private: bool,
    /// Hosts of proxies: chosen by the operator, and often private.
    proxies: Arc<[String]>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let allow = self.allow_private || self.proxies.contains(&host);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if !allow && addresses.iter().any(|address| !is_public_address(address.ip())) {
                return Err(AddressRefused { host }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The hosts of every proxy that may be used.
fn proxy_hosts(options: &TransportOptions, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let environment = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let from_environment = environment.iter().filter(|_| options.use_environment_proxy && options.proxy.is_none()).filter_map(|name| {
        let text = variable(name)?;
        Url::parse(&text).ok().filter(Url::has_host).or_else(|| Url::parse(&format!("http://{text}")).ok())
    });
    let mut hosts: Vec<String> =
        options.proxy.iter().cloned().chain(from_environment).filter_map(|url| url.host_str().map(str::to_ascii_lowercase)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_before_a_connection_stood_is_certain() {
        let none = Failure::default();
        let table = [
            (Failure { refused: true, unresolved: true, unconnected: true, ..none }, (ErrorKind::Config, false)),
            (Failure { unmakeable: true, ..none }, (ErrorKind::Rejected, false)),
            (Failure { unresolved: true, unconnected: true, ..none }, (ErrorKind::Unavailable, false)),
            (Failure { unconnected: true, ..none }, (ErrorKind::Unavailable, false)),
            (Failure { unconnected: true, timed_out: true, ..none }, (ErrorKind::Unavailable, false)),
            (Failure { timed_out: true, ..none }, (ErrorKind::Unavailable, true)),
            (none, (ErrorKind::Unavailable, true)),
        ];
        for (failure, expected) in table {
            let (kind, may_have_acted, _) = classified(failure);
            assert_eq!((kind, may_have_acted), expected, "{failure:?}");
        }
    }

    #[test]
    fn proxies_of_the_environment_count_only_where_they_are_used() {
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "proxy.corp.example:3128".to_owned());
        let used = TransportOptions { use_environment_proxy: true, ..TransportOptions::default() };
        assert_eq!(proxy_hosts(&used, variable), ["proxy.corp.example"]);
        assert!(proxy_hosts(&TransportOptions::default(), variable).is_empty());
        let named = TransportOptions { proxy: Some(Url::parse("http://Named.example:8080").unwrap()), ..used };
        assert_eq!(proxy_hosts(&named, variable), ["named.example"]);
    }
}
