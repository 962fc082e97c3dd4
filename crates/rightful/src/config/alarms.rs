//! The section `[alarms]`: when something counts as wrong, and who is told.

use std::net::IpAddr;
use std::str::FromStr as _;

use rightful_core::{Setting, SettingType, Url, is_public_address, nearest};
use serde_json::Value as Json;

use super::document::{Leaf, Section, unknown_keys};
use super::secret::SecretReference;
use super::{Problem, Problems, judged, keys, missing, spelled, wrong};

/// Who is told of alarms, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "judged by every build, acted upon by those that serve"))]
pub struct AlarmsConfig {
    /// How long it may take until a run is complete; none where it is not said.
    pub no_complete_run_hours: Option<u32>,
    /// How long a run may go on without reporting.
    pub no_progress_minutes: u32,
    /// How long a wanted state may wait.
    pub old_holds_hours: u32,
    /// A program that is told.
    pub webhook: Option<WebhookConfig>,
    /// People who are told by mail.
    pub mail: Option<MailConfig>,
}

impl AlarmsConfig {
    /// Its secrets, each with its key below `alarms`.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretReference)> {
        let webhook = self.webhook.iter().map(|webhook| (keys::WEBHOOK_SECRET.key, &webhook.secret));
        let mail = self.mail.iter().filter_map(|mail| mail.login.as_ref()).map(|(_, password)| (keys::MAIL_PASSWORD.key, password));
        webhook.chain(mail)
    }
}

/// A program that is told of alarms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "judged by every build, acted upon by those that serve"))]
pub struct WebhookConfig {
    /// Its address.
    pub url: Url,
    /// What messages are signed with.
    pub secret: SecretReference,
    /// May it be at an address that is not public?
    pub allow_private: bool,
}

/// People who are told of alarms by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "judged by every build, acted upon by those that serve"))]
pub struct MailConfig {
    /// Their addresses.
    pub to: Vec<String>,
    /// Whom the mail comes from.
    pub from: String,
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub tls: MailTls,
    /// How one signs in there.
    pub login: Option<(String, SecretReference)>,
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Plain at first, encrypted before anything is said; never without.
    StartTls,
    /// Encrypted from the beginning.
    Tls,
    /// Not at all: for a server on this machine.
    None,
}

impl MailTls {
    fn of(word: Option<&str>) -> Self {
        match word {
            Some("tls") => Self::Tls,
            Some("none") => Self::None,
            _ => Self::StartTls,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Reads `[alarms]`; a file without it tells nobody.
pub fn alarms(section: &Section, problems: &mut Problems) -> AlarmsConfig {
    unknown_keys(&section.leaves, keys::ALARMS.iter(), "[alarms]", problems);
    let mut reader = Reader { section, problems };
    // A hundred years; a month.
    let no_complete_run_hours = reader.number(&keys::NO_COMPLETE_RUN_HOURS, 876_000).and_then(|hours| u32::try_from(hours).ok());
    let no_progress_minutes = reader.number(&keys::NO_PROGRESS_MINUTES, 44_640).and_then(|minutes| u32::try_from(minutes).ok());
    let old_holds_hours = reader.number(&keys::OLD_HOLDS_HOURS, 876_000).and_then(|hours| u32::try_from(hours).ok());
    AlarmsConfig {
        no_complete_run_hours,
        old_holds_hours: old_holds_hours.or_else(|| keys::OLD_HOLDS_HOURS.default?.parse().ok()).unwrap_or(168),
        no_progress_minutes: no_progress_minutes.or_else(|| keys::NO_PROGRESS_MINUTES.default?.parse().ok()).unwrap_or(30),
        webhook: if reader.has("webhook") { reader.webhook() } else { None },
        mail: if reader.has("mail") { reader.mail() } else { None },
    }
}

/// An address as a mail server takes it, as far as that can be told without one.
fn is_mail_address(text: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic() && !r#"<>()[],;:\"@"#.contains(letter));
    text.len() <= 254 && text.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host) && !host.starts_with('.'))
}

/// Reads settings of the section and tells what is wrong with them.
struct Reader<'a> {
    section: &'a Section,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn leaf(&self, setting: &Setting) -> Option<&'a Leaf> {
        self.section.leaves.iter().find(|leaf| leaf.key == setting.key)
    }

    /// Is anything said of this part, other than what is not known?
    fn has(&self, part: &str) -> bool {
        let mine = |key: &str| key.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'));
        let known = |leaf: &Leaf| {
            keys::ALARMS.iter().any(|setting| {
                leaf.key == setting.key
                    || (setting.takes == SettingType::Secret
                        && leaf.key.strip_prefix(setting.key).is_some_and(|rest| rest.starts_with('.')))
            })
        };
        self.section.leaves.iter().any(|leaf| mine(&leaf.key) && known(leaf))
    }

