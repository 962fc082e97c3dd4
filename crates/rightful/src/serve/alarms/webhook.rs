//! Tells a program of alarms: a signed POST of JSON, to an address that is checked when its name is resolved.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rightful_core::{
    Bytes, Clock, Error, ErrorKind, HeaderMap, HeaderName, HeaderValue, Method, Request, Result, Secret, StatusCode, Transport, async_trait,
};
use sha2::Sha256;

use super::channel::{Channel, Notice};
use crate::config::WebhookConfig;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest answer that is read; nothing in it is looked at.
const ANSWER: usize = 1024 * 1024;
/// The shortest secret: less can be guessed from one message.
const SHORTEST: usize = 16;

/// A program that is told.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    folder: PathBuf,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Sends through this transport; the secret's path is relative to `folder`.
    pub fn new(config: WebhookConfig, folder: PathBuf, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self { config, folder, transport, clock }
    }
}

/// The header that proves where a message comes from: HMAC-SHA256 over the time, a point and the body.
pub fn signature(secret: &Secret, unix: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{unix}.").as_bytes());
    mac.update(body);
    let mut text = format!("t={unix},v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing into text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What an answer's status means.
fn judged(status: StatusCode) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    let (kind, mend) = match status.as_u16() {
        300..400 => (ErrorKind::Config, "redirects are not followed: set webhook.url to where it leads"),
        401 | 403 => (ErrorKind::Forbidden, "the program must take messages without signing in: it verifies the signature instead"),
        400..500 => (ErrorKind::Rejected, "look at webhook.url, and at the program that answers there"),
        _ => (ErrorKind::Unavailable, "look at the program that answers there; it is tried again"),
    };
    Err(Error::new(kind, format!("the webhook answered {}", status.as_u16())).hint(mend))
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &str {
        "webhook"
    }

    async fn tell(&self, notice: &Notice) -> Result<()> {
        let secret = self.config.secret.fetch(&self.folder).await.map_err(|error| error.context("alarms, `webhook.secret`"))?;
        if secret.expose().len() < SHORTEST {
            return Err(Error::new(ErrorKind::Config, format!("`webhook.secret` is shorter than {SHORTEST} characters"))
                .hint("make one: openssl rand -hex 32"));
        }
        let body = serde_json::to_vec(notice).expect("a notice is plain data");
        let signed = signature(&secret, self.clock.now().timestamp(), &body);
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("user-agent"), HeaderValue::from_static(concat!("rightful/", env!("CARGO_PKG_VERSION"))));
        let signed = HeaderValue::from_str(&signed).expect("a signature is plain text");
        headers.insert(HeaderName::from_static("rightful-signature"), signed);
        let url = self.config.url.clone();
        let host = url.host_str().unwrap_or_default().to_owned();
        let request = Request { method: Method::POST, url, headers, body: Bytes::from(body), timeout: PATIENCE, body_cap: ANSWER };
        let answer = self.transport.send(request).await.map_err(|failed| {
            if failed.error.kind() == ErrorKind::Config {
                Error::new(ErrorKind::Config, failed.error.to_string())
                    .hint("set webhook.allow_private = true if it is meant to be in your own network")
            } else {
                failed.error
            }
        })?;
        judged(answer.status).map_err(|error| error.context(format!("host {host}")))
    }
}
