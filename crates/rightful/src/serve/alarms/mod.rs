//! Looks at every integration's health, keeps the episodes of its alarms, and tells whoever has to be told, each once.

mod channel;
mod mail;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use rightful_core::{Clock, Instant, Result};
use rightful_engine::{Alarm, Episode, GROWING_RUNS, HOLDS_FLOOR, Limits, Schedule, Signs, Store, Vitals, WatchStore, alarms, holds_of};

use super::pulse::Pulses;
use crate::config::AlarmsConfig;
use crate::output;
pub use channel::{Channel, Notice, NoticeState, channels};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(60);
/// The longest that saying one thing may take, whatever is behind it.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest wait before a channel that fails is tried again.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);
/// Among so many of the latest runs those that came to a plan are looked for.
const RUNS: usize = 4 * (GROWING_RUNS + 1);

/// What alarms stand on.
#[derive(Clone, Debug)]
pub struct AlarmParts {
    /// What remembers runs.
    pub store: Arc<dyn Store>,
    /// What remembers episodes.
    pub watch: Arc<dyn WatchStore>,
    /// Integrations with their schedules.
    pub integrations: Vec<(String, Schedule)>,
    /// When something counts as wrong.
    pub limits: Limits,
    /// Who is told.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Runs of this process.
    pub pulses: Arc<Pulses>,
    /// Where people reach the console, without a path.
    pub console: Option<String>,
}

/// Keeps alarms.
#[derive(Debug)]
pub struct Alarms {
    parts: AlarmParts,
    troubles: Mutex<HashMap<String, Trouble>>,
}

/// A channel that failed of late.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    failures: u32,
    not_before: Instant,
}

/// When something counts as wrong, as configured.
pub fn limits(config: &AlarmsConfig) -> Limits {
    let usual = Limits::default();
    let above_none = |delta: TimeDelta| Some(delta).filter(|delta| *delta > TimeDelta::zero());
    Limits {
        complete_run: match config.no_complete_run_hours {
            Some(hours) => above_none(TimeDelta::hours(i64::from(hours))),
            None => usual.complete_run,
        },
        manual_too: config.no_complete_run_hours.is_some(),
        progress: above_none(TimeDelta::minutes(i64::from(config.no_progress_minutes))),
        hold: above_none(TimeDelta::hours(i64::from(config.old_holds_hours))),
    }
}

/// How long to wait after so many failures: a minute, twice as long each time, an hour at most.
fn wait(failures: u32) -> TimeDelta {
    let minutes = 1_i64 << failures.saturating_sub(1).min(10);
    TimeDelta::minutes(minutes).min(LONGEST_WAIT)
}

impl Alarms {
    /// Nothing is looked at yet.
    pub fn new(parts: AlarmParts) -> Self {
        Self { parts, troubles: Mutex::default() }
    }

    /// Looks and tells every minute, for ever. A store that does not answer is told in the log and looked at again.
    pub async fn keep(&self, clock: &dyn Clock) {
        loop {
            self.look(clock.now()).await;
            clock.sleep(LOOK).await;
        }
    }

    /// Looks once, and tells what has to be told.
    pub async fn look(&self, now: Instant) {
        if let Err(error) = self.find(now).await {
            tracing::error!("alarms cannot be judged: {}", output::told(&error).replace('\n', " "));
        }
        if let Err(error) = self.tell(now).await {
            tracing::error!("alarms cannot be told: {}", output::told(&error).replace('\n', " "));
        }
    }

    /// Begins and ends episodes.
    async fn find(&self, now: Instant) -> Result<()> {
        let AlarmParts { store, watch, integrations, .. } = &self.parts;
        let oldest_holds: BTreeMap<String, Instant> = store.oldest_holds().await?.into_iter().collect();
        let mut vitals: BTreeMap<String, Vitals> =
            watch.vitals().await?.into_iter().map(|vitals| (vitals.integration.clone(), vitals)).collect();
        let open: Vec<Episode> = watch.episodes().await?.into_iter().filter(|episode| episode.ended.is_none()).collect();
        for (integration, schedule) in integrations {
            let mut vitals = vitals.remove(integration).unwrap_or_default();
            if vitals.watched.expected.is_none() {
                watch.expect_runs(integration, now).await?;
                vitals.watched.expected = Some(now);
            }
            let open: Vec<&Episode> = open.iter().filter(|episode| episode.integration == *integration).collect();
            self.judge(integration, schedule, &vitals, oldest_holds.get(integration).copied(), &open, now).await?;
        }
        for episode in open.iter().filter(|episode| integrations.iter().all(|(name, _)| *name != episode.integration)) {
            self.end(episode, now).await?;
        }
        Ok(())
    }

