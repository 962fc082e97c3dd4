//! What schedules, alarms and approvals need, in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rightful_core::{Instant, Result};

use super::{MemoryStore, number};
use crate::{
    Act, Authorship, Effect, EntryState, Episode, Kept, PlanId, PlanState, Quarantine, ReviewStore, RunId, RunOutcome, Vitals, WatchStore,
    Watched,
};

#[async_trait]
impl WatchStore for MemoryStore {
    async fn answers(&self) -> Result<()> {
        Ok(())
    }

    async fn watched(&self, integration: &str) -> Result<Watched> {
        Ok(self.state().watched.get(integration).cloned().unwrap_or_default())
    }

    async fn all_watched(&self) -> Result<Vec<(String, Watched)>> {
        Ok(self.state().watched.iter().map(|(name, watched)| (name.clone(), watched.clone())).collect())
    }

    async fn vitals(&self) -> Result<Vec<Vitals>> {
        let state = self.state();
        let names: BTreeSet<&String> = state.watched.keys().chain(state.integrations.keys()).collect();
        let of = |name: &String| {
            let mut cases = std::collections::BTreeMap::new();
            for case in state.cases.iter().filter(|case| case.integration == *name && case.closed.is_none()) {
                *cases.entry(case.case.reason.clone()).or_default() += 1;
            }
            Vitals {
                integration: name.clone(),
                watched: state.watched.get(name).cloned().unwrap_or_default(),
                state: state.integrations.get(name).cloned().unwrap_or_default(),
                holds: state.holds.iter().filter(|(hold, _)| hold.integration == *name).count() as u64,
                cases: cases.into_iter().collect(),
                unfinished: state.runs.iter().find(|run| run.integration == *name && run.ended.is_none()).map(|run| run.id),
            }
        };
        Ok(names.into_iter().map(of).collect())
    }

    async fn expect_runs(&self, integration: &str, since: Instant) -> Result<()> {
        self.state().watched.entry(integration.to_owned()).or_default().expected.get_or_insert(since);
        Ok(())
    }

    async fn claim_due(&self, integration: &str, due: Instant) -> Result<bool> {
        let mut state = self.state();
        let watched = state.watched.entry(integration.to_owned()).or_default();
        let claimed = watched.handled.is_none_or(|handled| handled < due);
        if claimed {
            watched.handled = Some(due);
        }
        Ok(claimed)
    }

    async fn ask_run(&self, integration: &str, at: Instant, act: &Act) -> Result<()> {
        self.state().watched.entry(integration.to_owned()).or_default().asked = Some((at, act.actor.clone()));
        Ok(())
    }

    async fn take_asked(&self, integration: &str) -> Result<Option<(Instant, String)>> {
        Ok(self.state().watched.get_mut(integration).and_then(|watched| watched.asked.take()))
    }

    async fn note_end(&self, integration: &str, run: Option<RunId>, outcome: RunOutcome, at: Instant) -> Result<Watched> {
        let mut state = self.state();
        let watched = state.watched.entry(integration.to_owned()).or_default();
        watched.failures = if outcome == RunOutcome::Failed { watched.failures.saturating_add(1) } else { 0 };
        watched.last_ended = run.map(|run| (run, at, outcome)).or(watched.last_ended.take());
        Ok(watched.clone())
    }

    async fn quarantine(&self, integration: &str, quarantine: &Quarantine) -> Result<()> {
        self.state().watched.entry(integration.to_owned()).or_default().quarantine = Some(quarantine.clone());
        Ok(())
    }

    async fn release_quarantine(&self, integration: &str, _by: &Authorship) -> Result<()> {
        if let Some(watched) = self.state().watched.get_mut(integration)
            && watched.quarantine.take().is_some()
        {
            watched.failures = 0;
        }
        Ok(())
    }

    async fn set_editable(&self, integration: &str, editable: bool, _by: &Authorship) -> Result<()> {
        self.state().integrations.entry(integration.to_owned()).or_default().editable = editable;
        Ok(())
    }

    async fn episodes(&self) -> Result<Vec<Episode>> {
        let state = self.state();
        let open = state.episodes.iter().map(|(episode, _)| episode).filter(|known| known.ended.is_none() || !known.to_tell_end.is_empty());
        Ok(open.cloned().collect())
    }