    fn tell(&mut self, setting: &Setting, message: String, mend: String) {
        let line = self.leaf(setting).map_or(self.section.line, |leaf| leaf.line);
        self.problems.push(Problem { line: Some(line), message, mend });
    }

    /// A value of the setting's type; `None` where it is not given or wrong.
    fn value(&mut self, setting: &Setting) -> Option<&'a Json> {
        let leaf = self.leaf(setting)?;
        match judged(setting, leaf) {
            Ok(()) => Some(&leaf.value),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn text(&mut self, setting: &Setting) -> Option<String> {
        Some(self.value(setting)?.as_str()?.trim().to_owned())
    }

    /// A text that must be there.
    fn needed(&mut self, setting: &Setting) -> Option<String> {
        if self.leaf(setting).is_none() {
            self.problems.push(missing(self.section, setting));
        }
        self.text(setting)
    }

    fn number(&mut self, setting: &Setting, most: u64) -> Option<u64> {
        let leaf = self.leaf(setting)?;
        let number = leaf.value.as_u64().filter(|number| *number <= most);
        if number.is_none() {
            self.problems.push(wrong(leaf, setting, &format!("a whole number from 0 to {most}"), &leaf.value));
        }
        number
    }

    fn truth(&mut self, setting: &Setting) -> bool {
        self.value(setting) == Some(&Json::Bool(true))
    }

    fn secret(&mut self, setting: &Setting) -> Option<SecretReference> {
        SecretReference::of(setting.key, &self.section.leaves)?.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn webhook(&mut self) -> Option<WebhookConfig> {
        let before = self.problems.len();
        let allow_private = self.truth(&keys::WEBHOOK_ALLOW_PRIVATE);
        let url = self.needed(&keys::WEBHOOK_URL).and_then(|text| {
            let judged = webhook_url(&text, allow_private);
            judged.map_err(|(message, mend)| self.tell(&keys::WEBHOOK_URL, message, mend)).ok()
        });
        let secret = self.secret(&keys::WEBHOOK_SECRET);
        if secret.is_none() && self.problems.iter().all(|problem| !problem.message.contains(keys::WEBHOOK_SECRET.key)) {
            self.problems.push(missing(self.section, &keys::WEBHOOK_SECRET));
        }
        (self.problems.len() == before).then_some(WebhookConfig { url: url?, secret: secret?, allow_private })
    }

    fn mail(&mut self) -> Option<MailConfig> {
        let before = self.problems.len();
        let to = self.recipients();
        let from = self.needed(&keys::MAIL_FROM).unwrap_or_default();
        if !from.is_empty() && !is_mail_address(&from) {
            self.tell(&keys::MAIL_FROM, format!("`{from}` is no mail address"), "write it as rightful@example.com".to_owned());
        }
        let host = self.needed(&keys::MAIL_HOST).unwrap_or_default();
        let tls = MailTls::of(self.text(&keys::MAIL_TLS).as_deref());
        let port = self.number(&keys::MAIL_PORT, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok()).unwrap_or(tls.port());
        if self.leaf(&keys::MAIL_HOST).is_some() {
            self.host(&host, tls);
        }
        let user = self.text(&keys::MAIL_USER);
        let password = self.secret(&keys::MAIL_PASSWORD);
        let given = |setting: &Setting| {
            let below = format!("{}.", setting.key);
            self.section.leaves.iter().any(|leaf| leaf.key == setting.key || leaf.key.starts_with(&below))
        };
        for (one, other) in [(&keys::MAIL_USER, &keys::MAIL_PASSWORD), (&keys::MAIL_PASSWORD, &keys::MAIL_USER)] {
            if given(one) && !given(other) {
                let add = format!("add {} = {}, or take `{}` out", other.key, spelled(other, other.example), one.key);
                let line = self.section.leaves.iter().find(|leaf| leaf.key.starts_with(one.key)).map(|leaf| leaf.line);
                let message = format!("`{}` is given without `{}`", one.key, other.key);
                self.problems.push(Problem { line, message, mend: add });
            }
        }
        let login = user.zip(password);
        (self.problems.len() == before).then_some(MailConfig { to, from, host, port, tls, login })
    }

    fn host(&mut self, host: &str, tls: MailTls) {
        let is_name = !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':'));
        let address = IpAddr::from_str(host);
        if !is_name || (host.contains(':') && address.is_err()) {
            let mend = "write its name alone, as in smtp.example.com; the port has a key of its own".to_owned();
            return self.tell(&keys::MAIL_HOST, format!("`{host}` is no name of a mail server"), mend);
        }
        let is_here = host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
        if tls == MailTls::None && !is_here {
            let mend = "use starttls or tls; without encryption only a server on this machine is spoken to (host localhost)".to_owned();
            self.tell(&keys::MAIL_TLS, format!("mail to {host} would be sent without encryption"), mend);
        }
    }