    async fn judge(
        &self,
        integration: &str,
        schedule: &Schedule,
        vitals: &Vitals,
        oldest_hold: Option<Instant>,
        open: &[&Episode],
        now: Instant,
    ) -> Result<()> {
        let AlarmParts { store, watch, limits, channels, pulses, .. } = &self.parts;
        let known: Vec<Alarm> = Alarm::ALL.into_iter().filter(|alarm| open.iter().any(|episode| episode.alarm == alarm.as_str())).collect();
        let holds = if vitals.holds > HOLDS_FLOOR || known.contains(&Alarm::GrowingHolds) {
            holds_of(&store.runs(Some(integration), RUNS).await?)
        } else {
            Vec::new()
        };
        let pulse = pulses.of(integration);
        let signs = Signs { vitals, schedule, pulse: pulse.as_ref(), holds: &holds, oldest_hold, open: &known };
        let standing = alarms(&signs, limits, now);
        for found in standing.iter().filter(|found| !known.contains(&found.alarm)) {
            let everybody: Vec<String> = channels.iter().map(|channel| channel.name().to_owned()).collect();
            if watch.begin_episode(integration, found.alarm.as_str(), &found.message, &everybody, now).await?.is_some() {
                tracing::warn!(integration, alarm = found.alarm.as_str(), "alarm: {}", found.message);
            }
        }
        for episode in open.iter().filter(|episode| standing.iter().all(|found| found.alarm.as_str() != episode.alarm)) {
            self.end(episode, now).await?;
        }
        Ok(())
    }

    async fn end(&self, episode: &Episode, now: Instant) -> Result<()> {
        let Episode { integration, alarm, .. } = episode;
        if self.parts.watch.end_episode(integration, alarm, now).await?.is_some() {
            tracing::info!(integration, alarm, "alarm is over");
        }
        Ok(())
    }

    /// Tells every channel what it has to be told: side by side, so that none waits for another.
    async fn tell(&self, now: Instant) -> Result<()> {
        let episodes = self.parts.watch.episodes().await?;
        futures::future::join_all(self.parts.channels.iter().map(|channel| self.tell_channel(&**channel, &episodes, now))).await;
        let gone = |name: &String| self.parts.channels.iter().all(|channel| channel.name() != name);
        for episode in &episodes {
            for (names, ended) in [(&episode.to_tell, false), (&episode.to_tell_end, true)] {
                for name in names.iter().filter(|name| gone(name)) {
                    tracing::info!(channel = name, episode = episode.id, "not told: the configuration no longer names this channel");
                    self.parts.watch.told(episode.id, name, ended).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells one channel, oldest first, up to its first failure.
    async fn tell_channel(&self, channel: &dyn Channel, episodes: &[Episode], now: Instant) {
        let name = channel.name();
        if self.trouble(name).is_some_and(|trouble| trouble.not_before > now) {
            return;
        }
        for episode in episodes {
            for (names, state) in [(&episode.to_tell, NoticeState::Began), (&episode.to_tell_end, NoticeState::Ended)] {
                if !names.iter().any(|waiting| waiting == name) {
                    continue;
                }
                let notice = Notice::of(episode, state, self.parts.console.as_deref());
                let told = tokio::time::timeout(LONGEST, channel.tell(&notice)).await;
                let why = match told {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(output::told(&error).replace('\n', " ")),
                    Err(_) => Some(format!("it took longer than {} s", LONGEST.as_secs())),
                };
                if let Some(why) = why {
                    let failures = self.trouble(name).map_or(0, |trouble| trouble.failures).saturating_add(1);
                    let not_before = now + wait(failures);
                    self.troubles().insert(name.to_owned(), Trouble { failures, not_before });
                    tracing::warn!(channel = name, failures, again = %not_before, "an alarm could not be told: {why}");
                    return;
                }
                self.troubles().remove(name);
                tracing::info!(channel = name, integration = episode.integration, alarm = episode.alarm, ?state, "alarm told");
                if let Err(error) = self.parts.watch.told(episode.id, name, state == NoticeState::Ended).await {
                    tracing::error!(channel = name, %error, "that an alarm was told could not be noted; it will be told once more");
                    return;
                }
            }
        }
    }

    fn trouble(&self, channel: &str) -> Option<Trouble> {
        self.troubles().get(channel).copied()
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, HashMap<String, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests;
