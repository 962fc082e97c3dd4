//! What is said of an alarm, and whoever it is said to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rightful_core::{Clock, Instant, ReqwestTransport, Result, TransportOptions, async_trait};
use rightful_engine::Episode;
use serde::Serialize;

use super::mail::Mail;
use super::webhook::Webhook;
use crate::config::Config;

/// Is an alarm beginning or over?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeState {
    /// It began.
    Began,
    /// It is over.
    Ended,
}

/// One message about an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The version of this form.
    pub version: u32,
    /// The same for both messages of an episode.
    pub id: String,
    /// The integration; `None` in a test.
    pub integration: Option<String>,
    /// Which alarm.
    pub alarm: String,
    /// Beginning or over.
    pub state: NoticeState,
    /// What was found when it began.
    pub message: String,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Where people look at it.
    pub console: Option<String>,
}

impl Notice {
    /// That an episode began, or is over. `console`: where people reach it, without a path.
    pub fn of(episode: &Episode, state: NoticeState, console: Option<&str>) -> Self {
        Self {
            version: 1,
            id: format!("episode-{}", episode.id),
            integration: Some(episode.integration.clone()),
            alarm: episode.alarm.clone(),
            state,
            message: episode.message.clone(),
            began: episode.began,
            ended: if state == NoticeState::Ended { episode.ended } else { None },
            console: console.map(|address| format!("{}/integrations/{}", address.trim_end_matches('/'), episode.integration)),
        }
    }

    /// A trial.
    pub fn test(now: Instant, console: Option<&str>) -> Self {
        Self {
            version: 1,
            id: "test".to_owned(),
            integration: None,
            alarm: "test".to_owned(),
            state: NoticeState::Began,
            message: "this is a test of how alarms are told: nothing is wrong".to_owned(),
            began: now,
            ended: None,
            console: console.map(str::to_owned),
        }
    }
}

/// Somebody who is told of alarms.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync + 'static {
    /// Its name in the store: for the same recipient the same one.
    fn name(&self) -> &str;
    /// Says it.
    ///
    /// # Errors
    /// Where that cannot be done now; it is tried again.
    async fn tell(&self, notice: &Notice) -> Result<()>;
}

/// Everybody whom the configuration names. Secrets are fetched when something is said, so that a missing one stops nothing else.
///
/// # Errors
/// Where the network cannot be set up.
pub fn channels(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<Arc<dyn Channel>>> {
    let folder = config.folder();
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    if let Some(webhook) = &config.alarms.webhook {
        let options = TransportOptions { allow_private: webhook.allow_private, ..TransportOptions::default() };
        let transport = Arc::new(ReqwestTransport::new(options)?);
        channels.push(Arc::new(Webhook::new(webhook.clone(), folder.to_path_buf(), transport, clock.clone())));
    }
    if let Some(mail) = &config.alarms.mail {
        channels.extend(mail.to.iter().map(|to| Arc::new(Mail::new(mail.clone(), to, Path::to_path_buf(folder))) as Arc<dyn Channel>));
    }
    Ok(channels)
}