    /// Addresses, as a list or as text with commas.
    fn recipients(&mut self) -> Vec<String> {
        let setting = &keys::MAIL_TO;
        let Some(leaf) = self.leaf(setting) else {
            self.problems.push(missing(self.section, setting));
            return Vec::new();
        };
        let given: Option<Vec<&str>> = match &leaf.value {
            Json::String(text) => Some(text.split(',').collect()),
            Json::Array(items) => items.iter().map(Json::as_str).collect(),
            _ => None,
        };
        let Some(given) = given else {
            self.problems.push(wrong(leaf, setting, "mail addresses, as text with commas or as a list", &leaf.value));
            return Vec::new();
        };
        let mut to: Vec<String> = Vec::new();
        for address in given.into_iter().map(str::trim).filter(|address| !address.is_empty()) {
            if !is_mail_address(address) {
                self.tell(setting, format!("`{address}` is no mail address"), "write it as ops@example.com, without a name".to_owned());
            } else if !to.iter().any(|known| known == address) {
                to.push(address.to_owned());
            }
        }
        if to.is_empty() && self.problems.iter().all(|problem| problem.line != Some(leaf.line)) {
            self.tell(
                setting,
                "`mail.to` names nobody".to_owned(),
                format!("for example {} = {}", setting.key, spelled(setting, setting.example)),
            );
        }
        to
    }
}

