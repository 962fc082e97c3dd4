//! Tells a person of alarms by mail.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rightful_core::{Error, ErrorKind, Instant, Result, async_trait};

use super::channel::{Channel, Notice, NoticeState};
use crate::config::{MailConfig, MailTls};
use crate::output;

/// How long each word with the server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One person. Each has a mail of their own: an address that a server refuses keeps nobody else from being told.
#[derive(Debug)]
pub struct Mail {
    config: MailConfig,
    to: String,
    name: String,
    folder: PathBuf,
}

impl Mail {
    /// Sends to this address; the password's path is relative to `folder`.
    pub fn new(config: MailConfig, to: &str, folder: PathBuf) -> Self {
        Self { config, to: to.to_owned(), name: format!("mail {to}"), folder }
    }

    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let MailConfig { host, port, tls, login, .. } = &self.config;
        let secured = || TlsParameters::new(host.clone()).map_err(|error| failed(&error, host));
        let tls = match tls {
            MailTls::StartTls => Tls::Required(secured()?),
            MailTls::Tls => Tls::Wrapper(secured()?),
            MailTls::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone()).port(*port).tls(tls).timeout(Some(PATIENCE));
        if let Some((user, password)) = login {
            let password = password.fetch(&self.folder).await.map_err(|error| error.context("alarms, `mail.password`"))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(builder.build())
    }
}

#[async_trait]
impl Channel for Mail {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<()> {
        let message = message(notice, &self.config.from, &self.to)?;
        let sent = self.transport().await?.send(message).await;
        sent.map(drop).map_err(|error| failed(&error, &self.config.host))
    }
}

fn failed(error: &lettre::transport::smtp::Error, host: &str) -> Error {
    let (kind, what, mend) = if error.is_permanent() {
        (ErrorKind::Rejected, "the mail server refused the mail", "look at mail.from, mail.to, mail.user and mail.password")
    } else if error.is_tls() {
        (ErrorKind::Config, "the way to the mail server cannot be encrypted", "look at mail.tls, mail.port and the server's certificate")
    } else if error.is_client() {
        (ErrorKind::Config, "the mail server cannot do what is asked of it", "look at mail.tls, mail.port, mail.user and mail.password")
    } else {
        (ErrorKind::Unavailable, "the mail server did not take the mail", "look at mail.host and mail.port; it is tried again")
    };
    Error::new(kind, what).context(format!("host {host}")).hint(mend).source(output::one_line(&error.to_string(), 400))
}

/// A notice as a mail. Nothing in it can become a header of its own.
fn message(notice: &Notice, from: &str, to: &str) -> Result<Message> {
    let address = |text: &str| {
        text.parse::<Address>().map(|address| lettre::message::Mailbox::new(None, address)).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`{text}` is no mail address")).hint("write it as ops@example.com").source(error)
        })
    };
    let (from, to) = (address(from)?, address(to)?);
    let integration = notice.integration.as_deref().unwrap_or("Rightful");
    let over = if notice.state == NoticeState::Ended { "over: " } else { "" };
    let subject = output::one_line(&format!("[rightful] {integration}: {over}{}", notice.alarm), 200);
    // Both mails of an episode are one conversation; a mail that is sent once more is the same mail.
    let id = |state: &str| {
        let name: String = notice.id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
        format!("<rightful.{name}.{}.{state}@{}>", notice.began.timestamp_micros(), from.email.domain())
    };
    let mut builder = Message::builder().subject(subject).date_now().header(ContentType::TEXT_PLAIN);
    builder = match notice.state {
        NoticeState::Began => builder.message_id(Some(id("began"))),
        NoticeState::Ended => builder.message_id(Some(id("ended"))).in_reply_to(id("began")).references(id("began")),
    };
    let mut message =
        builder.from(from).to(to).body(body(notice)).map_err(|error| {
            Error::new(ErrorKind::Config, "the mail cannot be written").hint("look at mail.from and mail.to").source(error)
        })?;
    // So that nobody's absence note answers it.
    message.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    Ok(message)
}

fn body(notice: &Notice) -> String {
    let moment = |at: Instant| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let mut lines = Vec::new();
    if let Some(integration) = &notice.integration {
        lines.push(format!("Integration {integration}: {}", output::one_line(&notice.alarm, 200)));
        lines.push(String::new());
    }
    lines.push(output::one_line(&notice.message, 2_000));
    lines.push(String::new());
    lines.push(format!("Began {}", moment(notice.began)));
    if let Some(ended) = notice.ended {
        lines.push(format!("Ended {}", moment(ended)));
    }
    if let Some(console) = &notice.console {
        lines.extend([String::new(), console.clone()]);
    }
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_notice_becomes_a_header() {
        let began = chrono::DateTime::UNIX_EPOCH;
        let evil = "a\r\nBcc: all@example.com\r\n\r\nbody";
        let notice = Notice {
            id: evil.into(),
            integration: Some(evil.into()),
            alarm: evil.into(),
            message: format!("{evil}\r\n.\r\nQUIT"),
            state: NoticeState::Ended,
            ended: Some(began),
            ..Notice::test(began, None)
        };
        let text = String::from_utf8(message(&notice, "rightful@example.com", "ops@example.com").unwrap().formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let mut names: Vec<String> =
            head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|line| line.split_once(':').unwrap().0.to_lowercase()).collect();
        names.sort();
        let expected = [
            "auto-submitted",
            "content-transfer-encoding",
            "content-type",
            "date",
            "from",
            "in-reply-to",
            "message-id",
            "mime-version",
            "references",
            "subject",
            "to",
        ];
        names.retain(|name| name != "mime-version");
        assert_eq!(names, expected.into_iter().filter(|name| *name != "mime-version").collect::<Vec<_>>(), "{text}");
    }
}