    async fn begin_episode(
        &self,
        integration: &str,
        alarm: &str,
        message: &str,
        channels: &[String],
        at: Instant,
    ) -> Result<Option<Episode>> {
        let mut state = self.state();
        if state.episodes.iter().any(|(known, _)| is_open(known, integration, alarm)) {
            return Ok(None);
        }
        let episode = Episode {
            id: number(state.episodes.len()) + 1,
            integration: integration.to_owned(),
            alarm: alarm.to_owned(),
            message: message.to_owned(),
            began: at,
            ended: None,
            to_tell: channels.to_vec(),
            to_tell_end: Vec::new(),
        };
        state.episodes.push((episode.clone(), Vec::new()));
        Ok(Some(episode))
    }

    async fn end_episode(&self, integration: &str, alarm: &str, at: Instant) -> Result<Option<Episode>> {
        let mut state = self.state();
        let open = state.episodes.iter_mut().find(|(known, _)| is_open(known, integration, alarm));
        Ok(open.map(|(episode, knew)| {
            episode.ended = Some(at);
            episode.to_tell_end = [std::mem::take(&mut episode.to_tell), knew.clone()].concat();
            episode.clone()
        }))
    }

    async fn told(&self, id: i64, channel: &str, ended: bool) -> Result<()> {
        let mut state = self.state();
        let Some((episode, knew)) = state.episodes.iter_mut().find(|(known, _)| known.id == id) else { return Ok(()) };
        if ended {
            episode.to_tell_end.retain(|waiting| waiting != channel);
        } else {
            episode.to_tell.retain(|waiting| waiting != channel);
            if !knew.iter().any(|known| known == channel) {
                knew.push(channel.to_owned());
            }
        }
        Ok(())
    }
}

fn is_open(episode: &Episode, integration: &str, alarm: &str) -> bool {
    episode.ended.is_none() && episode.integration == integration && episode.alarm == alarm
}

#[async_trait]
impl ReviewStore for MemoryStore {
    async fn effects(&self, integration: &str, limit: usize) -> Result<Vec<Effect>> {
        let state = self.state();
        let mut versions = BTreeSet::new();
        let mut effects = Vec::new();
        for run in state.runs.iter().filter(|run| run.integration == integration) {
            let applied = matches!(run.outcome, Some(RunOutcome::Done | RunOutcome::DoneWithHolds | RunOutcome::Partial));
            let plan =
                run.plan.filter(|_| applied).and_then(|plan| state.plans.iter().map(|(known, _)| known).find(|known| known.id == plan));
            // A dry run applies nothing, a pilot applies a part, an undo goes against the table.
            let Some(plan) = plan.filter(|plan| plan.run == Some(run.id) && plan.only.is_none() && plan.undoes.is_none()) else { continue };
            let (Some(at), true) = (run.ended, versions.insert(plan.table_version)) else { continue };
            let entries = || state.entries.iter().filter(|entry| entry.run == run.id);
            let kind = entries().min_by_key(|entry| entry.change).map(|entry| &entry.kind);
            let done = entries().filter(|entry| entry.state == EntryState::Done && Some(&entry.kind) == kind);
            let mut moved = std::collections::BTreeMap::new();
            for code in done.filter_map(|entry| entry.why.code.clone()) {
                *moved.entry(code).or_default() += 1;
            }
            effects.push(Effect { version: plan.table_version, run: run.id, at, moved: moved.into_iter().collect() });
        }
        effects.sort_by_key(|effect| std::cmp::Reverse(effect.version));
        effects.truncate(limit);
        Ok(effects)
    }

    async fn approvals(&self, plan: PlanId) -> Result<Vec<Authorship>> {
        Ok(self.state().approvals.get(&plan).cloned().unwrap_or_default())
    }

    async fn approve_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>> {
        let mut state = self.state();
        if !waits(state.plan(plan)?.0.state) {
            return Ok(Kept::Moved);
        }
        let approvals = state.approvals.entry(plan).or_default();
        if !approvals.iter().any(|earlier| earlier.author == by.author) {
            approvals.push(by.clone());
        }
        Ok(Kept::Done(approvals.clone()))
    }

    async fn reject_plan(&self, plan: PlanId, _by: &Authorship) -> Result<Kept<()>> {
        let mut state = self.state();
        let (known, _) = state.plan(plan)?;
        if !waits(known.state) {
            return Ok(Kept::Moved);
        }
        known.state = PlanState::Dropped;
        Ok(Kept::Done(()))
    }
}

/// Does a plan wait for somebody's word?
fn waits(state: PlanState) -> bool {
    matches!(state, PlanState::Ready | PlanState::Refused)
}