/// Is this an address that alarms may be sent to? Else what is wrong, and what to do.
fn webhook_url(text: &str, allow_private: bool) -> Result<Url, (String, String)> {
    let mend = "write it as https://HOST/PATH".to_owned();
    let refuse = |what: &str| Err((format!("`webhook.url` {what}"), mend.clone()));
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
        return refuse("has characters that no address has");
    }
    let Ok(url) = Url::parse(text) else { return refuse("is no address") };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        let near = nearest(url.scheme(), ["http", "https"]).map(|near| format!(" (did you mean {near}:?)")).unwrap_or_default();
        return refuse(&format!("cannot begin with `{}:`{near}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user name or password: messages are signed instead");
    }
    if allow_private {
        return Ok(url);
    }
    let own = "set webhook.allow_private = true if it is meant to be in your own network".to_owned();
    if url.scheme() == "http" {
        return Err(("`webhook.url` would be reached without encryption".to_owned(), format!("use https; {own}")));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if IpAddr::from_str(host).is_ok_and(|address| !is_public_address(address)) || host.eq_ignore_ascii_case("localhost") {
        return Err((format!("`webhook.url` leads to {host}, which is not public"), own));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Unusable};

    const GOOD: &str = r#"[alarms]
no_complete_run_hours = 6
webhook.url = "https://hooks.example.com/rightful?team=7"
webhook.secret = { env = "HOOK" }

[alarms.mail]
to = "ops@example.com, night@example.com,"
from = "rightful@example.com"
host = "smtp.example.com"
user = "rightful"
password = { file = "mail" }
"#;

    fn parse(text: &str) -> Result<AlarmsConfig, Unusable> {
        Config::parse(text, Path::new("rightful.toml")).map(|config| config.alarms)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let config = parse("").unwrap();
        assert_eq!(config, AlarmsConfig { no_progress_minutes: 30, old_holds_hours: 168, ..AlarmsConfig::default() });
        let config = parse(GOOD).unwrap();
        let mail = config.mail.unwrap();
        assert_eq!((config.no_complete_run_hours, config.no_progress_minutes), (Some(6), 30));
        assert_eq!(config.webhook.unwrap().url.query(), Some("team=7"));
        assert_eq!((mail.to, mail.port, mail.tls), (vec!["ops@example.com".into(), "night@example.com".into()], 587, MailTls::StartTls));
        assert_eq!(mail.login, Some(("rightful".into(), SecretReference::File("mail".into()))));
        let listed = GOOD.replace("\"ops@example.com, night@example.com,\"", "[\"a@example.com\", \"a@example.com\", \"b@example.com\"]");
        assert_eq!(parse(&listed).unwrap().mail.unwrap().to, ["a@example.com", "b@example.com"]);
        let tls = GOOD.replace("host = \"smtp.example.com\"", "host = \"smtp.example.com\"\ntls = \"tls\"");
        assert_eq!(parse(&tls).unwrap().mail.unwrap().port, 465);
    }

    #[test]
    fn each_mistake_is_told_once_with_its_line_and_what_to_do() {
        let host = |host: &str, more: &str| format!("host = \"{host}\"{more}");
        let table = [
            (
                "no_complete_run_hours = 6",
                "no_complete_run_hour = 6".to_owned(),
                "unknown key `no_complete_run_hour` in [alarms]",
                "did you mean",
            ),
            ("no_complete_run_hours = 6", "no_complete_run_hours = \"6\"".into(), "must be a whole number from 0", "= 3"),
            ("webhook.url =", "webhook.ulr = \"x\"\nwebhook.url =".into(), "unknown key `webhook.ulr`", "`webhook.url`"),
            ("https://hooks", "http://hooks".into(), "would be reached without encryption", "use https"),
            (
                "https://hooks.example.com/rightful?team=7",
                "https://127.1/".into(),
                "leads to 127.0.0.1, which is not public",
                "allow_private",
            ),
            ("https://hooks.example.com/rightful?team=7", "https://[::1]/".into(), "leads to ::1, which is not public", "allow_private"),
            ("https://hooks.example.com/rightful?team=7", "hooks.example.com".into(), "is no address", "https://HOST/PATH"),
            ("https://hooks.example.com/rightful?team=7", "ftp://x.example.com".into(), "cannot begin with `ftp:`", "https://HOST/PATH"),
            ("https://hooks", "https://a:b@hooks".into(), "holds a user name or password", "https://HOST/PATH"),
            ("webhook.secret = { env = \"HOOK\" }\n", String::new(), "`webhook.secret` is missing in `alarms`", "add webhook.secret"),
            ("webhook.secret = { env = \"HOOK\" }", "webhook.secret = \"x\"".into(), "`webhook.secret` is a secret and must not", "{ env"),
            ("webhook.url = \"https://hooks.example.com/rightful?team=7\"\n", String::new(), "`webhook.url` is missing", "add webhook.url"),
            (
                "to = \"ops@example.com, night@example.com,\"",
                "to = \"Ops <ops@example.com>\"".into(),
                "is no mail address",
                "ops@example.com",
            ),
            ("to = \"ops@example.com, night@example.com,\"", "to = \" , \"".into(), "names nobody", "for example"),
            ("to = \"ops@example.com, night@example.com,\"", "to = 7".into(), "must be mail addresses", "for example"),
            ("from = \"rightful@example.com\"", "from = \"a@b\\r\\nBcc: c@d\"".into(), "is no mail address", "rightful@example.com"),
            ("from = \"rightful@example.com\"\n", String::new(), "`mail.from` is missing", "add mail.from"),
            ("host = \"smtp.example.com\"", host("smtp.example.com:25", ""), "is no name of a mail server", "a key of its own"),
            ("host = \"smtp.example.com\"", host("smtp.example.com", "\ntls = \"none\""), "without encryption", "starttls or tls"),
            (
                "host = \"smtp.example.com\"",
                host("smtp.example.com", "\ntls = \"startls\""),
                "`mail.tls` cannot be `startls`",
                "`starttls`",
            ),
            ("host = \"smtp.example.com\"", host("smtp.example.com", "\nport = 70000"), "from 0 to 65535", "587"),
            ("user = \"rightful\"\n", String::new(), "`mail.password` is given without `mail.user`", "add mail.user"),
            ("password = { file = \"mail\" }\n", String::new(), "`mail.user` is given without `mail.password`", "add mail.password"),
        ];
        for (from, to, message, mend) in table {
            assert!(GOOD.contains(from), "{from}");
            let problems = parse(&GOOD.replacen(from, &to, 1)).expect_err(&to).problems;
            let [problem] = &problems[..] else { panic!("{from} -> {to}: {problems:#?}") };
            assert!(problem.message.contains(message) && problem.mend.contains(mend), "{from} -> {to}: {problem:?}");
            assert!(problem.line.is_some(), "{problem:?}");
        }
        for here in ["localhost", "127.0.0.1", "::1"] {
            let text = GOOD.replace("smtp.example.com", here).replace("from =", "tls = \"none\"\nfrom =");
            assert_eq!(parse(&text).unwrap().mail.unwrap().port, 25, "{here}");
        }
        assert_eq!(parse("alarms = 3").unwrap_err().problems[0].message, "`alarms` must be a table");
    }

    #[test]
    fn a_private_webhook_is_only_allowed_by_the_file() {
        let text = GOOD.replace("https://hooks.example.com/rightful?team=7", "http://10.0.0.7:9000/hook");
        assert!(parse(&text).is_err());
        let text = text.replace("webhook.secret", "webhook.allow_private = true\nwebhook.secret");
        assert!(parse(&text).unwrap().webhook.unwrap().allow_private);
    }
}
