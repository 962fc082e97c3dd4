//! `alarms`: what is wrong, who still has to be told, and whether telling works.

use std::fmt::Write as _;

use rightful_core::SystemClock;
use rightful_core::{Clock, Error, ErrorKind};
use rightful_engine::WatchStore as _;
use serde_json::json;
use std::sync::Arc;

use super::{Ended, narrowed, open};
use crate::cli::{AlarmsVerb, Global};

use crate::exit::Exit;
use crate::output;
use crate::serve::alarms::{Notice, channels};

/// `rightful alarms`
pub async fn alarms(global: &Global, verb: &AlarmsVerb) -> Ended {
    match verb {
        AlarmsVerb::List => list(global).await,
        AlarmsVerb::Test => test(global).await,
    }
}

async fn list(global: &Global) -> Ended {
    let composition = open(global).await?;
    let only = narrowed(&composition, global)?;
    let mut episodes = composition.store.episodes().await?;
    episodes.retain(|episode| only.is_none_or(|name| name == episode.integration));
    output::emit(global.json, &episodes, || {
        if episodes.is_empty() {
            return "No alarm stands.".to_owned();
        }
        let rows = episodes.iter().map(|episode| {
            let waiting = episode.to_tell.iter().chain(&episode.to_tell_end).cloned().collect::<Vec<_>>().join(", ");
            let waiting = if waiting.is_empty() { "-".to_owned() } else { waiting };
            let (began, ended) = (output::moment(Some(episode.began)), output::moment(episode.ended));
            [episode.integration.clone(), episode.alarm.clone(), began, ended, waiting, episode.message.clone()]
        });
        output::table(["integration", "alarm", "began", "ended", "not told yet", "what was found"], rows)
    })?;
    Ok(Exit::Done)
}

async fn test(global: &Global) -> Ended {
    let composition = open(global).await?;
    let config = &composition.config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channels = channels(config, &clock)?;
    if channels.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the configuration names nobody who is told of alarms")
            .hint("add webhook or mail to [alarms]: see docs/operations.md")
            .into());
    }
    let mut told = Vec::new();
    for channel in &channels {
        let failure = channel.tell(&Notice::test(clock.now(), None)).await.err();
        told.push((channel.name().to_owned(), failure));
    }
    let rows: Vec<_> = told
        .iter()
        .map(
            |(name, failure)| json!({ "channel": name, "error": failure.as_ref().map(|error| output::error_json(error)["error"].clone()) }),
        )
        .collect();
    output::emit(global.json, &rows, || {
        let mut text = String::new();
        for (name, failure) in &told {
            // Writing into text cannot fail.
            let _ = match failure {
                None => writeln!(text, "{name}: told"),
                Some(error) => writeln!(text, "{name}: {}", output::told(error)),
            };
        }
        text
    })?;
    Ok(if told.iter().all(|(_, failure)| failure.is_none()) { Exit::Done } else { Exit::Error })
}
